//! What training is for one kind of work: a batch becomes a loss and metrics.

pub mod image;
pub mod image_data;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use data::loader::Source;

use crate::TrainError;
use crate::trainer::metrics::{MetricInfo, Tally};

/// One kind of work. The trainer knows steps, checkpoints and reports; a task knows batches, losses and metrics.
pub trait Task {
    /// The network.
    type Model: Module;
    /// Where batches come from.
    type Source: Source;
    /// What a training batch leaves behind for [`tally`](Self::tally).
    type Output;

    /// The metrics that it reports, `loss` first.
    fn metrics(&self) -> &[MetricInfo];

    /// What one item is called, as in "images/s".
    fn items(&self) -> &'static str;

    /// The mean loss of a training batch, `[1]`, on a device with gradients.
    fn forward(
        &self,
        model: &Self::Model,
        batch: <Self::Source as Source>::Batch,
        device: &Device,
    ) -> (Tensor<1>, Self::Output);

    /// What the batch adds to the metrics.
    ///
    /// # Errors
    /// The device failed.
    fn tally(&self, output: Self::Output) -> Result<Tally, TrainError>;

    /// What a validation batch adds to the metrics, on a device without gradients.
    ///
    /// # Errors
    /// The device failed.
    fn evaluate(
        &self,
        model: &Self::Model,
        batch: <Self::Source as Source>::Batch,
        device: &Device,
    ) -> Result<Tally, TrainError>;
}
