//! `tinderbox bench`

mod peer;
mod workload;

use std::process::ExitCode;
use std::time::Instant;

use ::train::TrainError;
use ::train::recipe::Recipe;
use ::train::report::View;
use ::train::report::plain::thousands;
use ::train::session::{self, Begin, Surroundings};
use ::train::trainer::StepTimes;
use anyhow::ensure;
use burn::tensor::Device;
use burn::train::Interrupter;
use clap::ValueEnum;
use serde_json::json;

use super::Done;
use super::shared::{DeviceArgs, with_data};
use peer::Peer;
use workload::Workload;

/// Steps before anything is measured, on both sides.
const WARM_UP: usize = 10;

/// Measure training speed, alone or against PyTorch.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox bench
  tinderbox bench lstm-2x200 gpt-6x384 --peer \"python3 bench/peer.py\"

Bare steps on one fixed batch, in blocks that alternate with the same steps in the peer process, give the ratio to it; the
medians over the blocks are printed. For the article's network there is a real run besides (loader, metrics, logging,
everything but evaluation), which gives the share of a step spent outside the model. Compare ratios, not times: machines
differ and are noisy.")]
pub(super) struct Args {
    /// What to measure; everything if nothing is said.
    workloads: Vec<Workload>,
    /// The command that starts the peer.
    #[arg(long, value_name = "COMMAND")]
    peer: Option<String>,
    /// Images per batch.
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    /// Blocks of bare steps on each side.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Steps per block.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Steps of the real run.
    #[arg(long, default_value_t = 300)]
    run_steps: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

pub(super) fn run(args: &Args) -> Done {
    ensure!(
        args.batch_size > 0 && args.rounds > 0 && args.steps > 0 && args.run_steps > 0,
        "all counts must be at least 1"
    );
    let device = args.device.open()?;
    let workloads = match args.workloads.as_slice() {
        [] => Workload::value_variants(),
        some => some,
    };
    let times = match workloads.contains(&Workload::ArticleCnn) {
        true => Some(real_run(args, &device)?),
        false => None,
    };
    if let Some(times) = times.as_ref().filter(|_| !args.json) {
        print_run(times);
    }
    let mut all = Vec::new();
    for &workload in workloads {
        let steps = bare_steps(workload, args, &device)?;
        if !args.json {
            print_steps(&steps);
        }
        all.push(steps);
    }
    if args.json {
        print_json(times.as_ref(), &all)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The recipe `cnn` as it is, for some steps, in a folder that is thrown away.
fn real_run(args: &Args, device: &Device) -> anyhow::Result<StepTimes> {
    let sets = [
        format!("train.max_steps={}", args.run_steps),
        format!("train.batch_size={}", args.batch_size),
    ];
    let recipe = Recipe::load("cnn", &sets).map_err(TrainError::from)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    let begin = Begin::New {
        path: &path,
        overwrite: false,
    };
    with_data(|access| {
        let surroundings = Surroundings {
            device: device.clone(),
            access,
            view: &mut |_| View::Quiet,
            note: &mut |_| (),
            interrupter: Interrupter::new(),
        };
        Ok(session::train(&recipe, &begin, surroundings)?.times)
    })
}

/// Median seconds of a bare step.
struct Steps {
    workload: Workload,
    /// What an item is called.
    items: &'static str,
    items_per_step: usize,
    ours: f64,
    theirs: Option<f64>,
}

/// Blocks of steps that alternate with blocks of the peer's, both warmed up.
fn bare_steps(workload: Workload, args: &Args, device: &Device) -> anyhow::Result<Steps> {
    let mut peer = match &args.peer {
        Some(command) => Some(Peer::start(command, workload.name(), args.batch_size)?),
        None => None,
    };
    let mut work = workload.work(args.batch_size, device)?;
    work.take(WARM_UP)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let start = Instant::now();
        work.take(args.steps)?;
        ours.push(start.elapsed().as_secs_f64() / args.steps as f64);
        if let Some(peer) = &mut peer {
            theirs.push(peer.take(args.steps)? / args.steps as f64);
        }
    }
    Ok(Steps {
        workload,
        items: work.items,
        items_per_step: work.items_per_step,
        ours: median(ours),
        theirs: peer.is_some().then(|| median(theirs)),
    })
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

fn print_json(run: Option<&StepTimes>, steps: &[Steps]) -> anyhow::Result<()> {
    let run = run.map(|times| {
        let shares = Shares::of(times);
        json!({
            "images_per_second": shares.items_per_second,
            "share_waiting_for_loader": shares.loading,
            "share_metrics_and_logging": shares.rest,
        })
    });
    let steps: Vec<_> = steps
        .iter()
        .map(|steps| {
            json!({
                "workload": steps.workload.name(),
                "items_per_second": steps.items_per_step as f64 / steps.ours,
                "milliseconds": steps.ours * 1e3,
                "peer_milliseconds": steps.theirs.map(|s| s * 1e3),
                "ratio_to_peer": steps.theirs.map(|s| steps.ours / s),
            })
        })
        .collect();
    println!(
        "{}",
        serde_json::to_string_pretty(&json!({"run": run, "steps": steps}))?
    );
    Ok(())
}

fn print_run(times: &StepTimes) {
    let shares = Shares::of(times);
    println!(
        "a real run of the recipe `cnn`: {} images/s, {:.1} % of a step outside the model (loader {:.1} %, metrics and \
         logging {:.1} %)",
        thousands(shares.items_per_second as u64),
        (shares.loading + shares.rest) * 100.0,
        shares.loading * 100.0,
        shares.rest * 100.0,
    );
}

fn print_steps(steps: &Steps) {
    println!("{}", steps.workload.name());
    let line = |name: &str, seconds: f64| {
        let speed = thousands((steps.items_per_step as f64 / seconds) as u64);
        println!(
            "  {name:11} {speed:>8} {}/s   {:.2} ms a step",
            steps.items,
            seconds * 1e3
        );
    };
    line("ours", steps.ours);
    if let Some(theirs) = steps.theirs {
        line("the peer's", theirs);
        println!("  ours / peer's time: {:.2}", steps.ours / theirs);
    }
}

/// Where the time of a real run's steps went.
struct Shares {
    items_per_second: f64,
    loading: f64,
    rest: f64,
}

impl Shares {
    fn of(times: &StepTimes) -> Self {
        let [model, loading, rest] =
            [times.model, times.loading, times.rest].map(|time| time.as_secs_f64());
        let total = model + loading + rest;
        Self {
            items_per_second: times.items as f64 / total,
            loading: loading / total,
            rest: rest / total,
        }
    }
}
