//! Entries of a file, in all the forms that other programs write and read.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// SQuAD's article, or a single question with its context.
#[derive(Deserialize)]
pub(super) struct RawEntry {
    pub(super) title: Option<Text>,
    pub(super) paragraphs: Option<Vec<RawParagraph>>,
    pub(super) context: Option<String>,
    pub(super) id: Option<Text>,
    pub(super) question: Option<String>,
    #[serde(default)]
    pub(super) answers: RawAnswers,
    #[serde(default)]
    pub(super) is_impossible: Flag,
}

#[derive(Deserialize)]
pub(super) struct RawParagraph {
    pub(super) context: String,
    pub(super) qas: Vec<RawQuestion>,
}

#[derive(Deserialize)]
pub(super) struct RawQuestion {
    pub(super) id: Option<Text>,
    pub(super) question: String,
    #[serde(default)]
    pub(super) answers: RawAnswers,
    #[serde(default)]
    pub(super) is_impossible: Flag,
}

pub(super) struct RawAnswer {
    pub(super) text: String,
    /// Offset in Unicode code points; `None` for `null`. Signed, because some converted data sets
    /// use -1 for "not found".
    pub(super) start: Option<i64>,
}

/// A string, or a number, as the ids of COVID-QA are.
#[derive(Default)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            other => Err(invalid("an id or title", &other, "a string or a number")),
        }
    }
}

/// `true`, `false`, `1`, `0` or `null`.
#[derive(Default)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Null => Ok(Self(false)),
            Value::Bool(flag) => Ok(Self(flag)),
            Value::Number(number) if number.as_u64().is_some_and(|n| n < 2) => {
                Ok(Self(number.as_u64() == Some(1)))
            }
            other => Err(invalid("\"is_impossible\"", &other, "true or false")),
        }
    }
}

/// SQuAD's list of answers, `{"text": [...], "answer_start": [...]}` as `datasets` has them, or
/// `null`.
#[derive(Default)]
pub(super) struct RawAnswers(pub(super) Vec<RawAnswer>);

impl<'de> Deserialize<'de> for RawAnswers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let answers = match Value::deserialize(from)? {
            Value::Null => Vec::new(),
            Value::Array(answers) => {
                let answers = answers.into_iter().map(|mut answer| {
                    let text = answer.get_mut("text").map(Value::take);
                    let start = answer.get_mut("answer_start").map(Value::take);
                    one(text, start)
                });
                answers.collect::<Result<_, _>>()?
            }
            Value::Object(mut columns) => {
                let text = columns.remove("text").map(list);
                let start = columns.remove("answer_start").map(list);
                let (Some(text), Some(start)) = (text, start) else {
                    return Err(de::Error::custom(
                        "\"answers\" lacks \"text\" or \"answer_start\"",
                    ));
                };
                if text.len() != start.len() {
                    return Err(de::Error::custom(format!(
                        "\"answers\" has {} \"text\" and {} \"answer_start\"",
                        text.len(),
                        start.len()
                    )));
                }
                let answers = text.into_iter().zip(start);
                let answers = answers.map(|(text, start)| one(Some(text), Some(start)));
                answers.collect::<Result<_, _>>()?
            }
            other => return Err(invalid("\"answers\"", &other, "a list")),
        };
        Ok(Self(answers))
    }
}

/// A column of one value, or of a list of them.
fn list(column: Value) -> Vec<Value> {
    match column {
        Value::Array(values) => values,
        Value::Null => Vec::new(),
        value => vec![value],
    }
}

fn one<E: de::Error>(text: Option<Value>, start: Option<Value>) -> Result<RawAnswer, E> {
    let text = match text {
        Some(Value::String(text)) => text,
        None => return Err(E::custom("an answer has no \"text\"")),
        Some(other) => return Err(invalid("\"text\" of an answer", &other, "a string")),
    };
    let start = match start {
        Some(Value::Null) => None,
        Some(Value::Number(number)) => {
            let whole = |number: f64| (number.fract() == 0.0).then_some(number as i64);
            let start = number.as_i64().or_else(|| whole(number.as_f64()?));
            Some(start.ok_or_else(|| {
                let number = Value::Number(number);
                invalid("\"answer_start\"", &number, "a whole number")
            })?)
        }
        None => return Err(E::custom("an answer has no \"answer_start\"")),
        Some(other) => return Err(invalid("\"answer_start\"", &other, "a number")),
    };
    Ok(RawAnswer { text, start })
}

fn invalid<E: de::Error>(what: &str, found: &Value, expected: &str) -> E {
    let found = match found {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    };
    E::custom(format!("{what} is {found}, not {expected}"))
}
