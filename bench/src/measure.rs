//! Timed steps of both sides, in alternating blocks.

use std::fmt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::Args;
use super::photographs::Images;
use super::side::Side;
use super::work::Job;
use super::workload::{Kind, Shape, Workload};

/// Warm-up steps of each side.
const WARM_UP: usize = 5;
/// Duration of a block on the slowest side, in seconds.
const BLOCK: f64 = 0.5;
/// Minimum and maximum steps of a block.
const BLOCK_STEPS: [usize; 2] = [4, 50];
/// Pause between blocks: the threads of a side may spin for some milliseconds after a block, which
/// must not disturb the other side.
const PAUSE: Duration = Duration::from_millis(50);

/// A job and its number of threads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measurement {
    pub(super) job: Job,
    pub(super) threads: usize,
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job {
            workload,
            kind,
            shape: Shape { batch, size },
        } = self.job;
        let threads = match self.threads {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        let (workload, kind) = (workload.name(), kind.label());
        write!(
            f,
            "{workload} {kind}, batch {batch}, size {size}, {threads}"
        )
    }
}

/// Result of a measurement.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) measurement: Measurement,
    pub(super) ours: Times,
    /// Burn's own operations, without our kernels.
    pub(super) plain: Option<Times>,
    /// Fastest variant of the peer.
    pub(super) peer: Option<Times>,
}

/// Step times of one side.
#[derive(Debug)]
pub(super) struct Times {
    /// Program and version.
    pub(super) version: String,
    /// Name of the variant, if the peer has several.
    pub(super) variant: Option<&'static str>,
    /// Seconds of each step.
    pub(super) seconds: Vec<f64>,
    /// Memory before the first step, in MiB.
    pub(super) before_mb: Option<f64>,
    /// Peak memory, in MiB.
    pub(super) peak_mb: Option<f64>,
}

impl Times {
    pub(super) fn median(&self) -> f64 {
        median(self.seconds.clone())
    }

    pub(super) fn best(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Measures all sides of a job.
pub(super) fn measure(
    measurement: Measurement,
    args: &Args,
    images: Option<&Images>,
) -> anyhow::Result<Row> {
    // Loading has no kernels.
    let has_plain = args.plain && measurement.job.kind != Kind::Load;
    let mut sides = vec![Timed::start(
        None,
        &mut ours(measurement, args, images, false)?,
    )?];
    if has_plain {
        sides.push(Timed::start(
            None,
            &mut ours(measurement, args, images, true)?,
        )?);
    }
    if let Some(command) = &args.peer {
        for &variant in variants(measurement.job.kind) {
            let mut command = peer(command, measurement, variant, images)?;
            sides.push(Timed::start(variant, &mut command).context("the peer")?);
        }
    }
    alternate(&mut sides, args)?;

    let mut times = sides.into_iter().map(|side| side.times);
    let ours = times.next().context("no side was measured")?;
    let plain = if has_plain { times.next() } else { None };
    Ok(Row {
        measurement,
        ours,
        plain,
        peer: times.min_by(|a, b| a.median().total_cmp(&b.median())),
    })
}

fn alternate(sides: &mut [Timed], args: &Args) -> anyhow::Result<()> {
    let mut slowest: f64 = 0.0;
    for side in sides.iter_mut() {
        slowest = slowest.max(median(side.side.take(WARM_UP)?.seconds));
        thread::sleep(PAUSE);
    }
    let [least, most] = BLOCK_STEPS;
    let fitting = ((BLOCK / slowest) as usize).clamp(least, most);
    for _ in 0..args.rounds {
        for side in sides.iter_mut() {
            side.take(args.steps.unwrap_or(fitting))?;
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// A side with its step times so far.
struct Timed {
    side: Side,
    times: Times,
}

impl Timed {
    fn start(variant: Option<&'static str>, command: &mut Command) -> anyhow::Result<Self> {
        let side = Side::start(command)?;
        let times = Times {
            version: side.ready.version.clone(),
            variant,
            seconds: Vec::new(),
            before_mb: side.ready.rss_mb,
            peak_mb: None,
        };
        Ok(Self { side, times })
    }

    fn take(&mut self, steps: usize) -> anyhow::Result<()> {
        let block = self.side.take(steps)?;
        self.times.seconds.extend(block.seconds);
        self.times.peak_mb = block.peak_mb;
        Ok(())
    }
}

/// Command of our own side: this program with `--serve`.
fn ours(
    Measurement { job, threads }: Measurement,
    args: &Args,
    images: Option<&Images>,
    plain: bool,
) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([job.workload.name(), "--serve", job.kind.name()])
        .args(["--batch-size", &job.shape.batch.to_string()])
        .args(["--size", &job.shape.size.to_string()])
        .args(args.device.repeated().split_whitespace())
        // Threads of the CPU backends and of gemm.
        .env("RAYON_NUM_THREADS", threads.to_string());
    if plain {
        command.arg("--plain");
    }
    if let Some(images) = images {
        let folder = match job.workload {
            Workload::LoadShards => images.shards(),
            _ => images.folder(),
        };
        command.arg("--images").arg(folder);
    }
    Ok(command)
}

/// Variants of the peer: image loading with Pillow and with libjpeg-turbo.
fn variants(kind: Kind) -> &'static [Option<&'static str>] {
    match kind {
        Kind::Train | Kind::Infer => &[None],
        Kind::Load => &[Some("pil"), Some("turbo")],
    }
}

fn peer(
    command: &str,
    Measurement { job, threads }: Measurement,
    variant: Option<&str>,
    images: Option<&Images>,
) -> anyhow::Result<Command> {
    let mut words = command.split_whitespace();
    let mut command = Command::new(words.next().context("--peer is empty")?);
    command
        .args(words)
        .args(["--workload", job.workload.name()])
        .args(["--kind", variant.unwrap_or(job.kind.name())])
        .args(["--batch", &job.shape.batch.to_string()])
        .args(["--size", &job.shape.size.to_string()])
        .args(["--threads", &threads.to_string()]);
    if let Some(images) = images {
        command.arg("--images").arg(images.folder());
    }
    Ok(command)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}
