//! Input texts: on the command line, in a file, or from a pipe.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use tinderbox_data::text::TextChunks;
use tinderbox_train::run::RunDir;

/// `--text` and `--file`.
#[derive(Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct TextArgs {
    /// Text to read (repeatable).
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    pub(crate) text: Vec<String>,
    /// File with one text per line.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

impl TextArgs {
    /// True if there are texts on the command line.
    pub(crate) fn is_given(&self) -> bool {
        !self.text.is_empty() || self.file.is_some()
    }

    /// Reads the texts; without any on the command line, the lines of standard input. Empty lines
    /// are texts.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<String>> {
        if !self.text.is_empty() {
            return Ok(self.text.clone());
        }
        let (whole, name) = match &self.file {
            Some(path) => (read_file(path)?, path.display().to_string()),
            None => (read_stdin()?, "standard input".into()),
        };
        let texts: Vec<String> = whole.lines().map(str::to_string).collect();
        ensure!(!texts.is_empty(), "{name} has no texts");
        Ok(texts)
    }

    /// Reads everything as one text.
    pub(crate) fn read_whole(&self) -> anyhow::Result<String> {
        match (self.text.as_slice(), &self.file) {
            ([text], _) => Ok(text.clone()),
            ([], Some(path)) => read_file(path),
            ([], None) => read_stdin(),
            (texts, _) => anyhow::bail!("expected one --text, got {}", texts.len()),
        }
    }
}

/// Reads a text file; CRLF becomes a newline and a byte order mark is dropped.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<String> {
    let mut whole = String::new();
    for piece in TextChunks::open(path)? {
        whole.push_str(&piece?.text);
    }
    Ok(whole)
}

fn read_stdin() -> anyhow::Result<String> {
    let mut stdin = std::io::stdin();
    ensure!(
        !stdin.is_terminal(),
        "there is no text: give it with --text or --file, or through a pipe"
    );
    let mut whole = String::new();
    let read = stdin.read_to_string(&mut whole);
    read.context("standard input")?;
    let whole = whole.strip_prefix('\u{feff}').unwrap_or(&whole);
    Ok(whole.replace("\r\n", "\n"))
}

/// Warns on standard error about truncated texts: `truncated` are the tokens cut off each text,
/// `max_length` the tokens that the model reads.
pub(crate) fn warn_of_truncation(truncated: &[usize], max_length: usize) {
    let cut = truncated.iter().filter(|tokens| **tokens > 0);
    let (texts, tokens) = cut.fold((0, 0), |(texts, sum), tokens| (texts + 1, sum + tokens));
    if texts > 0 {
        let (verb, s) = if texts == 1 { ("is", "") } else { ("are", "s") };
        eprintln!(
            "warning: {texts} text{s} {verb} longer than the {max_length} tokens that the model reads; {tokens} tokens are \
             left out"
        );
    }
}

/// Warns on standard error about a question of which `truncated` tokens are cut off.
pub(crate) fn warn_of_long_question(truncated: usize) {
    if truncated > 0 {
        eprintln!(
            "warning: the question is too long for the model; {truncated} tokens of it are left out"
        );
    }
}

/// Error for text options on an image model; if the path holds no model, that error instead.
pub(crate) fn not_for_images(path: &Path, message: String) -> anyhow::Error {
    match RunDir::open(path) {
        Err(error) if !path.exists() => error.into(),
        _ => anyhow::Error::msg(message),
    }
}
