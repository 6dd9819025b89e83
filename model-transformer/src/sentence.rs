//! One vector for a whole text: what an encoder knows of each token, pooled.
//!
//! ```text
//! tokens ─► TextEncoder ─► [batch, time, hidden] ─► pool ─► [batch, hidden] ─► (length 1) ─► cosine similarity
//! ```
//!
//! Reimers and Gurevych 2019, "Sentence-BERT", <https://arxiv.org/abs/1908.10084>. [`SentenceEncoder::open`] takes the
//! folders that sentence-transformers writes, and those of plain encoders.

mod modules;

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::encoder::first_token;
use crate::huggingface::{HuggingFaceError, OpenedEncoder, open_encoder};
use crate::{EncoderInput, TextEncoder, TextEncoderConfig};

/// The shortest vector that is divided by its length, as in PyTorch's `F.normalize`: zeros stay zeros.
const SHORTEST: f64 = 1e-12;

/// How a text's tokens become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean over all tokens, `[CLS]` and `[SEP]` among them.
    #[default]
    Mean,
    /// The first token, which BERT adds for this purpose.
    Cls,
    /// The largest value of each feature over all tokens.
    Max,
}

/// Features `[batch, time, hidden]` to one vector a row `[batch, hidden]`. `real` `[batch, time]` is `true` for tokens and
/// `false` for what fills a row up at its end; the latter never counts. A row without tokens has a mean of zeros.
pub fn pool(features: Tensor<3>, attention_mask: Tensor<2, Bool>, pooling: Pooling) -> Tensor<2> {
    let attention_mask = attention_mask.unsqueeze_dim::<3>(2);
    // Not every backend stretches a mask by itself.
    let padding = attention_mask.clone().bool_not().expand(features.shape());
    match pooling {
        Pooling::Mean => {
            let count = attention_mask.float().sum_dim(1).clamp_min(1.0);
            let mean = features.mask_fill(padding, 0.0).sum_dim(1) / count;
            mean.squeeze_dim(1)
        }
        Pooling::Cls => first_token(features),
        Pooling::Max => {
            let tokens = features.mask_fill(padding, f32::NEG_INFINITY);
            tokens.max_dim(1).squeeze_dim(1)
        }
    }
}

/// Every row of `[batch, hidden]` divided by its length, so that the product of two rows is their cosine similarity.
pub fn l2_normalize(vectors: Tensor<2>) -> Tensor<2> {
    let length = vectors.clone().square().sum_dim(1).sqrt();
    vectors / length.clamp_min(SHORTEST)
}

/// An encoder that gives one vector for a text.
#[derive(Debug)]
pub struct SentenceEncoder {
    /// What the encoder is.
    pub config: TextEncoderConfig,
    /// The encoder; a head that it may have is not used.
    pub model: TextEncoder,
    /// How its tokens become one vector.
    pub pooling: Pooling,
    /// Whether vectors are brought to length 1.
    pub normalize: bool,
    /// How many tokens of a text are read, special ones included. Often fewer than the encoder could: longer texts were
    /// not in its training.
    pub max_length: usize,
}

impl SentenceEncoder {
    /// The encoder in `folder`, on `device`, used as its `modules.json` says. A folder without one is a plain encoder: the
    /// mean over its tokens, of any length.
    ///
    /// # Errors
    /// As [`open_encoder`]; and if `modules.json` asks for a step that is not here, because the vectors would be others.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, HuggingFaceError> {
        let modules = modules::read(folder)?;
        let OpenedEncoder { config, model, .. } = open_encoder(&modules.transformer, device)?;
        modules.check_width(config.hidden_size())?;
        let most = config.max_length();
        Ok(Self {
            model: model.valid(),
            pooling: modules.pooling,
            normalize: modules.normalize,
            max_length: modules.max_length.map_or(most, |length| length.min(most)),
            config,
        })
    }

    /// Texts `[batch, time]` to their vectors `[batch, hidden]`.
    pub fn embed(&self, input: &EncoderInput) -> Tensor<2> {
        let features = self.model.forward_features(input);
        let attention_mask = match &input.attention_mask {
            Some(attention_mask) => attention_mask.clone(),
            None => Tensor::full(input.tokens.shape(), true, &input.tokens.device()),
        };
        let vectors = pool(features, attention_mask, self.pooling);
        match self.normalize {
            true => l2_normalize(vectors),
            false => vectors,
        }
    }
}

/// Where in the folder of a sentence encoder the encoder itself lies, and its tokenizer beside it: in the folder or, where
/// `modules.json` says so, in one below.
///
/// # Errors
/// As [`SentenceEncoder::open`].
pub fn transformer_folder(folder: &Path) -> Result<PathBuf, HuggingFaceError> {
    modules::read(folder).map(|modules| modules.transformer)
}
