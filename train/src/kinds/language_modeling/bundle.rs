//! Files of a language model beside its weights.

use tinderbox_data::text::Tokenizer;

use super::model::LanguageModelConfig;
use crate::TrainError;
use crate::run::{Bundle, MODEL_CONFIG, RunDir, TOKENIZER};

/// What a trained language model needs besides its weights.
#[derive(Clone, Debug)]
pub struct LanguageBundle {
    /// The model's configuration.
    pub config: LanguageModelConfig,
    /// What its tokens are.
    pub tokenizer: Tokenizer,
}

impl Bundle for LanguageBundle {
    const FILES: &'static [&'static str] = &[MODEL_CONFIG, TOKENIZER];

    fn write(&self, run: &RunDir) -> Result<(), TrainError> {
        run.write_json(MODEL_CONFIG, &self.config)?;
        run.write_tokenizer(&self.tokenizer)
    }

    fn read(run: &RunDir) -> Result<Self, TrainError> {
        run.recipe(&[])?.text()?;
        let config: LanguageModelConfig = run.read_json(MODEL_CONFIG)?;
        Ok(Self {
            tokenizer: run.read_tokenizer(config.vocab_size())?,
            config,
        })
    }
}
