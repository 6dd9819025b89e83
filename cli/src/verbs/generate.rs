//! `tinderbox generate`

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use tinderbox_data::text::chat::Conversation;
use tinderbox_generate::{Sampler, Sampling};
use tinderbox_train::kinds::language_modeling::{
    FinishReason, GenerateOptions, Generated, GeneratedToken, LoadedLanguageModel, SamplingOptions,
};

use crate::args::text::read_file;
use crate::args::{CheckpointArgs, DeviceArgs};
use crate::exit::CliResult;

/// Separates two texts.
const RULE: &str = "---";

/// Generate text with a language model.
///
/// MODEL is a run directory, a Hugging Face model folder (config.json, weights, tokenizer), a
/// llama2.c checkpoint with its tokenizer.bin beside it, or nanoGPT's ckpt.pt with meta.pkl or
/// GPT-2's tokenizer beside it. The text is a function of model, prompt, settings and seed. A
/// folder's generation_config.json says where a text ends and, if it has do_sample, gives the
/// sampling settings that are left out here. With --chat, prompts are
/// messages to a model with a chat template.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox generate runs/transformer --max-tokens 100
  tinderbox generate runs/gpt-shakespeare-char --prompt ROMEO: --top-k 40
  tinderbox generate path/to/gpt2 --prompts prompts.txt --temperature 0 --json
  tinderbox generate path/to/llama-chat --chat --prompt \"Who are you?\"")]
pub(crate) struct Args {
    /// Model to generate with: run directory, model folder or file.
    pub(crate) model: PathBuf,
    /// Prompt to continue [default: start of text].
    #[arg(long, conflicts_with = "prompts", help_heading = "Input")]
    prompt: Option<String>,
    /// File with one prompt per line.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    prompts: Option<PathBuf>,
    /// Ask in a chat: prompts are messages, by the chat template.
    #[arg(long, help_heading = "Input")]
    chat: bool,
    /// System message of a chat.
    #[arg(long, value_name = "TEXT", requires = "chat", help_heading = "Input")]
    system: Option<String>,
    /// JSON file with the messages of a chat.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["prompt", "prompts", "system"],
        help_heading = "Input"
    )]
    messages: Option<PathBuf>,
    /// Maximum number of tokens to generate.
    #[arg(
        long,
        default_value_t = 200,
        value_name = "N",
        help_heading = "Sampling"
    )]
    max_tokens: usize,
    /// Softmax temperature; 0 is greedy [default: model's, or 0.8].
    #[arg(
        long,
        value_name = "T",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    temperature: Option<f64>,
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
    /// Penalise tokens that occurred; 1 is off [default: model's, or 1].
    #[arg(
        long,
        value_name = "X",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    repetition_penalty: Option<f64>,
    /// Seed of the sampling.
    #[arg(long, default_value_t = 42, help_heading = "Sampling")]
    seed: u64,
    /// Texts to generate for each prompt.
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Sampling")]
    num_samples: u64,
    /// Stop before this string (repeatable).
    #[arg(long, value_name = "TEXT", help_heading = "Sampling")]
    stop: Vec<String>,
    /// Print one JSON object per text, with token log-probabilities.
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Tokenizer of published weights, if not beside them.
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    tokenizer: Option<PathBuf>,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Sample<'a> {
    prompt: &'a str,
    sample: u64,
    text: String,
    finish_reason: FinishReason,
    tokens: Vec<GeneratedToken>,
}

pub(crate) fn run(args: &Args) -> CliResult {
    let asked = sampling(args);
    // Reports a setting out of range before a model is opened.
    let options = options(args, asked.usual())?;
    let prompts = Prompt::all(args)?;
    let device = args.device.open()?;
    let mut open = args.checkpoint.language_model();
    open.tokenizer.clone_from(&args.tokenizer);
    let model = open.open(&args.model, &device)?;
    if let Some(note) = model.sampling_note(&asked) {
        eprintln!("{note}");
    }
    let options = options.with_sampling(model.sampling(&asked));
    let mut count = 0;
    let mut time = Duration::ZERO;
    for (number, prompt) in (0..).zip(&prompts) {
        for sample in 0..args.num_samples {
            if !args.json && (number > 0 || sample > 0) {
                println!("{RULE}");
            }
            let start = Instant::now();
            // Every text of a call draws its own random numbers.
            let options = options
                .clone()
                .with_sample(number * args.num_samples + sample);
            let written = if args.json {
                write_json(&model, prompt, sample, &options)
            } else {
                write_text(&model, prompt, &options)
            };
            count += written.with_context(|| origin(args, number))?;
            time += start.elapsed();
        }
    }
    if !args.json {
        let speed = count as f64 / time.as_secs_f64().max(1e-9);
        eprintln!("{count} tokens, {speed:.0} tokens/s");
    }
    Ok(ExitCode::SUCCESS)
}

