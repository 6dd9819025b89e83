//! A hand-written implementation of [`Module`] for [`Recurrent`].
//!
//! Burn's derive would call a parameter `layers.0.weight_ih`. PyTorch calls it `weight_ih_l0`, and
//! that name must be in the weights file.

use std::fmt;

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::tensor::Device;

use super::layer::RecurrentLayer;
use super::recurrent::Recurrent;
use super::state::names;

/// Container type passed to visitors and mappers.
const CONTAINER: &str = "Struct:Recurrent";

impl Module for Recurrent {
    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        for (end, layer) in names(self.bidirectional).zip(&self.layers) {
            visit(&layer.weight_ih, &format!("weight_ih_{end}"), visitor);
            visit(&layer.weight_hh, &format!("weight_hh_{end}"), visitor);
            visit(&layer.bias_ih, &format!("bias_ih_{end}"), visitor);
            visit(&layer.bias_hh, &format!("bias_hh_{end}"), visitor);
        }
        visit(&self.dropout, "dropout", visitor);
        visit(&self.weight_drop, "weight_drop", visitor);
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let mut layers = Vec::with_capacity(self.layers.len());
        for (end, layer) in names(self.bidirectional).zip(self.layers) {
            layers.push(RecurrentLayer {
                weight_ih: map(layer.weight_ih, &format!("weight_ih_{end}"), mapper),
                weight_hh: map(layer.weight_hh, &format!("weight_hh_{end}"), mapper),
                bias_ih: map(layer.bias_ih, &format!("bias_ih_{end}"), mapper),
                bias_hh: map(layer.bias_hh, &format!("bias_hh_{end}"), mapper),
                ..layer
            });
        }
        Self {
            layers,
            dropout: map(self.dropout, "dropout", mapper),
            weight_drop: map(self.weight_drop, "weight_drop", mapper),
            ..self
        }
    }

    fn collect_devices(&self, devices: Devices) -> Devices {
        self.layers.collect_devices(devices)
    }

    fn to_device(self, device: &Device) -> Self {
        Self {
            layers: self.layers.to_device(device),
            ..self
        }
    }

    fn fork(self, device: &Device) -> Self {
        Self {
            layers: self.layers.fork(device),
            ..self
        }
    }

    fn train(self) -> Self {
        Self {
            layers: self.layers.train(),
            dropout: self.dropout.train(),
            weight_drop: self.weight_drop.train(),
            ..self
        }
    }

    fn valid(&self) -> Self {
        Self {
            layers: self.layers.valid(),
            bidirectional: self.bidirectional,
            dropout: self.dropout.valid(),
            weight_drop: self.weight_drop.valid(),
        }
    }

    fn materialize(self) -> Self {
        Self {
            layers: self.layers.materialize(),
            ..self
        }
    }
}

fn visit<T: Module, V: ModuleVisitor>(part: &T, name: &str, visitor: &mut V) {
    visitor.enter_module(name, CONTAINER);
    part.visit(visitor);
    visitor.exit_module(name, CONTAINER);
}

fn map<T: Module, M: ModuleMapper>(part: T, name: &str, mapper: &mut M) -> T {
    mapper.enter_module(name, CONTAINER);
    let mapped = part.map(mapper);
    mapper.exit_module(name, CONTAINER);
    mapped
}

impl fmt::Display for Recurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(Default::default()))
    }
}

impl ModuleDisplayDefault for Recurrent {
    fn content(&self, content: Content) -> Option<Content> {
        let mut content = content.set_top_level_type("Recurrent");
        for (end, layer) in names(self.bidirectional).zip(&self.layers) {
            content = content.add(&end, layer);
        }
        content
            .add("dropout", &self.dropout)
            .add("weight_drop", &self.weight_drop)
            .optional()
    }

    fn num_params(&self) -> usize {
        Module::num_params(self)
    }
}

impl ModuleDisplay for Recurrent {}
