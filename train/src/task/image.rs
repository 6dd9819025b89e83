//! Image classification.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::tensor::{Device, Tensor, Transaction};
use data::download;
use data::image::{
    Cifar10, Idx, ImageBatch, ImageDataset, ImageFolder, ImageSource, Preprocess, Shapes, Split,
};
use data::loader::{Loader, LoaderConfig};
use model_cnn::{ImageClassifier, ImageClassifierConfig, registry};

use super::Task;
use crate::TrainError;
use crate::recipe::{DataRecipe, DataSource, Recipe};
use crate::run::Classifier;
use crate::trainer::metrics::{MetricInfo, Tally};

/// Cross-entropy on class labels; accuracy, and top-5 accuracy where there are more than five classes.
pub struct ImageTask {
    loss: CrossEntropyLoss,
    metrics: Vec<MetricInfo>,
    label_smoothing: f32,
    num_classes: usize,
}

/// Loss, logits and labels of a training batch, not yet read from the device.
pub struct ImageOutput {
    loss: Tensor<1>,
    logits: Tensor<2>,
    labels: Vec<usize>,
}

impl ImageTask {
    /// `label_smoothing` is the share of each target that is spread over all classes (Szegedy et al. 2016,
    /// <https://arxiv.org/abs/1512.00567>); validation never smooths.
    pub fn new(num_classes: usize, label_smoothing: f64, device: &Device) -> Self {
        let metric = |name, higher_is_better, is_fraction| MetricInfo {
            name,
            higher_is_better,
            is_fraction,
        };
        let mut metrics = vec![metric("loss", false, false), metric("accuracy", true, true)];
        if num_classes > 5 {
            metrics.push(metric("top5_accuracy", true, true));
        }
        let label_smoothing = label_smoothing as f32;
        Self {
            loss: cross_entropy(label_smoothing, device),
            metrics,
            label_smoothing,
            num_classes,
        }
    }

    /// The mean loss over a batch of logits `[batch, num_classes]`, `[1]`.
    pub fn loss(&self, logits: Tensor<2>, targets: Tensor<1, burn::tensor::Int>) -> Tensor<1> {
        self.loss.forward(logits, targets)
    }

    /// The label smoothing that training uses.
    pub fn label_smoothing(&self) -> f32 {
        self.label_smoothing
    }
}

fn cross_entropy(label_smoothing: f32, device: &Device) -> CrossEntropyLoss {
    let smoothing = (label_smoothing > 0.0).then_some(label_smoothing);
    CrossEntropyLossConfig::new()
        .with_smoothing(smoothing)
        .init(device)
}

impl Task for ImageTask {
    type Model = ImageClassifier;
    type Source = ImageSource;
    type Output = ImageOutput;

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "images"
    }

    fn forward(
        &self,
        model: &ImageClassifier,
        batch: ImageBatch,
        device: &Device,
    ) -> (Tensor<1>, ImageOutput) {
        let labels = batch.labels.clone();
        let (images, targets) = batch.into_tensors(device);
        let logits = model.forward(images);
        let loss = self.loss(logits.clone(), targets);
        let output = ImageOutput {
            loss: loss.clone().inner(),
            logits: logits.inner(),
            labels,
        };
        (loss, output)
    }

    fn tally(&self, output: ImageOutput) -> Result<Tally, TrainError> {
        // One read for both, because every read waits for the device.
        let read = Transaction::default()
            .register(output.loss)
            .register(output.logits)
            .try_execute()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        let [loss, logits] = <[_; 2]>::try_from(read)
            .map_err(|_| TrainError::Execution("a read returned too little".into()))?;
        let loss = f64::from(loss.iter::<f32>().next().unwrap_or(f32::NAN));
        let logits: Vec<f32> = logits.iter::<f32>().collect();
        let count = output.labels.len();
        let sums = [
            ("loss", loss * count as f64),
            ("accuracy", within_top(1, &logits, &output.labels)),
        ];
        Ok(Tally::new(count, sums))
    }

    fn evaluate(
        &self,
        model: &ImageClassifier,
        batch: ImageBatch,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let labels = batch.labels.clone();
        let (images, _) = batch.into_tensors(device);
        let logits = read_logits(model.forward(images))?;
        let count = labels.len();
        let mut tally = Tally::new(
            count,
            [
                ("loss", summed_loss(&logits, &labels)),
                ("accuracy", within_top(1, &logits, &labels)),
            ],
        );
        if self.num_classes > 5 {
            let top5 = within_top(5, &logits, &labels);
            tally.sums.insert("top5_accuracy".into(), top5);
        }
        Ok(tally)
    }
}

/// Logits `[batch, num_classes]`, row by row.
///
/// # Errors
/// The device failed.
pub fn read_logits(logits: Tensor<2>) -> Result<Vec<f32>, TrainError> {
    let data = logits
        .try_into_data()
        .map_err(|e| TrainError::Execution(e.to_string()))?;
    Ok(data.iter::<f32>().collect())
}

