use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::TextEncoder;
use crate::encoder::{Head, ProblemType};
use crate::{BertConfig, ConfigError, DistilBertConfig, MpNetConfig, RobertaConfig};

/// Configuration of any encoder. In JSON, the field `family` names the variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum TextEncoderConfig {
    /// See [`bert`](crate::bert).
    Bert(BertConfig),
    /// See [`distilbert`](crate::distilbert).
    #[serde(rename = "distilbert")]
    DistilBert(DistilBertConfig),
    /// See [`mpnet`](crate::mpnet).
    #[serde(rename = "mpnet")]
    MpNet(MpNetConfig),
    /// See [`roberta`](crate::roberta).
    Roberta(RobertaConfig),
}

impl TextEncoderConfig {
    /// Vocabulary size.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Bert(config) => config.vocab_size,
            Self::DistilBert(config) => config.vocab_size,
            Self::MpNet(config) => config.vocab_size,
            Self::Roberta(config) => config.vocab_size,
        }
    }

    /// Maximum length of a text, in tokens, special tokens included.
    pub fn max_length(&self) -> usize {
        match self {
            Self::Bert(config) => config.max_position_embeddings,
            Self::DistilBert(config) => config.max_position_embeddings,
            Self::MpNet(config) => config.max_length(),
            Self::Roberta(config) => config.max_length(),
        }
    }

    /// Width of the features.
    pub fn hidden_size(&self) -> usize {
        match self {
            Self::Bert(config) => config.hidden_size,
            Self::DistilBert(config) => config.dim,
            Self::MpNet(config) => config.hidden_size,
            Self::Roberta(config) => config.hidden_size,
        }
    }

    /// Number of layers.
    pub fn num_layers(&self) -> usize {
        match self {
            Self::Bert(config) => config.num_hidden_layers,
            Self::DistilBert(config) => config.n_layers,
            Self::MpNet(config) => config.num_hidden_layers,
            Self::Roberta(config) => config.num_hidden_layers,
        }
    }

    /// Number of token types, at least 1. With 1, the `token_type_ids` of an input are ignored.
    pub fn type_vocab_size(&self) -> usize {
        match self {
            Self::Bert(config) => config.type_vocab_size,
            Self::DistilBert(_) => 1,
            Self::MpNet(_) => 1,
            Self::Roberta(config) => config.type_vocab_size,
        }
    }

    /// Padding token.
    pub fn pad_token_id(&self) -> usize {
        match self {
            Self::Bert(config) => config.pad_token_id,
            Self::DistilBert(config) => config.pad_token_id,
            Self::MpNet(config) => config.pad_token_id,
            Self::Roberta(config) => config.pad_token_id,
        }
    }

    /// Head.
    pub fn head(&self) -> Head {
        match self {
            Self::Bert(config) => config.head,
            Self::DistilBert(config) => config.head,
            Self::MpNet(config) => config.head,
            Self::Roberta(config) => config.head,
        }
    }

    /// Number of labels, for a head that has labels.
    pub fn num_labels(&self) -> usize {
        match self {
            Self::Bert(config) => config.num_labels,
            Self::DistilBert(config) => config.num_labels,
            Self::MpNet(config) => config.num_labels,
            Self::Roberta(config) => config.num_labels,
        }
    }

    /// Meaning of the logits of a sequence classification head.
    pub fn problem_type(&self) -> ProblemType {
        match self {
            Self::Bert(config) => config.problem_type,
            Self::DistilBert(config) => config.problem_type,
            Self::MpNet(config) => config.problem_type,
            Self::Roberta(config) => config.problem_type,
        }
    }

    /// Sets the meaning of the logits of a sequence classification head.
    #[must_use]
    pub fn with_problem_type(mut self, problem_type: ProblemType) -> Self {
        match &mut self {
            Self::Bert(config) => config.problem_type = problem_type,
            Self::DistilBert(config) => config.problem_type = problem_type,
            Self::MpNet(config) => config.problem_type = problem_type,
            Self::Roberta(config) => config.problem_type = problem_type,
        }
        self
    }

    /// Sets the head, for classification with one label per text. Only sequence and token classification use `num_labels`; other heads keep
    /// Hugging Face's 2.
    #[must_use]
    pub fn with_head(mut self, head: Head, num_labels: usize) -> Self {
        let num_labels = if head.has_labels() { num_labels } else { 2 };
        let (to_head, to_labels) = match &mut self {
            Self::Bert(config) => (&mut config.head, &mut config.num_labels),
            Self::DistilBert(config) => (&mut config.head, &mut config.num_labels),
            Self::MpNet(config) => (&mut config.head, &mut config.num_labels),
            Self::Roberta(config) => (&mut config.head, &mut config.num_labels),
        };
        (*to_head, *to_labels) = (head, num_labels);
        self.with_problem_type(ProblemType::SingleLabel)
    }

    /// Sets the vocabulary size.
    #[must_use]
    pub fn with_vocab_size(mut self, vocab_size: usize) -> Self {
        match &mut self {
            Self::Bert(config) => config.vocab_size = vocab_size,
            Self::DistilBert(config) => config.vocab_size = vocab_size,
            Self::MpNet(config) => config.vocab_size = vocab_size,
            Self::Roberta(config) => config.vocab_size = vocab_size,
        }
        self
    }

    /// Sets the padding token. RoBERTa's positions start after it; its position embeddings are
    /// resized to keep [`max_length`](Self::max_length).
    #[must_use]
    pub fn with_pad_token_id(mut self, pad_token_id: usize) -> Self {
        match &mut self {
            Self::Bert(config) => config.pad_token_id = pad_token_id,
            Self::DistilBert(config) => config.pad_token_id = pad_token_id,
            // Positions do not depend on it.
            Self::MpNet(config) => config.pad_token_id = pad_token_id,
            Self::Roberta(config) => {
                let max_length = config.max_length();
                config.pad_token_id = pad_token_id;
                let rows = max_length.saturating_add(pad_token_id).saturating_add(1);
                config.max_position_embeddings = rows;
            }
        }
        self
    }

    /// Number of parameters, computed without building the model.
    pub fn num_parameters(&self) -> usize {
        match self {
            Self::Bert(config) => config.num_parameters(),
            Self::DistilBert(config) => config.num_parameters(),
            Self::MpNet(config) => config.num_parameters(),
            Self::Roberta(config) => config.num_parameters(),
        }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Names the invalid option.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Bert(config) => config.validate(),
            Self::DistilBert(config) => config.validate(),
            Self::MpNet(config) => config.validate(),
            Self::Roberta(config) => config.validate(),
        }
    }

    /// Builds the model on `device`.
    ///
    /// # Errors
    /// Names the invalid option.
    pub fn init(&self, device: &Device) -> Result<TextEncoder, ConfigError> {
        match self {
            Self::Bert(config) => config.init(device).map(TextEncoder::Bert),
            Self::DistilBert(config) => config.init(device).map(TextEncoder::DistilBert),
            Self::MpNet(config) => config.init(device).map(TextEncoder::MpNet),
            Self::Roberta(config) => config.init(device).map(TextEncoder::Roberta),
        }
    }
}
