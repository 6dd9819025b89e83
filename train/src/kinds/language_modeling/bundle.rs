//! Files of a language model besides its weights.

use serde::{Deserialize, Serialize};
use tinderbox_data::text::Tokenizer;

use super::model::LanguageModelConfig;
use super::recipe::LanguageDataRecipe;
use crate::TrainError;
use crate::run::{Bundle, MODEL_CONFIG, RunDir, TOKENIZER, TOKENIZER_CONFIG};

/// Configuration and tokenizer of a trained language model.
#[derive(Clone, Debug)]
pub struct LanguageBundle {
    /// Configuration of the model.
    pub config: LanguageModelConfig,
    /// Tokenizer.
    pub tokenizer: Tokenizer,
    /// Tokens that end a text, as the folder of the pretrained weights says; by default the
    /// tokenizer's.
    pub ends: Option<Vec<u32>>,
}

/// Tokens that end a text, in Hugging Face's format.
const GENERATION: &str = "generation_config.json";

#[derive(Serialize, Deserialize)]
struct Generation {
    eos_token_id: Vec<u32>,
}

impl LanguageBundle {
    /// The bundle, if data with the tokenizer `found` have the tokens that it was made for.
    pub(super) fn with_same_tokens(self, found: &Tokenizer) -> Result<Self, TrainError> {
        check_tokens(found, &self.tokenizer)?;
        Ok(self)
    }
}

/// Checks that the tokenizer of data is the one that a run was trained with.
pub(super) fn check_tokens(found: &Tokenizer, recorded: &Tokenizer) -> Result<(), TrainError> {
    if found.hash() == recorded.hash() {
        return Ok(());
    }
    Err(TrainError::Mismatch(format!(
        "the data have other tokens than the run was trained with ({} and {}): they are not the same data",
        found.vocab_size(),
        recorded.vocab_size()
    )))
}

impl Bundle for LanguageBundle {
    const FILES: &'static [&'static str] = &[MODEL_CONFIG, TOKENIZER, TOKENIZER_CONFIG, GENERATION];

    fn write(&self, run: &RunDir) -> Result<(), TrainError> {
        run.write_json(MODEL_CONFIG, &self.config)?;
        if let Some(ends) = &self.ends {
            let eos_token_id = ends.clone();
            run.write_json(GENERATION, &Generation { eos_token_id })?;
        }
        run.write_tokenizer(&self.tokenizer)
    }

    fn read(run: &RunDir) -> Result<Self, TrainError> {
        run.recipe_as::<LanguageDataRecipe>()?;
        let config: LanguageModelConfig = run.read_json(MODEL_CONFIG)?;
        config
            .validate()
            .map_err(|error| TrainError::corrupt(&run.path().join(MODEL_CONFIG), error))?;
        Ok(Self {
            tokenizer: run.read_tokenizer()?,
            ends: if run.path().join(GENERATION).is_file() {
                Some(run.read_json::<Generation>(GENERATION)?.eos_token_id)
            } else {
                None
            },
            config,
        })
    }
}
