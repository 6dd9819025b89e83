//! `tinderbox generate`

mod stop;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use burn::tensor::Device;
use serde::Serialize;
use tinderbox_data::text::Tokenizer;
use tinderbox_generate::{Choice, Sampler, Sampling, generate};
use tinderbox_train::kinds::language_modeling::Predictor;

use crate::Done;
use crate::language::{self, LoadedModel};
use crate::shared::DeviceArgs;
use crate::trained::WeightsArgs;
use stop::StopText;

/// Let a language model write.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox generate runs/transformer --max-tokens 100
  tinderbox generate runs/gpt-shakespeare-char --prompt ROMEO: --temperature 0.8 --top-k 40 --num-samples 3
  tinderbox generate path/to/gpt2 --prompts prompts.txt --temperature 0 --json

MODEL is a run directory, a folder of Hugging Face's (config.json, weights, tokenizer), or a checkpoint of llama2.c with
its tokenizer.bin. The text is a function of model, prompt, settings and seed.")]
pub(crate) struct Args {
    /// What is to write.
    model: PathBuf,
    /// What it goes on from; without it, it begins a text.
    #[arg(long, conflicts_with = "prompts")]
    prompt: Option<String>,
    /// A file with a prompt a line.
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// Tokens to write at most.
    #[arg(long, default_value_t = 200, value_name = "N")]
    max_tokens: usize,
    /// Below 1 probable tokens become more probable; 0 takes the most probable one, always.
    #[arg(
        long,
        default_value_t = 0.8,
        value_name = "T",
        allow_negative_numbers = true
    )]
    temperature: f64,
    /// Choose among the K most probable tokens.
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Choose among the most probable tokens that together have this probability.
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// Choose among tokens at least this fraction as probable as the most probable one.
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    min_p: Option<f64>,
    /// Above 1, tokens that have occurred become less probable.
    #[arg(
        long,
        default_value_t = 1.0,
        value_name = "X",
        allow_negative_numbers = true
    )]
    repetition_penalty: f64,
    /// Another seed gives another text.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Texts to write for each prompt.
    #[arg(long, default_value_t = 1, value_name = "N")]
    num_samples: u64,
    /// Stop before this text. May be given several times.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Print one JSON object a text, with the log-probability of every token.
    #[arg(long)]
    json: bool,
    /// The tokenizer of published weights, if it does not lie beside them.
    #[arg(long, value_name = "FILE")]
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
    let sampler = Sampler::new(
        Sampling {
            temperature: args.temperature,
            top_k: args.top_k,
            top_p: args.top_p,
            min_p: args.min_p,
            repetition_penalty: args.repetition_penalty,
        },
        args.seed,
    )?;
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
            count += write_text(args, &loaded, &device, prompt, sample, sampler)?;
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
    device: &Device,
    prompt: &str,
    sample: u64,
    sampler: Sampler,
) -> anyhow::Result<usize> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let continuation = continue_text(args, loaded, device, prompt, sampler, &mut |_| Ok(()))?;
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
    let continuation = continue_text(args, loaded, device, prompt, sampler, &mut show)?;
    writeln!(out)?;
    Ok(continuation.choices.len())
}

/// Lets the model go on from `prompt`; `show` is given the text as it comes.
fn continue_text(
    args: &Args,
    loaded: &LoadedModel,
    device: &Device,
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
    let mut predictor = Predictor::new(&loaded.model, device);
    let next = |new: &[u32]| predictor.next_logits(new);
    let mut text = StopText::new(&args.stop);
    let mut choices = Vec::new();
    let mut finish_reason = "length";
    for choice in generate(next, &ids, sampler).take(args.max_tokens) {
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
