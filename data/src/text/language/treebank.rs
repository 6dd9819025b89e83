//! The bracketed Penn Treebank (Marcus et al., 1993): folders of `.mrg` files with parsed
//! sentences, one tree per sentence.
//!
//! A sentence becomes a line of words: traces and other empty elements (part of speech `-NONE-`)
//! are dropped, and [`Options`] are applied. The defaults are the preprocessing of Mikolov et al.
//! (2011), whose result is the usual word-level corpus: lower case, numbers as `N`, no punctuation,
//! 10,000 words. It was never published as a program, so a few words may differ.
//!
//! The split of a file follows from its section: the two-digit folder it is in (`wsj/00` to
//! `wsj/24`), or the first two digits of `wsj_0001.mrg`. Without sections, the folder has
//! subfolders `train`, `valid` and `test`. A sample with training sections only, such as NLTK's
//! (sections 00 and 01), is divided: the last tenth of its files is for test, the tenth before for
//! validation.

pub use super::tree::Tree;

use super::Corpus;
use super::text_splits::{SplitText, TextSplits};
use crate::error::DataError;
use crate::text::chunks::read_short_text;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Part of speech of empty elements.
const EMPTY: &str = "-NONE-";
/// Parts of speech of punctuation. `$`, `#` and the rest stay words, as in Mikolov's corpus.
const PUNCTUATION: [&str; 7] = [",", ".", ":", "``", "''", "-LRB-", "-RRB-"];
/// Escapes of brackets and slashes within trees.
const ESCAPED: [(&str, &str); 6] = [
    ("-LRB-", "("),
    ("-RRB-", ")"),
    ("-LSB-", "["),
    ("-RSB-", "]"),
    ("-LCB-", "{"),
    ("-RCB-", "}"),
];
/// Names of the subfolders of a treebank without sections.
const FOLDERS: [&[&str]; 3] = [
    &["train"],
    &["valid", "validation", "val", "dev"],
    &["test"],
];

/// Assignment of sections to training, validation and test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sections {
    /// 00-20, 21-22 and 23-24: language modelling since Mikolov.
    #[default]
    LanguageModel,
    /// 02-21, 22 and 23: parsing. Other sections are left out.
    Parsing,
}

impl Sections {
    /// Split 0, 1 or 2 of a section; `None` if the section is left out.
    fn split(self, section: u32) -> Option<usize> {
        let ranges = match self {
            Self::LanguageModel => [0..=20, 21..=22, 23..=24],
            Self::Parsing => [2..=21, 22..=22, 23..=23],
        };
        ranges.iter().position(|range| range.contains(&section))
    }
}

/// Preprocessing of the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Assignment of sections to splits.
    pub sections: Sections,
    /// Converts to lower case.
    pub lower_case: bool,
    /// Replaces a word with a digit and no letter by `N`.
    pub numbers: bool,
    /// Keeps punctuation.
    pub punctuation: bool,
    /// Undoes escapes: `-LRB-` becomes `(`, `\/` becomes `/`, and so on.
    pub unescape: bool,
    /// Maximum vocabulary size, `<eos>` and `<unk>` included; rarer words become `<unk>`. Without a
    /// limit the vocabulary is every word of the training split, and a new word in another split is
    /// an error.
    pub vocabulary: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sections: Sections::LanguageModel,
            lower_case: true,
            numbers: true,
            punctuation: false,
            unescape: false,
            vocabulary: Some(10_000),
        }
    }
}

/// Reads all `.mrg` files under `folder`, in the order of their paths; each has at most 64 MiB.
///
/// # Errors
/// If there are none, a split has none, a file's split is unknown, or a file does not hold trees
/// (with the line).
pub fn open(folder: &Path, options: &Options) -> Result<Corpus, DataError> {
    let [train, validation, test] = divided(files(folder, options.sections)?);
    let read = |files: Vec<PathBuf>, name: &str| {
        if files.is_empty() {
            let reason = format!(
                "has no .mrg files for {name} ({})",
                expected(options.sections)
            );
            return Err(DataError::file(folder, reason));
        }
        let mut text = String::new();
        for file in files {
            sentences(&file, options, &mut text)?;
        }
        // Line numbers count through the whole split, which is not a file.
        Ok(SplitText::new(&folder.join(format!("({name})")), text))
    };
    TextSplits {
        train: read(train, "training")?,
        validation: read(validation, "validation")?,
        test: Some(read(test, "test")?),
    }
    .by_words(options.vocabulary)
}

