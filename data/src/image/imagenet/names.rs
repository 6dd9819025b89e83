//! Names of ImageNet's classes.

use super::paths::{Found, Paths};
use super::{is_wnid, synsets};
use crate::error::DataError;
use std::collections::{BTreeMap, HashMap};

/// Kaggle's and Caffe's lists, with lines like `n01440764 tench, Tinca tinca`.
const LISTS: [&str; 2] = ["LOC_synset_mapping.txt", "synset_words.txt"];
/// Keras's list: `{"0": ["n01440764", "tench"], ...}`.
const KERAS: &str = "imagenet_class_index.json";
/// Tiny-ImageNet's list: lines of the same form, for all of WordNet.
const TINY: &str = "words.txt";

/// Words for each WordNet id of ImageNet, from the first list that exists; empty without one.
pub(super) fn words(paths: &Paths) -> Result<HashMap<String, String>, DataError> {
    for name in LISTS {
        if let Some(list) = paths.find(name)? {
            return listed(&list);
        }
    }
    if let Some(list) = paths.find(KERAS)? {
        return keras(&list);
    }
    let synsets = synsets::meta(paths)?.unwrap_or_default();
    let synsets = synsets.into_iter();
    Ok(synsets.map(|synset| (synset.wnid, synset.words)).collect())
}

/// Words for each WordNet id, from Tiny-ImageNet's list.
pub(super) fn tiny_words(paths: &Paths) -> Result<HashMap<String, String>, DataError> {
    match paths.find(TINY)? {
        Some(list) => listed(&list),
        None => words(paths),
    }
}

fn listed(list: &Found) -> Result<HashMap<String, String>, DataError> {
    let mut words = HashMap::new();
    for (line, text) in list.lines()? {
        match text.split_once(char::is_whitespace) {
            Some((wnid, rest)) if is_wnid(wnid) => {
                words.insert(wnid.to_owned(), rest.trim().to_owned());
            }
            _ => {
                let reason = format!("expected `n01440764 tench, Tinca tinca`, got `{text}`");
                return Err(list.line_error(line, reason));
            }
        }
    }
    Ok(words)
}

fn keras(list: &Found) -> Result<HashMap<String, String>, DataError> {
    let classes: BTreeMap<String, (String, String)> =
        serde_json::from_str(list.text()?).map_err(|error| {
            list.error(format!(
                "expected {{\"0\": [\"n01440764\", \"tench\"], ...}}: {error}"
            ))
        })?;
    let classes = classes.into_values();
    Ok(classes
        .map(|(wnid, name)| (wnid, name.replace('_', " ")))
        .collect())
}

/// A short unique name for each class: its first word; if classes share that (`maillot`), all its
/// words; if they share these too (`crane`), followed by the WordNet id. A class without words is
/// named by its id.
pub(super) fn readable(wnids: &[String], words: &HashMap<String, String>) -> Vec<String> {
    let all: Vec<&str> = wnids
        .iter()
        .map(|wnid| words.get(wnid).unwrap_or(wnid).trim())
        .collect();
    let first = |(words, wnid): (&&'_ str, &'_ String)| {
        let mut words = words.split(',').map(str::trim);
        words
            .find(|word| !word.is_empty())
            .unwrap_or(wnid)
            .to_owned()
    };
    let first: Vec<String> = all.iter().zip(wnids).map(first).collect();
    let shared_first = shared(first.iter().map(String::as_str));
    let shared_all = shared(all.iter().copied());
    let name = |class: usize| match (shared_first[first[class].as_str()], shared_all[all[class]]) {
        (false, _) => first[class].clone(),
        (true, false) => all[class].to_owned(),
        (true, true) => format!("{} ({})", first[class], wnids[class]),
    };
    (0..wnids.len()).map(name).collect()
}

/// For each name, true if it occurs more than once.
fn shared<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<&'a str, bool> {
    let mut seen = HashMap::new();
    for name in names {
        seen.entry(name)
            .and_modify(|shared| *shared = true)
            .or_insert(false);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn shared_names_are_disambiguated() {
        let words = [
            ("n01440764", "tench, Tinca tinca"),
            ("n02012849", "crane"),
            ("n03126707", "crane"),
            ("n03710637", "maillot"),
            ("n03710721", "maillot, tank suit"),
        ];
        let words = words.map(|(wnid, words)| (wnid.to_owned(), words.to_owned()));
        let wnids: Vec<String> = words
            .iter()
            .map(|(wnid, _)| wnid.clone())
            .chain(["n99999999".into()])
            .collect();
        assert_eq!(
            readable(&wnids, &words.into()),
            [
                "tench",
                "crane (n02012849)",
                "crane (n03126707)",
                "maillot",
                "maillot, tank suit",
                "n99999999",
            ]
        );
    }

    proptest! {
        #[test]
        fn names_are_unique(words in proptest::collection::vec("[ab]{0,1}(, ?[ab]{0,1})?", 1..12)) {
            let wnids: Vec<String> = (0..words.len()).map(|i| format!("n{i:08}")).collect();
            let words = wnids.iter().cloned().zip(words).collect();
            let names = readable(&wnids, &words);
            prop_assert_eq!(names.iter().collect::<HashSet<_>>().len(), wnids.len());
        }
    }
}
