//! What a run is, as a TOML file.
//!
//! A recipe has five sections, `[model] [data] [optimizer] [schedule] [train]`, each a plain struct here with its
//! defaults; of `[data]` there is one struct for images, one for text to continue and one for text to understand. The files
//! under `recipes/` are compiled in and known by name; any other is a path. `--set key=value` changes one entry.

mod data;
mod difference;
mod model;
mod read;
mod validate;

use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::kinds::encoder::EncoderDataRecipe;
use crate::kinds::image_classification::ImageDataRecipe;
use crate::kinds::language_modeling::LanguageDataRecipe;

pub use data::DataRecipe;
pub use read::{RecipeError, builtin, builtin_names, nearest};

/// One run, completely described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// What the run directory is called.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Everything random in the run is a function of this.
    pub seed: u64,
    /// Which network.
    pub model: ModelRecipe,
    /// Which data, and what is done to them.
    pub data: DataRecipe,
    /// How weights follow gradients.
    pub optimizer: OptimizerRecipe,
    /// How the learning rate changes.
    pub schedule: ScheduleRecipe,
    /// How long, how often, how many.
    pub train: TrainRecipe,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            name: "run".into(),
            description: String::new(),
            seed: 42,
            model: ModelRecipe::default(),
            data: DataRecipe::default(),
            optimizer: OptimizerRecipe::default(),
            schedule: ScheduleRecipe::default(),
            train: TrainRecipe::default(),
        }
    }
}

impl Recipe {
    /// The images to learn from.
    ///
    /// # Errors
    /// The recipe is for text.
    pub fn images(&self) -> Result<&ImageDataRecipe, TrainError> {
        let other = || self.other_kind("images");
        self.data.image().ok_or_else(other)
    }

    /// The text to learn a language model from.
    ///
    /// # Errors
    /// The recipe is for something else.
    pub fn text(&self) -> Result<&LanguageDataRecipe, TrainError> {
        let other = || self.other_kind("text to continue");
        self.data.text().ok_or_else(other)
    }

    /// The texts that an encoder learns to understand.
    ///
    /// # Errors
    /// The recipe is for something else.
    pub fn sequences(&self) -> Result<&EncoderDataRecipe, TrainError> {
        let other = || self.other_kind("text to understand");
        self.data.sequence().ok_or_else(other)
    }

    fn other_kind(&self, wanted: &'static str) -> TrainError {
        TrainError::OtherKind {
            name: self.name.clone(),
            found: self.data.kind(),
            wanted,
        }
    }
}

/// The network: a name from the registry, and any options of that model under their own names (`num_classes`, or
/// `vocab_size`, follows the data unless it is given).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelRecipe {
    /// A name that `tinderbox models` lists; for text to understand also `pretrained`, which is whatever network the folder
    /// `weights` holds.
    pub name: String,
    /// The weights that training begins with: a file, a name that `tinderbox models --weights` lists, or, of an encoder, a
    /// folder of Hugging Face's. Without it they are drawn at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// All of these weights must fit, except that a head for another number of classes is left new; otherwise whatever
    /// fits is used.
    pub strict: bool,
    /// Only the head learns; everything before it stays as it is, running statistics too.
    pub freeze_backbone: bool,
    /// Encoders: the embeddings and so many layers above them stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_layers: Option<usize>,
    /// Encoders: learn small additions to some matrices, and the head, instead of everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraRecipe>,
    /// Options of that model.
    #[serde(flatten)]
    pub options: toml::Table,
}

impl Default for ModelRecipe {
    fn default() -> Self {
        Self {
            name: "simple_cnn".into(),
            weights: None,
            strict: true,
            freeze_backbone: false,
            freeze_layers: None,
            lora: None,
            options: toml::Table::new(),
        }
    }
}

/// Low-rank adaptation: a matrix `W` becomes `W + alpha / rank A B`, and `A` and `B`, with `rank` columns and rows, are
/// what is learnt (Hu et al. 2021, <https://arxiv.org/abs/2106.09685>).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraRecipe {
    /// Of each addition.
    pub rank: usize,
    /// How much an addition counts: it is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Which matrices: all whose name ends so. Without it the projections of queries and values, as in the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
}

impl Default for LoraRecipe {
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 16.0,
            targets: None,
        }
    }
}

/// Which optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerName {
    /// Stochastic gradient descent with momentum, as `torch.optim.SGD` (dampening 0).
    Sgd,
    /// Adam with L2 regularisation, as `torch.optim.Adam`.
    Adam,
    /// Adam with decoupled weight decay, as `torch.optim.AdamW`.
    #[serde(rename = "adamw")]
    AdamW,
}

/// How weights follow gradients. The defaults are PyTorch's, except that momentum is on, and that weight decay spares
/// everything with one dimension (biases and the affine parameters of norms) unless `decay_all` is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OptimizerRecipe {
    /// Which optimizer.
    pub name: OptimizerName,
    /// The base learning rate that the schedule scales.
    pub learning_rate: f64,
    /// SGD's momentum.
    pub momentum: f64,
    /// SGD: look ahead along the momentum (Nesterov).
    pub nesterov: bool,
    /// Weight decay of parameters with two or more dimensions.
    pub weight_decay: f64,
    /// Encoders: the rate of each layer is that of the one above times this, which spares what was learnt before; 1 is the
    /// same rate everywhere.
    pub layer_decay: f64,
    /// Decay biases and the affine parameters of norms too, as PyTorch does unless it is given groups.
    pub decay_all: bool,
    /// Adam's decay of the first and second moment.
    pub betas: [f64; 2],
    /// Adam's epsilon.
    pub eps: f64,
}

