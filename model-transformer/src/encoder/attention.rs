use std::fmt;

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_kernels::nn;

use super::Spec;
use super::add_norm::AddNorm;
use crate::attention::{Heads, Mask, probabilities, projected_attention};

/// Container name passed to a `ModuleVisitor`.
const CONTAINER: &str = "Struct:Attention";
/// Parameter names of the two submodules. No Rust field can be called `self`, so [`Attention`]
/// implements `Module` by hand.
const NAMES: [&str; 2] = ["self", "output"];

/// Query, key and value projections of any family's self-attention.
pub(crate) struct Projections<'a> {
    pub(crate) query: &'a Linear,
    pub(crate) key: &'a Linear,
    pub(crate) value: &'a Linear,
    pub(crate) heads: usize,
    pub(crate) dropout: &'a Dropout,
}

impl Projections<'_> {
    /// Multi-head self-attention before the output projection: `[batch, time, hidden]` to the same.
    pub(crate) fn attend(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<3> {
        let layers = [self.query, self.key, self.value];
        projected_attention(x.clone(), layers, self.heads, mask, self.dropout)
    }

    /// Attention probabilities `[batch, heads, time, time]`.
    pub(crate) fn probabilities(&self, x: &Tensor<3>, mask: &Mask) -> Tensor<4> {
        let [q, k] = [self.query, self.key].map(|layer| nn::linear(layer, x.clone()));
        probabilities(q, k, Heads::new(self.heads), mask)
    }
}

/// First half of a layer: `LayerNorm(x + attention(x))`.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    attention: SelfAttention,
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
    pub(super) fn new(spec: &Spec, device: &Device) -> Self {
        Self {
            attention: SelfAttention {
                query: spec.square(device),
                key: spec.square(device),
                value: spec.square(device),
                dropout: spec.attention_dropout(),
                heads: spec.heads.1,
            },
            output: AddNorm::new(spec, spec.hidden.1, device),
        }
    }

    /// `[batch, time, hidden]` to the same.
    pub(super) fn forward(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let mixed = self.projections().attend(&x, mask);
        self.output.forward(mixed, x)
    }

    pub(super) fn projections(&self) -> Projections<'_> {
        let attention = &self.attention;
        Projections {
            query: &attention.query,
            key: &attention.key,
            value: &attention.value,
            heads: attention.heads,
            dropout: &attention.dropout,
        }
    }
}

impl Module for Attention {
    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        let [attention, output] = NAMES;
        visitor.enter_module(attention, CONTAINER);
        self.attention.visit(visitor);
        visitor.exit_module(attention, CONTAINER);
        visitor.enter_module(output, CONTAINER);
        self.output.visit(visitor);
        visitor.exit_module(output, CONTAINER);
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let [attention, output] = NAMES;
        mapper.enter_module(attention, CONTAINER);
        let attention_module = self.attention.map(mapper);
        mapper.exit_module(attention, CONTAINER);
        mapper.enter_module(output, CONTAINER);
        let output_module = self.output.map(mapper);
        mapper.exit_module(output, CONTAINER);
        Self {
            attention: attention_module,
            output: output_module,
        }
    }

    fn collect_devices(&self, devices: Devices) -> Devices {
        let devices = self.attention.collect_devices(devices);
        self.output.collect_devices(devices)
    }

    fn to_device(self, device: &Device) -> Self {
        Self {
            attention: self.attention.to_device(device),
            output: self.output.to_device(device),
        }
    }

    fn fork(self, device: &Device) -> Self {
        Self {
            attention: self.attention.fork(device),
            output: self.output.fork(device),
        }
    }

    fn train(self) -> Self {
        Self {
            attention: self.attention.train(),
            output: self.output.train(),
        }
    }

    fn valid(&self) -> Self {
        Self {
            attention: self.attention.valid(),
            output: self.output.valid(),
        }
    }

    fn materialize(self) -> Self {
        Self {
            attention: self.attention.materialize(),
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
        let [attention, output] = NAMES;
        content
            .set_top_level_type("Attention")
            .add(attention, &self.attention)
            .add(output, &self.output)
            .optional()
    }

    fn num_params(&self) -> usize {
        Module::num_params(self)
    }
}

impl ModuleDisplay for Attention {}
