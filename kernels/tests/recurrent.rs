//! Recurrent layers against their composition in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::recurrent::{
    Activation, ResetGate, SequenceOptions, Weights, gru, lstm, rnn,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Lstm,
    Gru(ResetGate),
    Rnn(Activation),
}

const KINDS: [Kind; 5] = [
    Kind::Lstm,
    Kind::Gru(ResetGate::After),
    Kind::Gru(ResetGate::Before),
    Kind::Rnn(Activation::Tanh),
    Kind::Rnn(Activation::Relu),
];

#[derive(Clone, Debug)]
struct Case {
    kind: Kind,
    /// Time, batch, input, hidden.
    sizes: [usize; 4],
    bias: bool,
    reverse: bool,
    lengths: Option<Vec<usize>>,
    /// Terms of the loss: output, last hidden state and last cell state.
    in_loss: [bool; 3],
    seed: u64,
}

struct Leaves {
    x: Tensor<3>,
    weights: Weights,
    state: [Tensor<2>; 2],
}

impl Case {
    fn leaves(&self, dtype: DType) -> Leaves {
        let [time, batch, input, hidden] = self.sizes;
        let rows = hidden
            * match self.kind {
                Kind::Lstm => 4,
                Kind::Gru(_) => 3,
                Kind::Rnn(_) => 1,
            };
        let numbers = |len, number| numbers(len, self.seed * 16 + number);
        let state = |number| leaf(&numbers(batch * hidden, number), [batch, hidden], dtype);
        let bias = |number| leaf(&numbers(rows, number), [rows], dtype);
        Leaves {
            x: leaf(
                &numbers(time * batch * input, 0),
                [time, batch, input],
                dtype,
            ),
            weights: Weights {
                ih: leaf(&numbers(rows * input, 1), [rows, input], dtype),
                hh: leaf(&numbers(rows * hidden, 2), [rows, hidden], dtype),
                bias: self.bias.then(|| [bias(3), bias(4)]),
            },
            state: [state(5), state(6)],
        }
    }

    /// The output and the last states.
    fn forward(&self, leaves: &Leaves) -> (Tensor<3>, Vec<Tensor<2>>) {
        let options = SequenceOptions::default()
            .with_reverse(self.reverse)
            .with_lengths(self.lengths.as_deref());
        let (x, weights) = (leaves.x.clone(), &leaves.weights);
        let [hidden, cell] = leaves.state.clone();
        match self.kind {
            Kind::Lstm => {
                let got = lstm(x, weights, [hidden, cell], options);
                (got.output, vec![got.hidden, got.cell])
            }
            Kind::Gru(reset) => {
                let (output, hidden) = gru(x, weights, hidden, reset, options);
                (output, vec![hidden])
            }
            Kind::Rnn(activation) => {
                let (output, hidden) = rnn(x, weights, hidden, activation, options);
                (output, vec![hidden])
            }
        }
    }

    /// All results, and all gradients of a loss that weights the results with fixed numbers.
    fn run(&self, dtype: DType) -> Vec<(&'static str, Vec<f64>)> {
        let leaves = self.leaves(dtype);
        let (output, states) = self.forward(&leaves);
        let mut all = vec![("output", values(output.clone()))];
        let mut loss = Tensor::zeros([1], (&Device::flex().autodiff(), dtype));
        if self.in_loss[0] {
            loss = loss + weighted(output, self.seed * 16 + 7);
        }
        for (index, (name, state)) in ["hidden", "cell"].into_iter().zip(states).enumerate() {
            all.push((name, values(state.clone())));
            if self.in_loss[1 + index] {
                loss = loss + weighted(state, self.seed * 16 + 8 + index as u64);
            }
        }
        let tape = loss.backward();
        let weights = &leaves.weights;
        all.push(("dx", grad(&leaves.x, &tape)));
        all.push(("dw_ih", grad(&weights.ih, &tape)));
        all.push(("dw_hh", grad(&weights.hh, &tape)));
        all.push(("dh", grad(&leaves.state[0], &tape)));
        if self.kind == Kind::Lstm {
            all.push(("dc", grad(&leaves.state[1], &tape)));
        }
        if let Some([ih, hh]) = &weights.bias {
            all.push(("db_ih", grad(ih, &tape)));
            all.push(("db_hh", grad(hh, &tape)));
        }
        all
    }

