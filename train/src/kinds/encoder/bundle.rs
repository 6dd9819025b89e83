//! Files of a text encoder besides its weights.

use serde::{Deserialize, Serialize};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::token_classification::WordCut;
use tinderbox_model_transformer::{Head, TextEncoderConfig};

use super::recipe::EncoderDataRecipe;
use crate::TrainError;
use crate::run::{Bundle, LABELS, MODEL_CONFIG, RunDir, TOKENIZER, TOKENIZER_CONFIG};

const ANSWERS: &str = "answers.json";
const WORDS: &str = "words.json";

/// Configuration, tokenizer and labels of a trained encoder.
#[derive(Clone, Debug)]
pub struct EncoderBundle {
    /// Configuration of the model, head included.
    pub config: TextEncoderConfig,
    /// Tokenizer.
    pub tokenizer: Tokenizer,
    /// Names of its classes or tags, in the order of the logits; empty without any.
    pub labels: Vec<String>,
    /// Question answering: true if it was trained on questions without an answer.
    pub can_be_impossible: bool,
    /// Token classification: how a text is cut into the words of the training data. `None` for a
    /// model without a run.
    pub word_cut: Option<WordCut>,
}

/// `answers.json`, of question answering.
#[derive(Default, Serialize, Deserialize)]
struct Answers {
    can_be_impossible: bool,
}

impl Bundle for EncoderBundle {
    const FILES: &'static [&'static str] = &[
        MODEL_CONFIG,
        LABELS,
        ANSWERS,
        WORDS,
        TOKENIZER,
        TOKENIZER_CONFIG,
    ];

    fn write(&self, run: &RunDir) -> Result<(), TrainError> {
        run.write_json(MODEL_CONFIG, &self.config)?;
        run.write_json(LABELS, &self.labels)?;
        if self.config.head() == Head::QuestionAnswering {
            let can_be_impossible = self.can_be_impossible;
            run.write_json(ANSWERS, &Answers { can_be_impossible })?;
        }
        if let Some(word_cut) = &self.word_cut {
            run.write_json(WORDS, word_cut)?;
        }
        run.write_tokenizer(&self.tokenizer)
    }

    fn read(run: &RunDir) -> Result<Self, TrainError> {
        run.recipe_as::<EncoderDataRecipe>()?;
        let config: TextEncoderConfig = run.read_json(MODEL_CONFIG)?;
        config
            .validate()
            .map_err(|error| TrainError::corrupt(&run.path().join(MODEL_CONFIG), error))?;
        let labels: Vec<String> = run.read_json(LABELS)?;
        if labels.len() > config.num_labels() {
            let (labels, outputs) = (labels.len(), config.num_labels());
            let reason = format!("{labels} labels for a model with {outputs} outputs");
            return Err(TrainError::corrupt(&run.path().join(LABELS), reason));
        }
        let answers = match config.head() {
            Head::QuestionAnswering => run.read_json(ANSWERS)?,
            _ => Answers::default(),
        };
        let word_cut = match config.head() {
            // Without the file, a text is cut at white space alone.
            Head::TokenClassification if run.path().join(WORDS).exists() => run.read_json(WORDS)?,
            Head::TokenClassification => Some(WordCut::default()),
            _ => None,
        };
        Ok(Self {
            tokenizer: run.read_tokenizer()?,
            config,
            labels,
            can_be_impossible: answers.can_be_impossible,
            word_cut,
        })
    }
}
