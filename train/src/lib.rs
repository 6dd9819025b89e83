//! Trains, evaluates and uses models: exactly resumable runs from recipes.
//!
//! - A [`recipe`] describes a run; [`kinds`] of work parse its `[data]` section, open the data and
//!   build the model.
//! - A [`task`] turns a batch into a loss and metrics; the [`trainer`] takes steps, evaluates and
//!   writes checkpoints.
//! - A [`run`] directory holds everything that is written; [`report`] shows progress.
//!
//! The `tinderbox` command is a thin layer over this library. Training a built-in recipe:
//!
//! ```no_run
//! use tinderbox_train::session::{SessionContext, StartMode};
//! use tinderbox_train::{Recipe, device, kinds};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recipe = Recipe::load("cnn", &["train.epochs=2".into()])?;
//! let start = StartMode::New { path: "runs/cnn".as_ref(), overwrite: false };
//! let device = device::open(&"flex".parse()?)?;
//! let context = SessionContext::new(device, std::path::PathBuf::from("cache"));
//! let outcome = kinds::train(&recipe, &start, context)?;
//! println!("best accuracy and its step: {:?}", outcome.best);
//! # Ok(())
//! # }
//! ```
//!
//! A model and data of one's own need a [`Task`]; the [`Trainer`] adds the loop, checkpoints and
//! exact resume:
//!
//! ```no_run
#![doc = include_str!("../examples/own_model.rs")]
//! ```

pub mod checkpoint;
pub mod device;
mod error;
pub mod files;
pub mod kinds;
pub mod memory;
pub mod metrics;
pub mod params;
pub mod pretrained;
pub mod recipe;
pub mod report;
pub mod run;
pub mod session;
pub mod svg;
pub mod task;
pub mod trainer;

pub use checkpoint::Checkpoints;
pub use error::TrainError;
pub use metrics::{MetricInfo, Tally};
pub use params::init_model;
pub use recipe::Recipe;
pub use run::RunDir;
pub use task::{HiddenState, Task};
pub use trainer::state::State;
pub use trainer::{Loaders, Trainer};
