//! Where the data come from. What else a `[data]` section can say depends on its `source`.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tinderbox_data::image::Transform;
use tinderbox_data::text::language::treebank::Options as TreebankOptions;

use super::sequence::{SequenceDataRecipe, SequenceDataSource};

/// The data. Their `source` decides what kind of work a run is: images are classified, text is predicted token by token, or
/// understood as a whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DataRecipe {
    /// Images with a class each.
    Image(ImageDataRecipe),
    /// Text to learn a language model from.
    Text(TextDataRecipe),
    /// Text for an encoder to understand.
    Sequence(SequenceDataRecipe),
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self::Image(ImageDataRecipe::default())
    }
}

impl DataRecipe {
    /// The defaults of the kind that `source` belongs to. A name that is unknown passes for an image source, whose list
    /// of names is then told.
    pub(super) fn defaults_of(source: Option<&str>) -> Self {
        fn knows<'de, S: Deserialize<'de>>(name: &str) -> bool {
            S::deserialize(toml::Value::String(name.into())).is_ok()
        }
        match source {
            Some(name) if knows::<TextDataSource>(name) => Self::Text(TextDataRecipe::default()),
            Some(name) if knows::<SequenceDataSource>(name) => {
                Self::Sequence(SequenceDataRecipe::default())
            }
            _ => Self::Image(ImageDataRecipe::default()),
        }
    }

    /// The folder or file that the data lie in.
    pub fn path_mut(&mut self) -> &mut Option<PathBuf> {
        match self {
            Self::Image(data) => &mut data.path,
            Self::Text(data) => &mut data.path,
            Self::Sequence(data) => &mut data.path,
        }
    }

    /// The images, if it is images.
    pub fn image(&self) -> Option<&ImageDataRecipe> {
        match self {
            Self::Image(data) => Some(data),
            Self::Text(_) | Self::Sequence(_) => None,
        }
    }

    /// The text, if it is text.
    pub fn text(&self) -> Option<&TextDataRecipe> {
        match self {
            Self::Text(data) => Some(data),
            Self::Image(_) | Self::Sequence(_) => None,
        }
    }

    /// The texts to understand, if it is those.
    pub fn sequence(&self) -> Option<&SequenceDataRecipe> {
        match self {
            Self::Sequence(data) => Some(data),
            Self::Image(_) | Self::Text(_) => None,
        }
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Image(_) => "images",
            Self::Text(_) => "text to continue",
            Self::Sequence(_) => "text to understand",
        }
    }
}

impl<'de> Deserialize<'de> for DataRecipe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        let source = table.get("source").and_then(toml::Value::as_str);
        let kind = Self::defaults_of(source);
        let value = toml::Value::Table(table);
        // Begins with a dot, so that whoever tells it can put the section's name before it.
        let told = |error: serde_path_to_error::Error<toml::de::Error>| {
            let message = error.inner().message().replace('\n', " ");
            D::Error::custom(format!(".{}: {}", error.path(), message.trim()))
        };
        match kind {
            Self::Image(_) => serde_path_to_error::deserialize(value).map(Self::Image),
            Self::Text(_) => serde_path_to_error::deserialize(value).map(Self::Text),
            Self::Sequence(_) => serde_path_to_error::deserialize(value).map(Self::Sequence),
        }
        .map_err(told)
    }
}

/// Where images come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageDataSource {
    /// Ten classes of drawn shapes, generated from the seed; needs no file.
    Shapes,
    /// CIFAR-10's binary batches.
    Cifar10,
    /// MNIST, as IDX files.
    Mnist,
    /// Fashion-MNIST, as IDX files.
    FashionMnist,
    /// Any data set in MNIST's IDX files, under MNIST's file names.
    Idx,
    /// A folder with `train/CLASS/*.{jpg,jpeg,png}` and `val/CLASS/...`.
    Folder,
    /// ImageNet (ILSVRC 2012) as it is unpacked, or in its archives.
    #[serde(rename = "imagenet")]
    ImageNet,
    /// Tiny-ImageNet as it is unpacked.
    #[serde(rename = "tiny_imagenet")]
    TinyImageNet,
    /// Tar shards, as `tinderbox data shards` and WebDataset's tools write them: `train-*.tar` and `val-*.tar`.
    Shards,
}

