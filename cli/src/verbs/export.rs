//! `tinderbox export`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use serde_json::json;
use tinderbox_model_transformer::huggingface::{self, TextTokens};
use tinderbox_train::files::write_atomically;
use tinderbox_train::kinds::Kind;
use tinderbox_train::kinds::encoder::{EncoderBundle, LoadedEncoder};
use tinderbox_train::kinds::language_modeling::{LanguageModel, LanguageModelConfig};
use tinderbox_train::params::adapters;
use tinderbox_train::run::{Bundle, RunDir};
use tinderbox_weights::StateDict;

use crate::args::{CheckpointArgs, DeviceArgs};
use crate::exit::CliResult;

/// Write weights for PyTorch, Hugging Face or PEFT.
///
/// Read them in PyTorch with model.load_state_dict(safetensors.torch.load_file(FILE)), and a folder
/// with AutoModelForCausalLM.from_pretrained(FOLDER), AutoModelForSequenceClassification and so on.
/// LoRA adapters are merged into the weights, except by --format peft.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox export runs/cnn model.safetensors
  tinderbox export model.pth model.safetensors
  tinderbox export runs/transformer path/to/folder --format huggingface
  tinderbox export runs/bert path/to/folder --format peft")]
pub(crate) struct Args {
    /// Run directory, or PyTorch weights file to convert.
    #[arg(value_name = "RUN|FILE")]
    pub(crate) run: PathBuf,
    /// File or folder to write.
    output: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Safetensors, help_heading = "Output")]
    format: Format,
    /// Key of the weights in a file that has several.
    #[arg(long, value_name = "KEY", help_heading = "Model")]
    weights_key: Option<String>,
    /// Replace an existing file or folder.
    #[arg(long, help_heading = "Output")]
    overwrite: bool,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Weights file with PyTorch's names and layout.
    Safetensors,
    /// Folder with config, weights and tokenizer (GPT, Llama, encoders).
    Huggingface,
    /// Folder with the LoRA adapters alone, for Hugging Face's PEFT.
    Peft,
}

/// Makes `AutoTokenizer` use `tokenizer.json` unchanged. By default it builds the tokenizer of the
/// family's published models: byte-level for GPT, lower case for BERT.
const TOKENIZER_CLASS: &str = "PreTrainedTokenizerFast";

