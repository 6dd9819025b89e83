//! Help, completions, man pages and lists of the command: complete, readable at 80 columns.
#![allow(clippy::unwrap_used)]

mod common;

use clap::Command;
use common::tinderbox;

/// Every verb with its full name, as in `data info`.
fn verbs() -> Vec<(String, Command)> {
    fn collect(prefix: &str, command: &Command, found: &mut Vec<(String, Command)>) {
        for verb in command.get_subcommands() {
            let name = format!("{prefix}{}", verb.get_name());
            collect(&format!("{name} "), verb, found);
            found.push((name, verb.clone()));
        }
    }
    let mut found = Vec::new();
    collect("", &tinderbox_cli::command(), &mut found);
    found
}

/// Standard output of `tinderbox` with these arguments.
fn output(arguments: &[&str]) -> String {
    let output = tinderbox().args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Lines of the examples in a verb's help.
fn examples(verb: &Command) -> Vec<String> {
    let help = verb.get_after_help().map(ToString::to_string);
    let help = help.unwrap_or_default().replace("\\\n   ", "");
    let lines = help.lines().filter(|line| line.contains("tinderbox "));
    lines.map(|line| line.trim().to_string()).collect()
}

/// Words of a shell command, up to a redirection or the next command.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in line.chars() {
        match (letter, quote) {
            (letter, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => quote = Some(letter),
            (' ', None) => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    let is_end = |word: &String| matches!(word.as_str(), ">" | "|" | "&&");
    words.split(is_end).next().unwrap().to_vec()
}

#[test]
fn every_verb_has_an_example_that_the_parser_accepts() {
    for (name, verb) in verbs() {
        let help = verb.get_after_help().map(ToString::to_string);
        for line in help.unwrap_or_default().lines() {
            assert!(line.len() <= 80, "too long for 80 columns: {line}");
        }
        let examples = examples(&verb);
        assert!(
            examples
                .iter()
                .any(|line| line.contains(&format!("tinderbox {name}"))),
            "no example of `tinderbox {name}`"
        );
        for line in examples {
            let start = line.find("tinderbox ").unwrap();
            let words = words(&line[start..]);
            let parsed = tinderbox_cli::command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn every_option_has_a_short_text_and_a_heading() {
    for (name, verb) in verbs() {
        assert!(verb.get_about().is_some(), "{name} has no summary");
        for option in verb.get_arguments() {
            let id = option.get_id();
            let text = option.get_help().unwrap_or_else(|| panic!("{name} {id}"));
            let text = text.to_string();
            assert!(text.len() <= 64, "{name} --{id}: too long: {text}");
            let is_grouped = option.is_positional() || option.get_help_heading().is_some();
            assert!(is_grouped, "{name} --{id} has no heading");
        }
    }
}

#[test]
fn the_overview_groups_the_verbs_and_ends_with_the_exit_codes() {
    let short = output(&["-h"]);
    let long = output(&["--help"]);
    for help in [&short, &long] {
        for heading in [
            "Training:",
            "Using a model:",
            "Data:",
            "About:",
            "Examples:",
        ] {
            assert!(help.contains(heading), "{help}");
        }
        for (name, _) in verbs() {
            let verb = name.split(' ').next().unwrap();
            assert!(
                help.contains(&format!("\n  {verb} ")),
                "{verb} is missing: {help}"
            );
        }
    }
    assert!(!short.contains("Exit codes:"));
    let (_, codes) = long.split_once("Exit codes:").unwrap();
    assert_eq!(codes.trim_end().lines().count(), 6, "{codes}");
}

#[test]
fn lists_fit_into_80_columns() {
    for arguments in [
        &["models"][..],
        &["models", "--weights"],
        &["recipes"],
        &["--help"],
    ] {
        for line in output(arguments).lines() {
            assert!(line.chars().count() <= 80, "{arguments:?}: {line}");
        }
    }
}

#[test]
fn links_are_shown_on_request() {
    assert!(!output(&["models"]).contains("https://"));
    assert!(output(&["models", "--links"]).contains("https://arxiv.org/"));
    assert!(output(&["models", "--weights", "--links"]).contains("https://download.pytorch.org/"));
}

#[test]
fn recipes_are_grouped_and_those_that_need_no_data_marked() {
    let list = output(&["recipes"]);
    for heading in [
        "Image classification:",
        "Language modelling:",
        "Text encoders:",
    ] {
        assert!(list.contains(heading), "{list}");
    }
    let marked: Vec<&str> = list
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("* "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "generates")
        .collect();
    assert_eq!(marked, ["cnn", "rnn", "transformer", "bert"]);
}

#[test]
fn completions_of_every_shell_know_the_verbs() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = output(&["completions", shell]);
        for word in ["fill-mask", "checkpoint", "cross-out"] {
            assert_eq!(
                script.contains(word),
                word != "cross-out",
                "{shell}: {word}"
            );
        }
    }
}

#[test]
fn every_verb_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    output(&["man", "--output", path.to_str().unwrap()]);
    let page = std::fs::read_to_string(path.join("tinderbox.1")).unwrap();
    assert!(page.contains("Train, evaluate and use"), "{page}");
    for (name, _) in verbs() {
        let file = path.join(format!("tinderbox-{}.1", name.replace(' ', "-")));
        let page = std::fs::read_to_string(&file).unwrap();
        assert!(page.contains("tinderbox"), "{name}");
    }
}

#[test]
fn fill_is_short_for_fill_mask() {
    assert_eq!(output(&["fill", "-h"]), output(&["fill-mask", "-h"]));
}