/// Images, and what is done to them before the network sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageDataRecipe {
    /// Where images come from.
    pub source: ImageDataSource,
    /// The folder they lie in. Without it, downloadable sets are looked for in the cache folder.
    pub path: Option<PathBuf>,
    /// Download the set into the cache folder if it is not there.
    pub download: bool,
    /// Use only the first so many classes.
    pub classes: Option<usize>,
    /// Use only this share of the images of each class, at least one: always the same ones.
    pub fraction: Option<f64>,
    /// The same for validation images, where it is to be another share.
    pub val_fraction: Option<f64>,
    /// Number of training images that `shapes` draws.
    pub train_size: usize,
    /// Number of validation images that `shapes` draws.
    pub val_size: usize,
    /// Height and width of the images that `shapes` draws.
    pub image_size: usize,
    /// Applied to a training image, in this order.
    ///
    /// Without it nothing is random: what validation does is done.
    pub train_transforms: Option<Vec<Transform>>,
    /// Applied to a validation image, in this order; the model's own resize and crop by default.
    pub val_transforms: Option<Vec<Transform>>,
    /// Mix each training image with another of its batch, by shares from Beta(alpha, alpha); 0 does not (mixup).
    pub mixup_alpha: f64,
    /// Replace a rectangle of each training image by that of another, likewise (CutMix). With both, one of them is drawn
    /// for each batch.
    pub cutmix_alpha: f64,
    /// Per-channel mean, of pixels in `[0, 1]`; the model's own by default.
    pub mean: Option<Vec<f32>>,
    /// Per-channel standard deviation; the model's own by default.
    pub std: Option<Vec<f32>>,
}

impl Default for ImageDataRecipe {
    fn default() -> Self {
        Self {
            source: ImageDataSource::Shapes,
            path: None,
            download: false,
            classes: None,
            fraction: None,
            val_fraction: None,
            train_size: 12_000,
            val_size: 2_000,
            image_size: 32,
            train_transforms: None,
            val_transforms: None,
            mixup_alpha: 0.0,
            cutmix_alpha: 0.0,
            mean: None,
            std: None,
        }
    }
}

/// Where text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextDataSource {
    /// Sentences of a probabilistic grammar, generated from the seed; needs no file.
    Grammar,
    /// The word-level files `ptb.{train,valid,test}.txt`, or `{train,valid,test}.txt` in the same layout.
    PennTreebank,
    /// The bracketed treebank, as `.mrg` files.
    Treebank,
    /// Plain text: a file, or a folder with `train.txt`, `valid.txt` and perhaps `test.txt`.
    Text,
    /// Token shards, as `tinderbox data tokens` writes them.
    Tokens,
}

/// What a token of plain text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextUnit {
    /// A word between blanks; every line ends with `<eos>`. The vocabulary is that of the training text.
    Words,
    /// A character. The vocabulary is that of the whole text.
    Characters,
    /// Whatever the `tokenizer` makes of it.
    Tokenizer,
}

/// Text, and how a language model is fed with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextDataRecipe {
    /// Where text comes from.
    pub source: TextDataSource,
    /// The file or folder it lies in.
    pub path: Option<PathBuf>,
    /// What a token of plain text is.
    pub unit: TextUnit,
    /// For unit `tokenizer`: its file or folder (`tokenizer.json`, GPT-2's `vocab.json` and `merges.txt`, BERT's
    /// `vocab.txt`, llama2.c's `tokenizer.bin`).
    pub tokenizer: Option<PathBuf>,
    /// Share of a single text file, at its end, that is kept for validation.
    pub validation_fraction: f64,
    /// Number of training tokens that `grammar` generates.
    pub train_size: usize,
    /// Number of validation tokens that `grammar` generates.
    pub val_size: usize,
    /// Treebank: which sections, and what is done to words.
    pub treebank: TreebankOptions,
    /// Plain text by word: keep only so many entries, the most frequent words, and write `<unk>` for the others. Without it all words
    /// of the training text are known.
    pub vocab_size: Option<usize>,
    /// Tokens that the model sees before it takes a step: the length of a window, or how far gradients flow back through
    /// time.
    pub sequence_length: usize,
    /// Recurrent models: vary this length at random, and the learning rate with it (Merity et al. 2018,
    /// <https://arxiv.org/abs/1708.02182>).
    pub vary_length: bool,
    /// Recurrent models: how many streams an evaluation cuts the text into. Each begins without memory, so that 1 is
    /// exact and more are faster.
    pub eval_streams: usize,
    /// Attention models: tokens between the beginnings of two windows of an evaluation; less than `sequence_length` gives
    /// every token more context, and takes longer.
    pub eval_stride: Option<usize>,
}

impl Default for TextDataRecipe {
    fn default() -> Self {
        Self {
            source: TextDataSource::Grammar,
            path: None,
            unit: TextUnit::Words,
            tokenizer: None,
            validation_fraction: 0.1,
            train_size: 400_000,
            val_size: 40_000,
            treebank: TreebankOptions::default(),
            vocab_size: None,
            sequence_length: 64,
            vary_length: false,
            eval_streams: 10,
            eval_stride: None,
        }
    }
}
