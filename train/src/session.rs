//! Sessions: starting, resuming or trying out a run.

mod prepared;

use std::path::Path;

use burn::tensor::Device;
use burn::train::Interrupter;

use crate::TrainError;
use crate::pretrained::DataAccess;
use crate::recipe::{DataSection, Recipe};
use crate::report::{View, ViewInfo};
use crate::run::RunDir;
use crate::trainer::Outcome;

pub(crate) use prepared::Prepared;

/// Start of a session.
pub enum StartMode<'a> {
    /// A new run, in place of an existing one if `overwrite` is set.
    New {
        /// Run directory.
        path: &'a Path,
        /// Replace an existing run.
        overwrite: bool,
    },
    /// An existing run, resumed from its newest checkpoint or from the one at a step.
    Resume {
        /// Run directory.
        path: &'a Path,
        /// Step of the checkpoint; later ones are removed.
        step: Option<u64>,
    },
    /// A dry run: two steps and a short evaluation, without writing anything.
    DryRun,
}

/// Everything that a session needs besides its recipe.
pub struct SessionContext<'a, 'v> {
    /// Device, without gradients.
    pub device: Device,
    /// Cache of downloads.
    pub access: DataAccess<'a>,
    /// Creates the display of the run.
    pub view: &'v mut dyn FnMut(&ViewInfo) -> View,
    /// Receives notes for the user, before the display exists.
    pub note: &'v mut dyn FnMut(&str),
    /// Stop signal.
    pub interrupter: Interrupter,
}

/// A kind of work, as a type.
pub trait Work {
    /// `[data]` section of its recipes.
    type Data: DataSection;

    /// Trains a model as `recipe` says.
    ///
    /// # Errors
    /// Anything that keeps the run from starting or ends it early.
    fn train(
        recipe: &Recipe<Self::Data>,
        start: &StartMode,
        context: SessionContext,
    ) -> Result<Outcome, TrainError>;
}

/// True if there is no checkpoint to resume from.
pub(crate) fn begins_anew(start: &StartMode) -> Result<bool, TrainError> {
    match start {
        StartMode::New { .. } | StartMode::DryRun => Ok(true),
        StartMode::Resume { path, .. } => Ok(RunDir::open(path)?.checkpoints().steps()?.is_empty()),
    }
}
