//! Runs learners.
//!
//! A [`recipe`] says what a run is; a [`task`] turns a batch into a loss and metrics; the [`trainer`] takes steps,
//! evaluates and writes checkpoints; a [`run`] directory is where everything is written and found again; [`report`] is
//! what a person sees of it. The `tinderbox` command is a thin layer over this library.

pub mod checkpoint;
pub mod device;
mod error;
pub mod files;
pub mod kinds;
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

pub use error::TrainError;
