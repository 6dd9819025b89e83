use std::fmt;

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::nn;

use super::Parts;
use super::layer::AddNorm;
use crate::attention::{Heads, Mask, probabilities, projected_attention};

/// What a visitor is told that it is in.
const CONTAINER: &str = "Struct:Attention";
/// The names of the two halves. The first one is why this module is written by hand: no field can be called so.
const NAMES: [&str; 2] = ["self", "output"];

/// The projections of any family's self-attention, under whatever names it has them.
pub(crate) struct Projections<'a> {
    pub(crate) query: &'a Linear,
    pub(crate) key: &'a Linear,
    pub(crate) value: &'a Linear,
    pub(crate) heads: usize,
    pub(crate) dropout: &'a Dropout,
}

impl Projections<'_> {
    /// What each token takes from those that it looks at: `[batch, time, width]` to the same.
    pub(crate) fn mix(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<3> {
        let layers = [self.query, self.key, self.value];
        projected_attention(x.clone(), layers, self.heads, mask, self.dropout)
    }

    /// How much each token looks at each: `[batch, heads, time, time]`.
    pub(crate) fn probabilities(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<4> {
        let [q, k] = [self.query, self.key].map(|part| nn::linear(part, x.clone()));
        probabilities(q, k, Heads::new(self.heads), mask)
    }
}

/// The first half of a layer: `x + attention(x)`, normalised.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    mixing: SelfAttention,
    output: AddNorm,
}

#[derive(Module, Debug)]
struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    dropout: Dropout,
    heads: usize,
}

impl Attention {
    pub(super) fn new(parts: &Parts, device: &Device) -> Self {
        Self {
            mixing: SelfAttention {
                query: parts.square(device),
                key: parts.square(device),
                value: parts.square(device),
                dropout: parts.probability_dropout(),
                heads: parts.heads.1,
            },
            output: AddNorm::new(parts, parts.width.1, device),
        }
    }

    pub(super) fn forward(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let mixed = self.projections().mix(&x, mask);
        self.output.forward(mixed, x)
    }

    pub(super) fn projections(&self) -> Projections<'_> {
        let mixing = &self.mixing;
        Projections {
            query: &mixing.query,
            key: &mixing.key,
            value: &mixing.value,
            heads: mixing.heads,
            dropout: &mixing.dropout,
        }
    }
}

impl Module for Attention {
    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        let [mixing, output] = NAMES;
        visitor.enter_module(mixing, CONTAINER);
        self.mixing.visit(visitor);
        visitor.exit_module(mixing, CONTAINER);
        visitor.enter_module(output, CONTAINER);
        self.output.visit(visitor);
        visitor.exit_module(output, CONTAINER);
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let [mixing, output] = NAMES;
        mapper.enter_module(mixing, CONTAINER);
        let mixed = self.mixing.map(mapper);
        mapper.exit_module(mixing, CONTAINER);
        mapper.enter_module(output, CONTAINER);
        let added = self.output.map(mapper);
        mapper.exit_module(output, CONTAINER);
        Self {
            mixing: mixed,
            output: added,
        }
    }

    fn collect_devices(&self, devices: Devices) -> Devices {
        let devices = self.mixing.collect_devices(devices);
        self.output.collect_devices(devices)
    }

    fn to_device(self, device: &Device) -> Self {
        Self {
            mixing: self.mixing.to_device(device),
            output: self.output.to_device(device),
        }
    }

    fn fork(self, device: &Device) -> Self {
        Self {
            mixing: self.mixing.fork(device),
            output: self.output.fork(device),
        }
    }

    fn train(self) -> Self {
        Self {
            mixing: self.mixing.train(),
            output: self.output.train(),
        }
    }

    fn valid(&self) -> Self {
        Self {
            mixing: self.mixing.valid(),
            output: self.output.valid(),
        }
    }

    fn materialize(self) -> Self {
        Self {
            mixing: self.mixing.materialize(),
            output: self.output.materialize(),
        }
    }
}

impl fmt::Display for Attention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(Default::default()))
    }
}

impl ModuleDisplayDefault for Attention {
    fn content(&self, content: Content) -> Option<Content> {
        let [mixing, output] = NAMES;
        content
            .set_top_level_type("Attention")
            .add(mixing, &self.mixing)
            .add(output, &self.output)
            .optional()
    }

    fn num_params(&self) -> usize {
        Module::num_params(self)
    }
}

impl ModuleDisplay for Attention {}
