//! `tinderbox embed`

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::{ArgAction, ValueEnum};
use npyz::WriterBuilder;
use serde::Serialize;
use tinderbox_model_transformer::sentence::Pooling;
use tinderbox_train::TrainError;
use tinderbox_train::files::{parent, write_atomically};
use tinderbox_train::kinds::encoder::Embedder;

use crate::args::text::warn_of_truncation;
use crate::args::{CheckpointArgs, DeviceArgs, TextArgs};
use crate::exit::CliResult;

/// Turn texts into embedding vectors.
///
/// MODEL is a run directory, a Hugging Face model folder, or a sentence-transformers folder, whose
/// files give pooling, further steps, the maximum length and the default prompt. Without --output a
/// JSON object is printed for each text. Texts longer than the model reads are truncated, with a
/// warning. Without --text and --file, texts are read from standard input, one per line.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox embed path/to/all-MiniLM-L6-v2 --text \"How do I reset my password?\"
  tinderbox embed path/to/all-MiniLM-L6-v2 --file sentences.txt -o vectors.npy
  tinderbox embed path/to/e5-base-v2 --file questions.txt --prompt \"query: \"
  cat sentences.txt | tinderbox embed runs/mlm --pooling cls --normalize true")]
pub(crate) struct Args {
    /// Run directory or model folder.
    pub(crate) model: PathBuf,
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
    /// Name of a prompt of the model to put before every text.
    ///
    /// The default is the model's default_prompt_name, if it has one.
    #[arg(long, value_name = "NAME", help_heading = "Embedding")]
    prompt_name: Option<String>,
    /// Text to put before every text, in place of the model's prompt.
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "prompt_name",
        help_heading = "Embedding"
    )]
    prompt: Option<String>,
    /// Texts per forward pass.
    #[arg(
        long,
        default_value_t = 32,
        value_name = "N",
        help_heading = "Embedding"
    )]
    batch_size: usize,
    /// Output file: .npy (float32, [texts, width]), .jsonl or .json.
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
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
    /// Sum over all tokens, divided by the root of their number.
    MeanSqrtLen,
    /// Mean over all tokens with weights 1, 2, 3, ..
    WeightedMean,
    /// Last token.
    LastToken,
}

impl From<PoolingName> for Pooling {
    fn from(name: PoolingName) -> Self {
        match name {
            PoolingName::Mean => Self::Mean,
            PoolingName::Cls => Self::Cls,
            PoolingName::Max => Self::Max,
            PoolingName::MeanSqrtLen => Self::MeanSqrtLen,
            PoolingName::WeightedMean => Self::WeightedMean,
            PoolingName::LastToken => Self::LastToken,
        }
    }
}

#[derive(Serialize)]
struct Embedded<'a> {
    text: &'a str,
    embedding: &'a [f32],
}

/// Format of the output.
#[derive(Clone, Copy)]
enum Format {
    Npy,
    Json,
    JsonLines,
}

pub(crate) fn run(args: &Args) -> CliResult {
    ensure!(args.batch_size > 0, "--batch-size must be at least 1");
    let format = format(args.output.as_deref())?;
    let device = args.device.open()?;
    let options = args.checkpoint.encoder();
    let mut embedder =
        Embedder::open_with(&args.model, &options, &device)?.with_batch_size(args.batch_size);
    if let Some(pooling) = args.pooling {
        embedder = embedder.with_pooling(pooling.into())?;
    }
    if let Some(normalize) = args.normalize {
        embedder = embedder.with_normalize(normalize);
    }
    if let Some(name) = &args.prompt_name {
        embedder = embedder.with_prompt_name(name)?;
    }
    if let Some(prompt) = &args.prompt {
        embedder = embedder.with_prompt(prompt);
    }
    let texts = args.texts.read()?;
    let embeddings = embedder.embed(&texts)?;
    warn_of_truncation(&embeddings.truncated, embedder.max_length());
    let vectors = embeddings.vectors;
    let Some(path) = &args.output else {
        let mut out = BufWriter::new(std::io::stdout().lock());
        write_lines(&mut out, &texts, &vectors)?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    };
    let bytes = match format {
        Format::Npy => npy(&vectors, embedder.width())?,
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
        embedder.width()
    );
    Ok(ExitCode::SUCCESS)
}

fn format(output: Option<&Path>) -> anyhow::Result<Format> {
    let Some(path) = output else {
        return Ok(Format::JsonLines);
    };
    // Reported now rather than after all the work.
    let folder = parent(path);
    ensure!(
        folder.is_dir(),
        "--output {}: there is no folder {}",
        path.display(),
        folder.display()
    );
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    Ok(match extension.to_lowercase().as_str() {
        "npy" => Format::Npy,
        "json" => Format::Json,
        "jsonl" | "ndjson" => Format::JsonLines,
        _ => bail!(
            "--output {}: its name must end in .npy, .json or .jsonl",
            path.display()
        ),
    })
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

/// A NumPy file of float32, `[texts, width]`.
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
