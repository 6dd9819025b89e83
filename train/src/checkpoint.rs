//! Checkpoints that are whole or absent.
//!
//! ```text
//! checkpoints/
//!   step-00001200/      model.safetensors  ema.safetensors  optimizer.safetensors  state.json  SHA256SUMS
//!   step-00001800/      ...
//!   latest   best       one line each: the name of a folder beside them
//! ```
//!
//! A checkpoint is written into a hidden folder, every file synced, and the folder renamed into
//! place. A process killed at any instant leaves the old checkpoints and perhaps a hidden folder,
//! which the next start removes. `SHA256SUMS` is checked before a file is used (`sha256sum -c
//! SHA256SUMS` checks it by hand). `latest` and `best` are for people and scripts; nothing here
//! reads them. They are derived from the checkpoints whenever a run starts, since a process may be
//! killed before it has named the checkpoint that it has written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use crate::files::{remove_temporary, sha256, sync_folder, write_atomically};

/// Weights of the model.
pub const MODEL: &str = "model.safetensors";
/// In place of [`MODEL`], the trainable weights of a model with adapters.
pub const ADAPTERS: &str = "adapters.safetensors";
/// Averaged weights, if the run averages.
pub const EMA: &str = "ema.safetensors";
/// State of the optimizer.
pub const OPTIMIZER: &str = "optimizer.safetensors";
/// Hidden state of a recurrent model.
pub const HIDDEN_STATE: &str = "carry.safetensors";
/// Position and counters of the run.
pub const STATE: &str = "state.json";
/// Checksums of the other files.
const SUMS: &str = "SHA256SUMS";
const LATEST: &str = "latest";
const BEST: &str = "best";

/// Error of writing, finding or verifying a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Writing failed; earlier checkpoints are untouched.
    #[error("cannot write checkpoint {}: {source}; {last_good}", path.display())]
    Write {
        /// Folder of the checkpoint.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
        /// Newest intact checkpoint, in a phrase.
        last_good: String,
    },
    /// Reading failed.
    #[error("cannot read checkpoint {}: {source}", path.display())]
    Read {
        /// File or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A file is missing or does not match its checksum.
    #[error("checkpoint {} is corrupt: {reason}; {remedy}", path.display())]
    Corrupt {
        /// Folder of the checkpoint.
        path: PathBuf,
        /// File and its problem.
        reason: String,
        /// Way to resume without this checkpoint.
        remedy: String,
    },
    /// No checkpoint exists.
    #[error("{}: {reason}", path.display())]
    NotFound {
        /// Folder that was searched.
        path: PathBuf,
        /// Existing checkpoints, in a phrase.
        reason: String,
    },
}

/// Checkpoints of one run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// Files of a checkpoint, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

