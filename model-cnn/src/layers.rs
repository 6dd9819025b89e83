//! Layers that Burn lacks or defines differently from PyTorch, and containers that give networks
//! PyTorch's parameter names.

mod batch_norm;
mod conv;
mod head;
mod hooks;
mod layer_norm;
mod sequential;
mod stochastic_depth;

pub use batch_norm::BatchNorm2d;
pub use hooks::Hooks;
pub use layer_norm::LayerNorm2d;
pub use sequential::{Dense, Layer};
pub use stochastic_depth::StochasticDepth;

pub(crate) use conv::{conv2d, kaiming_normal, normal, padding, zero_bias};
pub(crate) use head::{forward_linear, global_avg_pool, linear_head, normal_linear};
pub(crate) use hooks::{FeatureLayer, named};
pub(crate) use sequential::forward_dense;
