//! `metrics.jsonl`: one JSON object per line.
//!
//! ```json
//! {"split":"train","step":10,"epoch":1,"values":{"accuracy":0.31,"learning_rate":0.05,"loss":1.94}}
//! ```
//!
//! `train` records hold means since the previous one, `epoch` records means over an epoch,
//! `validation` records the metrics of an evaluation. No record holds a time: equal runs write
//! equal files, even if one of them was killed and resumed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::curves::{self, Panel, Series};
use crate::TrainError;
use crate::metrics::{MetricInfo, Values};

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `train`, `epoch` or `validation`.
    pub split: String,
    /// Optimizer steps taken.
    pub step: u64,
    /// Epoch, counted from 1; for a validation record, epochs completed.
    pub epoch: u64,
    /// Metrics by name.
    pub values: Values,
}

/// Records of a run, open for appending.
pub struct History {
    path: PathBuf,
    file: BufWriter<File>,
    length: u64,
}

impl History {
    /// Checks that `path` has the first `length` bytes that a resumed run keeps, and that they are
    /// records. Nothing is written.
    ///
    /// # Errors
    /// The file is shorter than that, missing, or damaged.
    pub fn check(path: &Path, length: u64) -> Result<(), TrainError> {
        let present = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            metadata => metadata.map_err(|e| TrainError::io(path, e))?.len(),
        };
        if present >= length {
            return match length {
                0 => Ok(()),
                length => read_first(path, length).map(drop),
            };
        }
        let reason = format!(
            "it has {present} bytes, but had {length} when the checkpoint was written: records were removed"
        );
        Err(TrainError::corrupt(path, reason))
    }

    /// Opens `path` for appending after its first `length` bytes; later ones are cut off.
    ///
    /// # Errors
    /// As [`check`](Self::check), or the file cannot be written.
    pub fn open(path: PathBuf, length: u64) -> Result<Self, TrainError> {
        Self::check(&path, length)?;
        let io = |source| TrainError::io(&path, source);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io)?;
        file.set_len(length).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok(Self {
            file: BufWriter::new(file),
            path,
            length,
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// The disk is full.
    pub fn record(
        &mut self,
        split: &str,
        step: u64,
        epoch: u64,
        values: &Values,
    ) -> Result<(), TrainError> {
        let record = Record {
            split: split.into(),
            step,
            epoch,
            values: values.clone(),
        };
        let mut line =
            serde_json::to_string(&record).map_err(|e| TrainError::corrupt(&self.path, e))?;
        line.push('\n');
        self.length += line.len() as u64;
        // Flushed at once, for readers that follow the file.
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(|e| TrainError::io(&self.path, e))
    }

    /// Syncs the file and returns its length.
    ///
    /// # Errors
    /// The disk is full.
    pub fn sync(&mut self) -> Result<u64, TrainError> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_data())
            .map_err(|e| TrainError::io(&self.path, e))?;
        Ok(self.length)
    }

    /// Draws all records: a panel for each metric and one for the learning rate.
    ///
    /// # Errors
    /// The records cannot be read or the picture cannot be written.
    pub fn draw(&self, picture: &Path, metrics: &[MetricInfo]) -> Result<(), TrainError> {
        let records = read(&self.path)?;
        let mut panels: Vec<Panel> = metrics.iter().map(|info| panel(&records, *info)).collect();
        panels.push(Panel {
            title: "learning rate".into(),
            y_label: "learning rate".into(),
            series: vec![series(
                &records,
                "train",
                "learning_rate",
                "learning rate",
                1.0,
            )],
        });
        curves::write_svg(picture, "training", "step", &panels)?;
        Ok(())
    }
}

/// Reads all records of `path`.
///
/// # Errors
/// The file cannot be read, or a line is not a record.
pub fn read(path: &Path) -> Result<Vec<Record>, TrainError> {
    read_first(path, u64::MAX)
}

/// Reads the records in the first `length` bytes of `path`.
fn read_first(path: &Path, length: u64) -> Result<Vec<Record>, TrainError> {
    let file = File::open(path).map_err(|e| TrainError::io(path, e))?;
    let mut records = Vec::new();
    for (number, line) in BufReader::new(file.take(length)).lines().enumerate() {
        let line = line.map_err(|e| TrainError::io(path, e))?;
        let record = serde_json::from_str(&line)
            .map_err(|e| TrainError::corrupt(path, format!("line {}: {e}", number + 1)))?;
        records.push(record);
    }
    Ok(records)
}

fn panel(records: &[Record], info: MetricInfo) -> Panel {
    let (scale, y_label) = if info.is_fraction {
        (100.0, format!("{} (%)", info.name.replace('_', " ")))
    } else {
        (1.0, info.name.replace('_', " "))
    };
    Panel {
        title: info.name.replace('_', " "),
        y_label,
        series: vec![
            series(records, "train", info.name, "training", scale),
            series(records, "validation", info.name, "validation", scale),
        ],
    }
}

fn series(records: &[Record], split: &str, metric: &str, name: &str, scale: f64) -> Series {
    let points = records
        .iter()
        .filter(|record| record.split == split)
        .filter_map(|record| Some((record.step as f64, record.values.get(metric)? * scale)))
        .collect();
    Series {
        name: name.into(),
        points,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn values(loss: f64) -> Values {
        Values::from([("loss".to_string(), loss)])
    }

    #[test]
    fn records_after_a_checkpoint_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut history = History::open(path.clone(), 0).unwrap();
        history.record("train", 10, 1, &values(2.0)).unwrap();
        let length = history.sync().unwrap();
        history.record("train", 20, 1, &values(1.5)).unwrap();
        drop(history);

        let mut history = History::open(path.clone(), length).unwrap();
        history.record("train", 20, 1, &values(0.1)).unwrap();
        let records = read(&path).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[1].values["loss"], 0.1);
    }

    #[test]
    fn a_file_that_lost_records_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, "").unwrap();
        assert!(History::open(path, 5).is_err());
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, "nonsense\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
