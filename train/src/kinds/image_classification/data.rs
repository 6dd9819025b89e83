//! Data of an image recipe, and a model fitted to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tinderbox_data::Split;
use tinderbox_data::download;
use tinderbox_data::image::{
    CenterCrop, Cifar, CifarSet, HoldOut, Idx, ImageDataset, ImageFolder, ImageNet, ImageSource,
    Interpolation, Mixing, Preprocess, Resize, Shapes, Shards, Subset, Transform,
};
use tinderbox_data::loader::{Loader, LoaderConfig, Source};
use tinderbox_model_cnn::ImageClassifierConfig;
use tinderbox_model_cnn::registry::{self, InputInfo};

use super::bundle::ImageBundle;
use super::recipe::{ImageDataRecipe, ImageDataSource, ImageRecipe, model_config};
use crate::pretrained::DataAccess;
use crate::{TrainError, memory};

/// Opens a split of the data, or the subset of it that the recipe asks for.
///
/// # Errors
/// The data are missing or invalid.
pub fn open_dataset(
    recipe: &ImageDataRecipe,
    seed: u64,
    split: Split,
    access: &mut DataAccess,
) -> Result<ImageDataset, TrainError> {
    let dataset = match (recipe.validation_fraction, split) {
        (Some(fraction), Split::Train) => open_part(recipe, fraction, seed, HoldOut::Rest, access)?,
        (Some(fraction), Split::Validation) => {
            open_part(recipe, fraction, seed, HoldOut::Validation, access)?
        }
        _ => open_whole(recipe, seed, split, access)?,
    };
    let fraction = match split {
        Split::Train => recipe.fraction,
        Split::Validation | Split::Test => recipe.val_fraction.or(recipe.fraction),
    };
    if recipe.classes.is_none() && fraction.is_none() {
        return Ok(dataset);
    }
    let subset = Subset::new(dataset, recipe.classes, fraction.unwrap_or(1.0))?;
    Ok(ImageDataset::Subset(subset))
}

/// True if the data have validation images of their own, from which `data.validation_fraction`
/// would take the name.
pub fn has_validation(recipe: &ImageDataRecipe) -> bool {
    recipe
        .path
        .as_deref()
        .is_some_and(|path| match recipe.source {
            ImageDataSource::Folder => ImageFolder::has_validation(path),
            ImageDataSource::ImageNet | ImageDataSource::TinyImageNet => {
                ImageNet::has_validation(path)
            }
            ImageDataSource::Shards => Shards::has_validation(path),
            _ => false,
        })
}

/// True if the data have test images that are not those for validation.
pub fn has_test(recipe: &ImageDataRecipe) -> bool {
    let is_apart = recipe.validation_fraction.is_some() || has_validation(recipe);
    let path = recipe.path.as_deref();
    match recipe.source {
        ImageDataSource::Folder => is_apart && path.is_some_and(ImageFolder::has_test),
        ImageDataSource::Shards => is_apart && path.is_some_and(Shards::has_test),
        ImageDataSource::Cifar10
        | ImageDataSource::Cifar100
        | ImageDataSource::Mnist
        | ImageDataSource::FashionMnist
        | ImageDataSource::Idx => recipe.validation_fraction.is_some(),
        ImageDataSource::Shapes | ImageDataSource::ImageNet | ImageDataSource::TinyImageNet => {
            false
        }
    }
}

/// Opens a part of the training images, of which `fraction` are held out for validation.
fn open_part(
    recipe: &ImageDataRecipe,
    fraction: f64,
    seed: u64,
    part: HoldOut,
    access: &mut DataAccess,
) -> Result<ImageDataset, TrainError> {
    let path = recipe.path.as_deref();
    if let Some(path) = path.filter(|_| has_validation(recipe)) {
        return Err(TrainError::Mismatch(format!(
            "data.validation_fraction holds training images out for validation, and {} has validation images; \
             leave the key out",
            path.display()
        )));
    }
    let whole = match path {
        Some(path) if recipe.source == ImageDataSource::Folder && !ImageFolder::has_train(path) => {
            ImageDataset::Folder(ImageFolder::open_classes(path)?)
        }
        _ => open_whole(recipe, seed, Split::Train, access)?,
    };
    let subset = Subset::hold_out(whole, fraction, seed, part)?;
    Ok(ImageDataset::Subset(subset))
}

