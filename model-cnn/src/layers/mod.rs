//! Layers that Burn does not have, or has with another meaning than PyTorch, and the containers that give networks
//! PyTorch's parameter names.

mod batch_norm;
mod conv;
mod head;
mod layer_norm;
mod sequential;
mod stochastic_depth;
mod tap;

pub use batch_norm::BatchNorm2d;
pub use layer_norm::LayerNorm2d;
pub use sequential::{Dense, Layer};
pub use stochastic_depth::StochasticDepth;
pub use tap::Tap;

pub(crate) use batch_norm::forward_bn_relu;
pub(crate) use conv::{conv2d, forward_conv_relu, kaiming_normal, normal, padding, zero_bias};
pub(crate) use head::{forward_linear, linear_head, normal_linear, pooled, unfreeze_from};
pub(crate) use sequential::{forward_dense, forward_layers};
