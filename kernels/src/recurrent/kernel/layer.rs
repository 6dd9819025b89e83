//! Code shared by the LSTM and GRU kernels.

use burn::backend::DispatchTensor;
use burn::tensor::Tensor;

use super::packed_weight::RecurrentWeight;
use crate::flex::{Array, Buffer, GRAIN, Matrix, array, product, sum_rows};
use crate::recurrent::{SequenceOptions, Weights};

/// Input, weights and first hidden state of a layer, and the order of its time steps.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// `[time, batch, input]`.
    pub(super) x: Array,
    /// `[gates * hidden, input]`.
    pub(super) ih: Array,
    /// `[gates * hidden, hidden]`.
    pub(super) hh: Array,
    /// `[batch, hidden]`.
    pub(super) first: Array,
    reverse: bool,
    lengths: Option<Vec<usize>>,
}

impl Layer {
    /// `None` if there is no kernel for these tensors, or nothing to compute.
    pub(super) fn new(
        x: &Tensor<3>,
        weights: &Weights,
        first: &Tensor<2>,
        options: SequenceOptions<'_>,
    ) -> Option<Self> {
        let layer = Self {
            x: array(x)?,
            ih: array(&weights.ih)?,
            hh: array(&weights.hh)?,
            first: array(first)?,
            reverse: options.reverse,
            lengths: options.lengths.map(<[usize]>::to_vec),
        };
        let [time, batch, _] = layer.x.dims();
        (time > 0 && batch > 0 && layer.width() > 0).then_some(layer)
    }

    pub(super) fn time(&self) -> usize {
        self.x.dims::<3>()[0]
    }

    pub(super) fn batch(&self) -> usize {
        self.x.dims::<3>()[1]
    }

    /// Number of hidden units.
    pub(super) fn width(&self) -> usize {
        self.hh.dims::<2>()[1]
    }

    /// Number of gates times hidden units.
    pub(super) fn rows(&self) -> usize {
        self.hh.dims::<2>()[0]
    }

    /// Time steps in the order of the layer's direction.
    pub(super) fn steps(&self) -> Vec<usize> {
        self.in_order((0..self.time()).collect())
    }

    /// Time steps in the layer's order, each with the one before it.
    pub(super) fn steps_and_before(&self) -> std::vec::IntoIter<(usize, Option<usize>)> {
        let steps = self.steps();
        let before = std::iter::once(None).chain(steps.iter().map(|&t| Some(t)));
        let pairs: Vec<_> = steps.iter().copied().zip(before).collect();
        pairs.into_iter()
    }

    /// Puts one item per time step into the layer's order.
    pub(super) fn in_order<T>(&self, mut steps: Vec<T>) -> Vec<T> {
        if self.reverse {
            steps.reverse();
        }
        steps
    }

    /// Last time step in the layer's order.
    pub(super) fn last(&self) -> usize {
        if self.reverse { 0 } else { self.time() - 1 }
    }

    /// True if a sequence has ended at time step `t`.
    pub(super) fn is_finished(&self, sequence: usize, t: usize) -> bool {
        match &self.lengths {
            Some(lengths) => t >= lengths[sequence],
            None => false,
        }
    }

    /// Sequences per task. Each is computed on its own, so results do not depend on it; but few at
    /// once make poor use of the weights that they share. 1 and 16 instead of 4 take the same time
    /// within 3 % (batch 20, 200 units, two threads).
    pub(super) fn sequences(&self) -> usize {
        const FEWEST: usize = 4;
        let work = self.time() * self.batch() * self.rows() * self.width();
        if work < 16 * GRAIN {
            self.batch()
        } else {
            self.batch()
                .div_ceil(rayon::current_num_threads())
                .max(FEWEST)
        }
    }

