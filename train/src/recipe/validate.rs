//! Range checks of the sections that all kinds of work share.

use super::problems::Problems;
use super::sections::{
    DataSection, OptimizerRecipe, Recipe, ScheduleName, ScheduleRecipe, TrainRecipe,
};

/// Upper limit on the items of a batch and on the batches of a step.
const MAX_BATCH: usize = 1 << 24;

impl<D: DataSection> Recipe<D> {
    /// A sentence for every value that is out of range, beginning with its key.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Problems::default();
        problems.require(
            !self.name.is_empty() && !self.name.contains(['/', '\\']) && self.name != "..",
            "name",
            "must be a plain folder name",
        );
        D::check(self, &mut problems);
        check_optimizer(&self.optimizer, &mut problems);
        check_schedule(&self.schedule, &mut problems);
        check_train(&self.train, &mut problems);
        problems.into_vec()
    }

    /// Refuses what only encoders can do, rather than ignore it.
    pub fn refuse_encoder_options(&self, problems: &mut Problems) {
        for (key, is_given) in [
            ("model.freeze_layers", self.model.freeze_layers.is_some()),
            ("model.lora", self.model.lora.is_some()),
            ("optimizer.layer_decay", self.optimizer.layer_decay != 1.0),
        ] {
            problems.require(!is_given, key, "is for encoders");
        }
    }

    /// Refuses what only recurrent language models can do, rather than ignore it.
    pub fn refuse_recurrent_options(&self, problems: &mut Problems) {
        for (key, value) in [
            ("train.ar_alpha", self.train.ar_alpha),
            ("train.tar_beta", self.train.tar_beta),
        ] {
            problems.require(value == 0.0, key, "is for recurrent language models");
        }
    }
}

fn check_optimizer(optimizer: &OptimizerRecipe, problems: &mut Problems) {
    problems.positive("optimizer.learning_rate", optimizer.learning_rate);
    problems.fraction("optimizer.momentum", optimizer.momentum);
    problems.not_negative("optimizer.weight_decay", optimizer.weight_decay);
    problems.positive("optimizer.layer_decay", optimizer.layer_decay);
    problems.require(
        optimizer.layer_decay <= 1.0,
        "optimizer.layer_decay",
        "must be at most 1",
    );
    problems.fraction("optimizer.betas", optimizer.betas[0]);
    problems.fraction("optimizer.betas", optimizer.betas[1]);
    problems.positive("optimizer.eps", optimizer.eps);
    problems.require(
        !optimizer.nesterov || optimizer.momentum > 0.0,
        "optimizer.nesterov",
        "needs optimizer.momentum above 0",
    );
}

fn check_schedule(schedule: &ScheduleRecipe, problems: &mut Problems) {
    problems.not_negative("schedule.warmup_epochs", schedule.warmup_epochs);
    problems.not_negative("schedule.min_learning_rate", schedule.min_learning_rate);
    problems.positive("schedule.step_epochs", schedule.step_epochs);
    problems.not_negative(
        "schedule.first_step_epochs",
        schedule.first_step_epochs.unwrap_or(0.0),
    );
    problems.require(
        schedule.plateau_patience > 0,
        "schedule.plateau_patience",
        "must be at least 1, got 0",
    );
    problems.positive("schedule.gamma", schedule.gamma);
    for &milestone in &schedule.milestones {
        problems.not_negative("schedule.milestones", milestone);
    }
    problems.require(
        schedule.name != ScheduleName::MultiStep || !schedule.milestones.is_empty(),
        "schedule.milestones",
        "must be given for a multi_step schedule",
    );
    problems.require(
        schedule.warmup_steps == 0 || schedule.warmup_epochs == 0.0,
        "schedule.warmup_steps and schedule.warmup_epochs",
        "cannot both be given",
    );
}

fn check_train(train: &TrainRecipe, problems: &mut Problems) {
    for (key, value) in [
        ("train.epochs", Some(train.epochs)),
        ("train.max_steps", train.max_steps),
        ("train.batch_size", Some(train.batch_size as u64)),
        (
            "train.gradient_accumulation",
            Some(train.gradient_accumulation as u64),
        ),
        ("train.eval_every", train.eval_every),
        ("train.checkpoint_every", train.checkpoint_every),
        ("train.keep_last", Some(train.keep_last as u64)),
        ("train.patience", train.patience),
        ("train.log_every", Some(train.log_every)),
    ] {
        problems.require(value != Some(0), key, "must be at least 1, got 0");
    }
    if let Some(norm) = train.clip_norm {
        problems.positive("train.clip_norm", norm);
    }
    if let Some(decay) = train.ema_decay {
        problems.fraction("train.ema_decay", decay);
    }
    problems.require(
        train.ema_decay.is_none() || train.nt_asgd_window.is_none(),
        "train.ema_decay and train.nt_asgd_window",
        "cannot both be given",
    );
    problems.not_negative("train.ar_alpha", train.ar_alpha);
    problems.not_negative("train.tar_beta", train.tar_beta);
    problems.fraction("train.label_smoothing", train.label_smoothing);
    problems.at_most("train.batch_size", train.batch_size, MAX_BATCH);
    problems.at_most(
        "train.gradient_accumulation",
        train.gradient_accumulation,
        MAX_BATCH,
    );
    // Each worker is a thread with its own batches in flight.
    problems.require(
        train.workers <= 1024,
        "train.workers",
        "must be at most 1024",
    );
}
