//! The class of a text, or of a pair of texts.

use std::io::Write;
use std::process::ExitCode;

use burn::tensor::Device;
use serde::Serialize;
use tinderbox_data::text::encoder::Encoding;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::{LoadedEncoder, input};
use tinderbox_train::kinds::image_classification::ranked;

use super::text::Text;
use super::{Args, ClassProbability};
use crate::shared::{percent, table};
use crate::{Done, texts};

/// Letters of a text in a table.
const SHOWN: usize = 60;

#[derive(Serialize)]
struct Prediction<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    classes: Vec<ClassProbability>,
    /// Tokens at the end that the model has not seen.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: usize,
}

// Serde wants a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

pub(super) fn run(args: &Args, loaded: &LoadedEncoder, texts: &[Text], device: &Device) -> Done {
    let rows: Vec<Encoding> = texts
        .iter()
        .map(|text| loaded.sequences.encode(&text.text, text.pair.as_deref()))
        .collect::<Result<_, _>>()?;
    texts::warn_of_cuts(&rows, loaded.sequences.max_length());
    let logits = logits(loaded, &rows, device)?;
    let mut out = std::io::stdout().lock();
    let mut table = table(["text", "class", "probability"], &[2]);
    for ((text, row), logits) in texts.iter().zip(&rows).zip(&logits) {
        let prediction = Prediction {
            text: &text.text,
            pair: text.pair.as_deref(),
            classes: most_probable(loaded, logits, args.top_k),
            left_out: row.truncated,
        };
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&prediction)?)?;
            continue;
        }
        for (place, class) in prediction.classes.iter().enumerate() {
            let text = if place == 0 {
                shown(text)
            } else {
                String::new()
            };
            table.add_row([&text, &class.class, &percent(class.probability)]);
        }
    }
    if !args.json {
        writeln!(out, "{table}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Of each row, in their order.
fn logits(
    loaded: &LoadedEncoder,
    rows: &[Encoding],
    device: &Device,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut all = vec![Vec::new(); rows.len()];
    for places in texts::batches(rows, texts::BATCH) {
        let batch = texts::batch(rows, &places, &loaded.sequences);
        let logits =
            loaded
                .model
                .forward_sequence_classification(&input(&batch, &loaded.config, device))?;
        let classes = logits.dims()[1];
        let values = logits
            .try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        for (place, logits) in places.into_iter().zip(values.chunks(classes)) {
            if let Some(slot) = all.get_mut(place) {
                *slot = logits.to_vec();
            }
        }
    }
    Ok(all)
}

/// The `top_k` most probable classes of a text with these logits.
fn most_probable(loaded: &LoadedEncoder, logits: &[f32], top_k: usize) -> Vec<ClassProbability> {
    let class = |(class, probability)| ClassProbability {
        class: loaded.label(class),
        probability,
    };
    let probable = probabilities(logits).into_iter();
    probable.take(top_k).map(class).collect()
}

/// Classes with their probabilities, most probable first. A single logit is that of something that holds or not, as for
/// cross-encoders that judge a pair.
fn probabilities(logits: &[f32]) -> Vec<(usize, f64)> {
    match logits {
        [logit] => vec![(0, 1.0 / (1.0 + f64::from(-logit).exp()))],
        logits => ranked(logits),
    }
}

/// The beginning of a text, on one line.
fn shown(text: &Text) -> String {
    let mut whole = text.text.clone();
    if let Some(pair) = &text.pair {
        whole = format!("{whole} | {pair}");
    }
    let line: String = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_logit_says_how_much_something_holds() {
        assert_eq!(probabilities(&[0.0]), [(0, 0.5)]);
        assert!(probabilities(&[3.0])[0].1 > 0.95);
        assert_eq!(probabilities(&[0.0, 0.0]), [(0, 0.5), (1, 0.5)]);
    }
}