/// Divides a sample of training sections: a tenth each for validation and test. Fewer than ten
/// files are more likely a mistake.
fn divided([mut train, validation, test]: [Vec<PathBuf>; 3]) -> [Vec<PathBuf>; 3] {
    let tenth = train.len() / 10;
    if tenth == 0 || !validation.is_empty() || !test.is_empty() {
        return [train, validation, test];
    }
    let test = train.split_off(train.len() - tenth);
    let validation = train.split_off(train.len() - tenth);
    [train, validation, test]
}

fn expected(sections: Sections) -> &'static str {
    match sections {
        Sections::LanguageModel => "sections 00-20, 21-22, 23-24, or folders train, valid, test",
        Sections::Parsing => "sections 02-21, 22, 23, or folders train, valid, test",
    }
}

/// Returns the files of the three splits.
fn files(folder: &Path, sections: Sections) -> Result<[Vec<PathBuf>; 3], DataError> {
    let mut splits = [Vec::new(), Vec::new(), Vec::new()];
    let mut some = false;
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let path = entry
            .map_err(|error| DataError::io("list", folder)(error.into()))?
            .into_path();
        if !path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("mrg"))
        {
            continue;
        }
        some = true;
        if let Some(split) = split(folder, &path, sections)? {
            splits[split].push(path);
        }
    }
    if !some {
        let reason = format!("has no .mrg files; expected {}", expected(sections));
        return Err(DataError::file(folder, reason));
    }
    Ok(splits)
}

/// Returns the split of a file, from the folders below `folder` that it is in, or from its name.
fn split(folder: &Path, file: &Path, sections: Sections) -> Result<Option<usize>, DataError> {
    let inner = file
        .parent()
        .and_then(|parent| parent.strip_prefix(folder).ok());
    let names: Vec<&str> = inner
        .into_iter()
        .flatten()
        .filter_map(OsStr::to_str)
        .collect();
    let named = |name: &&str| FOLDERS.iter().position(|names| names.contains(name));
    if let Some(split) = names.iter().find_map(named) {
        return Ok(Some(split));
    }
    let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let by_folder = names
        .iter()
        .rev()
        .find_map(|name| two_digits(name).filter(|_| name.len() == 2));
    let by_name = || two_digits(name.to_ascii_lowercase().strip_prefix("wsj_")?);
    match by_folder.or_else(by_name) {
        Some(section) => Ok(sections.split(section)),
        None => {
            let reason = "neither its folder nor its name says which section it belongs to";
            Err(DataError::file(file, reason))
        }
    }
}

fn two_digits(name: &str) -> Option<u32> {
    let digits = name.get(..2)?;
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok())?
}

/// Appends the sentences of a file, one per line.
fn sentences(file: &Path, options: &Options, text: &mut String) -> Result<(), DataError> {
    let trees =
        Tree::read(&read_short_text(file)?).map_err(|reason| DataError::file(file, reason))?;
    for tree in trees {
        let words = tree.words().into_iter();
        let words: Vec<String> = words
            .filter_map(|(tag, word)| options.word(tag, word))
            .collect();
        if !words.is_empty() {
            text.push_str(&words.join(" "));
            text.push('\n');
        }
    }
    Ok(())
}

impl Options {
    /// Preprocesses a word; `None` if it is dropped.
    fn word(&self, tag: &str, word: &str) -> Option<String> {
        if tag == EMPTY || (!self.punctuation && PUNCTUATION.contains(&tag)) {
            return None;
        }
        let number =
            word.contains(|c: char| c.is_ascii_digit()) && !word.contains(char::is_alphabetic);
        if self.numbers && number {
            return Some("N".to_owned());
        }
        let word = if self.unescape {
            unescape(word)
        } else {
            word.to_owned()
        };
        Some(if self.lower_case {
            word.to_lowercase()
        } else {
            word
        })
    }
}

fn unescape(word: &str) -> String {
    match ESCAPED.iter().find(|(escaped, _)| *escaped == word) {
        Some((_, plain)) => (*plain).to_owned(),
        None => word.replace("\\/", "/").replace("\\*", "*"),
    }
}
