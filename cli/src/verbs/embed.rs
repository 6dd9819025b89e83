//! `tinderbox embed`

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use clap::{ArgAction, ValueEnum};
use npyz::WriterBuilder;
use serde::Serialize;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::{Encoding, InputBuilder};
use tinderbox_model_transformer::sentence::{Pooling, SentenceEncoder, transformer_folder};
use tinderbox_train::TrainError;
use tinderbox_train::files::{parent, write_atomically};
use tinderbox_train::kinds::encoder::{check_tokens, input};

use crate::shared::DeviceArgs;
use crate::texts::{self, TextArgs};
use crate::trained::WeightsArgs;
use crate::{Done, encoder};

/// Turn texts into embedding vectors.
///
/// MODEL is a run directory, a Hugging Face model folder, or a sentence-transformers folder, whose
/// modules.json gives pooling and normalisation. Without --output a JSON object is printed for each
/// text. Texts longer than the model reads are truncated, with a warning. Without --text and
/// --file, texts are read from standard input, one per line.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox embed path/to/all-MiniLM-L6-v2 --text \"How do I reset my password?\"
  tinderbox embed path/to/all-MiniLM-L6-v2 --file sentences.txt -o vectors.npy
  cat sentences.txt | tinderbox embed runs/mlm --pooling cls --normalize true")]
pub(crate) struct Args {
    /// Run directory or model folder.
    model: PathBuf,
    #[command(flatten)]
    texts: TextArgs,
    /// Pooling of token vectors into one.
    ///
    /// The default is the model folder's setting or, for anything but a sentence-transformers
    /// folder, the mean.
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Embedding")]
    pooling: Option<PoolingName>,
    /// Scale vectors to length 1 [default: the model folder's setting].
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, help_heading = "Embedding")]
    normalize: Option<bool>,
    /// Texts per forward pass.
    #[arg(long, default_value_t = texts::BATCH, value_name = "N", help_heading = "Embedding")]
    batch_size: usize,
    /// Output file: .npy (float32, [texts, width]), .jsonl or .json.
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum PoolingName {
    /// Mean over all tokens.
    Mean,
    /// First token, `[CLS]`.
    Cls,
    /// Maximum of each feature over all tokens.
    Max,
}

impl From<PoolingName> for Pooling {
    fn from(name: PoolingName) -> Self {
        match name {
            PoolingName::Mean => Self::Mean,
            PoolingName::Cls => Self::Cls,
            PoolingName::Max => Self::Max,
        }
    }
}

#[derive(Serialize)]
struct Embedded<'a> {
    text: &'a str,
    embedding: &'a [f32],
}

/// What is written.
#[derive(Clone, Copy)]
enum Format {
    Npy,
    Json,
    JsonLines,
}

pub(crate) fn run(args: &Args) -> Done {
    ensure!(args.batch_size > 0, "--batch-size must be at least 1");
    let format = format(args.output.as_deref())?;
    let device = args.device.open()?;
    let (mut encoder, sequences) = open(args, &device)?;
    encoder.pooling = args.pooling.map_or(encoder.pooling, Pooling::from);
    encoder.normalize = args.normalize.unwrap_or(encoder.normalize);
    let texts = args.texts.read()?;
    let rows: Vec<Encoding> = texts
        .iter()
        .map(|text| sequences.encode(text, None))
        .collect::<Result<_, _>>()?;
    texts::warn_of_cuts(&rows, sequences.max_length());
    let vectors = embed(&encoder, &sequences, &rows, args.batch_size, &device)?;
    let Some(path) = &args.output else {
        let mut out = BufWriter::new(std::io::stdout().lock());
        write_lines(&mut out, &texts, &vectors)?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    };
    let bytes = match format {
        Format::Npy => npy(&vectors, encoder.config.hidden_size())?,
        Format::Json => json(&texts, &vectors)?,
        Format::JsonLines => {
            let mut bytes = Vec::new();
            write_lines(&mut bytes, &texts, &vectors)?;
            bytes
        }
    };
    write_atomically(path, &bytes).map_err(|e| TrainError::io(path, e))?;
    eprintln!(
        "{}: {} vectors of {} numbers",
        path.display(),
        vectors.len(),
        encoder.config.hidden_size()
    );
    Ok(ExitCode::SUCCESS)
}

