//! One call of the command, with limits.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use wait4::Wait4;

use crate::error::FuzzError;

/// Bytes of standard error that are looked at.
const STDERR_BYTES: usize = 1 << 16;

/// The command under test, and its limits.
pub(crate) struct Program {
    pub(crate) binary: PathBuf,
    /// Time after which a process is killed.
    pub(crate) time_limit: Duration,
    /// Address space in KiB.
    pub(crate) address_space: u64,
    /// Processes that run now, with the time at which they are killed.
    running: Mutex<Vec<(u32, Instant)>>,
}

/// How a call ended.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
    /// Processor time, which does not depend on what else the machine does.
    pub(crate) time: Duration,
    /// It took so long that it was killed.
    pub(crate) is_killed: bool,
    /// Peak resident memory in bytes.
    pub(crate) memory: u64,
}

impl Program {
    pub(crate) fn new(binary: PathBuf, time_limit: Duration, address_space: u64) -> Self {
        Self {
            binary,
            time_limit,
            address_space,
            running: Mutex::default(),
        }
    }

    /// Calls the command with `args` in `folder`, which gets the file `stderr`.
    pub(crate) fn call(&self, args: &[String], folder: &Path) -> Result<Outcome, FuzzError> {
        let log = folder.join("stderr");
        let stderr = File::create(&log).map_err(FuzzError::io(&log))?;
        // A shell sets the limit and becomes the command, so that no unsafe code is needed here.
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -v \"$0\" && exec \"$@\""])
            .arg(self.address_space.to_string())
            .arg(&self.binary)
            .args(args)
            .current_dir(folder)
            // Runs are parallel to each other.
            .env("RAYON_NUM_THREADS", "1")
            .env("HOME", folder)
            .env_remove("XDG_CACHE_HOME")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        let start = Instant::now();
        let mut child = command.spawn().map_err(FuzzError::io(&self.binary))?;
        let id = child.id();
        self.running().push((id, start + self.time_limit));
        let ended = child.wait4();
        self.running().retain(|(running, _)| *running != id);
        let ended = ended.map_err(FuzzError::io(&self.binary))?;
        let is_killed = start.elapsed() >= self.time_limit;
        let bytes = fs::read(&log).map_err(FuzzError::io(&log))?;
        let shown = &bytes[..bytes.len().min(STDERR_BYTES)];
        Ok(Outcome {
            status: ended.status,
            stderr: String::from_utf8_lossy(shown).into_owned(),
            time: ended.rusage.utime + ended.rusage.stime,
            is_killed,
            memory: ended.rusage.maxrss,
        })
    }

    /// Kills every process whose time is over.
    pub(crate) fn kill_overdue(&self) {
        let now = Instant::now();
        for (id, deadline) in self.running().iter_mut() {
            if *deadline <= now {
                let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
                // Not again at the next look: the process is being waited for.
                *deadline = now + self.time_limit;
            }
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<(u32, Instant)>> {
        self.running
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