impl Checkpoints {
    /// Checkpoints in `folder`, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Folder of the checkpoint at `step`.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(name(step))
    }

    /// Contents of `state.json` of the checkpoint at `step`, not compared with its checksum.
    pub(crate) fn read_state(&self, step: u64) -> io::Result<Vec<u8>> {
        fs::read(self.path(step).join(STATE))
    }

    /// Steps of all complete checkpoints, oldest first.
    ///
    /// # Errors
    /// The folder exists and cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>, CheckpointError> {
        let mut steps = Vec::new();
        for entry in self.entries()? {
            let number = entry.strip_prefix("step-");
            let step = number.and_then(|number| number.parse::<u64>().ok());
            // Not `step-7`, which no checkpoint is called.
            steps.extend(step.filter(|step| name(*step) == entry));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// Removes what a killed process left: partially written and partially removed checkpoints, and
    /// temporary files.
    ///
    /// # Errors
    /// The folder cannot be read or a leftover cannot be removed.
    pub fn clean(&self) -> Result<(), CheckpointError> {
        for name in self.entries()? {
            if name.starts_with(".partial-") || name.starts_with(".removed-") {
                let path = self.folder.join(name);
                fs::remove_dir_all(&path).map_err(|source| read_error(&path, source))?;
            }
        }
        remove_temporary(&self.folder).map_err(|source| read_error(&self.folder, source))
    }

    /// Completes what a process killed after writing a checkpoint had left to do: removes leftovers
    /// and checkpoints that are not kept, and points `latest` at the newest one and `best` at that
    /// of step `best`.
    ///
    /// # Errors
    /// A leftover could not be removed, or the folder is not writable.
    pub fn settle(&self, keep_last: usize, best: Option<u64>) -> Result<(), CheckpointError> {
        self.clean()?;
        self.prune(keep_last, best)?;
        let steps = self.steps()?;
        self.point(LATEST, steps.last().copied())?;
        self.point(BEST, best.filter(|best| steps.contains(best)))
    }

    /// Makes the file `pointer` name the checkpoint of `step`; removes it without one.
    fn point(&self, pointer: &str, step: Option<u64>) -> Result<(), CheckpointError> {
        let path = self.folder.join(pointer);
        let present = fs::read_to_string(&path).ok();
        let wanted = step.map(name);
        if present == wanted {
            return Ok(());
        }
        let changed = match &wanted {
            Some(name) => write_atomically(&path, name.as_bytes()),
            None => fs::remove_file(&path),
        };
        changed.map_err(|source| self.write_error(path, source))
    }

    /// Writes the checkpoint of `step`. An existing one is kept: it is the same step of the same
    /// run.
    ///
    /// # Errors
    /// The disk is full or the folder is not writable; no partial checkpoint is left.
    pub fn save(&self, step: u64, files: &Files) -> Result<(), CheckpointError> {
        let path = self.path(step);
        if path.exists() {
            return Ok(());
        }
        let partial = self.folder.join(format!(".partial-{}", name(step)));
        let written = self
            .write(&partial, &path, files)
            .and_then(|()| write_atomically(&self.folder.join(LATEST), name(step).as_bytes()));
        written.map_err(|source| {
            // The first error matters; a failing cleanup does not change it.
            let _ = fs::remove_dir_all(&partial);
            self.write_error(path, source)
        })
    }

    fn write(&self, partial: &Path, path: &Path, files: &Files) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        if partial.exists() {
            fs::remove_dir_all(partial)?;
        }
        fs::create_dir(partial)?;
        let mut sums = String::new();
        for (name, bytes) in files {
            write_synced(&partial.join(name), bytes)?;
            sums += &format!("{}  {name}\n", sha256(bytes));
        }
        write_synced(&partial.join(SUMS), sums.as_bytes())?;
        sync_folder(partial)?;
        fs::rename(partial, path)?;
        sync_folder(&self.folder)
    }

    /// Reads the files of the checkpoint at `step` and verifies their checksums.
    ///
    /// # Errors
    /// A file is missing or does not match its checksum.
    pub fn load(&self, step: u64) -> Result<Files, CheckpointError> {
        let path = self.path(step);
        let corrupt = |reason: String| CheckpointError::Corrupt {
            path: path.clone(),
            reason,
            remedy: self.remedy(step),
        };
        if !path.is_dir() {
            let steps: Vec<String> = self.steps()?.iter().map(u64::to_string).collect();
            let reason = format!("no such checkpoint; the steps are: {}", steps.join(", "));
            return Err(CheckpointError::NotFound { path, reason });
        }
        let sums = match fs::read_to_string(path.join(SUMS)) {
            Ok(sums) => sums,
            Err(error) => return Err(corrupt(format!("{SUMS}: {error}"))),
        };
        let mut files = Files::new();
        for line in sums.lines() {
            let Some((expected, name)) = line.split_once("  ") else {
                return Err(corrupt(format!("{SUMS}: not a checksum: {line:?}")));
            };
            if !is_file_name(name) {
                return Err(corrupt(format!(
                    "{SUMS}: {name:?} is not the name of a file in this folder"
                )));
            }
            let bytes = match fs::read(path.join(name)) {
                Ok(bytes) => bytes,
                Err(error) => return Err(corrupt(format!("{name}: {error}"))),
            };
            if sha256(&bytes) != expected {
                return Err(corrupt(format!("{name} does not match its checksum")));
            }
            files.insert(name.to_string(), bytes);
        }
        Ok(files)
    }

    /// Writes `best`, for people and scripts.
    ///
    /// # Errors
    /// The folder is not writable.
    pub fn mark_best(&self, step: u64) -> Result<(), CheckpointError> {
        let path = self.folder.join(BEST);
        write_atomically(&path, name(step).as_bytes())
            .map_err(|source| self.write_error(path, source))
    }

    /// Removes all but the newest `keep_last` checkpoints and the one at step `best`.
    ///
    /// # Errors
    /// A checkpoint could not be removed.
    pub fn prune(&self, keep_last: usize, best: Option<u64>) -> Result<(), CheckpointError> {
        let steps = self.steps()?;
        let old = steps.len().saturating_sub(keep_last);
        for step in steps[..old].iter().filter(|step| Some(**step) != best) {
            self.remove(*step)?;
        }
        Ok(())
    }

    /// Removes checkpoints after `step`, for a run that resumes from it.
    ///
    /// # Errors
    /// A checkpoint could not be removed.
    pub fn remove_after(&self, step: u64) -> Result<(), CheckpointError> {
        // The newest first: a process killed in between leaves a run that can be resumed.
        for later in self.steps()?.into_iter().rev() {
            if later > step {
                self.remove(later)?;
            }
        }
        Ok(())
    }

    /// Renamed first, so that a partial checkpoint never has the name of a complete one.
    fn remove(&self, step: u64) -> Result<(), CheckpointError> {
        let path = self.path(step);
        let removed = self.folder.join(format!(".removed-{}", name(step)));
        fs::rename(&path, &removed)
            .and_then(|()| fs::remove_dir_all(&removed))
            .map_err(|source| read_error(&path, source))
    }

    /// Newest intact checkpoint, as a phrase for error messages.
    pub fn last_good(&self) -> String {
        match self.steps().ok().and_then(|steps| steps.last().copied()) {
            Some(step) => format!("the last good checkpoint is {}", self.path(step).display()),
            None => "there is no checkpoint yet".into(),
        }
    }

    fn write_error(&self, path: PathBuf, source: io::Error) -> CheckpointError {
        CheckpointError::Write {
            path,
            source,
            last_good: self.last_good(),
        }
    }

    fn remedy(&self, corrupt: u64) -> String {
        let older = self
            .steps()
            .ok()
            .and_then(|steps| steps.into_iter().rfind(|step| *step < corrupt));
        match older {
            Some(step) => format!("to resume from the one before it: --resume={step}"),
            None => "there is no earlier checkpoint".into(),
        }
    }

    fn entries(&self) -> Result<Vec<String>, CheckpointError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(read_error(&self.folder, source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| read_error(&self.folder, source))?;
            if entry.path().is_dir() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        Ok(names)
    }
}

/// Name of the folder of the checkpoint at `step`.
pub(crate) fn name(step: u64) -> String {
    format!("step-{step:08}")
}

/// True for a name without folders: no file outside the checkpoint is read.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_error(path: &Path, source: io::Error) -> CheckpointError {
    CheckpointError::Read {
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