fn format(output: Option<&Path>) -> anyhow::Result<Format> {
    let Some(path) = output else {
        return Ok(Format::JsonLines);
    };
    // Said now rather than after all the work.
    let folder = parent(path);
    ensure!(
        folder.is_dir(),
        "--output {}: there is no folder {}",
        path.display(),
        folder.display()
    );
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    Ok(match ending.to_lowercase().as_str() {
        "npy" => Format::Npy,
        "json" => Format::Json,
        "jsonl" | "ndjson" => Format::JsonLines,
        _ => bail!(
            "--output {}: its name must end in .npy, .json or .jsonl",
            path.display()
        ),
    })
}

/// The encoder, and what makes its input of a text.
fn open(args: &Args, device: &Device) -> anyhow::Result<(SentenceEncoder, InputBuilder)> {
    let path = &args.model;
    if path.join("modules.json").is_file() {
        args.weights.refuse(path)?;
        let encoder = SentenceEncoder::open(path, device)?;
        let tokenizer = Tokenizer::open(&transformer_folder(path)?)
            .context("published weights need their tokenizer")?;
        check_tokens(&tokenizer, &encoder.config)?;
        let sequences = InputBuilder::new(tokenizer, encoder.max_length)?;
        return Ok((encoder, sequences));
    }
    let loaded = encoder::open(path, &args.weights, device)?;
    let encoder = SentenceEncoder {
        config: loaded.config,
        model: loaded.model,
        pooling: Pooling::Mean,
        normalize: false,
        max_length: loaded.sequences.max_length(),
    };
    Ok((encoder, loaded.sequences))
}

/// A vector for each row, in their order.
fn embed(
    encoder: &SentenceEncoder,
    sequences: &InputBuilder,
    rows: &[Encoding],
    batch_size: usize,
    device: &Device,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut vectors = vec![Vec::new(); rows.len()];
    for places in texts::batches(rows, batch_size) {
        let batch = texts::batch(rows, &places, sequences);
        let embeddings = encoder.embed(&input(&batch, &encoder.config, device));
        let width = embeddings.dims()[1];
        let values = embeddings
            .try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        for (place, vector) in places.into_iter().zip(values.chunks(width)) {
            if let Some(slot) = vectors.get_mut(place) {
                *slot = vector.to_vec();
            }
        }
    }
    Ok(vectors)
}

fn objects<'a>(texts: &'a [String], vectors: &'a [Vec<f32>]) -> impl Iterator<Item = Embedded<'a>> {
    let pairs = texts.iter().zip(vectors);
    pairs.map(|(text, embedding)| Embedded { text, embedding })
}

fn write_lines(out: &mut impl Write, texts: &[String], vectors: &[Vec<f32>]) -> anyhow::Result<()> {
    for object in objects(texts, vectors) {
        writeln!(out, "{}", serde_json::to_string(&object)?)?;
    }
    Ok(())
}

fn json(texts: &[String], vectors: &[Vec<f32>]) -> anyhow::Result<Vec<u8>> {
    let objects: Vec<_> = objects(texts, vectors).collect();
    let mut bytes = serde_json::to_vec(&objects)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// NumPy's file of an array of float32.
fn npy(vectors: &[Vec<f32>], width: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::<f32>::new()
        .default_dtype()
        .shape(&[vectors.len() as u64, width as u64])
        .writer(&mut bytes)
        .begin_nd()?;
    writer.extend(vectors.iter().flatten().copied())?;
    writer.finish()?;
    Ok(bytes)
}
