//! The prose of the repository uses the field's terms.
//!
//! Each phrase below has a better one. The test reads the comments, strings and pages of all tracked
//! Rust, Python, TOML and Markdown files, across line breaks.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Phrases in lower case, and what to write instead.
const PHRASES: &[(&str, &str)] = &[
    ("a folder of hugging face's", "a Hugging Face model folder"),
    ("folders of hugging face's", "Hugging Face model folders"),
    ("fill up", "pad"),
    ("fills up", "pads"),
    ("filled up", "padded"),
    ("filling up", "padding"),
    ("go on from", "continue or resume from"),
    ("goes on from", "continues or resumes from"),
    ("go on with", "resume"),
    ("goes on with", "resumes"),
    ("to be told", "the prediction target, or: distinguished"),
    ("told apart", "distinguished"),
    ("tell apart", "distinguish"),
    ("stand on top", "the head"),
    ("stands on top", "the head"),
    ("so many", "n, or: this many"),
    ("likewise", "a full sentence"),
    ("whoever", "the caller, or: who"),
    ("what is to be", "a noun phrase"),
    ("what there is", "a noun phrase"),
    ("what is not there", "missing, or: out of range"),
    ("text to understand", "encoder"),
    ("texts to understand", "encoder"),
    ("text to be understood", "encoder"),
    ("hidden words", "masked tokens"),
    ("speaks for", "supports, or: evidence for"),
    ("speak for", "support, or: evidence for"),
    ("do not learn", "are frozen, or: are not trainable"),
    ("does not learn", "is frozen, or: is not trainable"),
    ("matrix of scores", "attention scores"),
    ("cache of keys and values", "KV cache"),
    ("how many of them", "the number of"),
    (
        "an earlier version",
        "nothing: comments do not narrate history",
    ),
];

/// First words of a comment that lead to a question instead of a statement.
const OPENINGS: &[(&str, &str)] = &[
    ("What ", "a noun phrase: `/// Padding tokens of a batch.`"),
    ("How many ", "`Number of ...`"),
    ("How much ", "a noun phrase: `/// Weight of the penalty.`"),
    ("How often ", "a noun phrase: `/// Probability of a flip.`"),
    ("Whether ", "`True if ...`, or the name of the property"),
    ("That which ", "a noun phrase"),
    ("Likewise", "a full sentence"),
    ("Of which ", "a full sentence"),
];

/// Folders without prose of ours.
const SKIPPED: [&str; 5] = ["target", "runs", "__pycache__", "fixtures", "node_modules"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust, Python, TOML and Markdown files below `folder`.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_hidden = name.starts_with('.') && name != ".github";
        if is_hidden || SKIPPED.contains(&name) || name == "words.rs" {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else if name == "Justfile"
            || matches!(
                path.extension().and_then(|e| e.to_str()),
                Some("rs" | "py" | "toml" | "md")
            )
        {
            found.push(path);
        }
    }
}

/// The text of a line's comment, for Rust (`//`), Python and TOML (`#`).
fn comment<'a>(line: &'a str, extension: &str) -> Option<&'a str> {
    let line = line.trim_start();
    let text = match extension {
        "rs" => line
            .strip_prefix("//")
            .map(|l| l.trim_start_matches(['/', '!'])),
        "py" | "toml" | "" => line
            .strip_prefix('#')
            .or_else(|| line.strip_prefix("\"\"\"")),
        _ => None,
    };
    text.map(str::trim)
}

/// The text in lower case with comment marks and line breaks taken out, and the line of each byte.
fn flowing(text: &str, extension: &str) -> (String, Vec<usize>) {
    let mut flow = String::new();
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = comment(line, extension)
            .unwrap_or(line)
            .trim_end_matches('\\');
        for word in words.split_whitespace() {
            flow.push_str(&word.to_lowercase());
            flow.push(' ');
        }
        lines.resize(flow.len(), number + 1);
    }
    (flow, lines)
}

/// True if `phrase` stands at `start` as whole words.
fn is_whole(flow: &str, start: usize, phrase: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let before = flow[..start].chars().next_back();
    let after = flow[start + phrase.len()..].chars().next();
    !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
}

/// Complaints about one file, each `LINE: ...`.
fn complaints(text: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (flow, lines) = flowing(text, extension);
    for (phrase, better) in PHRASES {
        for (start, _) in flow.match_indices(phrase) {
            if is_whole(&flow, start, phrase) {
                found.push(format!("{}: \"{phrase}\": say {better}", lines[start]));
            }
        }
    }
    let mut is_inside = false;
    for (number, line) in text.lines().enumerate() {
        let comment = comment(line, extension);
        if let Some(comment) = comment.filter(|_| !is_inside) {
            let opening = OPENINGS
                .iter()
                .find(|(opening, _)| comment.starts_with(opening));
            if let Some((opening, better)) = opening {
                let opening = opening.trim();
                found.push(format!(
                    "{}: begins with \"{opening}\": say {better}",
                    number + 1
                ));
            }
        }
        is_inside = comment.is_some_and(|comment| !comment.is_empty());
    }
    found
}

#[test]
fn no_file_has_a_phrase_for_which_the_field_has_a_term() {
    let root = repository();
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 300, "only {} files found", paths.len());
    let mut found = Vec::new();
    for path in &paths {
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(&root).unwrap().display();
        found.extend(
            complaints(&text, extension)
                .into_iter()
                .map(|c| format!("{name}:{c}")),
        );
    }
    assert!(
        found.is_empty(),
        "{} phrases:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn phrases_are_found_across_lines_and_openings_only_at_the_beginning_of_a_comment() {
    let text =
        "/// Tokens that\n/// fill\n/// up a row.\nfn f() {}\n\n// What it is.\n// What follows.\n";
    let found = complaints(text, "rs");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("2: \"fill up\""), "{found:?}");
    assert!(found[1].starts_with("6: begins with \"What\""), "{found:?}");
    assert!(complaints("refill upwards\n", "md").is_empty());
    assert_eq!(complaints("# Whether it is.\n", "py").len(), 1);
}