fn open_whole(
    recipe: &ImageDataRecipe,
    seed: u64,
    split: Split,
    access: &mut DataAccess,
) -> Result<ImageDataset, TrainError> {
    let lists = access.cache.join("lists");
    let dataset = match recipe.source {
        ImageDataSource::Shapes => {
            let len = match split {
                Split::Train => recipe.train_size,
                Split::Validation | Split::Test => recipe.val_size,
            };
            ImageDataset::Shapes(Shapes::new(split, len, recipe.image_size, seed))
        }
        ImageDataSource::Cifar10 => {
            let folder = locate(recipe, "cifar10", access, download::cifar10)?;
            ImageDataset::Cifar(Cifar::open(&folder, CifarSet::Cifar10, split)?)
        }
        ImageDataSource::Cifar100 => {
            let folder = locate(recipe, "cifar100", access, download::cifar100)?;
            let set = if recipe.coarse_labels {
                CifarSet::Cifar100Coarse
            } else {
                CifarSet::Cifar100
            };
            ImageDataset::Cifar(Cifar::open(&folder, set, split)?)
        }
        ImageDataSource::Mnist => {
            let folder = locate(recipe, "mnist", access, download::mnist)?;
            ImageDataset::Idx(Idx::open_in_root(&folder, "MNIST", split)?)
        }
        ImageDataSource::FashionMnist => {
            let folder = locate(recipe, "fashion_mnist", access, download::fashion_mnist)?;
            ImageDataset::Idx(Idx::open_in_root(&folder, "FashionMNIST", split)?)
        }
        ImageDataSource::Idx => ImageDataset::Idx(Idx::open(given_path(recipe)?, split)?),
        ImageDataSource::Folder => {
            ImageDataset::Folder(ImageFolder::open(given_path(recipe)?, split)?)
        }
        ImageDataSource::ImageNet => {
            ImageDataset::ImageNet(ImageNet::open(given_path(recipe)?, split, Some(&lists))?)
        }
        ImageDataSource::TinyImageNet => {
            let path = given_path(recipe)?;
            ImageDataset::ImageNet(ImageNet::open_tiny(path, split, Some(&lists))?)
        }
        ImageDataSource::Shards => ImageDataset::Shards(Shards::open(given_path(recipe)?, split)?),
    };
    Ok(dataset)
}

fn given_path(recipe: &ImageDataRecipe) -> Result<&Path, TrainError> {
    recipe
        .path
        .as_deref()
        .ok_or_else(|| TrainError::Mismatch("data.path is not given".into()))
}

type Download =
    fn(&Path, &mut dyn FnMut(u64, Option<u64>)) -> Result<PathBuf, tinderbox_data::DataError>;

/// Folder of a downloadable data set: the given one, or the cache.
fn locate(
    recipe: &ImageDataRecipe,
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
    Ok(download(&cache, access.progress())?)
}

/// Model and data of a run, checked against each other.
pub struct ImageRun {
    /// Model, labels and preprocessing.
    pub classifier: ImageBundle,
    /// Training batches, augmented and shuffled.
    pub train: Loader<ImageSource>,
    /// Validation batches, in order.
    pub validation: Loader<ImageSource>,
}

impl ImageRun {
    /// Opens the data of `recipe` and fits model and preprocessing to them; `recorded` is the model
    /// of a run that resumes.
    ///
    /// # Errors
    /// The data are missing or invalid, the model does not fit them, or they have other classes
    /// than the recorded one.
    pub fn open(
        recipe: &ImageRecipe,
        recorded: Option<ImageBundle>,
        access: &mut DataAccess,
    ) -> Result<Self, TrainError> {
        let data = &recipe.data;
        let train = Arc::new(open_dataset(data, recipe.seed, Split::Train, access)?);
        let validation = open_dataset(data, recipe.seed, Split::Validation, access)?;
        let classifier = match recorded {
            Some(recorded) => recorded.with_same_classes(train.classes())?,
            None => classifier(recipe, &train)?,
        };
        let mut augmented = classifier.preprocess.clone();
        if let Some(transforms) = &data.train_transforms {
            augmented.transforms.clone_from(transforms);
        }
        let config = loader_config(recipe);
        let mixing = Mixing::new(data.mixup_alpha, data.cutmix_alpha)?;
        let train = ImageSource::new(train, augmented, recipe.seed)?.with_mixing(mixing);
        let train = Loader::new(Arc::new(train), config.clone())?;
        let validation = validation_loader(validation, &classifier.preprocess, &config)?;
        for (loader, key) in [
            (&train, "data.train_transforms"),
            (&validation, "data.val_transforms"),
        ] {
            let [channels, height, width] = loader.source().shape();
            let items = recipe.train.batch_size.min(loader.source().len());
            let factors = [items, channels, height, width, size_of::<f32>()];
            memory::require(&format!("a batch of images after {key}"), &factors)?;
            classifier.check_size(width, height).map_err(|reason| {
                let config = &classifier.config;
                let way = match config.fixed_image_size() {
                    Some(size) => format!(
                        "; end them with {{ center_crop = {{ size = {size} }} }}, or set model.image_size"
                    ),
                    None => String::new(),
                };
                TrainError::Mismatch(format!("{key}: {reason}{way}"))
            })?;
        }
        Ok(Self {
            classifier,
            train,
            validation,
        })
    }
}

