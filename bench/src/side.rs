//! One side of a comparison: a process that takes steps on request.
//!
//! Both sides speak the same protocol, in lines. With model and batch in place, the process prints
//! `{"version": .., "rss_mb": ..}`. On its input `steps N` asks for N steps, answered by
//! `{"seconds": [..], "peak_mb": ..}`; `quit` or the end of the input ends it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The process.
pub(super) struct Side {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(super) ready: Ready,
}

/// First line of the process.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) version: String,
    /// Memory before the first step, in MiB.
    pub(super) rss_mb: Option<f64>,
}

/// Answer to `steps N`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Block {
    /// Seconds of each step.
    pub(super) seconds: Vec<f64>,
    /// Peak memory so far, in MiB.
    pub(super) peak_mb: Option<f64>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
}

impl Side {
    /// Starts the process and waits until it is ready.
    pub(super) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{program}`"))?;
        let input = process.stdin.take().context("the process has no input")?;
        let output = process.stdout.take().context("the process has no output")?;
        let ready = Ready {
            version: String::new(),
            rss_mb: None,
        };
        let mut side = Self {
            process,
            input,
            output: BufReader::new(output),
            ready,
        };
        side.ready = side.read().with_context(|| format!("`{program}`"))?;
        Ok(side)
    }

    /// Takes `steps` steps.
    pub(super) fn take(&mut self, steps: usize) -> anyhow::Result<Block> {
        writeln!(self.input, "steps {steps}")?;
        let block: Block = self.read()?;
        ensure!(
            block.seconds.len() == steps,
            "{steps} steps were requested and {} taken",
            block.seconds.len()
        );
        Ok(block)
    }

    fn read<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the process ended without an answer");
        if let Ok(Failure { error }) = serde_json::from_str(&line) {
            bail!(error);
        }
        serde_json::from_str(&line).with_context(|| format!("unexpected answer {line:?}"))
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // It may have ended already; either way it must be gone.
        let _ = writeln!(self.input, "quit");
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
