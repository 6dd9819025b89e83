//! Steps of the workloads, on one fixed random batch.

mod encoder;
mod generation;
mod images;
mod language;
mod learner;
mod loading;

use std::path::Path;

use anyhow::Context;
use burn::tensor::{Device, Distribution, Tensor};
use tinderbox_data::random;
use tinderbox_train::TrainError;

use super::workload::{Kind, Shape, Workload};

/// A step that can be repeated. When it returns, its work is done, on asynchronous devices too.
pub(super) type Step = Box<dyn FnMut() -> anyhow::Result<()>>;

/// Workload, kind of step, and sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) workload: Workload,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
}

impl Job {
    /// Prepares the step on `device`, one without autodiff; `images` is the folder to load from.
    pub(super) fn step(self, device: &Device, images: Option<&Path>) -> anyhow::Result<Step> {
        let device = match self.kind {
            Kind::Train => device.clone().autodiff(),
            Kind::Infer | Kind::Load => device.clone(),
        };
        device.seed(random::seed(0, "bench", 0));
        match self.workload {
            Workload::Matmul => Ok(matmul(self.shape.size, device)),
            Workload::ArticleCnn | Workload::Resnet20 | Workload::Resnet18 | Workload::Vgg11 => {
                images::step(self, &device)
            }
            Workload::Lstm2x200 | Workload::Lstm2x650 | Workload::Gpt6x384 => {
                language::step(self, &device)
            }
            Workload::BertSmall => encoder::step(self, &device),
            Workload::Generation => generation::step(self.shape, &device),
            Workload::LoadFolder | Workload::LoadShards => {
                let images = images.context("give the image folder with --images")?;
                loading::step(self, images)
            }
        }
    }
}

fn matmul(side: usize, device: Device) -> Step {
    let random = || Tensor::<2>::random([side, side], Distribution::Default, &device);
    let (left, right) = (random(), random());
    Box::new(move || {
        drop(left.clone().matmul(right.clone()));
        finished(&device)
    })
}

/// Waits until `device` has finished its work.
fn finished(device: &Device) -> anyhow::Result<()> {
    let done = device.sync();
    Ok(done.map_err(|e| TrainError::Execution(e.to_string()))?)
}
