//! `tinderbox fill-mask`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use burn::tensor::{Device, Int, Tensor};
use serde::Serialize;
use tinderbox_data::text::encoder::{EncoderBatch, Encoding, InputBuilder};
use tinderbox_model_transformer::Head;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::{LoadedEncoder, input};
use tinderbox_train::kinds::image_classification::ranked;

use crate::shared::{DeviceArgs, percent, table};
use crate::texts;
use crate::trained::WeightsArgs;
use crate::{Done, encoder};

/// How the families write a hidden word.
const MASKS: [&str; 2] = ["[MASK]", "<mask>"];

/// Predict [MASK] tokens.
///
/// MODEL needs a masked language modelling head. Each [MASK] (or <mask>) is predicted independently
/// of the others.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox fill-mask path/to/bert \"Paris is the [MASK] of France.\"
  tinderbox fill-mask runs/mlm \"the [MASK] was not [MASK]\" --top-k 3 --json")]
pub(crate) struct Args {
    /// Run directory or Hugging Face model folder.
    model: PathBuf,
    /// Text with a [MASK] for each token to predict.
    text: String,
    /// Predictions to list for each mask.
    #[arg(long, default_value_t = 5, value_name = "K", help_heading = "Output")]
    top_k: usize,
    /// Print a JSON object instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Filled {
    /// As it was given.
    text: String,
    masks: Vec<Mask>,
}

#[derive(Serialize)]
struct Mask {
    /// Which token of the model's input it is, from 0.
    position: usize,
    guesses: Vec<Guess>,
}

#[derive(Serialize)]
struct Guess {
    token: String,
    id: u32,
    probability: f64,
    /// The text with the guess in place of this mask.
    text: String,
}

pub(crate) fn run(args: &Args) -> Done {
    ensure!(args.top_k > 0, "--top-k must be at least 1");
    let device = args.device.open()?;
    let loaded = encoder::open(&args.model, &args.weights, &device)?;
    ensure!(
        loaded.config.head() == Head::MaskedLm,
        "{} has no head for masked words; one is trained by the recipe `mlm`, and published ones are called BertForMaskedLM \
         or the like in config.json",
        args.model.display()
    );
    let filled = fill(&args.text, args.top_k, &loaded, &device)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&filled)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["mask", "guess", "probability", "text"], &[2]);
    for (number, mask) in filled.masks.iter().enumerate() {
        for (place, guess) in mask.guesses.iter().enumerate() {
            let number = match place {
                0 => (number + 1).to_string(),
                _ => String::new(),
            };
            table.add_row([
                &number,
                &guess.token,
                &percent(guess.probability),
                &guess.text,
            ]);
        }
    }
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}

fn fill(
    text: &str,
    top_k: usize,
    loaded: &LoadedEncoder,
    device: &Device,
) -> anyhow::Result<Filled> {
    let sequences = &loaded.sequences;
    let id = sequences
        .mask_id()
        .context("the model's tokenizer has no token for a mask")?;
    let mask = sequences.tokenizer().token(id).unwrap_or_default();
    let masked = MASKS
        .iter()
        .fold(text.to_string(), |text, other| text.replace(other, &mask));
    let row = sequences.encode(&masked, None)?;
    let masks: Vec<usize> = (0..row.len())
        .filter(|&at| row.ids.get(at) == Some(&id))
        .collect();
    if masks.is_empty() {
        ensure!(
            masked.contains(&mask),
            "there is no {mask} in the text; write {mask} for each word that is to be guessed"
        );
        anyhow::bail!(
            "every {mask} stands after the {} tokens that the model reads; shorten the text",
            sequences.max_length()
        );
    }
    texts::warn_of_cuts(std::slice::from_ref(&row), sequences.max_length());
    let batch = EncoderBatch::new(&[&row], sequences.pad_id());
    let features = loaded
        .model
        .forward_features(&input(&batch, &loaded.config, device));
    let places: Vec<i32> = masks.iter().map(|&at| at as i32).collect();
    let places = Tensor::<1, Int>::from_ints(places.as_slice(), device);
    let features: Tensor<2> = features.squeeze_dim::<2>(0).select(0, places);
    let logits = loaded.model.masked_lm_head(features)?;
    let vocab = logits.dims()[1];
    let logits = logits
        .try_into_vec_as::<f32>()
        .map_err(|e| TrainError::Execution(e.to_string()))?;
    let masks = masks
        .iter()
        .zip(logits.chunks(vocab))
        .map(|(&position, logits)| Mask {
            position,
            guesses: guesses(logits, top_k, &masked, place_of(&row, position), sequences),
        });
    Ok(Filled {
        text: text.to_string(),
        masks: masks.collect(),
    })
}

/// The bytes of the text that a token was made of.
fn place_of(row: &Encoding, position: usize) -> std::ops::Range<usize> {
    match row.origins.get(position) {
        Some(Some(piece)) => piece.range.clone(),
        _ => 0..0,
    }
}

fn guesses(
    logits: &[f32],
    top_k: usize,
    text: &str,
    place: std::ops::Range<usize>,
    sequences: &InputBuilder,
) -> Vec<Guess> {
    let guess = |(id, probability): (usize, f64)| {
        let id = id as u32;
        let token = sequences.tokenizer().decode(&[id]).trim().to_string();
        // `##ing` goes on with the word before it.
        let word = token.strip_prefix("##").unwrap_or(&token);
        let (before, after) = (text.get(..place.start), text.get(place.end..));
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        // A mask that takes the space before it along gives it back.
        let hidden = text.get(place.clone()).unwrap_or_default();
        let space = &hidden[..hidden.len() - hidden.trim_start().len()];
        Guess {
            text: format!("{before}{space}{word}{after}"),
            token,
            id,
            probability,
        }
    };
    ranked(logits).into_iter().take(top_k).map(guess).collect()
}