/// The classes of one row of logits with their probabilities, most probable first.
pub fn ranked(logits: &[f32]) -> Vec<(usize, f64)> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(logit - largest).exp())
        .collect();
    let sum: f64 = exp.iter().sum();
    let mut classes: Vec<(usize, f64)> = exp.into_iter().map(|e| e / sum).enumerate().collect();
    // Equal logits keep the order of their classes, so that the result is the same everywhere.
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes
}

/// How many rows have their label among the `k` largest logits.
fn within_top(k: usize, logits: &[f32], labels: &[usize]) -> f64 {
    let classes = logits.len() / labels.len().max(1);
    let mut hits = 0;
    for (row, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
        let larger = |(class, logit): (usize, &f32)| {
            *logit > row[label] || (*logit == row[label] && class < label) || row[label].is_nan()
        };
        let rank = row.iter().enumerate().filter(|x| larger(*x)).count();
        hits += usize::from(rank < k);
    }
    hits as f64
}

/// The sum of `log(sum(exp(logits))) - logits[label]` over all rows, in double precision.
fn summed_loss(logits: &[f32], labels: &[usize]) -> f64 {
    let classes = logits.len() / labels.len().max(1);
    let mut sum = 0.0;
    for (row, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exp: f64 = row.iter().map(|x| f64::from(x - largest).exp()).sum();
        sum += exp.ln() - f64::from(row[label] - largest);
    }
    sum
}

/// Where downloaded data sets are kept, and what to tell about a download.
pub struct DataAccess<'a> {
    /// The cache folder.
    pub cache: PathBuf,
    /// Called with the bytes received so far and the total, if it is known.
    pub progress: &'a mut dyn FnMut(u64, Option<u64>),
}

/// A split of the data of a recipe.
///
/// # Errors
/// The data are not there or not what they should be.
pub fn open_dataset(
    recipe: &DataRecipe,
    seed: u64,
    split: Split,
    access: &mut DataAccess,
) -> Result<ImageDataset, TrainError> {
    let dataset = match recipe.source {
        DataSource::Shapes => {
            let len = match split {
                Split::Train => recipe.train_size,
                Split::Validation => recipe.val_size,
            };
            ImageDataset::Shapes(Shapes::new(split, len, recipe.image_size, seed))
        }
        DataSource::Cifar10 => {
            let folder = locate(recipe, "cifar10", access, download::cifar10)?;
            ImageDataset::Cifar10(Cifar10::open(&folder, split)?)
        }
        DataSource::Mnist => {
            let folder = locate(recipe, "mnist", access, download::mnist)?;
            ImageDataset::Idx(Idx::open(&folder, split)?)
        }
        DataSource::FashionMnist => {
            let folder = locate(recipe, "fashion_mnist", access, download::fashion_mnist)?;
            ImageDataset::Idx(Idx::open(&folder, split)?)
        }
        DataSource::Idx => ImageDataset::Idx(Idx::open(given_path(recipe)?, split)?),
        DataSource::Folder => ImageDataset::Folder(ImageFolder::open(given_path(recipe)?, split)?),
    };
    Ok(dataset)
}

fn given_path(recipe: &DataRecipe) -> Result<&Path, TrainError> {
    recipe
        .path
        .as_deref()
        .ok_or_else(|| TrainError::Mismatch("data.path is not given".into()))
}

type Download = fn(&Path, &mut dyn FnMut(u64, Option<u64>)) -> Result<PathBuf, data::DataError>;

/// The folder of a set that can be downloaded: the one given, or the cache.
fn locate(
    recipe: &DataRecipe,
    name: &str,
    access: &mut DataAccess,
    download: Download,
) -> Result<PathBuf, TrainError> {
    if let Some(path) = &recipe.path {
        return Ok(path.clone());
    }
    let cache = access.cache.join(name);
    if !recipe.download && !cache.is_dir() {
        return Err(TrainError::Mismatch(format!(
            "data set {name} is not in the cache ({}): let it be downloaded with --download, or say where its files are \
             with --data FOLDER",
            cache.display()
        )));
    }
    Ok(download(&cache, access.progress)?)
}

/// Everything that a run of image classification needs, opened and checked against each other.
pub struct ImageRun {
    /// The model, its labels and its preprocessing.
    pub classifier: Classifier,
    /// Augmented, shuffled training batches.
    pub train: Loader<ImageSource>,
    /// Validation batches in order.
    pub validation: Loader<ImageSource>,
}