impl Default for OptimizerRecipe {
    fn default() -> Self {
        Self {
            name: OptimizerName::Sgd,
            learning_rate: 0.01,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
            layer_decay: 1.0,
            decay_all: false,
            betas: [0.9, 0.999],
            eps: 1e-8,
        }
    }
}

/// The shape of the learning rate over the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleName {
    /// The base rate throughout.
    Constant,
    /// Multiplied by `gamma` every `step_epochs`.
    Step,
    /// Multiplied by `gamma` at each of the `milestones`.
    MultiStep,
    /// Multiplied by `gamma` when `plateau_patience` evaluations have brought nothing better.
    Plateau,
    /// Half a cosine from the base rate to `min_learning_rate`.
    Cosine,
    /// A straight line from the base rate to `min_learning_rate`.
    Linear,
}

/// How the learning rate changes. It is a function of the step (and, for a plateau, of the number of drops, which is part
/// of a checkpoint).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleRecipe {
    /// The shape.
    pub name: ScheduleName,
    /// Linear warm-up over this many optimizer steps, before the shape begins.
    pub warmup_steps: u64,
    /// The same in epochs; only one of the two can be given.
    pub warmup_epochs: f64,
    /// Cosine and linear end here.
    pub min_learning_rate: f64,
    /// Step: epochs between two drops.
    pub step_epochs: f64,
    /// Step: epochs before the first drop, if they are not as many.
    pub first_step_epochs: Option<f64>,
    /// Multi-step: the epochs after which the rate drops, the warm-up not counted.
    pub milestones: Vec<f64>,
    /// Step, multi-step and plateau: what a drop multiplies by.
    pub gamma: f64,
    /// Plateau: evaluations without a better `train.best_metric` that bring a drop.
    pub plateau_patience: u64,
}

impl Default for ScheduleRecipe {
    fn default() -> Self {
        Self {
            name: ScheduleName::Constant,
            warmup_steps: 0,
            warmup_epochs: 0.0,
            min_learning_rate: 0.0,
            step_epochs: 30.0,
            first_step_epochs: None,
            milestones: Vec::new(),
            gamma: 0.1,
            plateau_patience: 1,
        }
    }
}

/// How long, how often, how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainRecipe {
    /// Passes over the training data.
    pub epochs: u64,
    /// Stop after this many optimizer steps instead.
    pub max_steps: Option<u64>,
    /// Images, or sequences of tokens, per batch.
    pub batch_size: usize,
    /// Batches per optimizer step; their gradients are averaged.
    pub accumulate: usize,
    /// Leave out the last batch of an epoch if it is not full.
    pub drop_last: bool,
    /// Scale gradients down to this global norm.
    pub clip_norm: Option<f64>,
    /// Keep an exponential moving average of the weights with this decay, and evaluate that.
    pub ema_decay: Option<f64>,
    /// Average the weights from the evaluation on that is worse than the best of those more than so many evaluations ago,
    /// and evaluate the average (NT-ASGD; Merity et al. 2018, <https://arxiv.org/abs/1708.02182>).
    pub average_after: Option<usize>,
    /// Recurrent models: adds this times the mean square of the last layer's outputs to the loss (AR).
    pub activation_decay: f64,
    /// Recurrent models: adds this times the mean square of their change from one token to the next (TAR).
    pub slowness_decay: f64,
    /// Share of the target spread evenly over all classes.
    pub label_smoothing: f64,
    /// Evaluate every so many optimizer steps; without it, after each epoch.
    pub eval_every: Option<u64>,
    /// Write a checkpoint every so many optimizer steps; without it, after each epoch.
    pub checkpoint_every: Option<u64>,
    /// How many checkpoints to keep, besides the best one.
    pub keep_last: usize,
    /// The validation metric that decides which checkpoint is best.
    pub best_metric: String,
    /// Stop after this many evaluations without a better `best_metric`.
    pub patience: Option<u64>,
    /// Optimizer steps between two training records in `metrics.jsonl`.
    pub log_every: u64,
    /// Threads that decode and augment ahead of the step. The batches are the same for any number.
    pub workers: usize,
    /// How many unreadable images may be left out before the run stops.
    pub skip_bad: usize,
}

impl Default for TrainRecipe {
    fn default() -> Self {
        Self {
            epochs: 10,
            max_steps: None,
            batch_size: 64,
            accumulate: 1,
            drop_last: false,
            clip_norm: None,
            ema_decay: None,
            average_after: None,
            activation_decay: 0.0,
            slowness_decay: 0.0,
            label_smoothing: 0.0,
            eval_every: None,
            checkpoint_every: None,
            keep_last: 3,
            best_metric: "accuracy".into(),
            patience: None,
            log_every: 10,
            workers: 1,
            skip_bad: 0,
        }
    }
}