fn sampling(args: &Args) -> SamplingOptions {
    SamplingOptions::default()
        .with_temperature(args.temperature)
        .with_top_k(args.top_k)
        .with_top_p(args.top_p)
        .with_min_p(args.min_p)
        .with_repetition_penalty(args.repetition_penalty)
}

fn options(args: &Args, sampling: Sampling) -> anyhow::Result<GenerateOptions> {
    ensure!(args.num_samples > 0, "--num-samples must be at least 1");
    ensure!(
        !args.stop.iter().any(String::is_empty),
        "--stop must not be empty"
    );
    Sampler::new(sampling.clone(), args.seed)?;
    Ok(GenerateOptions::default()
        .with_max_tokens(args.max_tokens)
        .with_sampling(sampling)
        .with_seed(args.seed)
        .with_stop(args.stop.clone()))
}

/// Origin of a prompt, for messages: its line in a file, or the model.
fn origin(args: &Args, number: u64) -> String {
    match &args.prompts {
        Some(path) => format!("{}, line {}", path.display(), number + 1),
        None => args.model.display().to_string(),
    }
}

/// Text that is continued, or conversation that is answered.
enum Prompt {
    Text(String),
    Chat(Conversation),
}

impl Prompt {
    fn all(args: &Args) -> anyhow::Result<Vec<Self>> {
        if let Some(path) = &args.messages {
            return Ok(vec![Self::Chat(Conversation::open(path)?)]);
        }
        ensure!(
            !args.chat || args.prompt.is_some() || args.prompts.is_some(),
            "--chat needs a message: --prompt TEXT, --prompts FILE or --messages FILE"
        );
        let message = |text: String| match (args.chat, &args.system) {
            (false, _) => Self::Text(text),
            (true, None) => Self::Chat(Conversation::default().with_message("user", &text)),
            (true, Some(system)) => {
                let conversation = Conversation::default().with_message("system", system);
                Self::Chat(conversation.with_message("user", &text))
            }
        };
        Ok(texts(args)?.into_iter().map(message).collect())
    }

    /// The text that the model continues, without special tokens that the tokenizer adds.
    fn text(&self, model: &LoadedLanguageModel) -> anyhow::Result<String> {
        Ok(match self {
            Self::Text(text) => text.clone(),
            Self::Chat(conversation) => model.tokenizer.chat_prompt(conversation)?,
        })
    }

    fn generate(
        &self,
        model: &LoadedLanguageModel,
        options: &GenerateOptions,
        show: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> anyhow::Result<Generated> {
        Ok(match self {
            Self::Text(text) => model.generate_with(text, options, show)?,
            Self::Chat(conversation) => model.chat_with(conversation, options, show)?,
        })
    }
}

/// Prompts on the command line or, one per line, in a file.
fn texts(args: &Args) -> anyhow::Result<Vec<String>> {
    let Some(path) = &args.prompts else {
        return Ok(vec![args.prompt.clone().unwrap_or_default()]);
    };
    let text = read_file(path)?;
    let prompts: Vec<String> = text.lines().map(str::to_string).collect();
    ensure!(!prompts.is_empty(), "{} has no prompts", path.display());
    Ok(prompts)
}

/// Prints one text as a JSON object; returns its number of tokens.
fn write_json(
    model: &LoadedLanguageModel,
    prompt: &Prompt,
    sample: u64,
    options: &GenerateOptions,
) -> anyhow::Result<usize> {
    let generated = prompt.generate(model, options, &mut |_| ControlFlow::Continue(()))?;
    let count = generated.tokens.len();
    let sample = Sample {
        prompt: &prompt.text(model)?,
        sample,
        text: generated.text,
        finish_reason: generated.finish_reason,
        tokens: generated.tokens,
    };
    println!("{}", serde_json::to_string(&sample)?);
    Ok(count)
}

/// Prints one text as it is generated, after the prompt that it continues; returns its number of
/// tokens.
fn write_text(
    model: &LoadedLanguageModel,
    prompt: &Prompt,
    options: &GenerateOptions,
) -> anyhow::Result<usize> {
    let mut out = std::io::stdout().lock();
    if let Prompt::Text(prompt) = prompt {
        write!(out, "{prompt}")?;
    }
    let mut written = Ok(());
    let generated = prompt.generate(model, options, &mut |piece| {
        written = write!(out, "{piece}").and_then(|()| out.flush());
        if written.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    written?;
    writeln!(out)?;
    Ok(generated.tokens.len())
}
