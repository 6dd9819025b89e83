//! `tinderbox man`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::exit::CliResult;

/// Write man pages: tinderbox.1 and one page per verb.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox man --output ~/.local/share/man/man1
  tinderbox man --output man && man man/tinderbox-train.1")]
pub(crate) struct Args {
    /// Folder to write to; made if missing.
    #[arg(
        long,
        short,
        alias = "out",
        value_name = "FOLDER",
        help_heading = "Output"
    )]
    output: PathBuf,
}

pub(crate) fn run(args: &Args) -> CliResult {
    let folder = args.output.display();
    fs::create_dir_all(&args.output).with_context(|| format!("cannot create {folder}"))?;
    // A page about `help` for every verb would say nothing.
    let parser = crate::command().disable_help_subcommand(true);
    clap_mangen::generate_to(parser, &args.output)
        .with_context(|| format!("cannot write to {folder}"))?;
    println!("{folder}: tinderbox.1 and a page for each verb");
    Ok(ExitCode::SUCCESS)
}
