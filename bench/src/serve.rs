//! Our own side: the process behind `--serve`, which takes steps on request; see
//! [`side`](super::side) for the protocol.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use burn::tensor::Device;
use serde_json::{Value, json};

use super::machine::{BURN, Memory};
use super::work::{Job, Step};
use super::{Args, CliResult};

/// Answers requests until `quit` or the end of the input.
pub(super) fn serve(args: &Args, job: Job) -> CliResult {
    tinderbox_kernels::compose_only(args.plain);
    let device: Device = args.device.open()?;
    let mut step = job.step(&device, args.images.as_deref())?;
    send(&json!({
        "version": format!("Tinderbox {} (Burn {BURN})", env!("CARGO_PKG_VERSION")),
        "rss_mb": Memory::now().resident,
    }))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] | ["quit"] => break,
            ["steps", count] => {
                let count = count.parse().context("expected a number of steps")?;
                let seconds = take(&mut step, count)?;
                let memory = Memory::now();
                let peak = memory.peak.or(memory.resident);
                send(&json!({"seconds": seconds, "peak_mb": peak}))?;
            }
            _ => send(&json!({"error": format!("expected `steps N` or `quit`, got `{line}`")}))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes `count` steps; returns the seconds of each.
fn take(step: &mut Step, count: usize) -> anyhow::Result<Vec<f64>> {
    let timed = |_| {
        let start = Instant::now();
        step()?;
        Ok(start.elapsed().as_secs_f64())
    };
    (0..count).map(timed).collect()
}

fn send(message: &Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{message}")?;
    Ok(out.flush()?)
}
