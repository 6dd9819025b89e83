//! The other side of a comparison: a process that takes steps on request.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// See `bench/peer.py`.
pub(super) struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Block {
    seconds: f64,
}

impl Peer {
    /// Starts `command` with `--workload`, `--batch` and `--threads`, and waits until it has warmed up.
    pub(super) fn start(command: &str, workload: &str, batch_size: usize) -> anyhow::Result<Self> {
        let mut words = command.split_whitespace();
        let program = words.next().context("--peer is empty")?;
        let threads = std::thread::available_parallelism()?;
        let mut process = Command::new(program)
            .args(words)
            .args(["--workload", workload])
            .args(["--batch", &batch_size.to_string()])
            .args(["--threads", &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the peer `{command}`"))?;
        let input = process.stdin.take().context("the peer has no input")?;
        let output = process.stdout.take().context("the peer has no output")?;
        let mut peer = Self {
            process,
            input,
            output: BufReader::new(output),
        };
        peer.read_line()?;
        Ok(peer)
    }

    /// Seconds that the peer needs for so many training steps.
    pub(super) fn take(&mut self, steps: usize) -> anyhow::Result<f64> {
        writeln!(self.input, "train {steps}")?;
        let line = self.read_line()?;
        let block: Block =
            serde_json::from_str(&line).with_context(|| format!("the peer said {line:?}"))?;
        Ok(block.seconds)
    }

    fn read_line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(
            !line.is_empty(),
            "the peer ended without an answer; is PyTorch installed for it?"
        );
        Ok(line)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself already; either way it is to be gone.
        let _ = writeln!(self.input, "quit");
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
