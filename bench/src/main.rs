//! The benchmark: `tinderbox-bench`.
//!
//! Every workload and kind runs in a process of its own, so that its memory can be told: this program again, as
//! [`serve`], and the peer. [`measure`] drives them alike.

#![allow(clippy::print_stderr)]

mod flops;
mod machine;
mod measure;
mod photographs;
mod plan;
mod real_run;
mod report;
mod results;
mod serve;
mod side;
mod work;
mod workload;

#[macro_use]
extern crate tinderbox_cli;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use serde_json::json;

use measure::Measurement;
use photographs::Images;
use real_run::Shares;
use report::{LEGEND, Report};
use tinderbox_cli::args::DeviceArgs;
use tinderbox_cli::exit::{self, CliResult};
use tinderbox_cli::table::table;
use work::Job;
use workload::{Kind, Shape, Workload};

/// Measure the speed of training, inference and loading, alone or against PyTorch.
#[derive(Parser)]
#[command(
    name = "tinderbox-bench",
    version,
    after_help = "\
Examples:
  tinderbox-bench --list
  tinderbox-bench lstm-2x200 gpt-6x384 --peer \"python3 bench/peer.py\"
  tinderbox-bench resnet18 --kind train --scaling

Bare steps on one fixed batch, in blocks that alternate with the same steps in the peer process. For the article's network
there is a real run besides (loader, metrics, logging, everything but evaluation), which gives the share of a step spent
outside the model. Compare ratios, not times: machines differ and are noisy."
)]
struct Args {
    /// What to measure; everything if nothing is said.
    workloads: Vec<Workload>,
    /// Say what can be measured.
    #[arg(long)]
    list: bool,
    /// Only steps of this kind.
    #[arg(long)]
    kind: Option<Kind>,
    /// The command that starts the peer.
    #[arg(long, value_name = "COMMAND", overrides_with = "peer")]
    peer: Option<String>,
    /// Measure Burn's own operations too, without our kernels.
    #[arg(long)]
    plain: bool,
    /// Threads of both sides; by default one for each processor.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Images or texts in a batch, in place of each workload's own number.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Height and width of images, length of texts, in place of each workload's own.
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    /// Measure with one thread and with all, and with batches and images (or texts) that become larger.
    #[arg(long)]
    scaling: bool,
    /// Blocks of steps on each side.
    #[arg(long, default_value_t = 6, value_name = "N")]
    rounds: usize,
    /// Steps in a block; by default half a second's, at least 4.
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Steps of the real run of the article's network; 0 leaves it out.
    #[arg(long, default_value_t = 300, value_name = "N")]
    run_steps: u64,
    /// Load these images, FOLDER/train/CLASS/NAME.jpg, in place of generated ones. A few hundred are enough.
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Keep the result in a section of this Markdown file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// The section's name; by default `results`, or `scaling`.
    #[arg(long, value_name = "NAME", requires = "markdown")]
    section: Option<String>,
    /// Be one side of a measurement: take steps of this kind on request.
    #[arg(long, hide = true, value_name = "KIND")]
    serve: Option<Kind>,
    #[command(flatten)]
    device: DeviceArgs,
}

// As in the command: what is measured is what people run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    exit::finish(run(&Args::parse()))
}

fn run(args: &Args) -> CliResult {
    if args.list {
        print_list();
        return Ok(ExitCode::SUCCESS);
    }
    let counts = [args.threads, args.batch_size, args.size, args.steps];
    ensure!(
        args.rounds > 0 && !counts.contains(&Some(0)),
        "all counts must be at least 1"
    );
    match args.serve {
        Some(kind) => serve::serve(args, served(args, kind)?),
        None => compare(args),
    }
}

fn print_list() {
    let mut list = table(["workload", "", "batch", "size"], &[2, 3]);
    for workload in Workload::value_variants() {
        let facts = workload.facts();
        let Shape { batch, size } = facts.shape;
        list.add_row([
            facts.name,
            facts.summary,
            &batch.to_string(),
            &size.to_string(),
        ]);
    }
    println!("{}", list.trim_fmt());
}