/// Loads `dataset` in order, without augmentation.
///
/// # Errors
/// The data set is empty, or its images are not resized to one size.
pub fn validation_loader(
    dataset: ImageDataset,
    preprocess: &Preprocess,
    config: &LoaderConfig,
) -> Result<Loader<ImageSource>, TrainError> {
    let source = ImageSource::new(Arc::new(dataset), preprocess.clone(), config.seed)?;
    let mut config = config.clone();
    config.shuffle = false;
    config.drop_last = false;
    Ok(Loader::new(Arc::new(source), config)?)
}

/// Loader settings of a recipe.
pub fn loader_config(recipe: &ImageRecipe) -> LoaderConfig {
    LoaderConfig::new(recipe.train.batch_size)
        .with_workers(recipe.train.workers)
        .with_shuffle(recipe.seed)
        .with_drop_last(recipe.train.drop_last)
        .with_skip_bad(recipe.train.skip_bad)
}

fn classifier(recipe: &ImageRecipe, train: &ImageDataset) -> Result<ImageBundle, TrainError> {
    let labels = train.classes().to_vec();
    let mut model = recipe.model.clone();
    let classes = i64::try_from(labels.len()).unwrap_or(i64::MAX);
    model
        .options
        .entry("num_classes")
        .or_insert(toml::Value::Integer(classes));
    let config =
        model_config(&model).map_err(|problems| TrainError::Mismatch(problems.join("; ")))?;
    config.validate()?;
    if config.num_classes() < labels.len() {
        return Err(TrainError::Mismatch(format!(
            "the data have {} classes, but model.num_classes is {}",
            labels.len(),
            config.num_classes()
        )));
    }
    let input = input_of(&recipe.model.name)?;
    let transforms = match &recipe.data.val_transforms {
        Some(transforms) => transforms.clone(),
        None => resize_and_crop(&input, train.image_size()),
    };
    let (mean, std) = normalisation(&recipe.data, &config, &input);
    let preprocess = Preprocess::new(config.in_channels(), mean, std).with_transforms(transforms);
    preprocess.validate()?;
    Ok(ImageBundle {
        config,
        labels,
        preprocess,
    })
}

/// Preprocessing that a model's pretrained weights expect.
pub fn preprocess(input: &InputInfo, config: &ImageClassifierConfig) -> Preprocess {
    let (mean, std) = own_normalisation(input, config);
    Preprocess::new(config.in_channels(), mean, std).with_transforms(resize_and_crop(input, None))
}

/// Expected input of the model `name`.
fn input_of(name: &str) -> Result<InputInfo, TrainError> {
    match registry::find(name) {
        Some(info) => Ok(info.input),
        None => Err(TrainError::Mismatch(format!("unknown model `{name}`"))),
    }
}

/// The model's own resize and crop; none for images that already have its size.
fn resize_and_crop(input: &InputInfo, stored: Option<(usize, usize)>) -> Vec<Transform> {
    let size = input.crop_size;
    if stored == Some((size, size)) {
        return Vec::new();
    }
    let interpolation = match input.interpolation {
        registry::Interpolation::Bilinear => Interpolation::Bilinear,
        registry::Interpolation::Bicubic => Interpolation::Bicubic,
    };
    let resize = Resize {
        size: input.resize_size,
        exact: false,
        interpolation,
    };
    vec![
        Transform::Resize(resize),
        Transform::CenterCrop(CenterCrop { size }),
    ]
}

/// Mean and standard deviation of the recipe, or of the model.
fn normalisation(
    data: &ImageDataRecipe,
    config: &ImageClassifierConfig,
    input: &InputInfo,
) -> (Vec<f32>, Vec<f32>) {
    if let (Some(mean), Some(std)) = (&data.mean, &data.std) {
        return (mean.clone(), std.clone());
    }
    own_normalisation(input, config)
}

/// Mean and standard deviation of the model, averaged over the colours for grey images.
fn own_normalisation(input: &InputInfo, config: &ImageClassifierConfig) -> (Vec<f32>, Vec<f32>) {
    let fit = |values: [f32; 3]| match config.in_channels() {
        3 => values.to_vec(),
        channels => vec![values.iter().sum::<f32>() / 3.0; channels],
    };
    (fit(input.mean), fit(input.std))
}
