//! The devkit's class numbers (ILSVRC2012_ID), which follow no computable order.

use super::is_wnid;
use super::matlab::{self, Value};
use super::paths::{Found, Paths};
use crate::error::DataError;
use std::collections::HashMap;

/// A class in the devkit.
pub(super) struct Synset {
    pub(super) number: usize,
    pub(super) wnid: String,
    pub(super) words: String,
}

/// WordNet id of each of the devkit's numbers, from the first file that defines them, if any.
pub(super) fn numbering(paths: &Paths) -> Result<Option<HashMap<usize, String>>, DataError> {
    let synsets = if let Some(synsets) = meta(paths)? {
        synsets
    } else if let Some(list) = paths.find_in_devkit("map_clsloc.txt")? {
        numbered(&list)?
    } else if let Some(list) = paths.find_in_devkit("synsets.txt")? {
        in_order(&list)?
    } else {
        return Ok(None);
    };
    let pairs = synsets
        .into_iter()
        .map(|synset| (synset.number, synset.wnid));
    Ok(Some(pairs.collect()))
}

/// The classes in the devkit's `meta.mat`, without the synsets above them.
pub(super) fn meta(paths: &Paths) -> Result<Option<Vec<Synset>>, DataError> {
    let Some(file) = paths.find_in_devkit("meta.mat")? else {
        return Ok(None);
    };
    let structs = matlab::structs(&file.bytes, "synsets").map_err(|reason| file.error(reason))?;
    let mut synsets = Vec::new();
    for fields in structs {
        let number = |name: &str| match fields.get(name) {
            Some(Value::Number(number)) => Some(*number as usize),
            _ => None,
        };
        let text = |name: &str| match fields.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        if number("num_children").unwrap_or(0) > 0 {
            continue;
        }
        let synset = number("ILSVRC2012_ID").zip(text("WNID")).zip(text("words"));
        let Some(((number, wnid), words)) = synset else {
            return Err(file.error("has a synset without ILSVRC2012_ID, WNID or words"));
        };
        synsets.push(Synset {
            number,
            wnid,
            words,
        });
    }
    Ok(Some(synsets))
}

/// Reads lines like `n02119789 1 kit_fox`.
fn numbered(list: &Found) -> Result<Vec<Synset>, DataError> {
    let mut synsets = Vec::new();
    for (line, text) in list.lines()? {
        let mut words = text.split_whitespace();
        let wnid = words.next().filter(|wnid| is_wnid(wnid));
        let number = words.next().and_then(|number| number.parse().ok());
        let (Some(wnid), Some(number)) = (wnid, number) else {
            let reason = format!("expected `n02119789 1 kit_fox`, got `{text}`");
            return Err(list.line_error(line, reason));
        };
        synsets.push(Synset {
            number,
            wnid: wnid.to_owned(),
            words: words.collect::<Vec<_>>().join(" ").replace('_', " "),
        });
    }
    Ok(synsets)
}

/// Reads one WordNet id per line, numbered from 1. Caffe's file of the same name is in another
/// order.
fn in_order(list: &Found) -> Result<Vec<Synset>, DataError> {
    let lines: Vec<&str> = list.lines()?.map(|(_, text)| text).collect();
    if lines.iter().any(|text| text.contains(char::is_whitespace)) {
        return numbered(list);
    }
    if lines.len() > 1 && lines.is_sorted() {
        return Err(list.error(
            "is in alphabetical order, which is not the order of ILSVRC2012_validation_ground_truth.txt's numbers; put \
             the devkit's meta.mat (or map_clsloc.txt) beside that file",
        ));
    }
    let synset = |(wnid, number): (&str, usize)| Synset {
        number,
        wnid: wnid.to_owned(),
        words: String::new(),
    };
    Ok(lines.into_iter().zip(1..).map(synset).collect())
}
