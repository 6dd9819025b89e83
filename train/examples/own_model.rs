//! Trains a model of one's own on data of one's own, with checkpoints and exact resume.
//!
//! ```sh
//! cargo run -p tinderbox-train --features flex --example own_model -- runs/sine
//! ```
//!
//! Interrupted at any instant and started again, it ends with the same weights, bit for bit.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::sync::Arc;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData, activation::tanh};
use tinderbox_data::DataError;
use tinderbox_data::loader::{Loader, LoaderConfig, Source};
use tinderbox_train::recipe::{OptimizerName, OptimizerRecipe, TrainRecipe};
use tinderbox_train::{Checkpoints, Loaders, State, Task, TrainError, Trainer, init_model};
use tinderbox_train::{HiddenState, MetricInfo, Tally};

#[derive(Module, Debug)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

/// Points `[x, sin x]`.
struct Sine;

impl Source for Sine {
    type Item = [f32; 2];
    type Batch = Vec<[f32; 2]>;

    fn len(&self) -> usize {
        256
    }

    fn name(&self, index: usize) -> String {
        format!("point {index}")
    }

    fn item(&self, _epoch: u64, index: usize) -> Result<[f32; 2], DataError> {
        let x = index as f32 / 40.0;
        Ok([x, x.sin()])
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<[f32; 2]>) -> Vec<[f32; 2]> {
        items
    }
}

struct Regression;

impl Task for Regression {
    type Model = Mlp;
    type Source = Sine;
    type Output = (Tensor<1>, usize);

    fn metrics(&self) -> &[MetricInfo] {
        const { &[MetricInfo::lower("loss")] }
    }

    fn forward(
        &self,
        model: &Mlp,
        batch: Vec<[f32; 2]>,
        _: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, Self::Output), TrainError> {
        let points = TensorData::new(batch.concat(), [batch.len(), 2]);
        let points = Tensor::<2>::from_data(points, device);
        let hidden = tanh(model.hidden.forward(points.clone().narrow(1, 0, 1)));
        let error = model.output.forward(hidden) - points.narrow(1, 1, 1);
        let loss = (error.clone() * error).mean();
        Ok((loss.clone(), (loss.inner(), batch.len())))
    }

    fn tally(&self, (loss, points): Self::Output) -> Result<Tally, TrainError> {
        let loss = f64::from(loss.into_scalar::<f32>());
        Ok(Tally::new(points, [("loss", loss * points as f64)]))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    let run = std::env::args()
        .nth(1)
        .map_or("runs/sine".into(), PathBuf::from);
    let options = TrainRecipe::default()
        .with_epochs(100)
        .with_best_metric("loss");
    let optimizer = OptimizerRecipe::new(OptimizerName::Adam, 0.01);

    let model = init_model(7, &device, || {
        Ok(Mlp {
            hidden: LinearConfig::new(1, 32).init(&device),
            output: LinearConfig::new(32, 1).init(&device),
        })
    })?;
    let checkpoints = Checkpoints::new(run.join("checkpoints"));
    let state = State::resume(model, &optimizer, &options, &checkpoints, &device)?;
    let loaders = Loaders {
        train: Loader::new(Arc::new(Sine), LoaderConfig::new(32).with_shuffle(7))?,
        validation: Loader::new(Arc::new(Sine), LoaderConfig::new(256))?,
    };
    let outcome = Trainer::new(&Regression, state, loaders, &options, &device)
        .with_seed(7)
        .with_checkpoints(checkpoints)
        .run()?;
    println!(
        "{} steps, best loss and its step: {:?}",
        outcome.steps, outcome.best
    );
    Ok(())
}
