//! From a recipe to a trained model: opens the data, builds or restores the state, runs the trainer.

mod prepared;

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use burn::train::Interrupter;

use crate::TrainError;
use crate::params;
use crate::pretrained::DataAccess;
use crate::report::{View, ViewInfo};
use crate::run::RunDir;
pub(crate) use prepared::Prepared;

/// Where a session of a run begins and where it is written.
pub enum StartMode<'a> {
    /// A new run in this folder, in place of the run that is there if `overwrite` is set.
    New {
        /// The run directory.
        path: &'a Path,
        /// Replace a run.
        overwrite: bool,
    },
    /// The run in this folder goes on, from its newest checkpoint or from the one at a step.
    Resume {
        /// The run directory.
        path: &'a Path,
        /// The step of the checkpoint; later ones are removed.
        step: Option<u64>,
    },
    /// Two steps and a short evaluation; nothing is written.
    DryRun,
}

/// What a session needs besides its recipe.
pub struct SessionContext<'a, 'v> {
    /// The device, without gradients.
    pub device: Device,
    /// Where downloaded data are kept.
    pub access: DataAccess<'a>,
    /// What shows the run, made once it is known what it reports.
    pub view: &'v mut dyn FnMut(&ViewInfo) -> View,
    /// Is told, before the view is made, what a person should know about how the run begins.
    pub note: &'v mut dyn FnMut(&str),
    /// What can stop the run.
    pub interrupter: Interrupter,
}

/// Whether there is no checkpoint yet to go on from.
pub(crate) fn begins_anew(start: &StartMode) -> Result<bool, TrainError> {
    match start {
        StartMode::New { .. } | StartMode::DryRun => Ok(true),
        StartMode::Resume { path, .. } => Ok(RunDir::open(path)?.checkpoints().steps()?.is_empty()),
    }
}

/// A network whose weights are a function of `seed` alone. `init` makes it on `device`.
///
/// # Errors
/// The configuration describes no network.
pub fn init_model<M: Module>(
    seed: u64,
    device: &Device,
    init: impl FnOnce() -> Result<M, TrainError>,
) -> Result<M, TrainError> {
    device.seed(tinderbox_data::random::seed(seed, "init", 0));
    let model = init()?;
    // Burn draws a weight when it is first used. Using all of them now, in the order of their names, leaves nothing to
    // be drawn between other random numbers later.
    drop(params::values(&model));
    Ok(model)
}