    fn check(&self) {
        let expected = self.run(DType::F64);
        let got = self.run(DType::F32);
        assert_eq!(got.len(), expected.len());
        for ((name, got), (_, expected)) in got.iter().zip(&expected) {
            assert_close(&format!("{self:?} {name}"), got, expected, 3e-5);
        }
        let bits = |all: Vec<(&str, Vec<f64>)>| -> Vec<u64> {
            let all = all.into_iter().flat_map(|(_, values)| values);
            all.map(f64::to_bits).collect()
        };
        assert_eq!(bits(self.run(DType::F32)), bits(got), "{self:?}: run again");
    }
}

fn weighted<const D: usize>(tensor: Tensor<D>, seed: u64) -> Tensor<1> {
    let weights = numbers(tensor.shape().num_elements(), seed);
    let weights = leaf(&weights, tensor.dims(), tensor.dtype()).detach();
    (tensor * weights).sum()
}

fn grad<const D: usize>(leaf: &Tensor<D>, tape: &burn::tensor::Gradients) -> Vec<f64> {
    leaf.grad(tape).map(values).unwrap_or_default()
}

fn in_loss() -> impl Strategy<Value = [bool; 3]> {
    // At least one term.
    prop_oneof![
        4 => Just([true, false, false]),
        2 => Just([true, true, true]),
        1 => Just([false, true, false]),
        1 => Just([true, false, true]),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let sizes = (1usize..9, 1usize..14, 1usize..24, 1usize..40);
    let ways = (any::<bool>(), any::<bool>(), any::<bool>(), in_loss());
    let kind = proptest::sample::select(&KINDS[..]);
    let lengths = proptest::collection::vec(0usize..9, 14);
    (kind, sizes, ways, lengths, 0u64..1000).prop_map(|(kind, sizes, ways, lengths, seed)| {
        let (time, batch, input, hidden) = sizes;
        let (bias, reverse, has_lengths, in_loss) = ways;
        let lengths = lengths[..batch].iter().map(|length| length.min(&time));
        Case {
            kind,
            sizes: [time, batch, input, hidden],
            bias,
            reverse,
            lengths: has_lengths.then(|| lengths.copied().collect()),
            in_loss,
            seed,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn values_and_gradients_equal_those_in_f64(case in case()) {
        case.check();
    }
}

fn plain(kind: Kind, sizes: [usize; 4]) -> Case {
    Case {
        kind,
        sizes,
        bias: true,
        reverse: false,
        lengths: None,
        in_loss: [true, true, true],
        seed: 1,
    }
}

#[test]
fn sequences_of_a_batch_are_independent() {
    for kind in [Kind::Lstm, Kind::Gru(ResetGate::After)] {
        let case = plain(kind, [7, 21, 40, 90]);
        case.check();
        let leaves = case.leaves(DType::F32);
        let (whole, _) = case.forward(&leaves);
        for sequence in [0, 9, 20] {
            let [hidden, cell] = leaves.state.clone();
            let alone = Leaves {
                x: leaves.x.clone().narrow(1, sequence, 1),
                weights: leaves.weights.clone(),
                state: [hidden, cell].map(|state| state.narrow(0, sequence, 1)),
            };
            let (alone, _) = case.forward(&alone);
            let whole = values(whole.clone().narrow(1, sequence, 1));
            assert_close("alone", &values(alone), &whole, 1e-6);
        }
    }
}

#[test]
fn only_the_last_cell_state_in_the_loss() {
    Case {
        in_loss: [false, false, true],
        ..plain(Kind::Lstm, [4, 3, 2, 5])
    }
    .check();
}

#[test]
fn non_contiguous_views_are_supported() {
    for kind in [Kind::Lstm, Kind::Gru(ResetGate::After)] {
        let case = plain(kind, [4, 3, 5, 6]);
        let leaves = case.leaves(DType::F32);
        let (expected, _) = case.forward(&leaves);
        let turned = |tensor: &Tensor<3>| {
            let data = tensor.clone().swap_dims(0, 1).into_data();
            Tensor::<3>::from_data(data, &tensor.device()).swap_dims(0, 1)
        };
        let transposed = |tensor: &Tensor<2>| {
            let data = tensor.clone().transpose().into_data();
            Tensor::<2>::from_data(data, &tensor.device()).transpose()
        };
        let views = Leaves {
            x: turned(&leaves.x),
            weights: Weights {
                ih: transposed(&leaves.weights.ih),
                hh: transposed(&leaves.weights.hh),
                bias: leaves.weights.bias.clone(),
            },
            state: leaves.state.each_ref().map(transposed),
        };
        let (got, _) = case.forward(&views);
        assert_eq!(values(got), values(expected));
    }
}

#[test]
fn nan_and_infinity_propagate() {
    for kind in KINDS {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let case = plain(kind, [3, 2, 4, 5]);
            let run = |dtype| {
                let mut leaves = case.leaves(dtype);
                let mut x = values(leaves.x.clone());
                // In the first step of the second sequence, which the first must not notice.
                x[5] = bad;
                leaves.x = leaf(&x, [3, 2, 4], dtype);
                values(case.forward(&leaves).0)
            };
            let got = run(DType::F32);
            assert!(got[..5].iter().all(|value| value.is_finite()));
            assert_close("output", &got, &run(DType::F64), 1e-5);
        }
    }
}

#[test]
fn empty_inputs_give_empty_outputs() {
    for kind in KINDS {
        for sizes in [[0, 2, 3, 4], [3, 0, 3, 4]] {
            for dtype in [DType::F32, DType::F64] {
                let case = plain(kind, sizes);
                let leaves = case.leaves(dtype);
                let (output, states) = case.forward(&leaves);
                assert_eq!(output.dims(), [sizes[0], sizes[1], 4]);
                assert_eq!(values(states[0].clone()), values(leaves.state[0].clone()));
            }
        }
    }
    // Burn's operations refuse an input of width zero.
    for kind in [Kind::Lstm, Kind::Gru(ResetGate::After)] {
        let case = plain(kind, [3, 2, 0, 4]);
        assert!(case.run(DType::F32)[0].1.iter().all(|h| h.is_finite()));
    }
}

#[test]
fn constants_get_no_gradient() {
    let case = plain(Kind::Lstm, [4, 3, 5, 6]);
    let leaves = case.leaves(DType::F32);
    let expected = case.run(DType::F32);
    let constant = Leaves {
        x: leaves.x.clone().inner(),
        weights: leaves.weights.clone(),
        state: leaves.state.clone().map(Tensor::inner),
    };
    let (output, states) = case.forward(&constant);
    assert_eq!(values(output.clone()), expected[0].1);
    let mut loss = weighted(output, case.seed * 16 + 7);
    for (index, state) in states.into_iter().enumerate() {
        loss = loss + weighted(state, case.seed * 16 + 8 + index as u64);
    }
    let tape = loss.backward();
    let got = grad(&leaves.weights.hh, &tape);
    let expected = expected.iter().find(|(name, _)| *name == "dw_hh").unwrap();
    assert_eq!(got, expected.1);
}

#[test]
#[should_panic(expected = "shape of the state before the first step")]
fn a_state_of_another_batch_is_refused() {
    let case = plain(Kind::Lstm, [4, 3, 5, 6]);
    let leaves = case.leaves(DType::F32);
    let x = leaves.x.clone().narrow(1, 0, 2);
    case.forward(&Leaves { x, ..leaves });
}
