//! The benchmark, `tinderbox-bench`: speed and memory of training, inference and loading, alone or
//! against PyTorch.
//!
//! Every workload and kind of step runs in its own process, so that its memory can be measured: this
//! program again, as [`serve`], and the peer. [`measure`] drives both in the same way.

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

/// Measure speed and memory of training, inference and loading.
///
/// Bare steps on one fixed batch are timed, in blocks that alternate with the same steps in the peer
/// process. For article-cnn a real run follows (loader, metrics, logging, everything but
/// evaluation), which gives the share of a step spent outside the model. Compare ratios, not times:
/// machines differ and are noisy.
#[derive(Parser)]
#[command(
    name = "tinderbox-bench",
    version,
    after_help = "\
Examples:
  tinderbox-bench --list
  tinderbox-bench lstm-2x200 gpt-6x384 --peer \"python3 bench/peer.py\"
  tinderbox-bench resnet18 --kind train --scaling"
)]
struct Args {
    /// Workloads to measure [default: all].
    #[arg(hide_possible_values = true)]
    workloads: Vec<Workload>,
    /// List the workloads.
    #[arg(long, help_heading = "Workload")]
    list: bool,
    /// Kind of step to measure [default: all].
    #[arg(long, help_heading = "Workload")]
    kind: Option<Kind>,
    /// Command that starts the peer process.
    #[arg(
        long,
        value_name = "COMMAND",
        overrides_with = "peer",
        help_heading = "Comparison"
    )]
    peer: Option<String>,
    /// Also measure Burn's own operations, without our kernels.
    #[arg(long, help_heading = "Comparison")]
    plain: bool,
    /// Threads of both processes [default: all processors].
    #[arg(long, value_name = "N", help_heading = "Measurement")]
    threads: Option<usize>,
    /// Batch size, instead of each workload's own.
    #[arg(long, value_name = "N", help_heading = "Workload")]
    batch_size: Option<usize>,
    /// Image side or text length, instead of each workload's own.
    #[arg(long, value_name = "N", help_heading = "Workload")]
    size: Option<usize>,
    /// Vary threads, batch size and size of images or texts.
    #[arg(long, help_heading = "Measurement")]
    scaling: bool,
    /// Blocks of steps on each side.
    #[arg(
        long,
        default_value_t = 6,
        value_name = "N",
        help_heading = "Measurement"
    )]
    rounds: usize,
    /// Steps per block [default: half a second's, 4 to 50].
    #[arg(long, value_name = "N", help_heading = "Measurement")]
    steps: Option<usize>,
    /// Steps of the real run of article-cnn; 0 skips it.
    #[arg(
        long,
        default_value_t = 300,
        value_name = "N",
        help_heading = "Measurement"
    )]
    run_steps: u64,
    /// Images to load instead of generated ones.
    ///
    /// FOLDER/train/CLASS/NAME.jpg; a few hundred are enough.
    #[arg(long, value_name = "FOLDER", help_heading = "Workload")]
    images: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Markdown file with a section to replace with the result.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    markdown: Option<PathBuf>,
    /// Name of the section [default: results, or scaling].
    #[arg(
        long,
        value_name = "NAME",
        requires = "markdown",
        help_heading = "Output"
    )]
    section: Option<String>,
    /// Serve one side of a measurement: take steps of this kind on request.
    #[arg(long, hide = true, value_name = "KIND")]
    serve: Option<Kind>,
    #[command(flatten)]
    device: DeviceArgs,
}

// The command's allocator: the benchmark measures what users run.
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

/// The job of a process started with `--serve`.
fn served(args: &Args, kind: Kind) -> anyhow::Result<Job> {
    let workload = args.workloads.first().context("name a workload")?;
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
    ensure!(
        !plan.is_empty(),
        "none of the workloads has steps of this kind"
    );
    let (report, all_succeeded) = run_all(&plan, args)?;
    let run = if is_real_run_wanted(args) {
        Some(Shares::measure(args.run_steps, &args.device.open()?)?)
    } else {
        None
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
    Ok(if all_succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn is_real_run_wanted(args: &Args) -> bool {
    let is_selected = args.workloads.is_empty() || args.workloads.contains(&Workload::ArticleCnn);
    is_selected && !args.scaling && args.kind.is_none() && args.run_steps > 0
}

/// Runs the measurements; returns the successful ones, and true if that is all. A failed measurement,
/// perhaps of a large model on a small machine, does not end the others.
fn run_all(plan: &[Measurement], args: &Args) -> anyhow::Result<(Report, bool)> {
    let loads_images = |m: &Measurement| m.job.workload.loads_images();
    let images = if plan.iter().any(loads_images) {
        Some(Images::make(args.images.as_deref())?)
    } else {
        None
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
    let all_succeeded = rows.len() == plan.len();
    let is_scaling = args.scaling;
    Ok((Report { rows, is_scaling }, all_succeeded))
}

/// Section of the Markdown file: results, machine, versions and command line.
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
        "{}, {}; {}; `tinderbox-bench {}`\n\n{}\n\n{LEGEND}\n",
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

/// Quotes a word for a shell.
fn quoted(word: String) -> String {
    if word.contains(' ') {
        format!("\"{word}\"")
    } else {
        word
    }
}
