//! State of a run: everything that changes, saved and restored as a whole.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use tinderbox_weights;

use super::ema::Ema;
use super::optimizer::Optimizer;
use crate::checkpoint::{
    self, ADAPTERS, Checkpoints, EMA, Files, HIDDEN_STATE, MODEL, OPTIMIZER, STATE,
};
use crate::metrics::{Best, Tally};
use crate::params::{adapters, arrays};
use crate::recipe::{OptimizerRecipe, TrainRecipe};
use crate::run::parse_json;
use crate::task::HiddenState;
use crate::{TrainError, params};

/// Position and counters of a run. No random generator is part of it: all randomness is a function
/// of the seed and these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimizer steps taken.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Batches used of the current epoch.
    pub batch: u64,
    /// Items (images, tokens) seen.
    pub items: u64,
    /// Metrics since the last training record.
    pub window: Tally,
    /// Metrics since the epoch began.
    pub epoch_tally: Tally,
    /// Best evaluation so far.
    pub best: Best,
    /// Number of learning rate drops on a plateau.
    #[serde(default)]
    pub drops: u64,
    /// Evaluations without improvement since the last drop.
    #[serde(default)]
    pub since_drop: u64,
    /// Values of all evaluations, for NT-ASGD.
    #[serde(default)]
    pub evaluations: Vec<f64>,
    /// Step since which weights are averaged uniformly.
    #[serde(default)]
    pub average_since: Option<u64>,
    /// Length of `metrics.jsonl`; what a killed run wrote beyond it is cut off.
    pub metrics_bytes: u64,
}

impl Progress {
    /// Reads the progress of the checkpoint at `path`.
    ///
    /// # Errors
    /// The file is missing or invalid, or is of another step than the folder.
    pub fn from_files(files: &Files, path: &Path) -> Result<Self, TrainError> {
        let state_path = path.join(STATE);
        let progress: Self = parse_json(file(files, STATE, path)?, &state_path)?;
        let step = progress.step;
        if path
            .file_name()
            .is_some_and(|name| name != &*checkpoint::name(step))
        {
            let reason = format!("step: it is {step}, in a folder with another name");
            return Err(TrainError::corrupt(&state_path, reason));
        }
        if progress.best.step().is_some_and(|best| best > step) {
            let reason = format!("best: it is a later step than {step}");
            return Err(TrainError::corrupt(&state_path, reason));
        }
        Ok(progress)
    }

    /// Step of the best checkpoint that is there. That of the best evaluation is missing if the run
    /// went back to a step before another became the best and it was removed; then the last that
    /// was the best when it was written.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn best_present(&self, checkpoints: &Checkpoints) -> Result<Option<u64>, TrainError> {
        let steps = checkpoints.steps()?;
        let Some(best) = self.best.step() else {
            return Ok(None);
        };
        if steps.contains(&best) {
            return Ok(Some(best));
        }
        let was_best = |step: &u64| {
            let state = checkpoints.read_state(*step).ok();
            let progress = state.and_then(|state| serde_json::from_slice::<Self>(&state).ok());
            progress.is_some_and(|progress| progress.best.step() == Some(*step))
        };
        Ok(steps.into_iter().rfind(was_best))
    }
}

/// State of a run.
pub struct State<M> {
    /// Model.
    pub model: M,
    /// Optimizer with its state.
    pub optimizer: Optimizer,
    /// Average of the weights, if the recipe asks for one.
    pub ema: Option<Ema>,
    /// Hidden state of the last batch.
    pub hidden_state: HiddenState,
    /// Position and counters.
    pub progress: Progress,
}

impl<M: Module> State<M> {
    /// State before the first step.
    pub fn new(model: M, optimizer: &OptimizerRecipe, train: &TrainRecipe) -> Self {
        Self {
            optimizer: Optimizer::new(optimizer.clone()),
            ema: train.ema_decay.map(|decay| Ema::exponential(decay, &model)),
            hidden_state: HiddenState::new(),
            progress: Progress::default(),
            model,
        }
    }

