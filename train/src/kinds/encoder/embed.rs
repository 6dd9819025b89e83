//! Sentence embeddings.

use std::path::Path;

use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::{EncoderBatch, Encoding, InputBuilder};
use tinderbox_model_transformer::sentence::{Pooling, SentenceEncoder, transformer_folder};

use super::forward::{BATCH_SIZE, forward_rows};
use super::inputs::{check_tokens, input};
use super::open::OpenOptions;
use crate::TrainError;

/// Turns texts into vectors.
#[derive(Debug)]
pub struct Embedder {
    encoder: SentenceEncoder,
    inputs: InputBuilder,
    batch_size: usize,
    device: Device,
}

/// Vectors of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// A vector for each text, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// Number of tokens cut off at the end of each text, beyond what the model reads.
    pub truncated: Vec<usize>,
}

impl Embedder {
    /// Opens a sentence-transformers folder, whose `modules.json` gives pooling and normalisation,
    /// a Hugging Face model folder, or the best checkpoint of a run. The latter two use mean
    /// pooling without normalisation.
    ///
    /// ```no_run
    /// use burn::tensor::Device;
    /// use tinderbox_train::kinds::encoder::Embedder;
    ///
    /// let embedder = Embedder::open("path/to/all-MiniLM-L6-v2", &Device::flex())?;
    /// let embeddings = embedder.embed(&["How do I reset my password?"])?;
    /// assert_eq!(embeddings.vectors[0].len(), embedder.width());
    /// # Ok::<(), tinderbox_train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// `path` is none of them, a file is missing or damaged, or tokenizer and model do not belong
    /// together.
    pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Self, TrainError> {
        Self::open_with(path, &OpenOptions::default(), device)
    }

    /// As [`open`](Self::open), with another checkpoint of a run.
    ///
    /// # Errors
    /// As [`open`](Self::open); a checkpoint is chosen of a folder that has none.
    pub fn open_with(
        path: impl AsRef<Path>,
        options: &OpenOptions,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let path = path.as_ref();
        if path.join("modules.json").is_file() {
            options.refuse_checkpoint(path)?;
            let encoder = SentenceEncoder::open(path, device)?;
            let tokenizer = Tokenizer::open(&transformer_folder(path)?)?;
            check_tokens(&tokenizer, &encoder.config)?;
            let inputs = InputBuilder::new(tokenizer, encoder.max_length)?;
            return Ok(Self::new(encoder, inputs, device));
        }
        let loaded = options.open(path, device)?;
        let encoder = SentenceEncoder {
            config: loaded.config,
            model: loaded.model,
            pooling: Pooling::Mean,
            normalize: false,
            max_length: loaded.inputs.max_length(),
        };
        Ok(Self::new(encoder, loaded.inputs, device))
    }

    fn new(encoder: SentenceEncoder, inputs: InputBuilder, device: &Device) -> Self {
        Self {
            encoder,
            inputs,
            batch_size: BATCH_SIZE,
            device: device.clone(),
        }
    }

    /// Sets the pooling of token vectors into one.
    #[must_use]
    pub fn with_pooling(mut self, pooling: Pooling) -> Self {
        self.encoder.pooling = pooling;
        self
    }

    /// Sets whether vectors are scaled to length 1.
    #[must_use]
    pub fn with_normalize(mut self, normalize: bool) -> Self {
        self.encoder.normalize = normalize;
        self
    }

    /// Sets the number of texts per forward pass; at least 1.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size.max(1);
        self
    }

    /// Length of a vector.
    pub fn width(&self) -> usize {
        self.encoder.config.hidden_size()
    }

    /// Maximum number of tokens read of a text, special tokens included.
    pub fn max_length(&self) -> usize {
        self.inputs.max_length()
    }

    /// Embeds texts, in their order.
    ///
    /// # Errors
    /// A text cannot be tokenized, or the device failed.
    pub fn embed(&self, texts: &[impl AsRef<str>]) -> Result<Embeddings, TrainError> {
        let rows: Vec<Encoding> = texts
            .iter()
            .map(|text| self.inputs.encode(text.as_ref(), None))
            .collect::<Result<_, _>>()?;
        let to_input = |batch: &EncoderBatch| input(batch, &self.encoder.config, &self.device);
        let vectors = forward_rows(&rows, self.batch_size, &self.inputs, to_input, |input| {
            Ok(self.encoder.embed(input))
        })?;
        Ok(Embeddings {
            vectors,
            truncated: rows.iter().map(|row| row.truncated).collect(),
        })
    }
}
