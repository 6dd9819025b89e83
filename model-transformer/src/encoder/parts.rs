use burn::nn::{
    Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig,
};
use burn::tensor::{Device, Tensor};

use super::Head;
use crate::ConfigError;
use crate::layers::{Activation, LayerNorm};

/// The sizes and rates that the parts of an encoder are made from, whatever the family calls them, and with the options'
/// names for what can be wrong with them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) vocab_size: usize,
    pub(crate) width: (&'static str, usize),
    pub(crate) inner: (&'static str, usize),
    pub(crate) layers: (&'static str, usize),
    pub(crate) heads: (&'static str, usize),
    /// Rows of the table of positions.
    pub(crate) positions: usize,
    /// Rows of the table of segments; `None` where there is no such table.
    pub(crate) segments: Option<usize>,
    pub(crate) activation: Activation,
    pub(crate) dropout: (&'static str, f64),
    pub(crate) attention_dropout: (&'static str, f64),
    pub(crate) epsilon: f64,
    /// Standard deviation of the first weights.
    pub(crate) std: f64,
    /// The token that fills up.
    pub(crate) pad: usize,
    pub(crate) head: Head,
    pub(crate) num_labels: usize,
}

impl Parts {
    /// What must hold for every family.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::require_size("vocab_size", self.vocab_size)?;
        ConfigError::require_size("max_position_embeddings", self.positions)?;
        if let Some(segments) = self.segments {
            ConfigError::require_size("type_vocab_size", segments)?;
        }
        for (option, size) in [self.width, self.inner, self.heads] {
            ConfigError::require_size(option, size)?;
        }
        ConfigError::require_layers(self.layers.0, self.layers.1)?;
        ConfigError::require_multiple(self.width.0, self.width.1, self.heads)?;
        for (option, rate) in [self.dropout, self.attention_dropout] {
            ConfigError::require_dropout(option, rate)?;
        }
        ConfigError::require_positive("layer_norm_eps", self.epsilon)?;
        ConfigError::require_positive("initializer_range", self.std)?;
        self.validate_padding()?;
        self.validate_labels()
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
            let reason = format!("of spans are 2, start and end, got {}", self.num_labels);
            return Err(ConfigError::new("num_labels", reason));
        }
        Ok(())
    }

    /// A matrix of `N(0, std²)` and a bias of zeros.
    pub(crate) fn linear(&self, inputs: usize, outputs: usize, device: &Device) -> Linear {
        let config = LinearConfig::new(inputs, outputs).with_initializer(self.normal());
        let mut linear = config.init(device);
        linear.bias = Some(Initializer::Zeros.init([outputs], device));
        linear
    }

    /// From the stream to the stream.
    pub(crate) fn square(&self, device: &Device) -> Linear {
        self.linear(self.width.1, self.width.1, device)
    }

    /// From the stream to one number for each label.
    pub(crate) fn labels(&self, device: &Device) -> Linear {
        self.linear(self.width.1, self.num_labels, device)
    }

    pub(crate) fn norm(&self, device: &Device) -> LayerNorm {
        LayerNorm::new(self.width.1, self.epsilon, true, device)
    }

    /// A table of `N(0, std²)` in which the row `zero`, if any, is zero: that of padding, which means nothing.
    pub(crate) fn table(&self, rows: usize, zero: Option<usize>, device: &Device) -> Embedding {
        let config = EmbeddingConfig::new(rows, self.width.1);
        let mut table = config.with_initializer(self.normal()).init(device);
        if let Some(row) = zero.filter(|&row| row < rows) {
            let clear = move |weight: Tensor<2>| {
                let width = weight.dims()[1];
                let zeros = Tensor::zeros([1, width], &weight.device());
                weight.slice_assign([row..row + 1, 0..width], zeros)
            };
            table.weight = table.weight.init_mapper(clear);
        }
        table
    }

    pub(crate) fn hidden_dropout(&self) -> Dropout {
        dropout(self.dropout.1)
    }

    pub(crate) fn probability_dropout(&self) -> Dropout {
        dropout(self.attention_dropout.1)
    }

    fn normal(&self) -> Initializer {
        Initializer::Normal {
            mean: 0.0,
            std: self.std,
        }
    }

    /// Number of parameters of the embeddings and all layers.
    pub(crate) fn num_parameters(&self) -> usize {
        let (width, inner) = (self.width.1, self.inner.1);
        let rows = self.vocab_size + self.positions + self.segments.unwrap_or(0);
        let norm = 2 * width;
        let attention = 4 * self.square_parameters() + norm;
        let feed_forward = 2 * width * inner + inner + width + norm;
        rows * width + norm + self.layers.1 * (attention + feed_forward)
    }

    pub(crate) fn square_parameters(&self) -> usize {
        (self.width.1 + 1) * self.width.1
    }

    pub(crate) fn label_parameters(&self) -> usize {
        (self.width.1 + 1) * self.num_labels
    }

    /// A transformation, its norm, and a bias for every token: the table itself is there already.
    pub(crate) fn masked_lm_parameters(&self) -> usize {
        self.square_parameters() + 2 * self.width.1 + self.vocab_size
    }
}

pub(crate) fn dropout(rate: f64) -> Dropout {
    DropoutConfig::new(rate).init()
}
