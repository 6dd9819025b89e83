//! `tinderbox completions`

use std::process::ExitCode;

use clap_complete::Shell;

use crate::exit::CliResult;

/// Print a shell completion script.
///
/// Source the script in the shell's start-up file, or put it where the shell looks for completions.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox completions bash > /etc/bash_completion.d/tinderbox
  tinderbox completions zsh > ~/.zfunc/_tinderbox
  tinderbox completions fish > ~/.config/fish/completions/tinderbox.fish")]
pub(crate) struct Args {
    /// Shell to complete for.
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> CliResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "tinderbox", &mut script);
    print!("{}", String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}
