//! Words and characters as Hugging Face's `tokenizer.json`, and parsing of any kind.
//!
//! The JSON is assembled by hand because it is hashed: the same vocabulary must give the same bytes
//! whatever features serde_json is built with, and entries are in the order of their ids.

use super::hugging_face::HuggingFace;
use super::llama2c::Llama2c;
use super::vocabulary::{UNKNOWN, Vocabulary};
use super::{Kind, Tokenizer};
use crate::error::DataError;
use serde_json::Value;
use std::path::Path;

/// Turns each newline into a word of its own.
const LINES: &str = r#"{"type":"Replace","pattern":{"String":"\n"},"content":" <eos> "}"#;
const BY_WORD: &str = r#"{"type":"WhitespaceSplit"}"#;
/// The WordPiece decoder joins words by spaces (its continuation prefix is a space, with which no
/// word begins).
const JOIN_WORDS: &str = concat!(
    r#"{"type":"Sequence","decoders":[{"type":"WordPiece","prefix":" ","cleanup":false},{"type":"Fuse"},"#,
    r#"{"type":"Replace","pattern":{"Regex":" ?<eos> ?"},"content":"\n"}]}"#
);
/// Not a dot: the regex engines of Rust and Python differ in how to make it match a newline.
const BY_CHARACTER: &str =
    r#"{"type":"Split","pattern":{"Regex":"[\\s\\S]"},"behavior":"Isolated","invert":false}"#;
const JOIN_CHARACTERS: &str = r#"{"type":"Fuse"}"#;

/// A `tokenizer.json` with which Python's `tokenizers` matches our word tokenizer.
pub(super) fn words(vocabulary: &Vocabulary) -> String {
    let lines = vocabulary.end().map_or("null", |_| LINES);
    write(vocabulary, lines, BY_WORD, JOIN_WORDS)
}

/// A `tokenizer.json` with which Python's `tokenizers` matches our character tokenizer.
pub(super) fn characters(vocabulary: &Vocabulary) -> String {
    write(vocabulary, "null", BY_CHARACTER, JOIN_CHARACTERS)
}

fn write(vocabulary: &Vocabulary, normalizer: &str, splitter: &str, decoder: &str) -> String {
    let entries: Vec<String> = vocabulary
        .tokens()
        .iter()
        .enumerate()
        .map(|(id, token)| format!("{}:{id}", Value::from(token.as_str())))
        .collect();
    format!(
        concat!(
            r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":{},"#,
            r#""pre_tokenizer":{},"post_processor":null,"decoder":{},"#,
            r#""model":{{"type":"WordLevel","vocab":{{{}}},"unk_token":"{}"}}}}"#
        ),
        normalizer,
        splitter,
        decoder,
        entries.join(","),
        UNKNOWN
    )
}

/// Parses a tokenizer of any kind.
pub(super) fn read(text: &str, path: &Path) -> Result<Kind, DataError> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| DataError::file(path, format!("is not JSON: {error}")))?;
    if let Some(kind) = ours(&value) {
        return Ok(kind);
    }
    if value.get("type").and_then(Value::as_str) == Some(Llama2c::TYPE) {
        return Ok(Kind::Llama2c(Llama2c::from_json(&value, path)?));
    }
    if value.get("model").is_none() {
        let reason = "is not a tokenizer: a tokenizer.json has the key \"model\"; a vocab.json needs its merges.txt beside it";
        return Err(DataError::file(path, reason));
    }
    Ok(Kind::HuggingFace(Box::new(HuggingFace::read(
        &value, path,
    )?)))
}

/// Recognises words and characters: serialised again, they give the same JSON.
pub(super) fn ours(value: &Value) -> Option<Kind> {
    if value.pointer("/model/type")?.as_str()? != "WordLevel" {
        return None;
    }
    let vocab = value.pointer("/model/vocab")?.as_object()?;
    let mut tokens = vec![None; vocab.len()];
    for (token, id) in vocab {
        let id = usize::try_from(id.as_u64()?).ok()?;
        *tokens.get_mut(id)? = Some(token.clone());
    }
    let tokens: Vec<String> = tokens.into_iter().collect::<Option<_>>()?;
    let same = |text: String| serde_json::from_str::<Value>(&text).is_ok_and(|json| json == *value);
    let vocabulary = Vocabulary::new(tokens.clone()).ok()?;
    let tokenizer = if same(words(&vocabulary)) {
        Tokenizer::from_words(tokens)
    } else if same(characters(&vocabulary)) {
        Tokenizer::from_characters(tokens)
    } else {
        return None;
    };
    std::sync::Arc::into_inner(tokenizer.ok()?.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn words_and_characters_round_trip() {
        let path = Path::new("tokenizer.json");
        let words = Tokenizer::words(&["a \"b\\ é\n"], Some(5)).unwrap();
        assert!(words.to_json().contains("<eos>"));
        let again = Tokenizer::from_json(&words.to_json(), path).unwrap();
        assert!(matches!(&*again.0, Kind::Words(_)));
        assert_eq!(again.to_json(), words.to_json());
        assert_eq!(again.hash(), words.hash());

        let characters = Tokenizer::characters(&["a\u{0}\u{7f}\"\\\n "]).unwrap();
        let again = Tokenizer::from_json(&characters.to_json(), path).unwrap();
        assert!(matches!(&*again.0, Kind::Characters(_)));
        assert_eq!(again.to_json(), characters.to_json());
        assert_ne!(again.hash(), words.hash());
    }

    #[test]
    fn a_changed_setting_makes_it_a_hugging_face_tokenizer() {
        let json = Tokenizer::words(&["a b"], None).unwrap().to_json();
        let json = json.replace("WhitespaceSplit", "Whitespace");
        let tokenizer = Tokenizer::from_json(&json, Path::new("t.json")).unwrap();
        assert!(matches!(&*tokenizer.0, Kind::HuggingFace(_)));
    }
}
