//! The bracketed Penn Treebank (Marcus et al., 1993): folders of `.mrg` files with parsed sentences, one sentence a tree.
//!
//! A sentence becomes a line of words: traces and other empty elements (part of speech `-NONE-`) are left out, and
//! what [`Options`] asks for is done. The defaults are the preprocessing of Mikolov et al. (2011), whose
//! result is the usual word-level corpus: lower case, numbers as `N`, no punctuation, 10,000 words. It was never
//! published as a program, so a few words may differ.
//!
//! Which split a file belongs to is read from its section: the two-digit folder it is in (`wsj/00` to `wsj/24`), or
//! the first two digits of `wsj_0001.mrg`. Without sections the folder has subfolders `train`, `valid` and `test`. A sample
//! that has nothing but training sections, such as the one that comes with NLTK (sections 00 and 01), is divided: the last
//! tenth of its files is for test, the tenth before for validation.

mod tree;

pub use tree::Tree;

use super::Corpus;
use super::pieces::read_text;
use super::splits::{Splits, Text};
use crate::error::DataError;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The part of speech of what is not written.
const EMPTY: &str = "-NONE-";
/// The parts of speech of punctuation. `$`, `#` and the rest stay words, as they do in Mikolov's corpus.
const PUNCTUATION: [&str; 7] = [",", ".", ":", "``", "''", "-LRB-", "-RRB-"];
/// Brackets cannot be written as themselves in a tree.
const ESCAPED: [(&str, &str); 6] = [
    ("-LRB-", "("),
    ("-RRB-", ")"),
    ("-LSB-", "["),
    ("-RSB-", "]"),
    ("-LCB-", "{"),
    ("-RCB-", "}"),
];
/// What the subfolders of a treebank without sections may be called.
const FOLDERS: [&[&str]; 3] = [
    &["train"],
    &["valid", "validation", "val", "dev"],
    &["test"],
];

/// Which sections are for training, validation and test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sections {
    /// 00-20, 21-22 and 23-24: language models since Mikolov.
    #[default]
    LanguageModel,
    /// 02-21, 22 and 23: parsers. The others are left out.
    Parsing,
}

impl Sections {
    /// 0, 1 or 2, or none for a section that is left out.
    fn split(self, section: u32) -> Option<usize> {
        let ranges = match self {
            Self::LanguageModel => [0..=20, 21..=22, 23..=24],
            Self::Parsing => [2..=21, 22..=22, 23..=23],
        };
        ranges.iter().position(|range| range.contains(&section))
    }
}

/// What is done to the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Which sections make which split.
    pub sections: Sections,
    /// Upper case becomes lower case.
    pub lower_case: bool,
    /// A word with a digit and no letter becomes `N`.
    pub numbers: bool,
    /// Punctuation stays.
    pub punctuation: bool,
    /// `-LRB-` becomes `(`, `\/` becomes `/`, and so on, as they were printed.
    pub unescape: bool,
    /// How many entries the vocabulary has at most, `<eos>` and `<unk>` included; rarer words become `<unk>`. Without a
    /// limit the vocabulary is all words of the training split, and a new word elsewhere is an error.
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

/// Reads all `.mrg` files under `folder`, in the order of their paths.
///
/// # Errors
/// If there are none, a split has none, a file's split is not known, or a file is not made of trees (with the line).
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
        // Lines are counted in the split as a whole, which is no file.
        Ok(Text::new(&folder.join(format!("({name})")), text))
    };
    Splits {
        train: read(train, "training")?,
        validation: read(validation, "validation")?,
        test: Some(read(test, "test")?),
    }
    .by_words(options.vocabulary)
}

/// Of a sample that is all for training, a tenth each for validation and test. Less than ten files are rather a mistake.
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

/// The files of the three splits.
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

/// Which split a file belongs to, by the folders below `folder` that it is in, or by its name.
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

/// Appends the sentences of a file, one a line.
fn sentences(file: &Path, options: &Options, text: &mut String) -> Result<(), DataError> {
    let trees = Tree::read(&read_text(file)?).map_err(|reason| DataError::file(file, reason))?;
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
    /// What becomes of a word; none if it is left out.
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
