//! Looking into a network while it computes.

use std::fmt;

use burn::tensor::Tensor;

/// What is called with a layer's name and output, and gives the output that the network goes on with.
type Visit<'a> = dyn FnMut(&str, Tensor<4>) -> Tensor<4> + 'a;

/// Sees the output `[batch, channels, height, width]` of every named layer in the course of a forward pass, and may
/// replace it: what a forward hook is in PyTorch. Names are PyTorch's, as in `layer4.1` or `features.28`.
pub struct Tap<'a>(Option<&'a mut Visit<'a>>);

impl<'a> Tap<'a> {
    /// Sees nothing and costs nothing.
    pub fn none() -> Self {
        Self(None)
    }

    /// Calls `visit` with the name and the output of each layer; what it returns takes the output's place.
    pub fn new(visit: &'a mut Visit<'a>) -> Self {
        Self(Some(visit))
    }

    /// Whether nobody looks: then layers may be done together.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn at(&mut self, name: fmt::Arguments, output: Tensor<4>) -> Tensor<4> {
        match &mut self.0 {
            None => output,
            Some(visit) => visit(&name.to_string(), output),
        }
    }
}
