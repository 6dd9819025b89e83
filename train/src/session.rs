//! Sessions: starting, resuming or trying out a run.

pub(crate) mod prepared;

use std::path::Path;

use burn::tensor::Device;
use burn::train::Interrupter;

use crate::TrainError;
use crate::pretrained::DataAccess;
use crate::recipe::{DataSection, Recipe};
use crate::report::{View, ViewInfo};
use crate::run::{Bundle, RunDir};
use crate::trainer::Outcome;

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
pub struct SessionContext<'a> {
    /// Device, without gradients.
    pub device: Device,
    /// Cache of downloads.
    pub access: DataAccess<'a>,
    view: Box<dyn FnMut(&ViewInfo) -> View + 'a>,
    note: Box<dyn FnMut(&str) + 'a>,
    pub(crate) interrupter: Interrupter,
}

impl<'a> SessionContext<'a> {
    /// A session on `device` that shows nothing. `access` may also be the path of the cache folder.
    pub fn new(device: Device, access: impl Into<DataAccess<'a>>) -> Self {
        Self {
            device,
            access: access.into(),
            view: Box::new(|_| View::Quiet),
            note: Box::new(|_| ()),
            interrupter: Interrupter::new(),
        }
    }

    /// Shows the run as the result of `view`, which is called once its metrics are known.
    #[must_use]
    pub fn with_view(mut self, view: impl FnMut(&ViewInfo) -> View + 'a) -> Self {
        self.view = Box::new(view);
        self
    }

    /// Calls `note` with notes for the user, before the view exists.
    #[must_use]
    pub fn with_note(mut self, note: impl FnMut(&str) + 'a) -> Self {
        self.note = Box::new(note);
        self
    }

    /// Sets the signal that stops the run after a step, with a checkpoint.
    #[must_use]
    pub fn with_interrupter(mut self, interrupter: Interrupter) -> Self {
        self.interrupter = interrupter;
        self
    }

    pub(crate) fn view(&mut self, info: &ViewInfo) -> View {
        (self.view)(info)
    }

    pub(crate) fn note(&mut self, text: &str) {
        (self.note)(text);
    }
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

/// The files that a run to resume has recorded. Its model and labels are those, whatever the data
/// would give by now.
pub(crate) fn recorded<B: Bundle>(start: &StartMode) -> Result<Option<B>, TrainError> {
    match start {
        StartMode::Resume { path, .. } => B::read(&RunDir::open(path)?).map(Some),
        StartMode::New { .. } | StartMode::DryRun => Ok(None),
    }
}

/// True if there is no checkpoint to resume from.
pub(crate) fn begins_anew(start: &StartMode) -> Result<bool, TrainError> {
    match start {
        StartMode::New { .. } | StartMode::DryRun => Ok(true),
        StartMode::Resume { path, .. } => Ok(RunDir::open(path)?.checkpoints().steps()?.is_empty()),
    }
}
