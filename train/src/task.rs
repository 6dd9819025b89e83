//! Tasks: from a batch to a loss and metrics.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use tinderbox_data::loader::Source;

use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};

/// Hidden state that a batch of a recurrent model passes to the next one of its epoch, by name;
/// empty for other models. It is detached, so that gradients end at the batch.
pub type HiddenState = BTreeMap<String, Tensor<2>>;

/// A task: the loss that is trained on, and the metrics that are reported.
pub trait Task {
    /// Network.
    type Model: Module;
    /// Data set that batches come from.
    type Source: Source;
    /// Results of a training batch for [`tally`](Self::tally).
    type Output;

    /// Reported metrics, `loss` first.
    fn metrics(&self) -> &[MetricInfo];

    /// Plural noun for an item, as in "images/s".
    fn items(&self) -> &'static str {
        "items"
    }

    /// Number of such items in an epoch of `source`.
    fn size(&self, source: &Self::Source) -> usize {
        source.len()
    }

    /// Metrics of a tally: the means, and functions of them.
    fn values(&self, tally: &Tally) -> Values {
        tally.means()
    }

    /// Factor of the learning rate for a step that begins with this batch.
    fn rate_factor(&self, _batch: &<Self::Source as Source>::Batch) -> f64 {
        1.0
    }

    /// Mean loss of a training batch, `[1]`, on a device with gradients. `hidden_state` comes from
    /// the previous batch and is replaced by that of this one.
    ///
    /// # Errors
    /// The batch does not fit the hidden state.
    fn forward(
        &self,
        model: &Self::Model,
        batch: <Self::Source as Source>::Batch,
        hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, Self::Output), TrainError>;

    /// Contribution of a training batch to the metrics.
    ///
    /// # Errors
    /// The device failed.
    fn tally(&self, output: Self::Output) -> Result<Tally, TrainError>;

    /// Contribution of a validation batch to the metrics, on a device without gradients; by default
    /// computed as for a training batch.
    ///
    /// # Errors
    /// The device failed.
    fn evaluate(
        &self,
        model: &Self::Model,
        batch: <Self::Source as Source>::Batch,
        hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let (_, output) = self.forward(model, batch, hidden_state, device)?;
        self.tally(output)
    }
}
