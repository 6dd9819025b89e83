//! The parser of the command line and the layout of its help.

use std::fmt::Write;

use clap::builder::Styles;
use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::Cli;

/// Verbs as `tinderbox --help` groups them.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Training", &["train", "eval", "recipes"]),
    (
        "Using a model",
        &[
            "predict",
            "explain",
            "generate",
            "fill-mask",
            "embed",
            "export",
        ],
    ),
    ("Data", &["data"]),
    (
        "About",
        &["models", "devices", "completions", "man", "help"],
    ),
];

const EXAMPLES: &str = "\
Examples:
  tinderbox train cnn
  tinderbox predict runs/cnn photo.jpg
  tinderbox help train";

const EXIT_CODES: &str = "\
Exit codes:
    0  success
    1  failure
    2  wrong command line or recipe
    3  training diverged: the loss is not finite
  130  stopped by Ctrl-C, with a checkpoint written";

/// Columns of help text on a wider terminal.
const MAX_WIDTH: usize = 100;

/// The parser of the `tinderbox` command, for completions, man pages and tests.
pub fn command() -> Command {
    let parser = help_last(Cli::command().max_term_width(MAX_WIDTH));
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{}Options:{}\n{{options}}{{after-help}}",
        groups(&parser),
        Styles::default().get_header(),
        Styles::default().get_header().render_reset(),
    );
    parser
        .help_template(template)
        .after_help(EXAMPLES)
        .after_long_help(format!("{EXAMPLES}\n\n{EXIT_CODES}"))
}

/// The list of verbs, a heading per group. clap itself lists subcommands under one heading only.
fn groups(parser: &Command) -> String {
    let styles = Styles::default();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let names = GROUPS.iter().flat_map(|(_, names)| *names);
    let width = names.map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (group, names) in GROUPS {
        let _ = writeln!(text, "{header}{group}:{header:#}");
        for name in names {
            let about = match parser.find_subcommand(name) {
                Some(verb) => verb.get_about().map(ToString::to_string),
                None => Some("Print this message or the help of a verb".into()),
            };
            let about = about.unwrap_or_default();
            let _ = writeln!(text, "  {literal}{name:width$}{literal:#}  {about}");
        }
        text.push('\n');
    }
    text
}

/// Moves `--help` of every verb below the verb's own options.
fn help_last(parser: Command) -> Command {
    parser.mut_subcommands(|verb| {
        let help = Arg::new("help")
            .short('h')
            .long("help")
            .action(ArgAction::Help)
            .help("Print help (see more with '--help')")
            .long_help("Print help (see a summary with '-h')")
            .help_heading("Options");
        help_last(verb.disable_help_flag(true).arg(help))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        grouped.retain(|name| *name != "help");
        grouped.sort_unstable();
        let parser = command();
        let mut verbs: Vec<&str> = parser.get_subcommands().map(Command::get_name).collect();
        verbs.sort_unstable();
        assert_eq!(grouped, verbs);
    }

    #[test]
    fn the_parser_is_consistent() {
        command().debug_assert();
    }
}
