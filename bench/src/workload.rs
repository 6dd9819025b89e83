//! The workloads and their sizes.

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// Vocabulary size of the language models, that of Penn Treebank.
pub(super) const VOCAB: usize = 10_000;
/// Vocabulary size of BERT.
pub(super) const WORD_PIECES: usize = 30_522;
/// Prompt length of generation, in tokens.
pub(super) const PROMPT: usize = 16;

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    Matmul,
    ArticleCnn,
    Resnet20,
    Resnet18,
    Vgg11,
    Lstm2x200,
    Lstm2x650,
    Gpt6x384,
    BertSmall,
    Generation,
    LoadFolder,
    LoadShards,
}

/// Kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Forward pass, backward pass, optimizer.
    Train,
    /// Forward pass without gradients.
    Infer,
    /// Decoding and augmenting files into a batch.
    Load,
}

/// Description of a workload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Name on the command line, also the peer's.
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) kinds: &'static [Kind],
    /// Name of the items, as in "images/s".
    pub(super) items: &'static str,
    pub(super) shape: Shape,
}

/// Size of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Batch size, in images or texts.
    pub(super) batch: usize,
    /// Side of an image in pixels, length of a text in tokens, or side of a matrix.
    pub(super) size: usize,
}

const STEPS: &[Kind] = &[Kind::Train, Kind::Infer];

impl Workload {
    #[rustfmt::skip]
    pub(super) const fn facts(self) -> Facts {
        match self {
            Self::Matmul => facts("matmul", "product of two square matrices: the speed of the processor", &[Kind::Infer], "products", [1, 2048]),
            Self::ArticleCnn => facts("article-cnn", "the article's CNN of two convolutions", STEPS, "images", [64, 24]),
            Self::Resnet20 => facts("resnet20", "ResNet-20, for CIFAR-10", STEPS, "images", [128, 32]),
            Self::Resnet18 => facts("resnet18", "ResNet-18, for ImageNet", STEPS, "images", [8, 224]),
            Self::Vgg11 => facts("vgg11", "VGG-11, for ImageNet", STEPS, "images", [4, 224]),
            Self::Lstm2x200 => facts("lstm-2x200", "language model of two LSTM layers, 200 units each", STEPS, "tokens", [20, 20]),
            Self::Lstm2x650 => facts("lstm-2x650", "language model of two LSTM layers, 650 units each", STEPS, "tokens", [20, 35]),
            Self::Gpt6x384 => facts("gpt-6x384", "GPT of 6 layers, width 384", STEPS, "tokens", [4, 256]),
            Self::BertSmall => facts("bert-small", "BERT-small (4 layers, width 512) with a classification head", STEPS, "texts", [16, 128]),
            Self::Generation => facts("generation", "generation with the same GPT and KV cache, prompt of 16 tokens", &[Kind::Infer], "tokens", [1, 128]),
            Self::LoadFolder => facts("load-folder", "JPEG files in class folders: random crops, flips, batches", &[Kind::Load], "images", [32, 224]),
            Self::LoadShards => facts("load-shards", "the same from shards, images of at most 256 pixels", &[Kind::Load], "images", [32, 224]),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        self.facts().name
    }

    pub(super) const fn loads_images(self) -> bool {
        matches!(self, Self::LoadFolder | Self::LoadShards)
    }

    /// Items per step.
    pub(super) fn items_per_step(self, Shape { batch, size }: Shape) -> usize {
        match self.facts().items {
            "tokens" => batch * size,
            _ => batch,
        }
    }
}

const fn facts(
    name: &'static str,
    summary: &'static str,
    kinds: &'static [Kind],
    items: &'static str,
    [batch, size]: [usize; 2],
) -> Facts {
    Facts {
        name,
        summary,
        kinds,
        items,
        shape: Shape { batch, size },
    }
}

impl ValueEnum for Workload {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Matmul,
            Self::ArticleCnn,
            Self::Resnet20,
            Self::Resnet18,
            Self::Vgg11,
            Self::Lstm2x200,
            Self::Lstm2x650,
            Self::Gpt6x384,
            Self::BertSmall,
            Self::Generation,
            Self::LoadFolder,
            Self::LoadShards,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let facts = self.facts();
        Some(PossibleValue::new(facts.name).help(facts.summary))
    }
}

impl Kind {
    /// Name in options, also the peer's.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Infer => "infer",
            Self::Load => "load",
        }
    }

    /// Name in tables.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Infer => "inference",
            Self::Load => "loading",
        }
    }
}
