//! Image classifiers: SGD 0.001, momentum 0.9, cross-entropy.

use burn::tensor::{Device, Distribution, Int, Tensor};
use tinderbox_model_cnn::{
    CifarResNetConfig, ImageClassifier, ImageClassifierConfig, ResNetConfig, SimpleCnnConfig,
    VggConfig,
};
use tinderbox_train::init_model;
use tinderbox_train::kinds::image_classification::ImageClassificationTask;
use tinderbox_train::recipe::OptimizerRecipe;

use super::learner::Learner;
use super::{Job, Step};
use crate::workload::{Shape, Workload};

pub(super) fn step(job: Job, device: &Device) -> anyhow::Result<Step> {
    let Shape { batch, size } = job.shape;
    let config = config(job.workload, size);
    let classes = config.num_classes();
    let targets: Vec<i64> = (0..batch).map(|i| (i % classes) as i64).collect();
    let targets = Tensor::<1, Int>::from_ints(targets.as_slice(), device);
    let normal = Distribution::Normal(0.0, 1.0);
    let images = Tensor::<4>::random([batch, 3, size, size], normal, device);
    let task = ImageClassificationTask::new(classes, 0.0);
    let learner = Learner {
        model: init_model(0, device, || Ok(config.init(device)?))?,
        logits: move |model: &ImageClassifier| Ok(model.forward(images.clone())),
        loss: move |logits| task.loss(logits, targets.clone()),
        optimizer: OptimizerRecipe::default(),
    };
    Ok(learner.step(job.kind, device))
}

fn config(workload: Workload, image_size: usize) -> ImageClassifierConfig {
    match workload {
        Workload::Resnet20 => ImageClassifierConfig::CifarResNet(CifarResNetConfig::new(20, 10)),
        Workload::Resnet18 => ImageClassifierConfig::ResNet(ResNetConfig::resnet18(1000)),
        Workload::Vgg11 => ImageClassifierConfig::Vgg(VggConfig::vgg11(1000).with_dropout(0.0)),
        _ => {
            ImageClassifierConfig::SimpleCnn(SimpleCnnConfig::default().with_image_size(image_size))
        }
    }
}
