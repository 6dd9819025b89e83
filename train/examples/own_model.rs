// Trains a model of one's own on data of one's own. Interrupted at any instant and started again,
// it ends with the same weights, bit for bit.
//
//     cargo run -p tinderbox-train --features flex --example own_model

#![allow(missing_docs)]

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData, activation::tanh};
use tinderbox_data::loader::InMemory;
use tinderbox_train::recipe::{OptimizerName, OptimizerRecipe, TrainRecipe};
use tinderbox_train::trainer::Outcome;
use tinderbox_train::{Checkpoints, HiddenState, Loaders, MetricInfo, State, Tally, Task};
use tinderbox_train::{TrainError, Trainer, init_model};

#[derive(Module, Debug)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

struct Regression;

impl Task for Regression {
    type Model = Mlp;
    type Source = InMemory<[f32; 2]>;
    type Output = (Tensor<1>, usize);

    fn metrics(&self) -> &[MetricInfo] {
        const { &[MetricInfo::lower("loss")] }
    }

    #[rustfmt::skip]
    fn forward(&self, model: &Mlp, batch: Vec<[f32; 2]>, _: &mut HiddenState, device: &Device)
        -> Result<(Tensor<1>, Self::Output), TrainError> {
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

/// Starts the run, or resumes it from its newest checkpoint.
pub(crate) fn train(run: &str, options: &TrainRecipe) -> Result<Outcome, TrainError> {
    let device = Device::flex().autodiff();
    let model = init_model(7, &device, || {
        let hidden = LinearConfig::new(1, 32).init(&device);
        let output = LinearConfig::new(32, 1).init(&device);
        Ok(Mlp { hidden, output })
    })?;
    let x = (0..256).map(|i| i as f32 / 40.0);
    let points: Vec<[f32; 2]> = x.map(|x| [x, x.sin()]).collect();
    let loaders = Loaders::in_memory(points.clone(), points, 32, 7)?;

    let optimizer = OptimizerRecipe::new(OptimizerName::Adam, 0.01);
    let checkpoints = Checkpoints::new(format!("{run}/checkpoints").into());
    let state = State::resume(model, &optimizer, options, &checkpoints, &device)?;
    let trainer = Trainer::new(&Regression, state, loaders, options, &device);
    trainer.with_seed(7).with_checkpoints(checkpoints).run()
}

fn main() -> Result<(), TrainError> {
    let options = TrainRecipe::default().with_epochs(100);
    let outcome = train("runs/sine", &options.with_best_metric("loss"))?;
    assert!(outcome.best.is_some_and(|(loss, _)| loss < 0.01));
    Ok(())
}
