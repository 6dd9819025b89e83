//! What training is for one kind of work: a batch becomes a loss and metrics.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use tinderbox_data::loader::Source;

use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};

/// What a batch leaves to the next one of its epoch, by name: the hidden state of a recurrent model, nothing elsewhere.
/// Detached, so that gradients end at the batch.
pub type Carry = BTreeMap<String, Tensor<2>>;

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

    /// How many such items an epoch of `source` has.
    fn size(&self, source: &Self::Source) -> usize {
        source.len()
    }

    /// The metrics of what was counted: the means, and what follows from them.
    fn values(&self, tally: &Tally) -> Values {
        tally.means()
    }

    /// What the learning rate is multiplied by for a step that begins with this batch.
    fn rate_factor(&self, _batch: &<Self::Source as Source>::Batch) -> f64 {
        1.0
    }

    /// The mean loss of a training batch, `[1]`, on a device with gradients. `carry` is what the batch before left, and
    /// becomes what this one leaves.
    ///
    /// # Errors
    /// The batch does not fit what was carried.
    fn forward(
        &self,
        model: &Self::Model,
        batch: <Self::Source as Source>::Batch,
        carry: &mut Carry,
        device: &Device,
    ) -> Result<(Tensor<1>, Self::Output), TrainError>;

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
        carry: &mut Carry,
        device: &Device,
    ) -> Result<Tally, TrainError>;
}