    /// Restores the newest of `checkpoints`, or returns the state before the first step if there is
    /// none. `model` is the initial network, on `device`.
    ///
    /// # Errors
    /// The checkpoint cannot be read, is damaged, or belongs to another run.
    pub fn resume(
        model: M,
        optimizer: &OptimizerRecipe,
        train: &TrainRecipe,
        checkpoints: &Checkpoints,
        device: &Device,
    ) -> Result<Self, TrainError> {
        checkpoints.clean()?;
        let Some(step) = checkpoints.steps()?.last().copied() else {
            return Ok(Self::new(model, optimizer, train));
        };
        let (files, path) = (checkpoints.load(step)?, checkpoints.path(step));
        let device = device.clone().inner();
        Self::from_files(model, optimizer, train, &files, &path, &device)
    }

    /// Files of a checkpoint. Equal states give equal bytes.
    ///
    /// # Errors
    /// The device failed.
    pub fn to_files(&self) -> Result<Files, TrainError> {
        let mut files = Files::new();
        // With adapters, a checkpoint holds the trainable weights only.
        let trainable = adapters::trainable(&self.model);
        let saved = |bytes: Vec<u8>| match &trainable {
            None => Ok(bytes),
            Some(trainable) => adapters::part(bytes, |name| trainable.contains(name)),
        };
        let model = if trainable.is_some() { ADAPTERS } else { MODEL };
        files.insert(
            model.into(),
            saved(tinderbox_weights::to_bytes(&self.model)?)?,
        );
        if let Some(ema) = &self.ema {
            let averaged = ema.apply(&self.model);
            files.insert(EMA.into(), saved(tinderbox_weights::to_bytes(&averaged)?)?);
        }
        files.insert(OPTIMIZER.into(), self.optimizer.to_bytes()?);
        if !self.hidden_state.is_empty() {
            files.insert(HIDDEN_STATE.into(), arrays::to_bytes(&self.hidden_state)?);
        }
        let mut progress = serde_json::to_string_pretty(&self.progress)
            .map_err(|e| TrainError::corrupt(Path::new(STATE), e))?;
        progress.push('\n');
        files.insert(STATE.into(), progress.into_bytes());
        Ok(files)
    }

    /// Restores the output of [`to_files`](Self::to_files), completed with frozen weights
    /// ([`adapters::complete`]). The weights of `model` are replaced; `path` names the checkpoint
    /// in errors.
    ///
    /// # Errors
    /// A file is missing or belongs to another run.
    pub fn from_files(
        model: M,
        optimizer: &OptimizerRecipe,
        train: &TrainRecipe,
        files: &Files,
        path: &Path,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let load = |model: M, name: &str| -> Result<M, TrainError> {
            let bytes = file(files, name, path)?.clone();
            Ok(tinderbox_weights::load_bytes(
                model,
                bytes,
                &path.join(name),
            )?)
        };
        let progress = Progress::from_files(files, path)?;
        let ema = match (train.ema_decay, progress.average_since) {
            (Some(decay), _) => Some(Ema::exponential(decay, &load(model.clone(), EMA)?)),
            (None, Some(since)) => Some(Ema::uniform(since, &load(model.clone(), EMA)?)),
            (None, None) => None,
        };
        let hidden_state = match files.get(HIDDEN_STATE) {
            None => HiddenState::new(),
            Some(bytes) => arrays::from_bytes(bytes, device)
                .map_err(|reason| TrainError::corrupt(&path.join(HIDDEN_STATE), reason))?,
        };
        let model = load(model, MODEL)?;
        let optimizer = Optimizer::from_bytes(
            optimizer.clone(),
            file(files, OPTIMIZER, path)?,
            &params::values(&model),
            device,
        )
        .map_err(|reason| TrainError::corrupt(&path.join(OPTIMIZER), reason))?;
        Ok(Self {
            model,
            optimizer,
            ema,
            hidden_state,
            progress,
        })
    }
}

fn file<'a>(files: &'a Files, name: &str, path: &Path) -> Result<&'a Vec<u8>, TrainError> {
    files
        .get(name)
        .ok_or_else(|| TrainError::corrupt(&path.join(name), "the checkpoint has no such file"))
}