/// The one job of a side.
fn served(args: &Args, kind: Kind) -> anyhow::Result<Job> {
    let workload = args.workloads.first().context("which workload?")?;
    let usual = workload.facts().shape;
    Ok(Job {
        workload: *workload,
        kind,
        shape: Shape {
            batch: args.batch_size.unwrap_or(usual.batch),
            size: args.size.unwrap_or(usual.size),
        },
    })
}

fn compare(args: &Args) -> CliResult {
    let plan = plan::plan(args)?;
    ensure!(!plan.is_empty(), "no workload has steps of this kind");
    let (report, all_well) = measured(&plan, args)?;
    let run = match is_real_run_wanted(args) {
        true => Some(Shares::measure(args.run_steps, &args.device.open()?)?),
        false => None,
    };
    if args.json {
        let all = json!({
            "date": machine::today(),
            "cpu": machine::cpu(),
            "run": run.as_ref().map(Shares::json),
            "steps": report.json(),
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        println!("{}", report.table());
        if let Some(run) = &run {
            println!("\n{}", run.sentence());
        }
    }
    if let Some(path) = &args.markdown {
        let usual = if args.scaling { "scaling" } else { "results" };
        let section = args.section.as_deref().unwrap_or(usual);
        results::replace_section(path, section, &markdown(&report, run.as_ref()))?;
    }
    Ok(match all_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn is_real_run_wanted(args: &Args) -> bool {
    let is_selected = args.workloads.is_empty() || args.workloads.contains(&Workload::ArticleCnn);
    is_selected && !args.scaling && args.kind.is_none() && args.run_steps > 0
}

/// What could be measured, and whether that is all. A measurement that fails, of a large model on a small machine
/// perhaps, does not cost the others.
fn measured(plan: &[Measurement], args: &Args) -> anyhow::Result<(Report, bool)> {
    let loads_images = |m: &Measurement| m.job.workload.loads_images();
    let images = match plan.iter().any(loads_images) {
        true => Some(Images::make(args.images.as_deref())?),
        false => None,
    };
    let mut rows = Vec::new();
    for (number, measurement) in plan.iter().enumerate() {
        let name = measurement.to_string();
        eprint!("{:2}/{} {name}: ", number + 1, plan.len());
        let images = images.as_ref().filter(|_| loads_images(measurement));
        match measure::measure(*measurement, args, images) {
            Ok(row) => {
                eprintln!("{}", report::in_short(&row));
                rows.push(row);
            }
            Err(error) => eprintln!("\nerror: {name}: {error:#}"),
        }
    }
    let all_well = rows.len() == plan.len();
    let is_scaling = args.scaling;
    Ok((Report { rows, is_scaling }, all_well))
}

/// The section of a file: what was measured, on what, and how.
fn markdown(report: &Report, run: Option<&Shares>) -> String {
    let mut versions: Vec<&str> = Vec::new();
    for row in &report.rows {
        for times in [Some(&row.ours), row.peer.as_ref()].into_iter().flatten() {
            if !versions.contains(&times.version.as_str()) {
                versions.push(&times.version);
            }
        }
    }
    let words: Vec<String> = std::env::args().skip(1).map(quoted).collect();
    let mut text = format!(
        "{}, {}; {}; `tinderbox {}`\n\n{}\n\n{LEGEND}\n",
        machine::today(),
        machine::cpu(),
        versions.join(", "),
        words.join(" "),
        report.markdown(),
    );
    if let Some(run) = run {
        text += &format!("\n{}\n", run.sentence());
    }
    text
}

/// As it is written in a shell.
fn quoted(word: String) -> String {
    match word.contains(' ') {
        true => format!("\"{word}\""),
        false => word,
    }
}
