//! The GRU kernel, with the reset gate after the product.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::gates;
use super::layer::{Layer, StepSlices, add, bias_inputs, biases};
use super::packed_weight::RecurrentWeight;
use crate::flex::{Array, Backward, Buffer, track};
use crate::recurrent::{SequenceOptions, Weights};

pub(super) fn gru(
    x: &Tensor<3>,
    weights: &Weights,
    hidden: &Tensor<2>,
    options: SequenceOptions<'_>,
) -> Option<(Tensor<3>, Tensor<2>)> {
    let layer = Layer::new(x, weights, hidden, options)?;
    let biases = biases(weights)?;
    let [bias_ih, bias_hh] = bias_inputs(weights.bias.as_ref());
    let inputs = [
        Some(x.clone().into_dispatch()),
        Some(weights.ih.clone().into_dispatch()),
        Some(weights.hh.clone().into_dispatch()),
        Some(hidden.clone().into_dispatch()),
        bias_ih,
        bias_hh,
    ];
    let last = layer.last();
    let saved = Gru::forward(layer, &biases);
    let output: Tensor<3> = track(saved.output.clone(), saved, inputs);
    let hidden = output.clone().narrow(0, last, 1).squeeze_dim(0);
    Some((output, hidden))
}

/// State for the backward pass.
#[derive(Clone, Debug)]
struct Gru {
    layer: Layer,
    /// `r, z, n`, `[time, batch, 3 * hidden]`.
    gates: Array,
    /// `Whn h + bhn`, `[time, batch, hidden]`.
    inner: Array,
    /// `[time, batch, hidden]`.
    output: Array,
}

impl Gru {
    fn forward(layer: Layer, biases: &[Buffer; 2]) -> Self {
        let (width, rows) = (layer.width(), layer.rows());
        let shape = [layer.time(), layer.batch(), width];
        let mut gates = layer.project();
        let mut inner = Buffer::new(shape.iter().product());
        let mut output = Buffer::new(shape.iter().product());
        let weight = layer.recurrent();
        let parts = layer.parts_of(&mut gates, [&mut inner, &mut output]);
        parts.into_par_iter().for_each(|(first, parts)| {
            forward(&layer, &weight, biases, first, parts);
        });
        drop(weight);
        Self {
            gates: Array::new(gates, [shape[0], shape[1], rows]),
            inner: Array::new(inner, shape),
            output: Array::new(output, shape),
            layer,
        }
    }

    /// Backpropagation through time. Returns the gradients of the input's and of the hidden state's
    /// share, `[time, batch, 3 * hidden]` each, and of the hidden state before the first step.
    fn backward_through_time(&self, gradient: &[f32]) -> [Buffer; 3] {
        let layer = &self.layer;
        let size = layer.time() * layer.batch() * layer.rows();
        let [mut input, mut recurrent] = [Buffer::new(size), Buffer::new(size)];
        let mut d_hidden = Buffer::zeros(layer.batch() * layer.width());
        let weight = layer.recurrent_back();
        let parts = layer.parts(&mut input, layer.rows()).into_iter();
        let parts = parts.zip(layer.parts(&mut recurrent, layer.rows()));
        let parts = parts.zip(d_hidden.chunks_mut(layer.sequences() * layer.width()));
        let parts: Vec<_> = parts.enumerate().collect();
        parts
            .into_par_iter()
            .for_each(|(part, ((input, recurrent), d_hidden))| {
                let first = part * layer.sequences();
                self.backward_part(gradient, &weight, first, [input, recurrent], d_hidden);
            });
        [input, recurrent, d_hidden]
    }

    /// Backpropagates the sequences from `first` on: from `gradient`, that of the output, to those
    /// of both shares, and of the hidden state before the first step, which must be zero at the
    /// start.
    fn backward_part(
        &self,
        gradient: &[f32],
        weight: &RecurrentWeight<'_>,
        first: usize,
        [input, recurrent]: [StepSlices<'_>; 2],
        d_hidden: &mut [f32],
    ) {
        let layer = &self.layer;
        let (batch, width, rows) = (layer.batch(), layer.width(), layer.rows());
        let count = d_hidden.len() / width;
        let steps = layer.steps_and_before();
        for (((t, before), input), recurrent) in steps.zip(input).zip(recurrent).rev() {
            let at = t * batch + first;
            add(d_hidden, &gradient[at * width..]);
            let before = match before {
                Some(before) => &self.output.values()[(before * batch + first) * width..],
                None => &layer.first.values()[first * width..],
            };
            for row in 0..count {
                let wide = row * rows..(row + 1) * rows;
                let (input, recurrent) = (&mut input[wide.clone()], &mut recurrent[wide]);
                if layer.is_finished(first + row, t) {
                    // The sequence has ended: its state is unchanged, and so is the gradient.
                    input.fill(0.0);
                    recurrent.fill(0.0);
                    continue;
                }
                let part = row * width..(row + 1) * width;
                gates::gru_backward(
                    input,
                    recurrent,
                    &self.gates.values()[(at + row) * rows..][..rows],
                    &self.inner.values()[(at + row) * width..][..width],
                    &before[part.clone()],
                    &mut d_hidden[part],
                );
            }
            weight.add_product(d_hidden, recurrent, count);
        }
    }
}

/// Runs the sequences from `first` on through time. `gates` are the input's share before.
fn forward(
    layer: &Layer,
    weight: &RecurrentWeight<'_>,
    [bias_ih, bias_hh]: &[Buffer; 2],
    first: usize,
    [gates, inner, output]: [StepSlices<'_>; 3],
) {
    let (width, rows) = (layer.width(), layer.rows());
    let mut hidden = &layer.first.values()[first * width..];
    let mut recurrent = Buffer::new(layer.sequences() * rows);
    let steps = layer.steps().into_iter();
    for (((t, gates), inner), output) in steps.zip(gates).zip(inner).zip(output) {
        let count = output.len() / width;
        let recurrent = &mut recurrent[..count * rows];
        for row in recurrent.chunks_exact_mut(rows) {
            row.copy_from_slice(bias_hh);
        }
        weight.add_product(recurrent, &hidden[..count * width], count);
        for row in 0..count {
            let part = row * width..(row + 1) * width;
            let wide = row * rows..(row + 1) * rows;
            let output = &mut output[part.clone()];
            if layer.is_finished(first + row, t) {
                output.copy_from_slice(&hidden[part]);
            } else {
                gates::gru(
                    &mut gates[wide.clone()],
                    bias_ih,
                    &recurrent[wide],
                    &mut inner[part.clone()],
                    &hidden[part],
                    output,
                );
            }
        }
        hidden = output;
    }
}

impl Backward<6> for Gru {
    fn backward(self, gradient: Array, needed: [bool; 6]) -> [Option<Array>; 6] {
        let [input, recurrent, hidden] = self.backward_through_time(gradient.values());
        let layer = &self.layer;
        let output = self.output.values();
        [
            needed[0].then(|| layer.input_gradient(&input)),
            needed[1].then(|| layer.input_weight_gradient(&input)),
            needed[2].then(|| layer.recurrent_weight_gradient(&recurrent, output)),
            needed[3].then(|| Array::new(hidden, layer.first.shape())),
            needed[4].then(|| layer.bias_gradient(&input)),
            needed[5].then(|| layer.bias_gradient(&recurrent)),
        ]
    }
}
