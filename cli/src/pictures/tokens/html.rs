//! A self-contained HTML page: no script, no font, nothing external.

use std::fmt::Write;

use super::{ScoredText, escaped, share, strongest};

/// Colours are translucent layers over the background, so that text stays readable in a light and in
/// a dark scheme.
const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
dl { display: grid; grid-template-columns: max-content auto; gap: .2rem 1rem; }
dt { opacity: .7; }
dd { margin: 0; }
p.text { font-size: 1.15rem; line-height: 2; white-space: pre-wrap; overflow-wrap: anywhere; }
span.t { border-radius: .2rem; padding: .1rem 0; }
figure { margin: 1rem 0; overflow-x: auto; }";

/// Page with the `facts` (names and values), the texts with each score as a background colour (green
/// for the prediction, red against it) and as a `title`, and SVG figures below.
pub(crate) fn page(
    title: &str,
    facts: &[(String, String)],
    texts: &[ScoredText],
    figures: &[String],
) -> String {
    let mut body = format!("<h1>{}</h1>\n<dl>\n", escaped(title));
    for (name, value) in facts {
        let (name, value) = (escaped(name), escaped(value));
        let _ = writeln!(body, "<dt>{name}</dt><dd>{value}</dd>");
    }
    body.push_str("</dl>\n");
    let most = strongest(texts);
    for text in texts {
        let _ = writeln!(body, "<p class=\"text\">{}</p>", spans(text, most));
    }
    for figure in figures {
        let _ = writeln!(body, "<figure>{figure}</figure>");
    }
    format!(
        "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escaped(title)
    )
}

fn spans(text: &ScoredText, most: f32) -> String {
    let mut spans = String::new();
    for (piece, score) in text.pieces() {
        let piece = escaped(piece);
        let Some(score) = score else {
            spans.push_str(&piece);
            continue;
        };
        let colour = background(share(Some(score), most));
        let _ = write!(
            spans,
            "<span class=\"t\" style=\"background:{colour}\" title=\"{piece}: {score:+.4}\">{piece}</span>"
        );
    }
    spans
}

fn background(share: f32) -> String {
    let rgb = if share < 0.0 {
        "220,50,47"
    } else {
        "30,160,70"
    };
    format!("rgba({rgb},{:.3})", share.abs() * 0.7)
}

#[cfg(test)]
mod tests {
    use super::super::tests::scored;
    use super::*;

    #[test]
    fn every_token_has_its_colour_and_score() {
        let text = scored("good <b>bad", &[(0..4, 0, 2.0), (8..11, 1, -1.0)]);
        let facts = [("label".to_string(), "pos & neg".to_string())];
        let page = page("why", &facts, &[text], &["<svg></svg>".into()]);
        for part in [
            "<span class=\"t\" style=\"background:rgba(30,160,70,0.700)\" title=\"good: +2.0000\">good</span>",
            " &lt;b&gt;<span class=\"t\" style=\"background:rgba(220,50,47,0.350)\" title=\"bad: -1.0000\">bad</span>",
            "<dt>label</dt><dd>pos &amp; neg</dd>",
            "<figure><svg></svg></figure>",
            "color-scheme: light dark",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }

    #[test]
    fn a_hostile_text_stays_text() {
        let hostile = "<script>\"'</script>";
        let text = scored(hostile, &[(0..hostile.len(), 0, 1.0)]);
        let facts = [(hostile.to_string(), hostile.to_string())];
        let page = page(hostile, &facts, &[text], &[]);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\"'"), "{page}");
    }
}
