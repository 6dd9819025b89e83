//! Sentence embeddings.

use std::path::Path;

use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::{EncoderBatch, Encoding, InputBuilder};
use tinderbox_model_transformer::sentence::{
    Pooling, Prompts, SentenceEncoder, transformer_folder,
};

use super::forward::{BATCH_SIZE, forward_rows};
use super::inputs::{check_tokens, input};
use super::open::OpenOptions;
use crate::TrainError;

/// Turns texts into vectors.
#[derive(Debug)]
pub struct Embedder {
    encoder: SentenceEncoder,
    inputs: InputBuilder,
    /// Text before every text.
    prompt: String,
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
    /// Opens a sentence-transformers folder, whose files give pooling, further steps, the length
    /// limit and the default prompt; a Hugging Face model folder; or the best checkpoint of a run.
    /// The latter two use mean pooling without normalisation.
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
            let folder = transformer_folder(path)?;
            let mut tokenizer = Tokenizer::open(&folder)?;
            if encoder.lower_case {
                tokenizer = tokenizer.with_lower_case(&folder)?;
            }
            check_tokens(&tokenizer, &encoder.config)?;
            let inputs = InputBuilder::new(tokenizer, encoder.max_length)?
                .with_rows(encoder.config.vocab_size());
            return Ok(Self::new(encoder, inputs, device));
        }
        let loaded = options.open(path, device)?;
        let encoder = SentenceEncoder::new(loaded.config, loaded.model);
        Ok(Self::new(encoder, loaded.inputs, device))
    }

    fn new(encoder: SentenceEncoder, inputs: InputBuilder, device: &Device) -> Self {
        Self {
            prompt: encoder.prompts.standard().to_string(),
            encoder,
            inputs,
            batch_size: BATCH_SIZE,
            device: device.clone(),
        }
    }

    /// The prompts of the model.
    pub fn prompts(&self) -> &Prompts {
        &self.encoder.prompts
    }

    /// Sets the text that is put before every text, in place of the model's default prompt.
    #[must_use]
    pub fn with_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = prompt.into();
        self
    }

    /// Puts the model's prompt called `name` before every text.
    ///
    /// # Errors
    /// The model has no such prompt.
    pub fn with_prompt_name(self, name: &str) -> Result<Self, TrainError> {
        let Some(prompt) = self.prompts().get(name).map(str::to_string) else {
            let names: Vec<&str> = self.prompts().named.keys().map(String::as_str).collect();
            let there = match names.as_slice() {
                [] => "it has none".into(),
                names => format!("its prompts are {}", names.join(", ")),
            };
            let reason = format!("the model has no prompt called {name}; {there}");
            return Err(TrainError::Mismatch(reason));
        };
        Ok(self.with_prompt(prompt))
    }

    /// Sets the pooling of token vectors into one.
    ///
    /// # Errors
    /// A Dense step of the model takes vectors of another width.
    pub fn with_pooling(mut self, pooling: Pooling) -> Result<Self, TrainError> {
        let pooled = self.encoder.with_pooling(vec![pooling]);
        self.encoder = pooled.map_err(TrainError::Mismatch)?;
        Ok(self)
    }

    /// Sets whether vectors are scaled to length 1 at the end.
    #[must_use]
    pub fn with_normalize(mut self, normalize: bool) -> Self {
        self.encoder = self.encoder.with_normalize(normalize);
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
        self.encoder.width()
    }

    /// Maximum number of tokens read of a text, special tokens included.
    pub fn max_length(&self) -> usize {
        self.inputs.max_length()
    }

    /// Embeds texts, in their order, each after the prompt.
    ///
    /// # Errors
    /// A text cannot be tokenized, or the device failed.
    pub fn embed(&self, texts: &[impl AsRef<str>]) -> Result<Embeddings, TrainError> {
        let encode = |text: &str| self.inputs.encode(&format!("{}{text}", self.prompt), None);
        let rows: Vec<Encoding> = texts
            .iter()
            .map(|text| encode(text.as_ref()))
            .collect::<Result<_, _>>()?;
        let prompt_length = self.prompt_length()?;
        let to_input = |batch: &EncoderBatch| input(batch, &self.encoder.config, &self.device);
        let vectors = forward_rows(&rows, self.batch_size, &self.inputs, to_input, |input| {
            Ok(self.encoder.embed_after(input, prompt_length))
        })?;
        Ok(Embeddings {
            vectors,
            truncated: rows.iter().map(|row| row.truncated).collect(),
        })
    }

    /// Number of tokens that belong to the prompt, counted as sentence-transformers does: those of
    /// the prompt alone, special tokens included except the last.
    fn prompt_length(&self) -> Result<usize, TrainError> {
        if self.prompt.is_empty() || self.encoder.include_prompt {
            return Ok(0);
        }
        let ids = self.inputs.encode(&self.prompt, None)?.ids;
        let ends = ids.last().is_some_and(|id| self.inputs.is_special(*id));
        Ok(ids.len() - usize::from(ends))
    }
}
