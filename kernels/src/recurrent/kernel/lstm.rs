//! The LSTM kernel.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::gates;
use super::layer::{Layer, StepSlices, add, bias_inputs, biases};
use super::packed_weight::RecurrentWeight;
use crate::flex::{Array, Backward, Buffer, array, track};
use crate::recurrent::{LstmOutput, SequenceOptions, Weights};

pub(in crate::recurrent) fn lstm(
    x: &Tensor<3>,
    weights: &Weights,
    state: &[Tensor<2>; 2],
    options: SequenceOptions<'_>,
) -> Option<LstmOutput> {
    let [hidden, cell] = state;
    let layer = Layer::new(x, weights, hidden, options)?;
    let first_cell = array(cell)?;
    let [mut bias, other] = biases(weights)?;
    add(&mut bias, &other);
    let [bias_ih, bias_hh] = bias_inputs(weights.bias.as_ref());
    let inputs = [
        Some(x.clone().into_dispatch()),
        Some(weights.ih.clone().into_dispatch()),
        Some(weights.hh.clone().into_dispatch()),
        Some(hidden.clone().into_dispatch()),
        Some(cell.clone().into_dispatch()),
        bias_ih,
        bias_hh,
    ];
    let saved = Lstm::forward(layer, first_cell, &bias);
    let (last, gradient) = (saved.layer.last(), saved.last_cell_gradient.clone());
    let last_cell = saved.last_cell();
    let output: Tensor<3> = track(saved.output.clone(), saved, inputs);
    let cell = LastCell {
        shape: output.dims(),
        gradient,
    };
    let cell = track(last_cell, cell, [Some(output.clone().into_dispatch())]);
    Some(LstmOutput {
        hidden: output.clone().narrow(0, last, 1).squeeze_dim(0),
        output,
        cell,
    })
}

/// State for the backward pass.
#[derive(Clone, Debug)]
struct Lstm {
    layer: Layer,
    /// `[batch, hidden]`.
    first_cell: Array,
    /// `[time, batch, 4 * hidden]`.
    gates: Array,
    /// `[time, batch, hidden]`.
    cells: Array,
    /// `[time, batch, hidden]`.
    output: Array,
    last_cell_gradient: Arc<Mutex<Option<Array>>>,
}

impl Lstm {
    fn forward(layer: Layer, first_cell: Array, bias: &[f32]) -> Self {
        let (width, rows) = (layer.width(), layer.rows());
        let shape = [layer.time(), layer.batch(), width];
        let mut gates = layer.project();
        let mut cells = Buffer::new(shape.iter().product());
        let mut output = Buffer::new(shape.iter().product());
        let weight = layer.recurrent();
        let parts = layer.parts_of(&mut gates, [&mut cells, &mut output]);
        let state = [layer.first.values(), first_cell.values()];
        parts.into_par_iter().for_each(|(first, parts)| {
            let state = state.map(|state| &state[first * width..]);
            forward(&layer, &weight, bias, first, state, parts);
        });
        drop(weight);
        Self {
            gates: Array::new(gates, [shape[0], shape[1], rows]),
            cells: Array::new(cells, shape),
            output: Array::new(output, shape),
            layer,
            first_cell,
            last_cell_gradient: Arc::default(),
        }
    }

    fn last_cell(&self) -> Array {
        let one = self.first_cell.values().len();
        let last = &self.cells.values()[self.layer.last() * one..][..one];
        Array::new(Buffer::copy(last), self.first_cell.shape())
    }

    /// Backpropagation through time. Returns the gradients of the pre-activations of all gates
    /// `[time, batch, 4 * hidden]`, and of the states before the first step.
    fn backward_through_time(&self, gradient: &[f32], last_cell: Option<Array>) -> [Buffer; 3] {
        let layer = &self.layer;
        let size = layer.batch() * layer.width();
        let mut sums = Buffer::new(layer.time() * layer.batch() * layer.rows());
        let mut d_hidden = Buffer::zeros(size);
        let mut d_cell = match last_cell {
            Some(gradient) => gradient.into_buffer(),
            None => Buffer::zeros(size),
        };
        let weight = layer.recurrent_back();
        let size = layer.sequences() * layer.width();
        let states = d_hidden.chunks_mut(size).zip(d_cell.chunks_mut(size));
        let parts = layer.parts(&mut sums, layer.rows()).into_iter().zip(states);
        let parts: Vec<_> = parts.enumerate().collect();
        parts
            .into_par_iter()
            .for_each(|(part, (sums, (d_hidden, d_cell)))| {
                let first = part * layer.sequences();
                self.backward_part(gradient, &weight, first, sums, [d_hidden, d_cell]);
            });
        [sums, d_hidden, d_cell]
    }

