//! Everything that changes during a run, saved and restored as a whole.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use weights;
use serde::{Deserialize, Serialize};

use super::checkpoint::Files;
use super::ema::Ema;
use super::metrics::{Best, Tally};
use super::optimizer::Optimizer;
use crate::TrainError;
use crate::params;
use crate::recipe::{OptimizerRecipe, TrainRecipe};

const MODEL: &str = "model.safetensors";
const EMA: &str = "ema.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";

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
    /// Where the run is.
    pub progress: Progress,
}

impl<M: Module> State<M> {
    /// The state before the first step.
    pub fn new(model: M, optimizer: &OptimizerRecipe, train: &TrainRecipe) -> Self {
        Self {
            optimizer: Optimizer::new(optimizer.clone()),
            ema: train.ema_decay.map(|decay| Ema::new(decay, &model)),
            progress: Progress::default(),
            model,
        }
    }

    /// The files of a checkpoint. Equal states give equal bytes.
    ///
    /// # Errors
    /// The device could not be read.
    pub fn to_files(&self) -> Result<Files, TrainError> {
        let mut files = Files::new();
        files.insert(MODEL.into(), weights::to_bytes(&self.model)?);
        if let Some(ema) = &self.ema {
            let averaged = ema.apply(&self.model);
            files.insert(EMA.into(), weights::to_bytes(&averaged)?);
        }
        files.insert(OPTIMIZER.into(), self.optimizer.to_bytes()?);
        let mut progress = serde_json::to_string_pretty(&self.progress)
            .map_err(|e| TrainError::corrupt(Path::new(STATE), e))?;
        progress.push('\n');
        files.insert(STATE.into(), progress.into_bytes());
        Ok(files)
    }

    /// The state that [`to_files`](Self::to_files) wrote. `model` is the network with any weights, `path` the checkpoint
    /// for error messages.
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
            Ok(weights::load_bytes(model, bytes, &path.join(name))?)
        };
        let ema = match train.ema_decay {
            None => None,
            Some(decay) => Some(Ema::new(decay, &load(model.clone(), EMA)?)),
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
            progress: Progress::from_files(files, path)?,
        })
    }
}

fn file<'a>(files: &'a Files, name: &str, path: &Path) -> Result<&'a Vec<u8>, TrainError> {
    files
        .get(name)
        .ok_or_else(|| TrainError::corrupt(&path.join(name), "the checkpoint has no such file"))
}