pub(crate) fn run(args: &Args) -> CliResult {
    let output = args.output.display();
    ensure!(
        args.overwrite || !args.output.exists(),
        "{output} exists; --overwrite replaces it"
    );
    if args.run.is_file() {
        ensure!(
            args.format == Format::Safetensors,
            "{} is a weights file, which has no config; leave out --format",
            args.run.display()
        );
        let dict = StateDict::read(&args.run)?;
        let dict = match &args.weights_key {
            Some(key) => dict.at(key, &args.run)?,
            None => dict.unambiguous(&args.run)?,
        };
        let bytes = dict.to_safetensors();
        write(
            args,
            &bytes.with_context(|| args.run.display().to_string())?,
        )?;
        println!(
            "{output}: {} tensors of {}",
            dict.names().count(),
            args.run.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(
        args.weights_key.is_none(),
        "--weights-key is for weights files, and {} is a run",
        args.run.display()
    );
    let run = RunDir::open(&args.run)?;
    match (args.format, Kind::of_run(&run)?) {
        (Format::Huggingface, Kind::Encoder) => return encoder(args, &run),
        (Format::Huggingface, _) => return hugging_face(args, &run),
        (Format::Peft, _) => return peft(args, &run),
        (Format::Safetensors, Kind::Encoder) => {
            let loaded = open_encoder(args, &run)?;
            write(args, &tinderbox_weights::to_bytes(&loaded.model)?)?;
            println!("{output}: weights of {}", loaded.origin);
            return Ok(ExitCode::SUCCESS);
        }
        (Format::Safetensors, _) => {}
    }
    let (which, live) = args.checkpoint.which();
    let weights = run.weights(which, live)?;
    weights.check()?;
    write(args, weights.as_bytes())?;
    println!("{output}: weights of {}", weights.origin());
    Ok(ExitCode::SUCCESS)
}

fn hugging_face(args: &Args, run: &RunDir) -> CliResult {
    // Nothing is computed here, so any device will do.
    let device = DeviceArgs::default().open()?;
    let loaded = args.checkpoint.language_model().open_run(run, &device)?;
    let (LanguageModel::Attention(model), LanguageModelConfig::Attention(config)) =
        (&loaded.model, &loaded.config)
    else {
        bail!("Hugging Face's library has no recurrent models; leave out --format");
    };
    let output = &args.output;
    fs::create_dir_all(output).with_context(|| output.display().to_string())?;
    let tokenizer = &loaded.tokenizer;
    let tokens = TextTokens::default()
        .with_begin(tokenizer.beginning_of_text())
        .with_ends(loaded.ends());
    huggingface::save_with_tokens(model, config, &tokens, output)?;
    write_into(output, "tokenizer.json", tokenizer.to_json().as_bytes())?;
    let token = |id: Option<u32>| id.and_then(|id| tokenizer.token(id));
    let mut settings = match tokenizer.config_json() {
        Some(settings) => serde_json::Value::Object(settings),
        None => json!({
            "tokenizer_class": TOKENIZER_CLASS,
            "bos_token": token(tokenizer.beginning_of_text()),
            "eos_token": token(tokens.ends.first().copied().or(tokenizer.end_of_text())),
        }),
    };
    settings["model_max_length"] = config.context_length().into();
    let settings = format!("{settings:#}\n");
    write_into(output, "tokenizer_config.json", settings.as_bytes())?;
    println!(
        "{}: weights of {}, with config and tokenizer",
        output.display(),
        loaded.origin
    );
    Ok(ExitCode::SUCCESS)
}

fn open_encoder(args: &Args, run: &RunDir) -> anyhow::Result<LoadedEncoder> {
    // Nothing is computed here, so any device will do.
    let device = DeviceArgs::default().open()?;
    Ok(args.checkpoint.encoder().open_run(run, &device)?)
}

fn encoder(args: &Args, run: &RunDir) -> CliResult {
    let loaded = open_encoder(args, run)?;
    let LoadedEncoder {
        config,
        model,
        inputs,
        labels,
        origin,
        ..
    } = &loaded;
    let folder = &args.output;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    huggingface::save_encoder(model, config, labels, inputs.pad_id(), folder)?;
    write_tokenizer(folder, &loaded)?;
    println!(
        "{}: weights of {origin}, with config and tokenizer",
        folder.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn write_tokenizer(folder: &Path, loaded: &LoadedEncoder) -> anyhow::Result<()> {
    let tokenizer = loaded.inputs.tokenizer().to_json();
    write_into(folder, "tokenizer.json", tokenizer.as_bytes())?;
    let settings = tokenizer_config(loaded)?;
    write_into(folder, "tokenizer_config.json", settings.as_bytes())
}

/// `tokenizer_config.json`: settings of `AutoTokenizer` and the special tokens.
fn tokenizer_config(loaded: &LoadedEncoder) -> anyhow::Result<String> {
    let inputs = &loaded.inputs;
    let tokenizer = inputs.tokenizer();
    let token = |id: Option<u32>| id.and_then(|id| tokenizer.token(id));
    if let Some(mut settings) = tokenizer.config_json() {
        settings.insert("model_max_length".into(), inputs.max_length().into());
        return Ok(format!("{:#}\n", serde_json::Value::Object(settings)));
    }
    let around = tokenizer.encode_prompt("")?;
    let unknown = ["[UNK]", "<unk>"]
        .iter()
        .find_map(|token| tokenizer.id(token));
    let mut names = vec!["input_ids", "attention_mask"];
    if loaded.config.type_vocab_size() > 1 {
        names.insert(1, "token_type_ids");
    }
    let settings = json!({
        "tokenizer_class": TOKENIZER_CLASS,
        "model_max_length": inputs.max_length(),
        "model_input_names": names,
        "cls_token": token(around.first().copied()),
        "sep_token": token(around.last().copied()),
        "pad_token": token(Some(inputs.pad_id())),
        "mask_token": token(inputs.mask_id()),
        "unk_token": token(unknown),
    });
    Ok(format!("{settings:#}\n"))
}

fn peft(args: &Args, run: &RunDir) -> CliResult {
    let recipe = run.recipe(&[])?;
    let none = "the run has no adapters: it was not trained with model.lora";
    let lora = recipe.model.lora.as_ref().context(none)?;
    let (which, live) = args.checkpoint.which();
    let weights = run.weights(which, live)?;
    weights.check()?;
    let folder = &args.output;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let encoder = EncoderBundle::read(run)?.config;
    // For the names of its parameters.
    let model = encoder.init(&DeviceArgs::default().open()?)?;
    let (config, adapters) = adapters::to_peft(weights.as_bytes(), lora, &model, encoder.head())?;
    write_into(folder, "adapter_config.json", config.as_bytes())?;
    write_into(folder, "adapter_model.safetensors", &adapters)?;
    write_tokenizer(folder, &open_encoder(args, run)?)?;
    println!(
        "{}: adapters of {}, with tokenizer",
        folder.display(),
        weights.origin()
    );
    Ok(ExitCode::SUCCESS)
}

fn write_into(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(name);
    write_atomically(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn write(args: &Args, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(&args.output, bytes)
        .with_context(|| format!("cannot write {}", args.output.display()))
}