    /// Backpropagates the sequences from `first` on: from `gradient`, that of the output, to that
    /// of the pre-activations, `sums`. `d_hidden` and `d_cell` are the gradients of the states
    /// after the last step on entry, and of those before the first step on return.
    fn backward_part(
        &self,
        gradient: &[f32],
        weight: &RecurrentWeight<'_>,
        first: usize,
        sums: StepSlices<'_>,
        [d_hidden, d_cell]: [&mut [f32]; 2],
    ) {
        let layer = &self.layer;
        let (batch, width, rows) = (layer.batch(), layer.width(), layer.rows());
        let (gates, cells) = (self.gates.values(), self.cells.values());
        let count = d_hidden.len() / width;
        for ((t, before), sums) in layer.steps_and_before().zip(sums).rev() {
            let at = t * batch + first;
            add(d_hidden, &gradient[at * width..]);
            let before = match before {
                Some(before) => &cells[(before * batch + first) * width..],
                None => &self.first_cell.values()[first * width..],
            };
            for row in 0..count {
                let sums = &mut sums[row * rows..(row + 1) * rows];
                if layer.is_finished(first + row, t) {
                    // The sequence has ended: its state is unchanged, and so are the gradients.
                    sums.fill(0.0);
                    continue;
                }
                let part = row * width..(row + 1) * width;
                gates::lstm_backward(
                    sums,
                    &gates[(at + row) * rows..][..rows],
                    &before[part.clone()],
                    &cells[(at + row) * width..][..width],
                    &d_hidden[part.clone()],
                    &mut d_cell[part.clone()],
                );
                d_hidden[part].fill(0.0);
            }
            weight.add_product(d_hidden, sums, count);
        }
    }
}

/// Runs the sequences from `first` on through time, from the states `hidden` and `cell`. `gates`
/// are the input's share before.
fn forward(
    layer: &Layer,
    weight: &RecurrentWeight<'_>,
    bias: &[f32],
    first: usize,
    [mut hidden, mut cell]: [&[f32]; 2],
    [gates, cells, output]: [StepSlices<'_>; 3],
) {
    let (width, rows) = (layer.width(), layer.rows());
    let steps = layer.steps().into_iter();
    for (((t, gates), cells), output) in steps.zip(gates).zip(cells).zip(output) {
        let count = output.len() / width;
        weight.add_product(gates, &hidden[..count * width], count);
        for row in 0..count {
            let part = row * width..(row + 1) * width;
            let gates = &mut gates[row * rows..(row + 1) * rows];
            let (cells, output) = (&mut cells[part.clone()], &mut output[part.clone()]);
            if layer.is_finished(first + row, t) {
                cells.copy_from_slice(&cell[part.clone()]);
                output.copy_from_slice(&hidden[part]);
            } else {
                gates::lstm(gates, bias, &cell[part], cells, output);
            }
        }
        (hidden, cell) = (output, cells);
    }
}

impl Backward<7> for Lstm {
    fn backward(self, gradient: Array, needed: [bool; 7]) -> [Option<Array>; 7] {
        let last_cell = self.last_cell_gradient.lock();
        let last_cell = last_cell.unwrap_or_else(PoisonError::into_inner).take();
        let [sums, hidden, cell] = self.backward_through_time(gradient.values(), last_cell);
        let layer = &self.layer;
        let shape = self.first_cell.shape();
        let bias = (needed[5] || needed[6]).then(|| layer.bias_gradient(&sums));
        [
            needed[0].then(|| layer.input_gradient(&sums)),
            needed[1].then(|| layer.input_weight_gradient(&sums)),
            needed[2].then(|| layer.recurrent_weight_gradient(&sums, self.output.values())),
            needed[3].then(|| Array::new(hidden, shape.clone())),
            needed[4].then(|| Array::new(cell, shape)),
            bias.clone(),
            bias,
        ]
    }
}

/// The last cell state, as an autodiff node on top of the output. It is computed with the output;
/// only its gradient needs a way back. It is stored here, and the backward pass of the output,
/// which runs later, picks it up. The state is often not part of the loss, and then this costs
/// nothing.
#[derive(Clone, Debug)]
struct LastCell {
    /// Shape of the output.
    shape: [usize; 3],
    gradient: Arc<Mutex<Option<Array>>>,
}

impl Backward<1> for LastCell {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let mut slot = self.gradient.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(gradient);
        let nothing = Buffer::zeros(self.shape.iter().product());
        [Some(Array::new(nothing, self.shape))]
    }
}
