//! Runs learners.
//!
//! A [`recipe`] says what a run is; a [`task`] turns a batch into a loss and metrics; the [`trainer`] takes steps,
//! evaluates and writes checkpoints; a [`run`] directory is where everything is written and found again; [`report`] is
//! what a person sees of it. The `tinderbox` command is a thin layer over this library.

pub mod adaptation;
pub mod adapters;
mod arrays;
pub mod device;
pub mod encoder;
mod error;
pub mod files;
pub mod language;
pub mod params;
pub mod recipe;
pub mod report;
pub mod run;
pub mod session;
pub mod task;
pub mod trainer;
pub mod weights;

pub use error::TrainError;
