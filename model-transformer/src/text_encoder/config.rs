use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::TextEncoder;
use crate::encoder::Head;
use crate::{BertConfig, ConfigError, DistilBertConfig, RobertaConfig};

/// The configuration of any encoder. In JSON the field `family` tells which one it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum TextEncoderConfig {
    /// See [`bert`](crate::bert).
    Bert(BertConfig),
    /// See [`distilbert`](crate::distilbert).
    #[serde(rename = "distilbert")]
    DistilBert(DistilBertConfig),
    /// See [`roberta`](crate::roberta).
    Roberta(RobertaConfig),
}

impl TextEncoderConfig {
    /// Number of tokens that there are.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Bert(config) => config.vocab_size,
            Self::DistilBert(config) => config.vocab_size,
            Self::Roberta(config) => config.vocab_size,
        }
    }

    /// The longest text, in tokens, those of the model's own included.
    pub fn max_length(&self) -> usize {
        match self {
            Self::Bert(config) => config.max_position_embeddings,
            Self::DistilBert(config) => config.max_position_embeddings,
            Self::Roberta(config) => config.max_length(),
        }
    }

    /// The width of the features.
    pub fn hidden_size(&self) -> usize {
        match self {
            Self::Bert(config) => config.hidden_size,
            Self::DistilBert(config) => config.dim,
            Self::Roberta(config) => config.hidden_size,
        }
    }

    /// Number of layers.
    pub fn num_layers(&self) -> usize {
        match self {
            Self::Bert(config) => config.num_hidden_layers,
            Self::DistilBert(config) => config.n_layers,
            Self::Roberta(config) => config.num_hidden_layers,
        }
    }

    /// How many kinds of segments the model tells apart, at least 1. With 1, the segments of an input are not looked at.
    pub fn type_vocab_size(&self) -> usize {
        match self {
            Self::Bert(config) => config.type_vocab_size,
            Self::DistilBert(_) => 1,
            Self::Roberta(config) => config.type_vocab_size,
        }
    }

    /// The token that fills up.
    pub fn pad_token_id(&self) -> usize {
        match self {
            Self::Bert(config) => config.pad_token_id,
            Self::DistilBert(config) => config.pad_token_id,
            Self::Roberta(config) => config.pad_token_id,
        }
    }

    /// What stands on top.
    pub fn head(&self) -> Head {
        match self {
            Self::Bert(config) => config.head,
            Self::DistilBert(config) => config.head,
            Self::Roberta(config) => config.head,
        }
    }

    /// Number of labels, of a head that has labels.
    pub fn num_labels(&self) -> usize {
        match self {
            Self::Bert(config) => config.num_labels,
            Self::DistilBert(config) => config.num_labels,
            Self::Roberta(config) => config.num_labels,
        }
    }

    /// The same network with another head. Only those for sequences and tokens look at `num_labels`; the others keep
    /// Hugging Face's 2.
    #[must_use]
    pub fn with_head(mut self, head: Head, num_labels: usize) -> Self {
        let num_labels = match head {
            Head::SequenceClassification | Head::TokenClassification => num_labels,
            Head::None | Head::MaskedLm | Head::QuestionAnswering => 2,
        };
        let (to_head, to_labels) = match &mut self {
            Self::Bert(config) => (&mut config.head, &mut config.num_labels),
            Self::DistilBert(config) => (&mut config.head, &mut config.num_labels),
            Self::Roberta(config) => (&mut config.head, &mut config.num_labels),
        };
        (*to_head, *to_labels) = (head, num_labels);
        self
    }

    /// The same network for another number of tokens.
    #[must_use]
    pub fn with_vocab_size(mut self, vocab_size: usize) -> Self {
        match &mut self {
            Self::Bert(config) => config.vocab_size = vocab_size,
            Self::DistilBert(config) => config.vocab_size = vocab_size,
            Self::Roberta(config) => config.vocab_size = vocab_size,
        }
        self
    }

    /// The same network for a tokenizer that fills up with another token. RoBERTa counts its places from that number, and
    /// gets as many rows of its table more or fewer as keep the longest text the same.
    #[must_use]
    pub fn with_pad_token_id(mut self, pad_token_id: usize) -> Self {
        match &mut self {
            Self::Bert(config) => config.pad_token_id = pad_token_id,
            Self::DistilBert(config) => config.pad_token_id = pad_token_id,
            Self::Roberta(config) => {
                let longest = config.max_length();
                config.pad_token_id = pad_token_id;
                let rows = longest.saturating_add(pad_token_id).saturating_add(1);
                config.max_position_embeddings = rows;
            }
        }
        self
    }

    /// Number of parameters, without building anything.
    pub fn num_parameters(&self) -> usize {
        match self {
            Self::Bert(config) => config.num_parameters(),
            Self::DistilBert(config) => config.num_parameters(),
            Self::Roberta(config) => config.num_parameters(),
        }
    }

    /// Checks that the options describe a network.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Bert(config) => config.validate(),
            Self::DistilBert(config) => config.validate(),
            Self::Roberta(config) => config.validate(),
        }
    }

    /// Builds the network on `device`.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn init(&self, device: &Device) -> Result<TextEncoder, ConfigError> {
        match self {
            Self::Bert(config) => config.init(device).map(TextEncoder::Bert),
            Self::DistilBert(config) => config.init(device).map(TextEncoder::DistilBert),
            Self::Roberta(config) => config.init(device).map(TextEncoder::Roberta),
        }
    }
}