    /// Splits `values` `[time, batch, width]` into parts of [`sequences`](Self::sequences)
    /// sequences, each a list over the time steps in the layer's order.
    pub(super) fn parts<'a>(&self, values: &'a mut [f32], width: usize) -> Vec<StepSlices<'a>> {
        let sequences = self.sequences();
        let count = self.batch().div_ceil(sequences);
        let mut parts: Vec<_> = (0..count)
            .map(|_| Vec::with_capacity(self.time()))
            .collect();
        for step in values.chunks_exact_mut(self.batch() * width) {
            for (part, values) in parts.iter_mut().zip(step.chunks_mut(sequences * width)) {
                part.push(values);
            }
        }
        let in_order = |part| self.in_order(part).into_iter();
        parts.into_iter().map(in_order).collect()
    }

    /// Splits gates `[time, batch, gates * hidden]` and two states `[time, batch, hidden]` into
    /// [`parts`](Self::parts), each with the index of its first sequence.
    pub(super) fn parts_of<'a>(
        &self,
        gates: &'a mut [f32],
        [first, second]: [&'a mut [f32]; 2],
    ) -> Vec<(usize, [StepSlices<'a>; 3])> {
        let gates = self.parts(gates, self.rows()).into_iter();
        let first = self.parts(first, self.width());
        let second = self.parts(second, self.width());
        let parts = gates.zip(first).zip(second).enumerate();
        let parts = parts.map(|(part, ((gates, first), second))| {
            (part * self.sequences(), [gates, first, second])
        });
        parts.collect()
    }

    /// `Wi x` at all time steps, `[time, batch, gates * hidden]`.
    pub(super) fn project(&self) -> Buffer {
        let [time, batch, input] = self.x.dims();
        let x = Matrix::new(self.x.values(), time * batch, input);
        product(x, Matrix::new(self.ih.values(), self.rows(), input).t())
    }

    /// Weight of the product `Wh h`, for rows `h`.
    pub(super) fn recurrent(&self) -> RecurrentWeight<'_> {
        let sizes = [self.width(), self.rows()];
        RecurrentWeight::transposed(self.hh.values(), sizes, self.time())
    }

    /// Weight of the product with the gradient of `Wh h`.
    pub(super) fn recurrent_back(&self) -> RecurrentWeight<'_> {
        let sizes = [self.rows(), self.width()];
        RecurrentWeight::new(self.hh.values(), sizes, self.time())
    }

    /// Gradient of the input from that of its share of the gates, `[time, batch, gates * hidden]`.
    pub(super) fn input_gradient(&self, sums: &[f32]) -> Array {
        let [time, batch, input] = self.x.dims();
        let sums = Matrix::new(sums, time * batch, self.rows());
        let ih = Matrix::new(self.ih.values(), self.rows(), input);
        Array::new(product(sums, ih), [time, batch, input])
    }

    /// Gradient of the input weight from that of the input's share.
    pub(super) fn input_weight_gradient(&self, sums: &[f32]) -> Array {
        let [time, batch, input] = self.x.dims();
        let sums = Matrix::new(sums, time * batch, self.rows());
        let x = Matrix::new(self.x.values(), time * batch, input);
        Array::new(product(sums.t(), x), [self.rows(), input])
    }

    /// Gradient of the recurrent weight from that of the hidden state's share and the `output`.
    pub(super) fn recurrent_weight_gradient(&self, sums: &[f32], output: &[f32]) -> Array {
        let before = self.states_before(output);
        let count = self.time() * self.batch();
        let sums = Matrix::new(sums, count, self.rows());
        let before = Matrix::new(&before, count, self.width());
        let sizes = [self.rows(), self.width()];
        Array::new(product(sums.t(), before), sizes)
    }

    /// Hidden states before each step, `[time, batch, hidden]`.
    fn states_before(&self, output: &[f32]) -> Buffer {
        let mut before = Buffer::new(output.len());
        let one = self.first.values().len();
        let others = output.len() - one;
        if self.reverse {
            before[..others].copy_from_slice(&output[one..]);
            before[others..].copy_from_slice(self.first.values());
        } else {
            before[..one].copy_from_slice(self.first.values());
            before[one..].copy_from_slice(&output[..others]);
        }
        before
    }

    /// Gradient of a bias from that of its share.
    pub(super) fn bias_gradient(&self, sums: &[f32]) -> Array {
        Array::new(sum_rows(sums, self.rows()), [self.rows()])
    }
}

/// Some sequences of a buffer, step by step.
pub(super) type StepSlices<'a> = std::vec::IntoIter<&'a mut [f32]>;

pub(super) fn add(to: &mut [f32], values: &[f32]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += value;
    }
}

/// Biases of a layer, zeros if it has none.
pub(super) fn biases(weights: &Weights) -> Option<[Buffer; 2]> {
    let rows = weights.hh.dims()[0];
    match &weights.bias {
        None => Some([Buffer::zeros(rows), Buffer::zeros(rows)]),
        Some([ih, hh]) => Some([
            Buffer::copy(array(ih)?.values()),
            Buffer::copy(array(hh)?.values()),
        ]),
    }
}

/// Biases of a layer as inputs of the autodiff node.
pub(super) fn bias_inputs(bias: Option<&[Tensor<1>; 2]>) -> [Option<DispatchTensor>; 2] {
    match bias {
        None => [None, None],
        Some([ih, hh]) => [ih, hh].map(|bias| Some(bias.clone().into_dispatch())),
    }
}
