//! Training step or forward pass of a model on one batch.

use anyhow::ensure;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use tinderbox_train::TrainError;
use tinderbox_train::params;
use tinderbox_train::recipe::OptimizerRecipe;
use tinderbox_train::trainer::optimizer::Optimizer;

use super::{Step, finished};
use crate::workload::Kind;

const LEARNING_RATE: f64 = 0.001;

/// A model with the forward pass and loss of its batch.
pub(super) struct Learner<M, L, F> {
    /// Model on the device, with autodiff for training.
    pub(super) model: M,
    /// Computes the logits of the batch.
    pub(super) logits: L,
    /// Computes the mean loss of the logits.
    pub(super) loss: F,
    pub(super) optimizer: OptimizerRecipe,
}

impl<M, L, F> Learner<M, L, F>
where
    M: Module + 'static,
    L: Fn(&M) -> anyhow::Result<Tensor<2>> + 'static,
    F: Fn(Tensor<2>) -> Tensor<1> + 'static,
{
    pub(super) fn step(self, kind: Kind, device: &Device) -> Step {
        match kind {
            Kind::Train => self.training(),
            Kind::Infer | Kind::Load => self.inference(device.clone()),
        }
    }

    /// A step as the trainer takes it: the loss is read after every step.
    fn training(self) -> Step {
        let Self {
            mut model,
            logits,
            loss,
            optimizer,
        } = self;
        let mut optimizer = Optimizer::new(optimizer.with_learning_rate(LEARNING_RATE));
        Box::new(move || {
            let loss = loss(logits(&model)?);
            let mut gradients = params::gradients(&model, loss.backward());
            model = optimizer.step(params::take(&mut model), &mut gradients, LEARNING_RATE);
            read(loss)
        })
    }

    fn inference(self, device: Device) -> Step {
        let model = self.model.valid();
        let logits = self.logits;
        Box::new(move || {
            drop(logits(&model)?);
            finished(&device)
        })
    }
}

fn read(loss: Tensor<1>) -> anyhow::Result<()> {
    let loss = loss.inner().try_into_scalar::<f32>();
    let loss = loss.map_err(|e| TrainError::Execution(e.to_string()))?;
    ensure!(loss.is_finite(), "the loss is not finite");
    Ok(())
}
