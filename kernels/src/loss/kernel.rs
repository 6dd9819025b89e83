//! Loss kernels: one pass over the rows of the logits, forward and backward.

mod cross_entropy;
mod softmax;

pub(super) use cross_entropy::cross_entropy;
pub(super) use softmax::{log_softmax, softmax};
