//! Search for the shards of a split without a `shards.json`.

use crate::Split;
use crate::error::DataError;
use crate::image::folder::listing::is_dangling;
use std::path::Path;
use walkdir::{DirEntry, WalkDir};

/// Words for the validation split; the first that is found is used.
const VALIDATION: [&str; 4] = ["val", "valid", "validation", "test"];

/// Finds the shards of `split` under `root`: sorted relative paths with `/` between folders.
pub(super) fn shards(root: &Path, split: Split) -> Result<Vec<String>, DataError> {
    let all = tar_files(root)?;
    // The first word that is found: with shards called `val` and `test`, the former are for
    // validation.
    let words: &[&str] = match split {
        Split::Train => &["train"],
        Split::Validation => &VALIDATION,
        Split::Test => &["test"],
    };
    let of_word = |word: &&str| -> Vec<String> {
        all.iter()
            .filter(|path| has_word(path, word))
            .cloned()
            .collect()
    };
    let found = words.iter().map(of_word).find(|found| !found.is_empty());
    found.ok_or_else(|| {
        let reason = format!(
            "has no shards for {}: neither a shards.json, nor a .tar file with the word {} in its name or its \
             folder's name ({} .tar files there)",
            match split {
                Split::Train => "training",
                Split::Validation => "validation",
                Split::Test => "testing",
            },
            words.join(" or "),
            all.len()
        );
        DataError::file(root, reason)
    })
}

/// True if there are shards of validation images, not counting `test`.
pub(super) fn has_validation(root: &Path) -> bool {
    let words = VALIDATION.iter().filter(|word| **word != "test");
    let all = tar_files(root).unwrap_or_default();
    words
        .into_iter()
        .any(|word| all.iter().any(|path| has_word(path, word)))
}

fn tar_files(root: &Path) -> Result<Vec<String>, DataError> {
    let hidden = |entry: &DirEntry| {
        entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".")
    };
    let tree = WalkDir::new(root)
        .max_depth(2)
        .follow_links(true)
        .sort_by_file_name();
    let mut files = Vec::new();
    for entry in tree.into_iter().filter_entry(|entry| !hidden(entry)) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(root);
                // A shard that is a link to nowhere is missed, other such links are not.
                let is_of_interest = is_tar(path) || !is_dangling(path);
                if error.loop_ancestor().is_some() || !is_of_interest {
                    continue;
                }
                let reason = format!("cannot be listed: {error}");
                return Err(DataError::file(path, reason));
            }
        };
        let path = entry.path();
        if !entry.file_type().is_file() || !is_tar(path) {
            continue;
        }
        let parts: Option<Vec<&str>> = path
            .strip_prefix(root)
            .unwrap_or(path)
            .iter()
            .map(|part| part.to_str())
            .collect();
        let parts =
            parts.ok_or_else(|| DataError::file(path, "its name is not valid UTF-8; rename it"))?;
        files.push(parts.join("/"));
    }
    Ok(files)
}

fn is_tar(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("tar"))
}

/// True if `path` has `word` as a whole word: "imagenet-train-01.tar", not "constrained.tar".
fn has_word(path: &str, word: &str) -> bool {
    path.split(|c: char| !c.is_alphanumeric())
        .any(|part| part.eq_ignore_ascii_case(word))
}
