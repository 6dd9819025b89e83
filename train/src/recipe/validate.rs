//! Values that have the right type and still make no sense.

use tinderbox_data::image::Transform;

use super::model::PRETRAINED;
use super::{
    DataRecipe, LoraRecipe, ModelRecipe, OptimizerRecipe, Recipe, ScheduleName, ScheduleRecipe,
    TrainRecipe,
};
use crate::kinds::encoder::{EncoderDataRecipe, EncoderDataSource};
use crate::kinds::image_classification::{ImageDataRecipe, ImageDataSource};
use crate::kinds::language_modeling::{LanguageDataRecipe, LanguageDataSource, TextUnit};

impl Recipe {
    /// A sentence for every value that cannot be, each beginning with its key.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Problems::default();
        problems.require(
            !self.name.is_empty() && !self.name.contains(['/', '\\']) && self.name != "..",
            "name",
            "must be a plain folder name",
        );
        match &self.data {
            DataRecipe::Image(data) => {
                match self.model.image_classifier() {
                    Ok(config) => problems.take(config.validate()),
                    Err(found) => problems.0.extend(found),
                }
                check_images(data, &mut problems);
                check_not_recurrent(&self.train, &mut problems);
                check_no_encoder(self, &mut problems);
            }
            DataRecipe::Text(data) => {
                match self.model.language_model() {
                    Ok(config) => problems.take(config.validate()),
                    Err(found) => problems.0.extend(found),
                }
                check_text(data, &mut problems);
                problems.require(
                    !self.model.freeze_backbone,
                    "model.freeze_backbone",
                    "is for image classifiers and encoders",
                );
                check_no_encoder(self, &mut problems);
            }
            DataRecipe::Sequence(data) => {
                check_encoder(&self.model, &mut problems);
                check_sequences(data, &mut problems);
                check_adaptation(&self.model, &mut problems);
                problems.require(
                    data.source != EncoderDataSource::Squad || self.train.label_smoothing == 0.0,
                    "train.label_smoothing",
                    "is not for answers: the classes are the places of a text, padding too",
                );
                check_not_recurrent(&self.train, &mut problems);
            }
        }
        check_optimizer(&self.optimizer, &mut problems);
        check_schedule(&self.schedule, &mut problems);
        check_train(&self.train, &mut problems);
        problems.0
    }
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn take<E: std::fmt::Display>(&mut self, result: Result<(), E>) {
        self.0.extend(result.err().map(|error| error.to_string()));
    }

    fn require(&mut self, holds: bool, key: &str, rule: &str) {
        if !holds {
            self.0.push(format!("{key} {rule}"));
        }
    }

    fn positive(&mut self, key: &str, value: f64) {
        let holds = value > 0.0 && value.is_finite();
        self.require(holds, key, &format!("must be above 0, got {value}"));
    }

    fn not_negative(&mut self, key: &str, value: f64) {
        let holds = value >= 0.0 && value.is_finite();
        self.require(holds, key, &format!("must not be negative, got {value}"));
    }

    fn fraction(&mut self, key: &str, value: f64) {
        let holds = (0.0..1.0).contains(&value);
        self.require(holds, key, &format!("must be in [0, 1), got {value}"));
    }
}

fn check_images(data: &ImageDataRecipe, problems: &mut Problems) {
    let needs_path = matches!(
        data.source,
        ImageDataSource::Folder
            | ImageDataSource::Idx
            | ImageDataSource::ImageNet
            | ImageDataSource::Shards
            | ImageDataSource::TinyImageNet
    );
    problems.require(
        !needs_path || data.path.is_some(),
        "data.path",
        "must be given for this data.source",
    );
    problems.require(
        data.classes != Some(0),
        "data.classes",
        "must be at least 1, got 0",
    );
    for (key, fraction) in [
        ("data.fraction", data.fraction),
        ("data.val_fraction", data.val_fraction),
    ] {
        let value = fraction.unwrap_or(1.0);
        let holds = value > 0.0 && value <= 1.0;
        problems.require(
            holds,
            key,
            &format!("must be above 0 and at most 1, got {value}"),
        );
    }
    if data.source == ImageDataSource::Shapes {
        for (key, value) in [
            ("data.train_size", data.train_size),
            ("data.val_size", data.val_size),
            ("data.image_size", data.image_size),
        ] {
            problems.positive(key, value as f64);
        }
    }
    for (key, transforms) in [
        ("data.train_transforms", &data.train_transforms),
        ("data.val_transforms", &data.val_transforms),
    ] {
        let found = Transform::problems(key, transforms.as_deref().unwrap_or_default());
        problems.0.extend(found.iter().map(ToString::to_string));
    }
    problems.not_negative("data.mixup_alpha", data.mixup_alpha);
    problems.not_negative("data.cutmix_alpha", data.cutmix_alpha);
    for value in data.std.iter().flatten() {
        problems.positive("data.std", f64::from(*value));
    }
    problems.require(
        data.mean.as_ref().map(Vec::len) == data.std.as_ref().map(Vec::len),
        "data.mean and data.std",
        "must be given together, one number a channel",
    );
}

