//! Runs the `tinderbox` command on damaged files, outside CI: `just fuzz`.
//!
//! Valid files of every kind are made first, by the command itself and by small writers
//! ([`seeds`]). Each run copies the files of one kind, damages one of them ([`damage`]), calls the
//! command with limits on time and memory ([`execute`]), and judges the outcome ([`verdict`]). Run
//! number `N` is a function of the seed and `N`, so a failure can be repeated alone with `--only N`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod campaign;
mod damage;
mod error;
mod execute;
mod report;
mod seeds;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Run the tinderbox command on damaged files.
///
/// A run fails if the command panics, dies from a signal, takes more time or memory than allowed,
/// or ends with an error that names no file.
#[derive(Parser)]
struct Args {
    /// The command to test.
    #[arg(
        long,
        value_name = "PATH",
        default_value = "target/release/tinderbox",
        overrides_with = "binary"
    )]
    binary: PathBuf,
    /// Number of runs.
    #[arg(long, default_value_t = 1000)]
    runs: u64,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Round of the kinds to begin with, to continue an earlier campaign.
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// Repeat this run alone.
    #[arg(long, value_name = "N", conflicts_with_all = ["first", "runs", "kinds"])]
    only: Option<u64>,
    /// Kinds of input, by the beginnings of their names [default: all].
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Parallel runs [default: the number of processors].
    #[arg(long)]
    jobs: Option<usize>,
    /// Folder outside the repository where the input of failed runs is kept.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Folder for the files of the runs; one in memory is fastest.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Seconds of processor time that a run may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    seconds: f64,
    /// Seconds after which a run is killed; more on a machine with other work.
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
    kill_after: f64,
    /// Mebibytes that a run may take beyond the undamaged files.
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory: u64,
    /// Mebibytes of address space of a run.
    #[arg(long, value_name = "MIB", default_value_t = 8192)]
    address_space: u64,
    /// Start no run after this many minutes.
    #[arg(long)]
    minutes: Option<f64>,
    /// List the kinds of input instead.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        for kind in seeds::KINDS {
            println!("{}", kind.name);
        }
        return ExitCode::SUCCESS;
    }
    match campaign::run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