impl ImageRun {
    /// Opens the data of `recipe` and fits model and preprocessing to them.
    ///
    /// # Errors
    /// Data that are not there, a model that does not fit them.
    pub fn open(recipe: &Recipe, access: &mut DataAccess) -> Result<Self, TrainError> {
        let train = Arc::new(open_dataset(
            &recipe.data,
            recipe.seed,
            Split::Train,
            access,
        )?);
        let validation = open_dataset(&recipe.data, recipe.seed, Split::Validation, access)?;
        let classifier = classifier(recipe, &train)?;
        let augmented = Preprocess {
            transforms: recipe.data.train_transforms.clone(),
            ..classifier.preprocess.clone()
        };
        let config = loader_config(recipe);
        let train = ImageSource::new(train, augmented, recipe.seed)?;
        let train = Loader::new(Arc::new(train), config.clone())?;
        let validation = validation_loader(validation, &classifier.preprocess, &config)?;
        check_size(&classifier.config, &train, "data.train_transforms")?;
        check_size(&classifier.config, &validation, "data.val_transforms")?;
        Ok(Self {
            classifier,
            train,
            validation,
        })
    }
}

/// Batches of `dataset` once, in order.
///
/// # Errors
/// The data set is empty, or its images do not get one size.
pub fn validation_loader(
    dataset: ImageDataset,
    preprocess: &Preprocess,
    config: &LoaderConfig,
) -> Result<Loader<ImageSource>, TrainError> {
    let source = ImageSource::new(Arc::new(dataset), preprocess.clone(), config.seed)?;
    let config = LoaderConfig {
        shuffle: false,
        drop_last: false,
        ..config.clone()
    };
    Ok(Loader::new(Arc::new(source), config)?)
}

/// The loader's part of a recipe.
pub fn loader_config(recipe: &Recipe) -> LoaderConfig {
    LoaderConfig {
        batch_size: recipe.train.batch_size,
        workers: recipe.train.workers,
        shuffle: true,
        drop_last: recipe.train.drop_last,
        seed: recipe.seed,
        skip_bad: recipe.train.skip_bad,
    }
}

fn classifier(recipe: &Recipe, train: &ImageDataset) -> Result<Classifier, TrainError> {
    let labels = train.classes().to_vec();
    let mut model = recipe.model.clone();
    let classes = i64::try_from(labels.len()).unwrap_or(i64::MAX);
    model
        .options
        .entry("num_classes")
        .or_insert(toml::Value::Integer(classes));
    let config = model
        .config()
        .map_err(|problems| TrainError::Mismatch(problems.join("; ")))?;
    config.validate()?;
    if config.num_classes() < labels.len() {
        return Err(TrainError::Mismatch(format!(
            "there are {} classes in the data and model.num_classes is {}",
            labels.len(),
            config.num_classes()
        )));
    }
    let (mean, std) = normalisation(recipe, &config)?;
    let preprocess = Preprocess {
        transforms: recipe.data.val_transforms.clone(),
        channels: config.in_channels(),
        mean,
        std,
    };
    preprocess.validate()?;
    Ok(Classifier {
        config,
        labels,
        preprocess,
    })
}

/// The recipe's mean and deviation, or the model's; those of a grey image are the average over the colours.
fn normalisation(
    recipe: &Recipe,
    config: &ImageClassifierConfig,
) -> Result<(Vec<f32>, Vec<f32>), TrainError> {
    if let (Some(mean), Some(std)) = (&recipe.data.mean, &recipe.data.std) {
        return Ok((mean.clone(), std.clone()));
    }
    let Some(info) = registry::find(&recipe.model.name) else {
        return Err(TrainError::Mismatch("the model has no mean and std".into()));
    };
    let fit = |values: [f32; 3]| match config.in_channels() {
        3 => values.to_vec(),
        channels => vec![values.iter().sum::<f32>() / 3.0; channels],
    };
    Ok((fit(info.mean), fit(info.std)))
}

fn check_size(
    config: &ImageClassifierConfig,
    loader: &Loader<ImageSource>,
    key: &str,
) -> Result<(), TrainError> {
    let [_, height, width] = loader.source().shape();
    match config.fixed_image_size() {
        Some(size) if (height, width) != (size, size) => Err(TrainError::Mismatch(format!(
            "the model takes images of {size}x{size} pixels, {key} gives {width}x{height}; end it with \
             {{ center_crop = {{ size = {size} }} }}, or set model.image_size"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 6] = [0.0, 2.0, 1.0, 3.0, 3.0, 0.0];

    #[test]
    fn ranks_break_ties_by_class() {
        assert_eq!(within_top(1, &LOGITS, &[1, 1]), 1.0);
        assert_eq!(within_top(2, &LOGITS, &[2, 1]), 2.0);
        assert_eq!(within_top(1, &LOGITS, &[1, 0]), 2.0);
        assert_eq!(within_top(1, &[f32::NAN, f32::NAN], &[0]), 0.0);
    }

    #[test]
    fn the_loss_is_the_negative_log_probability() {
        let [top, ..] = ranked(&LOGITS[..3])[..] else {
            panic!("no classes");
        };
        assert_eq!(top.0, 1);
        assert!((summed_loss(&LOGITS[..3], &[1]) + top.1.ln()).abs() < 1e-12);
    }

    #[test]
    fn large_logits_stay_finite() {
        assert_eq!(summed_loss(&[1e30, -1e30], &[0]), 0.0);
    }
}
