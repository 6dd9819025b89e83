//! Data sets, decoding, augmentation and the deterministic loader.
//!
//! * [`image`]: image data sets ([`image::Shapes`], [`image::Cifar10`], [`image::Idx`], [`image::ImageFolder`],
//!   [`image::ImageNet`]), decoding, transforms and batches;
//! * [`text`]: tokenizers, text corpora, and their batches;
//! * [`loader`]: a [`loader::Source`] of items becomes a stream of batches, the same for every number of workers;
//! * [`download`]: the public data sets that are fetched on request;
//! * [`random`]: randomness as a function of (seed, purpose, numbers), which makes all of the above reproducible.

pub mod download;
pub mod error;
mod files;
pub mod image;
pub mod loader;
pub mod random;
mod split;
pub mod text;

pub use error::DataError;
pub use split::Split;
