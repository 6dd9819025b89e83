//! Everything that changes during a run, saved and restored as a whole.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use tinderbox_weights;

use super::ema::Ema;
use super::optimizer::Optimizer;
use crate::TrainError;
use crate::checkpoint::{ADAPTERS, EMA, Files, HIDDEN_STATE, MODEL, OPTIMIZER, STATE};
use crate::metrics::{Best, Tally};
use crate::params;
use crate::params::adapters;
use crate::params::arrays;
use crate::recipe::{OptimizerRecipe, TrainRecipe};
use crate::task::Carry;

/// Where a run is, in numbers. There is no random generator in it: all randomness is a function of the seed and these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimizer steps taken.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Batches of the current epoch that have been used.
    pub batch: u64,
    /// Items (images, tokens) seen.
    pub items: u64,
    /// What was measured since the last training record.
    pub window: Tally,
    /// What was measured since the epoch began.
    pub epoch_tally: Tally,
    /// The best evaluation so far.
    pub best: Best,
    /// How often the learning rate has dropped on a plateau.
    #[serde(default)]
    pub drops: u64,
    /// Evaluations without a better one since then.
    #[serde(default)]
    pub since_drop: u64,
    /// The values of all evaluations, where the recipe has them decide when averaging begins.
    #[serde(default)]
    pub evaluations: Vec<f64>,
    /// The step since which weights are averaged uniformly.
    #[serde(default)]
    pub average_since: Option<u64>,
    /// Length of `metrics.jsonl` at this point; what a killed run wrote after it is cut off.
    pub metrics_bytes: u64,
}

impl Progress {
    /// Reads the progress out of a checkpoint at `path`.
    ///
    /// # Errors
    /// There is none in it, or it cannot be understood.
    pub fn from_files(files: &Files, path: &Path) -> Result<Self, TrainError> {
        serde_json::from_slice(file(files, STATE, path)?)
            .map_err(|e| TrainError::corrupt(&path.join(STATE), e))
    }
}

/// Everything that changes during a run.
pub struct State<M> {
    /// The weights.
    pub model: M,
    /// The optimizer and what it remembers.
    pub optimizer: Optimizer,
    /// The averaged weights, if the recipe asks for them.
    pub ema: Option<Ema>,
    /// What the last batch left to the next.
    pub carry: Carry,
    /// Where the run is.
    pub progress: Progress,
}

impl<M: Module> State<M> {
    /// The state before the first step.
    pub fn new(model: M, optimizer: &OptimizerRecipe, train: &TrainRecipe) -> Self {
        Self {
            optimizer: Optimizer::new(optimizer.clone()),
            ema: train.ema_decay.map(|decay| Ema::exponential(decay, &model)),
            carry: Carry::new(),
            progress: Progress::default(),
            model,
        }
    }

    /// Takes in the value of an evaluation. Where the recipe says so, and it is worse than the best of those more than
    /// `average_after` evaluations ago, weights are averaged from here on: the trigger of NT-ASGD (Merity et al. 2018,
    /// <https://arxiv.org/abs/1708.02182>, algorithm 1).
    pub fn average_if_worse(&mut self, value: f64, higher_is_better: bool, recipe: &TrainRecipe) {
        let Some(patience) = recipe.average_after else {
            return;
        };
        let sign = if higher_is_better { -1.0 } else { 1.0 };
        let before = &self.progress.evaluations;
        let old = &before[..before.len().saturating_sub(patience)];
        let is_worse = old.iter().any(|old| sign * value > sign * old);
        self.progress.evaluations.push(value);
        if is_worse && self.ema.is_none() {
            let since = self.progress.step;
            self.progress.average_since = Some(since);
            self.ema = Some(Ema::uniform(since, &self.model));
        }
    }

    /// The files of a checkpoint. Equal states give equal bytes.
    ///
    /// # Errors
    /// The device could not be read.
    pub fn to_files(&self) -> Result<Files, TrainError> {
        let mut files = Files::new();
        // Where most weights never change, a checkpoint has the others.
        let learning = adapters::learning(&self.model);
        let saved = |bytes: Vec<u8>| match &learning {
            None => Ok(bytes),
            Some(learning) => adapters::part(bytes, |name| learning.contains(name)),
        };
        let model = if learning.is_some() { ADAPTERS } else { MODEL };
        files.insert(
            model.into(),
            saved(tinderbox_weights::to_bytes(&self.model)?)?,
        );
        if let Some(ema) = &self.ema {
            let averaged = ema.apply(&self.model);
            files.insert(EMA.into(), saved(tinderbox_weights::to_bytes(&averaged)?)?);
        }
        files.insert(OPTIMIZER.into(), self.optimizer.to_bytes()?);
        if !self.carry.is_empty() {
            files.insert(HIDDEN_STATE.into(), arrays::to_bytes(&self.carry)?);
        }
        let mut progress = serde_json::to_string_pretty(&self.progress)
            .map_err(|e| TrainError::corrupt(Path::new(STATE), e))?;
        progress.push('\n');
        files.insert(STATE.into(), progress.into_bytes());
        Ok(files)
    }

    /// The state that [`to_files`](Self::to_files) wrote, with all weights ([`adapters::complete`]). `model` is the network
    /// with any weights, `path` the checkpoint for error messages.
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
        let carry = match files.get(HIDDEN_STATE) {
            None => Carry::new(),
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
            carry,
            progress,
        })
    }
}

fn file<'a>(files: &'a Files, name: &str, path: &Path) -> Result<&'a Vec<u8>, TrainError> {
    files
        .get(name)
        .ok_or_else(|| TrainError::corrupt(&path.join(name), "the checkpoint has no such file"))
}
