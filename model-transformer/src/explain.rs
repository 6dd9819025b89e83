//! Which words of a text speak for an answer, and what attention looks at.
//!
//! | | what it says |
//! |---|---|
//! | [`explain_class`], [`explain_answer`] | how much each token adds to a logit: integrated gradients |
//! | [`attention_of`] | how much each token looks at each, in one layer and head or in the mean of them |
//! | [`attention_rollout`] | the same through all layers together |
//!
//! Integrated gradients answer for the output and add up to it. Attention says where a layer gathers from, not what for:
//! it is cheap and shows patterns, and is no proof of a cause (Jain and Wallace 2019, <https://arxiv.org/abs/1902.10186>).
//!
//! The network is explained as it is used: without dropout, whatever device it was built on; nothing of it changes.

mod error;
mod integrated_gradients;
mod rollout;

pub use error::ExplainError;
pub use integrated_gradients::{
    Attribution, IntegratedGradients, explain_answer, explain_class, integrated_gradients,
};
pub use rollout::{attention_of, attention_rollout};
