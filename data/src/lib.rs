//! Data for deep learning: data sets, decoding, augmentation, tokenisation, and a deterministic
//! loader.
//!
//! * [`image`]: image data sets ([`image::ImageFolder`], [`image::ImageNet`], [`image::Cifar`],
//!   [`image::Idx`], [`image::Shards`], [`image::Shapes`]), transforms, and batches;
//! * [`text`]: tokenizers, corpora for language models, and labelled texts for encoders;
//! * [`loader`]: a [`loader::Source`] of items becomes batches, decoded ahead by worker threads;
//! * [`download`]: public data sets that are fetched on request;
//! * [`random`]: random numbers as a function of (seed, purpose, epoch, index).
//!
//! # Images
//!
//! A data set lists its images, [`Preprocess`](image::Preprocess) transforms and normalises them,
//! [`ImageSource`](image::ImageSource) combines the two, and the [`Loader`](loader::Loader) makes
//! batches. The data set here is generated; for files, open an [`ImageFolder`](image::ImageFolder)
//! instead.
//!
//! ```
//! use std::sync::Arc;
//! use tinderbox_data::Split;
//! use tinderbox_data::image::{
//!     ImageDataset, ImageSource, Preprocess, RandomCrop, RandomHorizontalFlip, Shapes, Transform,
//! };
//! use tinderbox_data::loader::{Loader, LoaderConfig};
//!
//! let shapes = Shapes::new(Split::Train, 100, 32, 42);
//! let preprocess = Preprocess::new(3, vec![0.5; 3], vec![0.25; 3]).with_transforms(vec![
//!     Transform::RandomCrop(RandomCrop { size: 32, padding: 4 }),
//!     Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
//! ]);
//! let source = ImageSource::new(Arc::new(ImageDataset::Shapes(shapes)), preprocess, 42)?;
//!
//! let config = LoaderConfig::new(16).with_workers(2).with_shuffle(42);
//! let loader = Loader::new(Arc::new(source), config)?;
//! for batch in loader.epoch(0, 0) {
//!     let batch = batch?;
//!     assert_eq!(batch.shape[1..], [3, 32, 32]);
//!     // batch.into_tensors(&device) gives images [batch, 3, 32, 32] and labels [batch].
//! }
//! # Ok::<(), tinderbox_data::DataError>(())
//! ```
//!
//! # Text
//!
//! A corpus is text encoded by a tokenizer; [`Windows`](text::language::Windows) cuts it into the
//! inputs and targets of a language model.
//!
//! ```
//! use std::sync::Arc;
//! use tinderbox_data::loader::{Loader, LoaderConfig};
//! use tinderbox_data::text::language::{Windows, plain};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("input.txt");
//! # std::fs::write(&path, "The quick brown fox jumps over the lazy dog.\n".repeat(40)).unwrap();
//! // The first 90 % of the characters are for training.
//! let corpus = plain::open(&path, &plain::By::Characters, 0.9)?;
//! assert!(corpus.tokenizer.vocab_size() < 40);
//!
//! let windows = Windows::training(corpus.train, 32, 42)?;
//! let loader = Loader::new(Arc::new(windows), LoaderConfig::new(8))?;
//! for batch in loader.epoch(0, 0) {
//!     // Inputs and targets: [batch, time], the targets one token ahead.
//!     assert_eq!(batch?.shape[1], 32);
//! }
//! # Ok::<(), tinderbox_data::DataError>(())
//! ```
//!
//! # Determinism
//!
//! The batches of an epoch depend on the source and the configuration alone. They are the same for
//! any number of workers, and an epoch can be entered at any batch, so that a resumed run sees
//! exactly the data that the uninterrupted one would have seen. No random generator has a state
//! that is saved.
//!
//! A source declares how it may be batched ([`loader::Batching`]), and the loader refuses a
//! configuration that contradicts it.
//!
//! # Errors
//!
//! Functions return [`DataError`], whose message names the file, line or record, and what to do.

mod budget;
pub mod download;
pub mod error;
pub mod files;
mod fingerprint;
pub mod guard;
pub mod image;
mod lfs;
pub mod loader;
pub mod random;
mod split;
pub mod text;

pub use error::DataError;
pub use fingerprint::Fingerprint;
pub use split::Split;
