//! Entities from the tags of words.

use std::ops::Range;

use super::{TaggedWord, TextEntity};
use crate::kinds::encoder::score;

/// Tag of a word outside every entity.
const OUTSIDE: &str = "O";

/// Entities as an evaluation counts them; none if the `labels` are not those of entities.
pub(super) fn counted(text: &str, words: &[TaggedWord], labels: &[String]) -> Vec<TextEntity> {
    if !labels.iter().any(|label| begins_or_continues(label)) {
        return Vec::new();
    }
    let tags: Vec<&str> = words.iter().map(|word| word.tag.as_str()).collect();
    let entity =
        |entity: score::Entity| written(text, words, entity.kind, entity.start..entity.end);
    score::entities(&tags)
        .into_iter()
        .filter_map(entity)
        .collect()
}

/// True for the tags of the schemes IOB1, IOB2 and IOBES.
fn begins_or_continues(label: &str) -> bool {
    let parts = label.split_once('-');
    parts.is_some_and(|(letter, kind)| {
        "BIES".contains(letter) && letter.len() == 1 && !kind.is_empty()
    })
}

/// Entities as `group_entities` of transformers' `TokenClassificationPipeline` makes them: words in
/// a row of the same type, of which only the first may begin with `B-`. Any tag but `O` is a type,
/// as `NOUN`.
pub(super) fn grouped(text: &str, words: &[TaggedWord]) -> Vec<TextEntity> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut last = None;
    for (place, word) in words.iter().enumerate() {
        let (begins, kind) = parts(&word.tag);
        match groups.last_mut() {
            Some(group) if !begins && last == Some(kind) => group.end = place + 1,
            _ => groups.push(place..place + 1),
        }
        last = Some(kind);
    }
    let entity = |group: Range<usize>| {
        let tag = words.get(group.start)?.tag.as_str();
        let kind = tag.split_once('-').map_or(tag, |(_, kind)| kind);
        (kind != OUTSIDE).then(|| written(text, words, kind.to_string(), group))?
    };
    groups.into_iter().filter_map(entity).collect()
}

/// Splits a tag as the pipeline's `get_tag`: a tag without `B-` or `I-` continues its like.
fn parts(tag: &str) -> (bool, &str) {
    match (tag.strip_prefix("B-"), tag.strip_prefix("I-")) {
        (Some(kind), _) => (true, kind),
        (_, Some(kind)) => (false, kind),
        _ => (false, tag),
    }
}

/// The entity that some of the words form.
fn written(
    text: &str,
    words: &[TaggedWord],
    kind: String,
    group: Range<usize>,
) -> Option<TextEntity> {
    let group = words.get(group)?;
    let bytes = group.first()?.bytes.start..group.last()?.bytes.end;
    Some(TextEntity {
        kind,
        text: text.get(bytes.clone())?.to_string(),
        bytes,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        tags: Vec<String>,
        /// Type, first word, and the word after the last.
        entities: Vec<(String, usize, usize)>,
    }

    fn tagged(tags: &[&str]) -> (String, Vec<TaggedWord>) {
        let word = |(place, tag): (usize, &&str)| TaggedWord {
            word: "x".into(),
            tag: (*tag).into(),
            probability: 1.0,
            bytes: 2 * place..2 * place + 1,
        };
        let words = tags.iter().enumerate().map(word).collect();
        ("x ".repeat(tags.len()), words)
    }

    /// `golden/make_tags.py`.
    #[test]
    fn groups_are_those_of_transformers_pipeline() {
        let cases = include_str!("../../../../tests/fixtures/tags.json");
        let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
        assert!(cases.len() > 50);
        for case in cases {
            let tags: Vec<&str> = case.tags.iter().map(String::as_str).collect();
            let (text, words) = tagged(&tags);
            let found: Vec<_> = grouped(&text, &words)
                .into_iter()
                .map(|entity| {
                    (
                        entity.kind,
                        entity.bytes.start / 2,
                        entity.bytes.end / 2 + 1,
                    )
                })
                .collect();
            assert_eq!(found, case.entities, "{tags:?}");
        }
    }

    #[test]
    fn parts_of_speech_are_not_entities_of_a_run() {
        let (text, words) = tagged(&["NOUN", "VERB"]);
        let labels = ["NOUN", "VERB", "B-"].map(str::to_owned);
        assert!(counted(&text, &words, &labels).is_empty());
        let (text, words) = tagged(&["S-PER", "O"]);
        let labels = ["O", "S-PER"].map(str::to_owned);
        assert_eq!(counted(&text, &words, &labels)[0].kind, "PER");
    }
}
