//! What can be measured, and at which sizes.

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// Words that the language models know, as many as Penn Treebank has.
pub(super) const VOCAB: usize = 10_000;
/// Word pieces that BERT knows.
pub(super) const WORD_PIECES: usize = 30_522;
/// Tokens that generation begins with.
pub(super) const PROMPT: usize = 16;

/// What can be measured.
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

/// What a step does with a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Forward, backward, optimizer.
    Train,
    /// Forward, without gradients.
    Infer,
    /// Files become a batch.
    Load,
}

/// A workload in words and numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// As on the command line, and as the peer knows it.
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) kinds: &'static [Kind],
    /// What an item is called.
    pub(super) items: &'static str,
    pub(super) shape: Shape,
}

/// How much there is in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Images or texts.
    pub(super) batch: usize,
    /// Height and width of an image in pixels, length of a text in tokens, rows and columns of a matrix.
    pub(super) size: usize,
}

const STEPS: &[Kind] = &[Kind::Train, Kind::Infer];

impl Workload {
    #[rustfmt::skip]
    pub(super) const fn facts(self) -> Facts {
        match self {
            Self::Matmul => facts("matmul", "a product of two square matrices: what the processor can do", &[Kind::Infer], "products", [1, 2048]),
            Self::ArticleCnn => facts("article-cnn", "the article's network of two convolutions", STEPS, "images", [64, 24]),
            Self::Resnet20 => facts("resnet20", "ResNet-20, for CIFAR-10", STEPS, "images", [128, 32]),
            Self::Resnet18 => facts("resnet18", "ResNet-18, for ImageNet", STEPS, "images", [8, 224]),
            Self::Vgg11 => facts("vgg11", "VGG-11, for ImageNet", STEPS, "images", [4, 224]),
            Self::Lstm2x200 => facts("lstm-2x200", "a language model of two LSTM layers of 200 units", STEPS, "tokens", [20, 20]),
            Self::Lstm2x650 => facts("lstm-2x650", "a language model of two LSTM layers of 650 units", STEPS, "tokens", [20, 35]),
            Self::Gpt6x384 => facts("gpt-6x384", "a GPT of 6 layers of width 384", STEPS, "tokens", [4, 256]),
            Self::BertSmall => facts("bert-small", "BERT-small (4 layers of width 512) with a classifier", STEPS, "texts", [16, 128]),
            Self::Generation => facts("generation", "the same GPT writes, with its cache, from a prompt of 16 tokens", &[Kind::Infer], "tokens", [1, 128]),
            Self::LoadFolder => facts("load-folder", "JPEG files in class folders: random crops, flips, batches", &[Kind::Load], "images", [32, 224]),
            Self::LoadShards => facts("load-shards", "the same from shards of images of at most 256 pixels", &[Kind::Load], "images", [32, 224]),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        self.facts().name
    }

    pub(super) const fn loads_images(self) -> bool {
        matches!(self, Self::LoadFolder | Self::LoadShards)
    }

    /// Items in a step.
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
    /// As in the peer's options.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Infer => "infer",
            Self::Load => "load",
        }
    }

    /// As in a table.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Infer => "inference",
            Self::Load => "loading",
        }
    }
}
