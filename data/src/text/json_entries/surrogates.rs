//! Lone surrogates: halves of a character that Python's `json` writes and reads, and that no text
//! in UTF-8 can have.

/// Replaces the escapes of lone surrogates in JSON by `\ufffd`, the replacement character.
pub(super) fn replace_lone(json: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(backslash) {
        at += found;
        match escaped(json, at) {
            Some(0xd800..=0xdbff) if matches!(escaped(json, at + 6), Some(0xdc00..=0xdfff)) => {
                at += 12;
            }
            Some(0xd800..=0xdfff) => {
                if let Some(digits) = json.get_mut(at + 2..at + 6) {
                    digits.copy_from_slice(b"fffd");
                }
                at += 6;
            }
            // Another escape, as of a backslash.
            _ => at += 2,
        }
    }
}

fn backslash(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\\')
}

/// The code unit of an escape `\uXXXX` at this place.
fn escaped(json: &[u8], at: usize) -> Option<u32> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let value = |value: u32, digit: &u8| Some(value * 16 + char::from(*digit).to_digit(16)?);
    digits.iter().try_fold(0, value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_surrogates_are_replaced() {
        for (json, text) in [
            (r#""\ud800""#, "\u{fffd}"),
            (r#""a\uDC00b""#, "a\u{fffd}b"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\ud83d\ud83d\ude00\ud83d""#, "\u{fffd}😀\u{fffd}"),
            (r#""\\ud800 \u00e9""#, "\\ud800 é"),
            (r#""\ud800\n""#, "\u{fffd}\n"),
        ] {
            let mut bytes = json.as_bytes().to_vec();
            replace_lone(&mut bytes);
            let found: String = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(found, text, "{json}");
        }
        let mut cut = br#""\ud8"#.to_vec();
        replace_lone(&mut cut);
        assert_eq!(cut, br#""\ud8"#);
    }
}
