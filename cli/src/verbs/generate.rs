//! `tinderbox generate`

mod stop;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use tinderbox_data::text::Tokenizer;
use tinderbox_generate::{Choice, Sampler, Sampling, generate};
use tinderbox_train::kinds::language_modeling::Predictor;

use crate::Done;
use crate::language::{self, LoadedModel};
use crate::shared::DeviceArgs;
use crate::trained::WeightsArgs;
use stop::StopText;

/// Generate text with a language model.
///
/// MODEL is a run directory, a Hugging Face model folder (config.json, weights, tokenizer), or a
/// llama2.c checkpoint with its tokenizer.bin beside it. The text is a function of model, prompt,
/// settings and seed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox generate runs/transformer --max-tokens 100
  tinderbox generate runs/gpt-shakespeare-char --prompt ROMEO: --top-k 40
  tinderbox generate path/to/gpt2 --prompts prompts.txt --temperature 0 --json")]
pub(crate) struct Args {
    /// Model to generate with: run directory, model folder or file.
    model: PathBuf,
    /// Text to continue [default: start of text].
    #[arg(long, conflicts_with = "prompts", help_heading = "Input")]
    prompt: Option<String>,
    /// File with one prompt per line.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    prompts: Option<PathBuf>,
    /// Maximum number of tokens to generate.
    #[arg(
        long,
        default_value_t = 200,
        value_name = "N",
        help_heading = "Sampling"
    )]
    max_tokens: usize,
    /// Softmax temperature; 0 is greedy decoding.
    #[arg(
        long,
        default_value_t = 0.8,
        value_name = "T",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    temperature: f64,
    /// Sample from the K most probable tokens.
    #[arg(long, value_name = "K", help_heading = "Sampling")]
    top_k: Option<usize>,
    /// Sample from the smallest set of tokens with probability P.
    #[arg(
        long,
        value_name = "P",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    top_p: Option<f64>,
    /// Sample from tokens with at least P times the top probability.
    #[arg(
        long,
        value_name = "P",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    min_p: Option<f64>,
    /// Penalise tokens that have occurred; 1 is off.
    #[arg(
        long,
        default_value_t = 1.0,
        value_name = "X",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    repetition_penalty: f64,
    /// Seed of the sampling.
    #[arg(long, default_value_t = 42, help_heading = "Sampling")]
    seed: u64,
    /// Texts to generate for each prompt.
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Sampling")]
    num_samples: u64,
    /// Stop before this string (repeatable).
    #[arg(long, value_name = "TEXT", help_heading = "Sampling")]
    stop: Vec<String>,
    /// Print one JSON object per text, with each token's log-probability.
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Tokenizer of published weights, if not beside them.
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    tokenizer: Option<PathBuf>,
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// A text that was written.
#[derive(Serialize)]
struct Sample<'a> {
    prompt: &'a str,
    sample: u64,
    text: String,
    finish_reason: &'static str,
    tokens: Vec<Token>,
}

#[derive(Serialize)]
struct Token {
    id: u32,
    text: Option<String>,
    log_prob: f64,
}

pub(crate) fn run(args: &Args) -> Done {
    let sampling = Sampling::default()
        .with_temperature(args.temperature)
        .with_top_k(args.top_k)
        .with_top_p(args.top_p)
        .with_min_p(args.min_p)
        .with_repetition_penalty(args.repetition_penalty);
    let sampler = Sampler::new(sampling, args.seed)?;
    ensure!(args.num_samples > 0, "--num-samples must be at least 1");
    ensure!(
        !args.stop.iter().any(String::is_empty),
        "--stop needs a text, not nothing"
    );
    let prompts = prompts(args)?;
    let device = args.device.open()?;
    let loaded = language::open(&args.model, args.tokenizer.as_ref(), &args.weights, &device)?;
    let mut count = 0;
    let mut time = Duration::ZERO;
    for (number, prompt) in prompts.iter().enumerate() {
        for sample in 0..args.num_samples {
            if !args.json && (number > 0 || sample > 0) {
                println!("{RULE}");
            }
            let start = Instant::now();
            // Every text of a call draws its own random numbers.
            let place = number as u64 * args.num_samples + sample;
            let sampler = sampler.clone().for_sample(place);
            count += write_text(args, &loaded, prompt, sample, sampler)?;
            time += start.elapsed();
        }
    }
    if !args.json {
        let speed = count as f64 / time.as_secs_f64().max(1e-9);
        eprintln!("{count} tokens, {speed:.0} tokens/s");
    }
    Ok(ExitCode::SUCCESS)
}

