//! The parts that all tinderbox model crates share.
//!
//! - [`ConfigError`]: an option of a model configuration that is out of range.
//! - [`registry`]: a table of named models, with their paper and parameter count.
//! - [`num_parameters`]: the parameter count of a built model.
//! - [`setters!`]: `with_*` methods of a configuration.
//! - `testing` (feature of that name): helpers for tests that compare a model with PyTorch.
//!
//! A model crate re-exports what its users see, so nobody needs to depend on this crate to use a
//! model.
//!
//! ```
//! use tinderbox_model::ConfigError;
//! use tinderbox_model::registry::{ModelInfo, find, nearest};
//!
//! struct MlpConfig {
//!     hidden: usize,
//! }
//!
//! impl MlpConfig {
//!     fn validate(&self) -> Result<(), ConfigError> {
//!         ConfigError::require_nonzero("hidden", self.hidden)
//!     }
//! }
//!
//! const MODELS: &[ModelInfo<MlpConfig>] = &[
//!     ModelInfo::new("mlp_small", 25_450, || MlpConfig { hidden: 32 }).summary("two linear layers"),
//! ];
//!
//! let info = find(MODELS, "mlp_small").expect("it is in the table");
//! assert!((info.config)().validate().is_ok());
//! assert_eq!(nearest("mlp_smal", MODELS.iter().map(|info| info.name)), Some("mlp_small"));
//!
//! let error = MlpConfig { hidden: 0 }.validate().unwrap_err();
//! assert_eq!(error.to_string(), "model option `hidden`: must be at least 1, got 0");
//! ```

mod error;
mod parameters;
pub mod registry;
mod setters;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::ConfigError;
pub use parameters::num_parameters;
pub use registry::ModelInfo;

/// The examples of the README are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
