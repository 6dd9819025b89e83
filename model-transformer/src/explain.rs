//! Explanations of an encoder's predictions: token attributions and attention maps.
//!
//! | function | result |
//! |---|---|
//! | [`explain_class`], [`explain_answer`] | contribution of each token to a logit: integrated gradients |
//! | [`attention_of`] | attention map of one layer and head, or the mean over several |
//! | [`attention_rollout`] | attention through all layers |
//!
//! Integrated gradients account for the output and sum to it. Attention shows where a layer reads
//! from, not what for: it is cheap and shows patterns, but is no proof of a cause (Jain and Wallace
//! 2019, <https://arxiv.org/abs/1902.10186>).
//!
//! Models are explained in inference mode, without dropout, and are not changed.

mod error;
mod integrated_gradients;
mod rollout;

pub use error::ExplainError;
pub use integrated_gradients::{
    Attribution, IntegratedGradients, explain_answer, explain_class, integrated_gradients,
};
pub use rollout::{attention_of, attention_rollout};