/// Between two texts.
const RULE: &str = "---";

fn prompts(args: &Args) -> anyhow::Result<Vec<String>> {
    let Some(path) = &args.prompts else {
        return Ok(vec![args.prompt.clone().unwrap_or_default()]);
    };
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| name.to_string())?;
    let prompts: Vec<String> = text.lines().map(str::to_string).collect();
    ensure!(!prompts.is_empty(), "{name} has no prompts");
    Ok(prompts)
}

/// What follows a prompt.
struct Continuation {
    text: String,
    finish_reason: &'static str,
    choices: Vec<Choice>,
}

/// Writes one text to standard output, as it comes or as JSON; says how many tokens it has.
fn write_text(
    args: &Args,
    loaded: &LoadedModel,
    prompt: &str,
    sample: u64,
    sampler: Sampler,
) -> anyhow::Result<usize> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let continuation = continue_text(args, loaded, prompt, sampler, &mut |_| Ok(()))?;
        let count = continuation.choices.len();
        let token = |choice: Choice| Token {
            id: choice.token,
            text: loaded.tokenizer.token(choice.token),
            log_prob: choice.log_prob,
        };
        let sample = Sample {
            prompt,
            sample,
            text: continuation.text,
            finish_reason: continuation.finish_reason,
            tokens: continuation.choices.into_iter().map(token).collect(),
        };
        writeln!(out, "{}", serde_json::to_string(&sample)?)?;
        return Ok(count);
    }
    write!(out, "{prompt}")?;
    let mut show = |text: &str| {
        write!(out, "{text}")?;
        out.flush()
    };
    let continuation = continue_text(args, loaded, prompt, sampler, &mut show)?;
    writeln!(out)?;
    Ok(continuation.choices.len())
}

/// Lets the model go on from `prompt`; `show` is given the text as it comes.
fn continue_text(
    args: &Args,
    loaded: &LoadedModel,
    prompt: &str,
    sampler: Sampler,
    show: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> anyhow::Result<Continuation> {
    let tokenizer = &loaded.tokenizer;
    let ids = prompt_tokens(tokenizer, prompt)?;
    let mut pieces = tokenizer.decode_stream();
    // The prompt is shown as it was given; the stream needs it for the blank that may follow.
    for &id in &ids {
        pieces.push(id);
    }
    let mut text = StopText::new(&args.stop);
    let mut choices = Vec::new();
    let mut finish_reason = "length";
    for choice in generate(Predictor::new(&loaded.model), &ids, sampler).take(args.max_tokens) {
        let choice = choice?;
        choices.push(choice);
        if tokenizer.ends_text(choice.token) {
            finish_reason = "end_of_text";
            break;
        }
        if let Some(piece) = pieces.push(choice.token) {
            show(&text.push(&piece))?;
        }
        if text.is_stopped() {
            finish_reason = "stop";
            break;
        }
    }
    if !text.is_stopped() {
        show(&text.push(&pieces.finish().unwrap_or_default()))?;
        show(&text.finish())?;
    }
    Ok(Continuation {
        text: text.into_text(),
        finish_reason,
        choices,
    })
}

/// A prompt as the model was trained to see it: after the token that begins a text, if there is one. A text without a
/// prompt begins after the end of another, or at a new line.
fn prompt_tokens(tokenizer: &Tokenizer, prompt: &str) -> anyhow::Result<Vec<u32>> {
    let mut ids: Vec<u32> = tokenizer.beginning_of_text().into_iter().collect();
    ids.extend(tokenizer.encode(prompt).context("the prompt")?);
    if ids.is_empty() {
        let begin = tokenizer.end_of_text().or(tokenizer.id("\n"));
        ids.push(
            begin.context("this model needs a --prompt: it knows no token that begins a text")?,
        );
    }
    Ok(ids)
}
