//! Output of an explained text: on the terminal, as JSON, as a page or a picture.

use std::io::Write;
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anyhow::bail;
use serde::Serialize;
use tinderbox_train::TrainError;
use tinderbox_train::files::write_atomically;
use tinderbox_train::kinds::ClassProbability;
use tinderbox_train::kinds::encoder::{AttentionMap, ExplainTarget, TextExplanation};

use super::Args;
use super::encoder::{Explained, TextMethod, score};
use crate::pictures::tokens::{
    Labelled, ScoredText, coloured, map_grid, page, picture, printable, token_map,
};
use crate::table::table;

/// Relative error of the integral from which more steps are suggested.
const LARGE_GAP: f32 = 0.05;

/// Format of the file written in addition.
#[derive(Clone, Copy)]
pub(super) enum Format {
    None,
    Html,
    Svg,
}

impl Format {
    pub(super) fn of(output: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = output else {
            return Ok(Self::None);
        };
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        Ok(match extension.to_lowercase().as_str() {
            "html" | "htm" => Self::Html,
            "svg" => Self::Svg,
            _ => bail!(
                "--output {}: its name must end in .html or .svg",
                path.display()
            ),
        })
    }
}

#[derive(Serialize)]
struct Object<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_text: Option<&'a String>,
    said: &'a str,
    classes: &'a [ClassProbability],
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<&'a str>,
    method: TextMethod,
    tokens: Vec<Token<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<f32>,
    /// Excess of the summed scores over `output - baseline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<f32>,
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
    score: f32,
    /// Bytes of the text; absent for special tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<std::ops::Range<usize>>,
    /// Index of the text; absent for special tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u8>,
}

pub(super) fn write(args: &Args, format: Format, explained: &Explained) -> anyhow::Result<()> {
    let texts = explained.scored();
    if let Some(path) = &args.output {
        let drawn = match format {
            Format::Html => html(args, explained, &texts),
            Format::Svg | Format::None => svg(args, explained, &texts),
        };
        write_atomically(path, drawn.as_bytes()).map_err(|e| TrainError::io(path, e))?;
    }
    if args.json {
        let json = serde_json::to_string(&object(explained))?;
        println!("{json}");
        return Ok(());
    }
    let words: Vec<ScoredText> = texts.iter().map(ScoredText::by_word).collect();
    show(explained, &words)?;
    if let Some(path) = &args.output {
        println!("\n{}", path.display());
    }
    Ok(())
}

/// Prints the words in colour or, without colours, as a table.
fn show(explained: &Explained, words: &[ScoredText]) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    let said = printable(&explained.said);
    if !said.is_empty() {
        writeln!(out, "{said}")?;
    }
    writeln!(out, "{}:\n", printable(&explained.meaning))?;
    if AutoStream::choice(&std::io::stdout()) == ColorChoice::Never {
        let mut table = table(["word", "score"], &[1]);
        for (word, score) in words.iter().flat_map(ScoredText::pieces) {
            if let Some(score) = score {
                table.add_row([printable(word), format!("{score:+.4}")]);
            }
        }
        writeln!(out, "{table}")?;
    } else {
        write!(out, "{}", coloured(words))?;
    }
    let Some(attribution) = &explained.explanation.attribution else {
        return Ok(());
    };
    let difference = attribution.output - attribution.baseline;
    writeln!(
        out,
        "\n{:+.4} for the text, {:+.4} for one of padding; the words explain {:+.4} of the difference of {difference:+.4}",
        attribution.output,
        attribution.baseline,
        attribution.gap() + difference
    )?;
    if attribution.gap().abs() > LARGE_GAP * difference.abs() {
        writeln!(out, "that is not close; increase --steps")?;
    }
    Ok(())
}

fn object(explained: &Explained) -> Object<'_> {
    let explanation = &explained.explanation;
    let attribution = explanation.attribution.as_ref();
    let named = explanation.tokens.iter().zip(&explanation.scores);
    let tokens = named
        .zip(&explanation.row.origins)
        .map(|((token, score), origin)| Token {
            token,
            score: *score,
            bytes: origin.as_ref().map(|origin| origin.range.clone()),
            of: origin.as_ref().map(|origin| origin.text),
        });
    Object {
        text: explanation.texts.first().map_or("", String::as_str),
        second_text: explanation.texts.get(1),
        said: &explained.said,
        classes: &explained.classes,
        explained: match &explanation.target {
            ExplainTarget::Class { name, .. } => Some(name),
            ExplainTarget::Answer { .. } | ExplainTarget::None => None,
        },
        method: explained.method,
        tokens: tokens.collect(),
        output: attribution.map(|attribution| attribution.output),
        baseline: attribution.map(|attribution| attribution.baseline),
        gap: attribution.map(|attribution| attribution.gap()),
    }
}

fn html(args: &Args, explained: &Explained, texts: &[ScoredText]) -> String {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_string(), value));
    fact("model", args.run.display().to_string());
    if !explained.said.is_empty() {
        fact("says", explained.said.clone());
    }
    for class in &explained.classes {
        fact(&class.class, score(&explained.explanation, class));
    }
    let sides = match explained.explanation.attribution {
        Some(_) => "; green for, red against",
        None => "",
    };
    fact("colours", format!("{}{sides}", explained.meaning));
    if let Some(attribution) = &explained.explanation.attribution {
        let difference = attribution.output - attribution.baseline;
        let explained = attribution.gap() + difference;
        fact("explained", format!("{explained:+.4} of {difference:+.4}"));
    }
    let figures: Vec<String> = map_figure(args, explained).into_iter().collect();
    page(&explained.title(&args.run), &facts, texts, &figures)
}

fn svg(args: &Args, explained: &Explained, texts: &[ScoredText]) -> String {
    map_figure(args, explained).unwrap_or_else(|| picture(&explained.title(&args.run), texts))
}

/// One map with its tokens, or all of them side by side.
fn map_figure(args: &Args, explained: &Explained) -> Option<String> {
    let title = explained.title(&args.run);
    let TextExplanation { maps, tokens, .. } = &explained.explanation;
    match maps.as_slice() {
        [] => None,
        [map] => Some(token_map(&title, &labelled(map), tokens)),
        maps => {
            // A row of maps for each layer.
            let layer = |map: &AttentionMap| map.head.map(|[layer, _]| layer);
            let first = maps.first().and_then(layer);
            let columns = maps.iter().filter(|map| layer(map) == first).count();
            let labelled: Vec<Labelled> = maps.iter().map(labelled).collect();
            Some(map_grid(&title, &labelled, columns, tokens.len()))
        }
    }
}

fn labelled(map: &AttentionMap) -> Labelled {
    Labelled {
        name: match map.head {
            Some([layer, head]) => format!("layer {layer}, head {head}"),
            None => "through all layers".into(),
        },
        values: map.values.clone(),
    }
}
