//! The Markdown file with the latest results. Only the text between a section's marks is replaced;
//! the rest is written by hand.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, ensure};

/// Replaces the text between the marks of `section` in the file at `path`; appends the section if
/// there is none.
pub(super) fn replace_section(path: &Path, section: &str, text: &str) -> anyhow::Result<()> {
    let name = path.display();
    let old = match fs::read_to_string(path) {
        Ok(old) => old,
        Err(error) if error.kind() == ErrorKind::NotFound => "# Results of `just bench`\n".into(),
        Err(error) => return Err(error).context(name.to_string()),
    };
    let new = replaced(&old, section, text).with_context(|| name.to_string())?;
    fs::write(path, new).with_context(|| name.to_string())
}

fn replaced(old: &str, section: &str, text: &str) -> anyhow::Result<String> {
    let marks = ["begin", "end"].map(|what| format!("<!-- {what}: {section} -->"));
    let [begin, end] = &marks;
    let body = format!("{begin}\n{}\n{end}", text.trim());
    let Some((before, rest)) = old.split_once(begin.as_str()) else {
        return Ok(format!("{}\n\n{body}\n", old.trim_end()));
    };
    let after = rest.split_once(end.as_str()).map(|(_, after)| after);
    ensure!(
        after.is_some(),
        "there is `{begin}` and no `{end}` after it"
    );
    Ok(format!("{before}{body}{}", after.unwrap_or_default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_section_changes() {
        let old = "# Ours\n<!-- begin: a -->\nold\n<!-- end: a -->\nand so on\n";
        let new = replaced(old, "a", "new\n").unwrap();
        assert_eq!(
            new,
            "# Ours\n<!-- begin: a -->\nnew\n<!-- end: a -->\nand so on\n"
        );
        let more = replaced(&new, "b", "other").unwrap();
        assert_eq!(
            more,
            format!("{new}\n<!-- begin: b -->\nother\n<!-- end: b -->\n")
        );
        assert_eq!(replaced(&more, "b", "other").unwrap(), more);
    }

    #[test]
    fn a_section_without_an_end_is_left_alone() {
        let error = replaced("<!-- begin: a -->\ntext", "a", "new").unwrap_err();
        assert!(error.to_string().contains("end: a"));
    }
}
