//! Data set of a language model: streams or windows.

use tinderbox_data::loader::{Batching, Source};
use tinderbox_data::text::language::{LmBatch, LmExample, Streams, Windows};
use tinderbox_data::{DataError, Fingerprint};

/// Streams or windows of tokens.
#[derive(Debug)]
pub enum TokenSource {
    /// Segments of streams, for models with a hidden state. A batch is one item.
    Streams(Streams),
    /// Independent windows, for models with a context.
    Windows(Windows),
}

/// Item of a token source.
#[derive(Debug)]
pub enum TokenItem {
    /// A segment of every stream.
    Segment(LmBatch),
    /// A window.
    Window(LmExample),
}

impl TokenSource {
    /// Number of targets in an epoch, padding included.
    pub fn tokens(&self) -> usize {
        match self {
            Self::Streams(streams) => streams.tokens(),
            Self::Windows(windows) => windows.tokens(),
        }
    }
}

impl Source for TokenSource {
    type Item = TokenItem;
    type Batch = LmBatch;

    fn len(&self) -> usize {
        match self {
            Self::Streams(streams) => streams.len(),
            Self::Windows(windows) => windows.len(),
        }
    }

    fn batching(&self) -> Batching {
        match self {
            Self::Streams(streams) => streams.batching(),
            Self::Windows(windows) => windows.batching(),
        }
    }

    fn name(&self, index: usize) -> String {
        match self {
            Self::Streams(streams) => streams.name(index),
            Self::Windows(windows) => windows.name(index),
        }
    }

    fn identify(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        match self {
            Self::Streams(streams) => streams.identify(fingerprint),
            Self::Windows(windows) => windows.identify(fingerprint),
        }
    }

    fn item(&self, epoch: u64, index: usize) -> Result<TokenItem, DataError> {
        match self {
            Self::Streams(streams) => streams.item(epoch, index).map(TokenItem::Segment),
            Self::Windows(windows) => windows.item(epoch, index).map(TokenItem::Window),
        }
    }

    fn collate(&self, epoch: u64, batch: usize, items: Vec<TokenItem>) -> LmBatch {
        let mut segments = Vec::new();
        let mut windows = Vec::new();
        for item in items {
            match item {
                TokenItem::Segment(segment) => segments.push(segment),
                TokenItem::Window(window) => windows.push(window),
            }
        }
        match self {
            Self::Streams(streams) => streams.collate(epoch, batch, segments),
            Self::Windows(source) => source.collate(epoch, batch, windows),
        }
    }
}
