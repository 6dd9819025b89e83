//! Model and tokenizer of a language modelling recipe, fitted to each other.

use std::path::{Path, PathBuf};

use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::language::{Corpus, Tokens};
use tinderbox_model_transformer::huggingface;

use super::model::{LanguageModelConfig, LanguageModelInfo};
use super::recipe::{
    LanguageDataRecipe, LanguageDataSource, LanguageRecipe, PRETRAINED, TextUnit, model_config,
};
use crate::TrainError;
use crate::recipe::ModelRecipe;

/// Number of tokens that are checked at once.
const CHUNK: usize = 1 << 20;

/// The model folder of the pretrained weights, if they are one.
pub(super) fn folder(model: &ModelRecipe) -> Option<PathBuf> {
    let folder = Path::new(model.weights.as_ref()?);
    folder.is_dir().then(|| folder.to_path_buf())
}

/// Settings that a model folder decides: the network is the folder's, and the text is read with
/// its tokenizer.
pub(super) fn settle(recipe: &mut LanguageRecipe) -> Result<(), TrainError> {
    let Some(folder) = folder(&recipe.model) else {
        return Ok(());
    };
    let config = folder.join("config.json");
    huggingface::read_config(&folder)?;
    let named = LanguageModelInfo::all();
    let mut named = named.iter().filter(|info| info.name == recipe.model.name);
    if named.any(|info| matches!(info.config, LanguageModelConfig::Recurrent(_))) {
        return Err(TrainError::Mismatch(format!(
            "model.name is {}, a recurrent network, and {} is of a transformer",
            recipe.model.name,
            config.display()
        )));
    }
    let data = &mut recipe.data;
    if data.source == LanguageDataSource::Grammar && data.path.is_some() {
        // A grammar has no file.
        data.source = LanguageDataSource::Text;
    }
    let own_words = match data.source {
        LanguageDataSource::Grammar => Some("data.source = grammar has words of its own"),
        LanguageDataSource::PennTreebank | LanguageDataSource::Treebank => {
            Some("a treebank has words of its own")
        }
        LanguageDataSource::Text if data.unit == TextUnit::Characters => {
            Some("data.unit is characters")
        }
        LanguageDataSource::Text | LanguageDataSource::Tokens => None,
    };
    if let Some(reason) = own_words {
        return Err(TrainError::Mismatch(format!(
            "{reason}, and the model of {} has the tokens of its tokenizer; give text with --data FILE and \
             --set data.source=text --set data.unit=tokenizer",
            config.display()
        )));
    }
    if data.source == LanguageDataSource::Text {
        data.unit = TextUnit::Tokenizer;
        data.tokenizer.get_or_insert(folder);
    }
    recipe.model.name = PRETRAINED.into();
    Ok(())
}

/// Configuration of the model, with the vocabulary size of the tokenizer unless given.
pub(super) fn fitted(
    recipe: &LanguageRecipe,
    corpus: &Corpus,
) -> Result<LanguageModelConfig, TrainError> {
    let mut model = recipe.model.clone();
    let tokens = corpus.tokenizer.vocab_size();
    if let Some(folder) = folder(&model) {
        check_options(&model, &folder)?;
    } else {
        let size = i64::try_from(tokens).unwrap_or(i64::MAX);
        model
            .options
            .entry("vocab_size")
            .or_insert(toml::Value::Integer(size));
    }
    let config =
        model_config(&model).map_err(|problems| TrainError::Mismatch(problems.join("; ")))?;
    config.validate()?;
    let rows = config.vocab_size();
    if rows < tokens && model.weights.is_none() {
        return Err(TrainError::Mismatch(format!(
            "the text has {tokens} distinct tokens, but model.vocab_size is {rows}"
        )));
    }
    Ok(config)
}

/// [`check_rows`] of all parts of a text.
pub(super) fn check_corpus(corpus: &Corpus, rows: usize) -> Result<(), TrainError> {
    let parts = [
        Some(&corpus.train),
        Some(&corpus.validation),
        corpus.test.as_ref(),
    ];
    let mut parts = parts.into_iter().flatten();
    parts.try_for_each(|part| check_rows(part, &corpus.tokenizer, rows))
}

/// Checks that no token occurs that the model has no row for. A tokenizer may have such tokens: a
/// padding token is often added to it alone.
pub(super) fn check_rows(
    text: &Tokens,
    tokenizer: &Tokenizer,
    rows: usize,
) -> Result<(), TrainError> {
    if tokenizer.vocab_size() <= rows {
        return Ok(());
    }
    for start in (0..text.len()).step_by(CHUNK) {
        let ids = text.read(start..text.len().min(start + CHUNK))?;
        if let Some(id) = ids.iter().find(|id| **id as usize >= rows) {
            let token = tokenizer.token(*id).unwrap_or_default();
            return Err(TrainError::Mismatch(format!(
                "the token {token:?} ({id}) occurs in the text, and the model has {rows} rows: do tokenizer and \
                 model belong together?"
            )));
        }
    }
    Ok(())
}

/// Refuses options of the recipe that contradict those of a model folder. Dropout and
/// initialisation are the recipe's.
fn check_options(model: &ModelRecipe, folder: &Path) -> Result<(), TrainError> {
    const FREE: [&str; 5] = [
        "embd_pdrop",
        "attn_pdrop",
        "resid_pdrop",
        "attention_dropout",
        "initializer_range",
    ];
    let path = folder.join("config.json");
    let config = LanguageModelConfig::Attention(huggingface::read_config(folder)?);
    let own = serde_json::to_value(config).unwrap_or_default();
    for (key, value) in &model.options {
        let given = serde_json::to_value(value).unwrap_or_default();
        if let Some(own) = own.get(key)
            && !FREE.contains(&key.as_str())
            && *own != given
            && own.as_f64() != given.as_f64().or(Some(f64::NAN))
        {
            return Err(TrainError::Mismatch(format!(
                "model.{key} is {given} in the recipe and {own} in {}; leave it out of the recipe, or take one \
                 without options of the network, such as `transformer`",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Refuses options of the other kind of model, rather than ignore them.
pub(super) fn check_kind(
    recipe: &LanguageRecipe,
    data: &LanguageDataRecipe,
    config: &LanguageModelConfig,
) -> Result<(), TrainError> {
    let Some(length) = config.context_length() else {
        return match data.eval_stride {
            Some(_) => Err(only("data.eval_stride", "attention")),
            None => Ok(()),
        };
    };
    if data.sequence_length > length {
        return Err(TrainError::Mismatch(format!(
            "data.sequence_length is {} and the model sees {length} tokens at once; shorten it, or lengthen the model's \
             context",
            data.sequence_length
        )));
    }
    for (key, is_asked_for) in [
        ("data.vary_length", data.vary_length),
        ("train.ar_alpha", recipe.train.ar_alpha > 0.0),
        ("train.tar_beta", recipe.train.tar_beta > 0.0),
    ] {
        if is_asked_for {
            return Err(only(key, "recurrent"));
        }
    }
    Ok(())
}

fn only(key: &str, kind: &str) -> TrainError {
    TrainError::Mismatch(format!("{key} is for {kind} models"))
}
