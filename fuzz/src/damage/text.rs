//! Damage to text and to recipes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::bytes;

/// Values in place of a number, also as JSON and TOML.
pub(super) const NUMBERS: [&str; 31] = [
    "0",
    "-1",
    "1",
    "2",
    "3",
    "7",
    "255",
    "65536",
    "1000003",
    "16777216",
    "16777217",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "1099511627776",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0.5",
    "-0.0",
    "1e308",
    "1e-320",
    "1e400",
    "1.5",
    "\"4\"",
    "true",
    "[]",
    "{}",
];
/// Pieces of text that readers trip over.
const PIECES: [&str; 22] = [
    "\u{feff}",
    "\0",
    "\t",
    "\"",
    "\"\"\"",
    ",",
    ";",
    "(",
    ")",
    "((((((((",
    "\r",
    "\r\n\r\n",
    "\u{2028}",
    "e\u{301}",
    "\u{1f469}\u{200d}\u{1f52c}",
    "\\ud800",
    "\u{130}",
    "#",
    " = ",
    "[CLS]",
    "<|endoftext|>",
    "-DOCSTART- O",
];
/// Length of the longest word and line.
const LONG: usize = 200_000;

/// Ranges of the numbers in a text.
fn numbers(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        while at < text.len()
            && (text[at].is_ascii_digit() || (at > start && matches!(text[at], b'.' | b'e' | b'-')))
        {
            at += 1;
        }
        if at > start {
            let has_sign = start > 0 && text[start - 1] == b'-';
            found.push(start - usize::from(has_sign)..at);
        } else {
            at += 1;
        }
    }
    found
}

/// Replaces a number, or multiplies it.
pub(super) fn change_number(text: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    replace_number(text, &NUMBERS, 1000, rng)
}

fn replace_number(
    mut text: Vec<u8>,
    choices: &[&str],
    factor: i64,
    rng: &mut ChaCha8Rng,
) -> Vec<u8> {
    let found = numbers(&text);
    if found.is_empty() {
        return bytes::change(text, rng);
    }
    let range = found[rng.random_range(0..found.len())].clone();
    let old = std::str::from_utf8(&text[range.clone()]).ok();
    let old: Option<i64> = old.and_then(|old| old.parse().ok());
    let new = match (rng.random_range(0..4), old) {
        (0, Some(old)) => old
            .wrapping_mul([2, 3, 10, factor, -1][rng.random_range(0..5)])
            .to_string(),
        (1, Some(old)) => old
            .wrapping_add([1, -1][rng.random_range(0..2)])
            .to_string(),
        _ => choices[rng.random_range(0..choices.len())].to_string(),
    };
    text.splice(range, new.into_bytes());
    text
}

pub(super) fn change(text: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    match rng.random_range(0..10) {
        0..=2 => change_number(text, rng),
        3..=5 => insert(
            text,
            PIECES[rng.random_range(0..PIECES.len())].as_bytes(),
            rng,
        ),
        6 => {
            // A text without spaces.
            let letter = ["a", "x1", "\u{4f60}"][rng.random_range(0..3)];
            let long = letter.repeat(rng.random_range(1..LONG) / letter.len());
            insert(text, long.as_bytes(), rng)
        }
        _ => change_lines(&text, rng),
    }
}

fn insert(mut text: Vec<u8>, piece: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let at = rng.random_range(0..=text.len());
    text.splice(at..at, piece.iter().copied());
    text
}

/// Removes, repeats, swaps, empties or cuts lines.
fn change_lines(text: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let at = rng.random_range(0..lines.len());
    match rng.random_range(0..6) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let other = rng.random_range(0..lines.len());
            lines.swap(at, other);
        }
        3 => lines[at].clear(),
        4 => {
            let end = rng.random_range(0..=lines[at].len());
            lines[at].truncate(end);
        }
        _ => {
            let most = (LONG / lines[at].len().max(1)).clamp(2, 2000);
            let again = vec![lines[at].clone(); rng.random_range(1..most)];
            lines.splice(at..at, again);
        }
    }
    lines.join(&b'\n')
}

/// Values of other types in a recipe.
const TOML_VALUES: [&str; 12] = [
    "\"\"",
    "\"../../etc\"",
    "[]",
    "{}",
    "nan",
    "inf",
    "false",
    "1979-05-27",
    "[[1]]",
    "[1, 2, 3, 4, 5, 6, 7]",
    "\"adam\"",
    "0x7fffffffffffffff",
];

pub(super) fn change_toml(text: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    match rng.random_range(0..10) {
        // A number that is neither small nor absurd may be wanted, and takes time and memory.
        0..=5 => {
            let is_damage = |number: &&str| {
                let number: Result<f64, _> = number.parse();
                number.map_or(true, |n| n.abs() < 1000.0 || n.abs() > 1e9)
            };
            let choices: Vec<&str> = NUMBERS.into_iter().filter(is_damage).collect();
            replace_number(text, &choices, 20, rng)
        }
        6 => change_lines(&text, rng),
        _ => {
            let mut lines: Vec<String> = String::from_utf8_lossy(&text)
                .lines()
                .map(str::to_string)
                .collect();
            if lines.is_empty() {
                return text;
            }
            let at = rng.random_range(0..lines.len());
            let key = lines[at]
                .split_once('=')
                .map(|(key, _)| key.trim().to_string());
            let value = if rng.random_bool(0.5) {
                TOML_VALUES[rng.random_range(0..TOML_VALUES.len())]
            } else {
                "-1"
            };
            match (key, rng.random_range(0..4)) {
                (Some(key), 0..=2) => lines[at] = format!("{key} = {value}"),
                _ => {
                    // Unknown keys, few or very many.
                    let count = [1, 2, 3000][rng.random_range(0..3)];
                    let unknown = (0..count).map(|number| format!("unknown{number} = {value}"));
                    lines.splice(at..at, unknown);
                }
            }
            lines.join("\n").into_bytes()
        }
    }
}
