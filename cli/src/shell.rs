//! Commands that are printed for the user to run.

use std::borrow::Cow;
use std::path::Path;

/// `text` as one word of the shell: quoted if it has spaces, quotes or other special characters.
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "_./\\:=@%+,-".contains(c);
    let backslashes = cfg!(windows) || !text.contains('\\');
    if !text.is_empty() && backslashes && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    if cfg!(windows) {
        // A file name on Windows has no quote.
        return Cow::Owned(format!("\"{text}\""));
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

/// `path` as one word of the shell.
pub(crate) fn path(path: &Path) -> String {
    word(&path.to_string_lossy()).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::word;

    #[test]
    fn only_what_the_shell_would_change_is_quoted() {
        for (text, expected) in [
            ("runs/cnn-2", "runs/cnn-2"),
            ("läufe/ä", "läufe/ä"),
            ("my runs/a", "'my runs/a'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("a\\b", r"'a\b'"),
            ("~x", "'~x'"),
            ("", "''"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
