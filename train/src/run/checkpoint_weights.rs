//! Weights of a run, from its checkpoints.

use std::path::PathBuf;

use burn::module::Module;
use tinderbox_weights::StateDict;

use super::directory::RunDir;
use crate::TrainError;
use crate::checkpoint::{EMA, MODEL};
use crate::params::adapters;
use crate::trainer::state::Progress;

/// Choice of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The best checkpoint, by the recipe's `best_metric`.
    #[default]
    Best,
    /// The newest checkpoint.
    Latest,
    /// The checkpoint at this step.
    Step(u64),
}

/// Weights of a checkpoint.
#[derive(Clone, Debug)]
pub struct RunWeights {
    /// Step of the checkpoint.
    pub step: u64,
    /// True if they are the moving average.
    pub averaged: bool,
    bytes: Vec<u8>,
    path: PathBuf,
}

impl RunDir {
    /// Reads the weights of a checkpoint: the moving average if the run kept one, unless `live` is
    /// set.
    ///
    /// # Errors
    /// There is no such checkpoint, or it is damaged.
    pub fn weights(&self, which: Which, live: bool) -> Result<RunWeights, TrainError> {
        let checkpoints = self.checkpoints();
        let newest = self.newest_step()?;
        let step = match which {
            Which::Step(step) => step,
            Which::Latest => newest,
            Which::Best => {
                let files = checkpoints.load(newest)?;
                Progress::from_files(&files, &checkpoints.path(newest))?
                    .best_present(&checkpoints)?
                    .unwrap_or(newest)
            }
        };
        let mut files = adapters::complete(checkpoints.load(step)?, self.path())?;
        let averaged = files.contains_key(EMA) && !live;
        let name = if averaged { EMA } else { MODEL };
        let path = checkpoints.path(step).join(name);
        let bytes = files
            .remove(name)
            .ok_or_else(|| TrainError::corrupt(&path, "the checkpoint has no weights"))?;
        Ok(RunWeights {
            step,
            averaged,
            bytes,
            path,
        })
    }

    fn newest_step(&self) -> Result<u64, TrainError> {
        let steps = self.checkpoints().steps()?;
        steps.last().copied().ok_or_else(|| TrainError::NoRun {
            path: self.path().to_path_buf(),
            reason: "it has no checkpoint yet; it stopped before its first one".into(),
        })
    }
}

impl RunWeights {
    /// Loads the weights into `model`.
    ///
    /// # Errors
    /// The weights belong to another model.
    pub fn load_into<M: Module>(self, model: M) -> Result<M, TrainError> {
        Ok(tinderbox_weights::load_bytes(
            model, self.bytes, &self.path,
        )?)
    }

    /// Checks that the weights can be read.
    ///
    /// # Errors
    /// They are damaged.
    pub fn check(&self) -> Result<(), TrainError> {
        StateDict::from_bytes(self.bytes.clone(), &self.path)?;
        Ok(())
    }

    /// Origin in words, such as "step 1880 (moving average)".
    pub fn origin(&self) -> String {
        let average = if self.averaged {
            " (moving average)"
        } else {
            ""
        };
        format!("step {}{average}", self.step)
    }

    /// The weights as a safetensors file with PyTorch's names and layout.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
