use burn::nn::{
    Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig,
};
use burn::tensor::{Device, Tensor};

use super::Head;
use crate::ConfigError;
use crate::layers::{Activation, LayerNorm};

/// Sizes and rates of an encoder of any family. Where the families' option names differ, the value
/// comes with its name, for error messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) vocab_size: usize,
    pub(crate) hidden: (&'static str, usize),
    pub(crate) intermediate: (&'static str, usize),
    pub(crate) layers: (&'static str, usize),
    pub(crate) heads: (&'static str, usize),
    /// Rows of the position embeddings.
    pub(crate) positions: usize,
    /// Rows of the token type embeddings; `None` for a family without them.
    pub(crate) token_types: Option<usize>,
    pub(crate) activation: Activation,
    pub(crate) dropout: (&'static str, f64),
    pub(crate) attention_dropout: (&'static str, f64),
    pub(crate) epsilon: f64,
    /// Standard deviation of the initial weights.
    pub(crate) std: f64,
    /// Padding token.
    pub(crate) pad: usize,
    pub(crate) head: Head,
    pub(crate) num_labels: usize,
}

impl Spec {
    /// Checks what holds for every family.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("vocab_size", self.vocab_size)?;
        ConfigError::require_size("max_position_embeddings", self.positions)?;
        if let Some(token_types) = self.token_types {
            ConfigError::require_size("type_vocab_size", token_types)?;
        }
        for (option, size) in [self.hidden, self.intermediate, self.heads] {
            ConfigError::require_size(option, size)?;
        }
        ConfigError::require_layers(self.layers.0, self.layers.1)?;
        ConfigError::require_multiple(self.hidden.0, self.hidden.1, self.heads)?;
        for (option, rate) in [self.dropout, self.attention_dropout] {
            ConfigError::require_dropout(option, rate)?;
        }
        ConfigError::require_positive("layer_norm_eps", self.epsilon)?;
        ConfigError::require_positive("initializer_range", self.std)?;
        self.validate_padding()?;
        self.validate_labels()?;
        let parameters = self.num_parameters() as u128;
        ConfigError::require_parameters(self.hidden.0, parameters)
    }

    fn validate_padding(&self) -> Result<(), ConfigError> {
        if self.pad < self.vocab_size {
            return Ok(());
        }
        let reason = format!("must be less than `vocab_size`, {}", self.vocab_size);
        let reason = format!("{reason}, got {}", self.pad);
        Err(ConfigError::new("pad_token_id", reason))
    }

    fn validate_labels(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("num_labels", self.num_labels)?;
        if self.head == Head::QuestionAnswering && self.num_labels != 2 {
            let reason = format!(
                "must be 2 for question answering (start and end), got {}",
                self.num_labels
            );
            return Err(ConfigError::new("num_labels", reason));
        }
        Ok(())
    }

    /// Linear layer with weights from `N(0, std²)` and a bias of zeros.
    pub(crate) fn linear(
        &self,
        in_features: usize,
        out_features: usize,
        device: &Device,
    ) -> Linear {
        let config = LinearConfig::new(in_features, out_features).with_initializer(self.normal());
        let mut linear = config.init(device);
        linear.bias = Some(Initializer::Zeros.init([out_features], device));
        linear
    }

    /// Linear layer from hidden to hidden.
    pub(crate) fn square(&self, device: &Device) -> Linear {
        self.linear(self.hidden.1, self.hidden.1, device)
    }

    /// Linear layer from hidden to the labels.
    pub(crate) fn labels(&self, device: &Device) -> Linear {
        self.linear(self.hidden.1, self.num_labels, device)
    }

    pub(crate) fn norm(&self, device: &Device) -> LayerNorm {
        LayerNorm::new(self.hidden.1, self.epsilon, true, device)
    }

    /// Embedding from `N(0, std²)`. The row `padding`, if any, is zero.
    pub(crate) fn embedding(
        &self,
        rows: usize,
        padding: Option<usize>,
        device: &Device,
    ) -> Embedding {
        let config = EmbeddingConfig::new(rows, self.hidden.1);
        let mut table = config.with_initializer(self.normal()).init(device);
        if let Some(row) = padding.filter(|&row| row < rows) {
            let clear = move |weight: Tensor<2>| {
                let width = weight.dims()[1];
                let zeros = Tensor::zeros([1, width], &weight.device());
                weight.slice_assign([row..row + 1, 0..width], zeros)
            };
            table.weight = table.weight.init_mapper(clear);
        }
        table
    }

    /// Attention biases of each head, by row, from `N(0, std²)`.
    pub(crate) fn biases(&self, rows: usize, device: &Device) -> Embedding {
        let config = EmbeddingConfig::new(rows, self.heads.1);
        config.with_initializer(self.normal()).init(device)
    }

    pub(crate) fn hidden_dropout(&self) -> Dropout {
        dropout(self.dropout.1)
    }

    pub(crate) fn attention_dropout(&self) -> Dropout {
        dropout(self.attention_dropout.1)
    }

    fn normal(&self) -> Initializer {
        Initializer::Normal {
            mean: 0.0,
            std: self.std,
        }
    }

    /// Number of parameters of the backbone, without a pooler, and of the head.
    pub(crate) fn num_parameters(&self) -> usize {
        let (hidden, intermediate) = (self.hidden.1, self.intermediate.1);
        let rows = self.vocab_size + self.positions + self.token_types.unwrap_or(0);
        let norm = 2 * hidden;
        let attention = 4 * self.square_parameters() + norm;
        let mlp = 2 * hidden * intermediate + intermediate + hidden + norm;
        let layers = self.layers.1 * (attention + mlp);
        rows * hidden + norm + layers + self.head_parameters()
    }

    fn head_parameters(&self) -> usize {
        let labels = (self.hidden.1 + 1) * self.num_labels;
        match self.head {
            Head::None => 0,
            // Transform, its norm, and a bias per token; the decoder is tied.
            Head::MaskedLm => self.square_parameters() + 2 * self.hidden.1 + self.vocab_size,
            Head::SequenceClassification => self.square_parameters() + labels,
            Head::TokenClassification | Head::QuestionAnswering => labels,
        }
    }

    /// Number of parameters of a linear layer from hidden to hidden.
    pub(crate) fn square_parameters(&self) -> usize {
        (self.hidden.1 + 1) * self.hidden.1
    }
}

pub(crate) fn dropout(rate: f64) -> Dropout {
    DropoutConfig::new(rate).init()
}
