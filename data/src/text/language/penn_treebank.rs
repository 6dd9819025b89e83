//! The Penn Treebank as used for language modelling (Mikolov et al., "Empirical Evaluation and
//! Combination of Advanced Language Modeling Techniques", 2011), and other corpora in the same
//! layout: three files, words separated by spaces, one sentence per line.
//!
//! The published files have 42,068, 3,370 and 3,761 lines; with `<eos>` at the end of each, that is
//! 929,589, 73,760 and 82,430 tokens of 10,000 words. `<unk>` and `N` (a number) are ordinary
//! words.

use super::Corpus;
use super::text_splits::{SplitText, TextSplits};
use crate::error::DataError;
use crate::text::chunks::read_text;
use std::path::Path;

/// File names of training, validation and test as published: the Penn Treebank, generic, WikiText.
const LAYOUTS: [[&str; 3]; 3] = [
    ["ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"],
    ["train.txt", "valid.txt", "test.txt"],
    ["wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"],
];

/// Reads `ptb.{train,valid,test}.txt`, `{train,valid,test}.txt` or `wiki.{train,valid,test}.tokens`
/// from `folder`. The vocabulary is that of the training file, and each line ends with `<eos>`.
///
/// # Errors
/// If a file is missing, empty or not UTF-8, or if the validation or test file has a word that the
/// training file lacks and `<unk>` is not a word of the training file (with file, line and column).
pub fn open(folder: &Path) -> Result<Corpus, DataError> {
    let layout = LAYOUTS
        .iter()
        .find(|[train, ..]| folder.join(train).is_file())
        .ok_or_else(|| DataError::file(folder, not_here()))?;
    let read = |name: &str| {
        let path = folder.join(name);
        if !path.is_file() {
            let reason = format!("no such file; it belongs to {}", layout[0]);
            return Err(DataError::file(&path, reason));
        }
        Ok(SplitText::new(&path, read_text(&path)?))
    };
    let [train, validation, test] = layout;
    TextSplits {
        train: read(train)?,
        validation: read(validation)?,
        test: Some(read(test)?),
    }
    .by_words(None)
}

fn not_here() -> String {
    let layouts: Vec<String> = LAYOUTS.iter().map(|names| names.join(", ")).collect();
    format!(
        "has no word-level corpus: expected {}",
        layouts.join(" or ")
    )
}
