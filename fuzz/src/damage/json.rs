//! Damage to JSON that leaves it JSON, mostly.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{bytes, text};

/// Length of a long text.
const LONG: usize = 200_000;
/// Depths of nesting.
const DEPTHS: [usize; 3] = [3, 127, 100_000];

pub(super) fn change(json: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    if rng.random_range(0..5) < 2 {
        return text::change_number(json, rng);
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&json) else {
        return bytes::change(json, rng);
    };
    match rng.random_range(0..10) {
        0 => repeat_key(json, rng),
        1 => nest(json, rng),
        _ => {
            change_value(&mut value, rng);
            value.to_string().into_bytes()
        }
    }
}

/// Changes one of the lines.
pub(super) fn change_line(lines: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = lines
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let at = rng.random_range(0..lines.len());
    let line = std::mem::take(&mut lines[at]);
    lines[at] = change(line, rng);
    lines.join(&b'\n')
}

/// Changes one value somewhere below `value`.
fn change_value(value: &mut Value, rng: &mut ChaCha8Rng) {
    // Levels are as probable as values: a vocabulary does not hide the settings beside it.
    let mut place = value;
    loop {
        let below: Vec<usize> = match place {
            Value::Array(items) => (0..items.len()).collect(),
            Value::Object(fields) => (0..fields.len()).collect(),
            _ => Vec::new(),
        };
        if below.is_empty() || rng.random_bool(0.25) {
            break;
        }
        let index = below[rng.random_range(0..below.len())];
        let next = match place {
            Value::Array(items) => items.get_mut(index),
            Value::Object(fields) => fields.values_mut().nth(index),
            _ => None,
        };
        match next {
            Some(next) => place = next,
            None => return,
        }
    }
    replace(place, rng);
}

fn replace(place: &mut Value, rng: &mut ChaCha8Rng) {
    let index = |length: usize, rng: &mut ChaCha8Rng| rng.random_range(0..length.max(1));
    match (rng.random_range(0..4), &mut *place) {
        (0, Value::Object(fields)) if !fields.is_empty() => {
            let at = index(fields.len(), rng);
            if let Some(key) = fields.keys().nth(at).cloned() {
                fields.remove(&key);
            }
        }
        (1, Value::Object(fields)) => {
            let many = [1, 2, 3000][rng.random_range(0..3)];
            for number in 0..many {
                fields.insert(format!("unknown{number}"), other(rng));
            }
        }
        (0, Value::Array(items)) if !items.is_empty() => {
            let at = index(items.len(), rng);
            items.remove(at);
        }
        (1, Value::Array(items)) if !items.is_empty() => {
            let item = items[index(items.len(), rng)].clone();
            let count = [1, 2, 1000][rng.random_range(0..3)];
            items.extend(std::iter::repeat_n(item, count));
        }
        (0 | 1, Value::String(text)) => {
            *text = match rng.random_range(0..6) {
                0 => String::new(),
                1 => text.repeat((LONG / text.len().max(1)).clamp(2, 1000)),
                2 => text.to_uppercase(),
                3 => format!("{text}\u{301}"),
                4 => text.chars().rev().collect(),
                _ => "../../x".into(),
            };
        }
        _ => *place = other(rng),
    }
}

fn other(rng: &mut ChaCha8Rng) -> Value {
    let number = text::NUMBERS[rng.random_range(0..text::NUMBERS.len())];
    let values = [
        Value::Null,
        json!(true),
        json!(""),
        json!("a"),
        json!([]),
        json!({}),
        json!([1, 2, 3]),
        json!({"a": 1}),
        serde_json::from_str(number).unwrap_or(Value::Null),
        json!(-1),
    ];
    values[rng.random_range(0..values.len())].clone()
}

/// Writes a key twice.
fn repeat_key(mut json: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let opened: Vec<usize> = (0..json.len()).filter(|at| json[*at] == b'{').collect();
    if opened.is_empty() {
        return json;
    }
    let at = opened[rng.random_range(0..opened.len())] + 1;
    let rest = &json[at..];
    let Some(colon) = rest.iter().position(|byte| *byte == b':') else {
        return json;
    };
    let mut again = rest[..colon].to_vec();
    again.extend(b": 1,");
    json.splice(at..at, again);
    json
}

/// Puts a value into very many lists.
fn nest(mut json: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let depth = DEPTHS[rng.random_range(0..DEPTHS.len())];
    let colons: Vec<usize> = (0..json.len()).filter(|at| json[*at] == b':').collect();
    let at = if colons.is_empty() {
        0
    } else {
        colons[rng.random_range(0..colons.len())] + 1
    };
    let (open, close) = if rng.random_bool(0.5) {
        ("[", "]")
    } else {
        ("{\"a\":", "}")
    };
    let nested = format!("{}1{},\"b\":", open.repeat(depth), close.repeat(depth));
    json.splice(at..at, nested.into_bytes());
    json
}
