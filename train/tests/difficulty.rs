//! The generated shapes are not trivial: a linear model does not get far on them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Device;
use tinderbox_data::Split;
use tinderbox_data::image::{
    CenterCrop, ImageDataset, ImageSource, Preprocess, RandomCrop, Shapes, Transform,
};
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_train::params;
use tinderbox_train::recipe::{OptimizerName, OptimizerRecipe};
use tinderbox_train::trainer::optimizer::Optimizer;

const PIXELS: usize = 3 * 24 * 24;

fn loader(split: Split, len: usize, transform: Transform) -> Loader<ImageSource> {
    let shapes = ImageDataset::Shapes(Shapes::new(split, len, 32, 42));
    let preprocess =
        Preprocess::new(3, vec![0.5; 3], vec![0.25; 3]).with_transforms(vec![transform]);
    let source = ImageSource::new(Arc::new(shapes), preprocess, 42).unwrap();
    let mut config = LoaderConfig::new(100).with_workers(1).with_shuffle(42);
    config.shuffle = split == Split::Train;
    Loader::new(Arc::new(source), config).unwrap()
}

fn accuracy(model: &Linear, batches: &Loader<ImageSource>) -> f64 {
    let (mut hits, mut count) = (0, 0);
    for batch in batches.epoch(0, 0) {
        let batch = batch.unwrap();
        let labels = batch.labels.clone();
        let (images, _) = batch.into_tensors(&Device::flex());
        let logits = model.forward(images.flatten::<2>(1, 3));
        let predicted = logits.argmax(1).try_into_vec_as::<i64>().unwrap();
        hits += predicted
            .iter()
            .zip(&labels)
            .filter(|(p, l)| **p == **l as i64)
            .count();
        count += labels.len();
    }
    f64::from(hits as u32) / f64::from(count as u32)
}

/// Trains a linear model for `epochs` over the batches of `train`.
fn trained(train: &Loader<ImageSource>, epochs: u64) -> Linear {
    let device = Device::flex().autodiff();
    device.seed(42);
    let mut model = LinearConfig::new(PIXELS, 10).init(&device);
    let mut optimizer = Optimizer::new(OptimizerRecipe::new(OptimizerName::AdamW, 0.01));
    let loss = CrossEntropyLossConfig::new().init(&device);
    for epoch in 0..epochs {
        for batch in train.epoch(epoch, 0) {
            let (images, targets) = batch.unwrap().into_tensors(&device);
            let loss = loss.forward(model.forward(images.flatten::<2>(1, 3)), targets);
            let mut gradients = params::gradients(&model, loss.backward());
            model = optimizer.step(model, &mut gradients, 1e-3);
        }
    }
    model.valid()
}

fn center_crop() -> Transform {
    Transform::CenterCrop(CenterCrop { size: 24 })
}

#[test]
fn a_linear_model_stays_below_sixty_percent() {
    let random_crop = Transform::RandomCrop(RandomCrop {
        size: 24,
        padding: 0,
    });
    let model = trained(&loader(Split::Train, 12_000, random_crop), 8);
    let accuracy = accuracy(&model, &loader(Split::Validation, 1_000, center_crop()));
    assert!(accuracy < 0.6, "{accuracy}");
}

/// The training above works: a linear model memorises a few images without augmentation.
#[test]
fn a_linear_model_can_learn_few_images_by_heart() {
    let few = loader(Split::Train, 300, center_crop());
    let accuracy = accuracy(&trained(&few, 60), &few);
    assert!(accuracy > 0.9, "{accuracy}");
}
