//! Event files that TensorBoard reads.
//!
//! An event file is a sequence of TFRecords: length, payload and checksums. The payload is an
//! `Event` protocol buffer. Scalars need five small messages of TensorFlow's schema, which are
//! written out below with their field numbers; generating them would require a compiler (`protoc`)
//! in every build.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message;

/// Prefix of event file names; TensorBoard looks for it.
const FILE_PREFIX: &str = "events.out.tfevents";

/// First record of a file. Readers of version 2 honour `SessionLog`.
const FILE_VERSION: &str = "brain.Event:2";

/// Writer of scalars to one new event file.
///
/// Events are buffered; [`flush`](Self::flush) makes them visible to a running TensorBoard. If a
/// process is killed in the middle of a record, TensorBoard reads the file up to that record.
#[derive(Debug)]
pub struct EventWriter {
    file: BufWriter<File>,
}

impl EventWriter {
    /// Creates an event file in `dir`, and `dir` if need be.
    ///
    /// `first_step` is the first step to be reported: 0 for a new run, the step after the
    /// checkpoint for a resumed one. TensorBoard then discards events of a killed run from that
    /// step on, so that no curve is drawn twice.
    ///
    /// # Errors
    /// The directory or the file cannot be created or written.
    pub fn create(dir: &Path, first_step: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let now = since_epoch().as_secs();
        // TensorBoard reads the files of a directory ordered by name, and discards correctly only
        // if the resumed run's file comes last, even if the clock went back or both runs began in
        // the same second.
        let seconds = newest(dir)?.map_or(now, |newest| now.max(newest + 1));
        let path = dir.join(format!(
            "{FILE_PREFIX}.{seconds}.{}.{}",
            hostname(),
            std::process::id()
        ));
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;

        let mut writer = Self {
            file: BufWriter::new(file),
        };
        writer.write(0, What::FileVersion(FILE_VERSION.to_owned()))?;
        if first_step > 0 {
            writer.write(
                first_step,
                What::SessionLog(SessionLog {
                    status: SessionLog::START,
                }),
            )?;
        }
        writer.flush()?;
        Ok(writer)
    }

    /// Adds a point to the curve `tag`, such as `loss/train`; the part before the slash groups
    /// curves.
    ///
    /// Values are stored in single precision, as by TensorBoard's own writers.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        let value = SummaryValue {
            tag: tag.to_owned(),
            simple_value: Some(value as f32),
        };
        self.write(step, What::Summary(Summary { value: vec![value] }))
    }

    /// Flushes buffered events to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn write(&mut self, step: u64, what: What) -> io::Result<()> {
        let event = Event {
            wall_time: since_epoch().as_secs_f64(),
            step: i64::try_from(step).unwrap_or(i64::MAX),
            what: Some(what),
        };
        write_record(&mut self.file, &event.encode_to_vec())
    }
}

/// A TFRecord: length, checksum of the length, payload, checksum of the payload, all little-endian.
fn write_record(out: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    let length = (payload.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_crc(&length).to_le_bytes())?;
    out.write_all(payload)?;
    out.write_all(&masked_crc(payload).to_le_bytes())
}

/// Masked CRC-32C: rotated and offset, so that a record may itself contain records.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// Time in the name of the newest event file, if there is one.
fn newest(dir: &Path) -> io::Result<Option<u64>> {
    let mut newest = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let seconds = name.to_str().and_then(|name| {
            name.strip_prefix(FILE_PREFIX)?
                .strip_prefix('.')?
                .split('.')
                .next()?
                .parse::<u64>()
                .ok()
        });
        newest = newest.max(seconds);
    }
    Ok(newest)
}

/// Host name, reduced to characters of a file name. It distinguishes files of runs that share a
/// disk.
fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .or_else(|_| std::env::var("COMPUTERNAME"))
        .unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(64)
        .collect();
    if name.is_empty() {
        "tinderbox".to_owned()
    } else {
        name
    }
}

/// Seconds since 1970; an earlier clock counts as 1970, since a wrong time on a curve is no reason
/// to end a run.
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// `tensorflow.Event` (event.proto).
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

/// Kinds of event written here, of the schema's nine.
#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// `tensorflow.Summary` (summary.proto).
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

/// `tensorflow.Summary.Value`.
#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    /// `optional`, because the schema has it in a oneof: zero must be written too.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// `tensorflow.SessionLog` (event.proto).
#[derive(Clone, Copy, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

impl SessionLog {
    /// `SessionStatus.START`: earlier events of this and later steps are discarded.
    const START: i32 = 1;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// Reads an event file as TensorBoard does, checking both checksums of each record.
    fn read_events(path: &Path) -> Vec<Event> {
        let bytes = fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        while !rest.is_empty() {
            let (length, tail) = rest.split_at(8);
            let (length_crc, tail) = tail.split_at(4);
            assert_eq!(
                u32::from_le_bytes(length_crc.try_into().unwrap()),
                masked_crc(length)
            );
            let (payload, tail) =
                tail.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
            let (payload_crc, tail) = tail.split_at(4);
            assert_eq!(
                u32::from_le_bytes(payload_crc.try_into().unwrap()),
                masked_crc(payload)
            );
            events.push(Event::decode(payload).unwrap());
            rest = tail;
        }
        events
    }

    fn files(dir: &Path) -> Vec<std::path::PathBuf> {
        let mut files: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    }

    fn what(events: Vec<Event>) -> Vec<(i64, What)> {
        events
            .into_iter()
            .map(|event| (event.step, event.what.unwrap()))
            .collect()
    }

    fn scalar(tag: &str, value: f32) -> What {
        let value = SummaryValue {
            tag: tag.to_owned(),
            simple_value: Some(value),
        };
        What::Summary(Summary { value: vec![value] })
    }

    #[test]
    fn events_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(&dir.path().join("made/for/it"), 0).unwrap();
        writer.scalar("loss/train", 1, 2.5).unwrap();
        writer.scalar("accuracy/validation", 2, 0.0).unwrap();
        writer
            .scalar("loss/train", u64::MAX, f64::INFINITY)
            .unwrap();
        writer.flush().unwrap();

        let files = files(&dir.path().join("made/for/it"));
        let events = read_events(&files[0]);
        assert!(events.iter().all(|event| event.wall_time > 1.7e9));
        assert_eq!(
            what(events),
            [
                (0, What::FileVersion("brain.Event:2".to_owned())),
                (1, scalar("loss/train", 2.5)),
                (2, scalar("accuracy/validation", 0.0)),
                (i64::MAX, scalar("loss/train", f32::INFINITY)),
            ]
        );
    }

    #[test]
    fn a_resumed_run_takes_back_the_steps_it_repeats() {
        let dir = tempfile::tempdir().unwrap();
        drop(EventWriter::create(dir.path(), 0).unwrap());
        drop(EventWriter::create(dir.path(), 1201).unwrap());

        let files = files(dir.path());
        assert_eq!(
            files.len(),
            2,
            "two writers of one second and process share no file"
        );
        let resumed = what(read_events(&files[1]));
        assert_eq!(
            resumed[1],
            (
                1201,
                What::SessionLog(SessionLog {
                    status: SessionLog::START
                })
            )
        );
    }

    #[test]
    fn the_checksum_is_tensorflows() {
        // Length 24 of the first record `brain.Event:2` of any TensorFlow event file, and its
        // checksum.
        assert_eq!(
            masked_crc(&24_u64.to_le_bytes()).to_le_bytes(),
            [0xa3, 0x7f, 0x4b, 0x22]
        );
    }
}