fn check_text(data: &LanguageDataRecipe, problems: &mut Problems) {
    problems.require(
        data.source == LanguageDataSource::Grammar || data.path.is_some(),
        "data.path",
        "must be given for this data.source",
    );
    let is_plain = data.source == LanguageDataSource::Text;
    problems.require(
        !is_plain || (data.unit == TextUnit::Tokenizer) == data.tokenizer.is_some(),
        "data.tokenizer",
        "must be given for data.unit = \"tokenizer\", and only for it",
    );
    problems.fraction("data.validation_fraction", data.validation_fraction);
    for (key, value) in [
        ("data.train_size", data.train_size),
        ("data.val_size", data.val_size),
        ("data.sequence_length", data.sequence_length),
        ("data.eval_streams", data.eval_streams),
        ("data.eval_stride", data.eval_stride.unwrap_or(1)),
        ("data.vocab_size", data.vocab_size.unwrap_or(1)),
    ] {
        problems.positive(key, value as f64);
    }
    problems.require(
        data.eval_stride.unwrap_or(1) <= data.sequence_length,
        "data.eval_stride",
        "must be at most data.sequence_length, or tokens would be left out",
    );
}

fn check_sequences(data: &EncoderDataRecipe, problems: &mut Problems) {
    problems.require(
        data.source == EncoderDataSource::Sentiment || data.path.is_some(),
        "data.path",
        "must be given for this data.source",
    );
    for (key, value) in [
        ("data.vocab_size", data.vocab_size),
        ("data.train_size", data.train_size),
        ("data.val_size", data.val_size),
        ("data.max_answer_tokens", data.max_answer_tokens),
    ] {
        problems.positive(key, value as f64);
    }
    problems.require(
        data.max_length >= 4,
        "data.max_length",
        &format!(
            "must be at least 4, since special tokens take up to three, got {}",
            data.max_length
        ),
    );
    problems.require(
        data.source != EncoderDataSource::Squad || data.stride < data.max_length,
        "data.stride",
        "must be less than data.max_length",
    );
    let fraction = data.fraction.unwrap_or(1.0);
    problems.require(
        fraction > 0.0 && fraction <= 1.0,
        "data.fraction",
        &format!("must be above 0 and at most 1, got {fraction}"),
    );
    problems.fraction("data.validation_fraction", data.validation_fraction);
    problems.fraction("data.mask_probability", data.mask_probability);
    problems.positive("data.mask_probability", data.mask_probability);
}

fn check_encoder(model: &ModelRecipe, problems: &mut Problems) {
    if model.name == PRETRAINED {
        // Its folder is not looked at here: the recipe of a run stays right when the folder is gone.
        let rule = "must be a folder of Hugging Face's for model.name = \"pretrained\"";
        problems.require(model.weights.is_some(), "model.weights", rule);
        return;
    }
    match model.text_encoder() {
        Ok(config) => problems.take(config.validate()),
        Err(found) => problems.0.extend(found),
    }
}

/// The ways in which only a part of an encoder learns.
fn check_adaptation(model: &ModelRecipe, problems: &mut Problems) {
    problems.require(
        model.strict,
        "model.strict",
        "is not for encoders: all below the head must fit, and a head that does not is left new",
    );
    let ways = [
        model.freeze_backbone,
        model.freeze_layers.is_some(),
        model.lora.is_some(),
    ];
    problems.require(
        ways.into_iter().filter(|way| *way).count() <= 1,
        "model.freeze_backbone, model.freeze_layers and model.lora",
        "cannot be given together",
    );
    if let Some(LoraRecipe { rank, alpha, .. }) = &model.lora {
        problems.positive("model.lora.rank", *rank as f64);
        problems.positive("model.lora.alpha", *alpha);
    }
}

/// What only an encoder can do is refused for the others, rather than ignored.
fn check_no_encoder(recipe: &Recipe, problems: &mut Problems) {
    for (key, is_given) in [
        ("model.freeze_layers", recipe.model.freeze_layers.is_some()),
        ("model.lora", recipe.model.lora.is_some()),
        ("optimizer.layer_decay", recipe.optimizer.layer_decay != 1.0),
    ] {
        problems.require(!is_given, key, "is for encoders");
    }
}

fn check_not_recurrent(train: &TrainRecipe, problems: &mut Problems) {
    for (key, value) in [
        ("train.activation_decay", train.activation_decay),
        ("train.slowness_decay", train.slowness_decay),
    ] {
        problems.require(value == 0.0, key, "is for recurrent language models");
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
        ("train.accumulate", Some(train.accumulate as u64)),
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
        train.ema_decay.is_none() || train.average_after.is_none(),
        "train.ema_decay and train.average_after",
        "cannot both be given",
    );
    problems.not_negative("train.activation_decay", train.activation_decay);
    problems.not_negative("train.slowness_decay", train.slowness_decay);
    problems.fraction("train.label_smoothing", train.label_smoothing);
    // Each worker is a thread with batches of its own in flight.
    problems.require(
        train.workers <= 1024,
        "train.workers",
        "must be at most 1024",
    );
}
