//! Texts that a verb is given: as they are, in a file, or through a pipe.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use tinderbox_data::text::TextChunks;
use tinderbox_data::text::encoder::{EncoderBatch, Encoding, InputBuilder};

/// Rows of a batch where nothing else is asked for.
pub(crate) const BATCH: usize = 32;

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
    /// Whether there are texts on the command line.
    pub(crate) fn is_given(&self) -> bool {
        !self.text.is_empty() || self.file.is_some()
    }

    /// The texts; without any on the command line, the lines of standard input. Empty lines are texts.
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

    /// All of it as one text.
    pub(crate) fn read_whole(&self) -> anyhow::Result<String> {
        match (self.text.as_slice(), &self.file) {
            ([text], _) => Ok(text.clone()),
            ([], Some(path)) => read_file(path),
            ([], None) => read_stdin(),
            (texts, _) => anyhow::bail!("one --text is wanted here, and there are {}", texts.len()),
        }
    }
}

/// Windows line ends become newlines and a byte order mark is left out, as in all text files.
fn read_file(path: &Path) -> anyhow::Result<String> {
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
    Ok(whole.replace("\r\n", "\n"))
}

/// Which rows go through the network together: rows of about one length, longest first, so that what does not fit into memory
/// fails at once.
pub(crate) fn batches(rows: &[Encoding], size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let length = |place: &usize| rows.get(*place).map_or(0, Encoding::len);
    order.sort_by_key(|place| std::cmp::Reverse(length(place)));
    order.chunks(size.max(1)).map(<[usize]>::to_vec).collect()
}

/// The rows at these places as a batch.
pub(crate) fn batch(rows: &[Encoding], places: &[usize], sequences: &InputBuilder) -> EncoderBatch {
    let rows: Vec<&Encoding> = places.iter().filter_map(|&place| rows.get(place)).collect();
    EncoderBatch::new(&rows, sequences.pad_id())
}

/// Says on standard error how much of the texts the model does not see.
pub(crate) fn warn_of_cuts(rows: &[Encoding], max_length: usize) {
    let cut = rows.iter().filter(|row| row.truncated > 0);
    let (texts, tokens) = cut.fold((0, 0), |(texts, tokens), row| {
        (texts + 1, tokens + row.truncated)
    });
    if texts > 0 {
        let (verb, s) = if texts == 1 { ("is", "") } else { ("are", "s") };
        eprintln!(
            "warning: {texts} text{s} {verb} longer than the {max_length} tokens that the model reads; {tokens} tokens are \
             left out"
        );
    }
}
