//! Files of a language model besides its weights.

use tinderbox_data::text::Tokenizer;

use super::model::LanguageModelConfig;
use super::recipe::LanguageDataRecipe;
use crate::TrainError;
use crate::run::{Bundle, MODEL_CONFIG, RunDir, TOKENIZER};

/// Configuration and tokenizer of a trained language model.
#[derive(Clone, Debug)]
pub struct LanguageBundle {
    /// Configuration of the model.
    pub config: LanguageModelConfig,
    /// Tokenizer.
    pub tokenizer: Tokenizer,
}

impl Bundle for LanguageBundle {
    const FILES: &'static [&'static str] = &[MODEL_CONFIG, TOKENIZER];

    fn write(&self, run: &RunDir) -> Result<(), TrainError> {
        run.write_json(MODEL_CONFIG, &self.config)?;
        run.write_tokenizer(&self.tokenizer)
    }

    fn read(run: &RunDir) -> Result<Self, TrainError> {
        run.recipe_as::<LanguageDataRecipe>()?;
        let config: LanguageModelConfig = run.read_json(MODEL_CONFIG)?;
        Ok(Self {
            tokenizer: run.read_tokenizer(config.vocab_size())?,
            config,
        })
    }
}
