//! A language model to use: of a run, or as published.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_model_transformer::{huggingface, llama2c};
use tinderbox_train::kinds::language_modeling::LanguageBundle;
use tinderbox_train::kinds::language_modeling::LanguageModel;
use tinderbox_train::run::{Bundle, RunDir};

use crate::trained::WeightsArgs;

/// A language model and its tokenizer, ready for use.
pub(crate) struct LoadedModel {
    pub(crate) model: LanguageModel,
    pub(crate) tokenizer: Tokenizer,
}

/// The language model of a run with the weights asked for, and where they are from.
pub(crate) fn open_run(
    run: &RunDir,
    weights: &WeightsArgs,
    device: &Device,
) -> anyhow::Result<(LanguageBundle, LanguageModel, String)> {
    let text_model = LanguageBundle::read(run)?;
    let (which, live) = weights.which();
    let weights = run.weights(which, live)?;
    let origin = weights.origin();
    let model = weights.load_into(text_model.config.init(device)?)?;
    Ok((text_model, model, origin))
}

/// The language model at `path`: a run directory, a folder of Hugging Face's, or a checkpoint of llama2.c. `tokenizer`
/// takes the place of the one that lies beside.
pub(crate) fn open(
    path: &Path,
    tokenizer: Option<&PathBuf>,
    weights: &WeightsArgs,
    device: &Device,
) -> anyhow::Result<LoadedModel> {
    if path.is_file() {
        let model = llama2c::open(path, device)?;
        let beside = path.with_file_name("tokenizer.bin");
        let tokenizer = tokenizer.unwrap_or(&beside);
        return with_tokenizer(model, tokenizer);
    }
    if path.join("config.json").is_file() && !path.join("recipe.toml").is_file() {
        let model = huggingface::open(path, device)?;
        return with_tokenizer(model, tokenizer.map_or(path, PathBuf::as_path));
    }
    ensure!(
        tokenizer.is_none(),
        "--tokenizer is for published weights; a run has its own"
    );
    let (text_model, model, _) = open_run(&RunDir::open(path)?, weights, device)?;
    Ok(LoadedModel {
        model,
        tokenizer: text_model.tokenizer,
    })
}

fn with_tokenizer(
    model: tinderbox_model_transformer::CausalLm,
    tokenizer: &Path,
) -> anyhow::Result<LoadedModel> {
    let tokenizer = Tokenizer::open(tokenizer)
        .context("published weights need their tokenizer; say with --tokenizer where it is")?;
    let (known, tokens) = (model.vocab_size(), tokenizer.vocab_size());
    ensure!(
        tokens <= known,
        "the tokenizer has {tokens} tokens and the model knows {known}: they do not belong together"
    );
    Ok(LoadedModel {
        model: LanguageModel::Attention(model),
        tokenizer,
    })
}
