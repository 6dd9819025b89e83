//! Attention against its composition in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{Bool, DType, Device, Tensor, TensorData};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::attention::{Heads, Mask, attention, probabilities, qkv_packed, split_qkv};

/// Sizes and mask of one call.
#[derive(Clone, Debug)]
struct Case {
    batch: usize,
    heads: Heads,
    queries: usize,
    keys: usize,
    head_dim: usize,
    is_causal: bool,
    /// Batch, heads and queries of a mask, and the inverse share of masked keys.
    hidden: Option<([usize; 3], usize)>,
    is_padded: bool,
    seed: u64,
}

impl Case {
    fn new(batch: usize, heads: Heads, [queries, keys]: [usize; 2], head_dim: usize) -> Self {
        Self {
            batch,
            heads,
            queries,
            keys,
            head_dim,
            is_causal: false,
            hidden: None,
            is_padded: false,
            seed: 1,
        }
    }

    fn mask(&self) -> Mask {
        let mut mask = if self.is_causal {
            Mask::causal()
        } else {
            Mask::none()
        };
        let device = Device::flex();
        if let Some((dims, every)) = self.hidden {
            let shape = [dims[0], dims[1], dims[2], self.keys];
            let numbers = numbers(shape.iter().product(), self.seed + 7);
            let allowed: Vec<bool> = numbers
                .iter()
                .map(|x| x.abs() * every as f64 > 0.9)
                .collect();
            let allowed = Tensor::<4, Bool>::from_data(TensorData::new(allowed, shape), &device);
            mask = mask.and(Mask::allowed(allowed));
        }
        if self.is_padded {
            // The first sequence is all padding, the others have some tokens.
            let attention_mask = (0..self.batch * self.keys).map(|i| {
                let (batch, key) = (i / self.keys, i % self.keys);
                key * 3 < batch * self.keys
            });
            let attention_mask = TensorData::new(
                attention_mask.collect::<Vec<bool>>(),
                [self.batch, self.keys],
            );
            mask = mask.and(Mask::padding(Tensor::from_data(attention_mask, &device)));
        }
        mask
    }

    fn inputs(&self, dtype: DType) -> [Tensor<3>; 3] {
        let (q, kv) = (
            self.heads.query * self.head_dim,
            self.heads.key_value * self.head_dim,
        );
        let shapes = [
            [self.batch, self.queries, q],
            [self.batch, self.keys, kv],
            [self.batch, self.keys, kv],
        ];
        let mut seed = self.seed;
        shapes.map(|shape| {
            seed += 1;
            let numbers = numbers(shape.iter().product(), seed);
            leaf(
                &numbers
                    .iter()
                    .map(|x| f64::from((2.0 * x) as f32))
                    .collect::<Vec<_>>(),
                shape,
                dtype,
            )
        })
    }

    /// Output and gradients of queries, keys and values, for a loss that weights the output with
    /// fixed numbers.
    fn run(&self, dtype: DType, prepare: fn(Tensor<3>) -> Tensor<3>) -> [Vec<f64>; 4] {
        let inputs = self.inputs(dtype);
        let [q, k, v] = inputs.clone().map(prepare);
        let y = attention(q, k, v, self.heads, &self.mask(), 0.0);
        gradients(y, inputs, self.seed)
    }

    /// Inference, without gradients.
    fn infer(&self, dtype: DType) -> Vec<f64> {
        let [q, k, v] = self.inputs(dtype).map(Tensor::inner);
        values(attention(q, k, v, self.heads, &self.mask(), 0.0))
    }

    fn check(&self) {
        let expected = self.run(DType::F64, |x| x);
        let got = self.run(DType::F32, |x| x);
        for (i, name) in ["y", "dq", "dk", "dv"].into_iter().enumerate() {
            assert_close(name, &got[i], &expected[i], 1e-5);
        }
        assert_close("inference", &self.infer(DType::F32), &expected[0], 1e-5);
        assert_close("fused", &self.infer(DType::F64), &expected[0], 1e-5);
    }
}

fn gradients(y: Tensor<3>, inputs: [Tensor<3>; 3], seed: u64) -> [Vec<f64>; 4] {
    let shape = y.dims();
    let weights = leaf(&numbers(shape.iter().product(), seed + 5), shape, y.dtype()).detach();
    let gradients = (y.clone() * weights).sum().backward();
    let [q, k, v] = inputs.map(|input| values(input.grad(&gradients).unwrap()));
    [values(y), q, k, v]
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1..4_usize, 1..4_usize, 1..4_usize, 1..40_usize);
    let hidden = prop::option::of((any::<[bool; 3]>(), 1..8_usize));
    let flags = (any::<bool>(), any::<bool>(), any::<Option<i8>>());
    (sizes, 1..80_usize, 0..80_usize, hidden, flags, 0..1000_u64).prop_map(
        |((batch, kv_heads, group, head_dim), queries, more, hidden, flags, seed)| {
            let (is_causal, is_padded, scale) = flags;
            let heads = Heads::grouped(kv_heads * group, kv_heads)
                .with_scale(scale.map(|scale| f64::from(scale) / 128.0));
            let keys = queries + more;
            let full = [batch, heads.query, queries];
            let hidden = hidden.map(|(is_full, every)| {
                (
                    std::array::from_fn(|i| if is_full[i] { full[i] } else { 1 }),
                    every,
                )
            });
            Case {
                is_causal,
                hidden,
                is_padded,
                seed,
                ..Case::new(batch, heads, [queries, keys], head_dim)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_and_gradients_equal_those_in_f64(case in cases()) {
        case.check();
    }

    #[test]
    fn a_single_query_is_like_many(mut case in cases()) {
        case.queries = 1;
        if let Some((dims, _)) = &mut case.hidden {
            dims[2] = 1;
        }
        case.check();
    }

    #[test]
    fn packed_equals_separate(mut case in cases(), is_f64: bool) {
        case.keys = case.queries;
        case.heads = Heads::new(case.heads.query);
        let dtype = if is_f64 { DType::F64 } else { DType::F32 };
        let inputs = case.inputs(dtype);
        let qkv = Tensor::cat(inputs.to_vec(), 2);
        let y = qkv_packed(qkv, case.heads.query, &case.mask(), 0.0);
        let got = gradients(y, inputs, case.seed);
        let expected = case.run(DType::F64, |x| x);
        for (i, name) in ["y", "dq", "dk", "dv"].into_iter().enumerate() {
            assert_close(name, &got[i], &expected[i], 1e-5);
        }
    }

    #[test]
    fn strided_inputs_are_read_in_place(case in cases()) {
        let expected = case.run(DType::F32, |x| x);
        let views: [fn(Tensor<3>) -> Tensor<3>; 3] = [
            // A third of a wider tensor.
            |x| {
                let [first, _, _] = split_qkv(&Tensor::cat(vec![x.clone(), x.clone(), x], 2));
                first
            },
            // Later rows of a longer tensor.
            |x| {
                let rows = x.dims()[1];
                Tensor::cat(vec![x.clone(), x], 1).narrow(1, rows, rows)
            },
            // Rows that are not contiguous.
            |x| {
                let [batch, rows, cols] = x.dims();
                let x = x.swap_dims(1, 2).reshape([batch, cols * rows]);
                x.reshape([batch, cols, rows]).swap_dims(1, 2)
            },
        ];
        for view in views {
            for (got, expected) in case.run(DType::F32, view).iter().zip(&expected) { assert_close("view", got, expected, 1e-6); }
        }
    }

    #[test]
    fn probabilities_times_values_are_attention(case in cases()) {
        let [q, k, v] = case.inputs(DType::F64).map(Tensor::inner);
        let probabilities = probabilities(q, k, case.heads, &case.mask());
        let group = case.heads.query / case.heads.key_value;
        let v = v.reshape::<5, _>([case.batch, case.keys, case.heads.key_value, 1, case.head_dim])
            .repeat_dim(3, group)
            .reshape([case.batch, case.keys, case.heads.query, case.head_dim])
            .swap_dims(1, 2);
        let mixed = probabilities.matmul(v).swap_dims(1, 2);
        assert_close("mixed", &values(mixed), &case.infer(DType::F32), 1e-5);
    }
}

#[test]
fn many_blocks_with_every_mask() {
    for (is_causal, is_padded) in [(false, false), (true, false), (false, true), (true, true)] {
        let case = Case {
            is_causal,
            is_padded,
            ..Case::new(3, Heads::grouped(2, 1), [150, 600], 16)
        };
        case.check();
        let hidden = Some(([1, 2, 150], 3));
        Case { hidden, ..case }.check();
    }
}

#[test]
fn two_runs_are_bit_identical() {
    let case = Case {
        is_causal: true,
        ..Case::new(2, Heads::new(4), [200, 200], 32)
    };
    let [first, second] = [0, 1].map(|_| case.run(DType::F32, |x| x));
    assert!(first == second);
}

#[test]
fn large_scores_do_not_overflow() {
    let case = Case {
        heads: Heads::new(2).with_scale(Some(1000.0)),
        ..Case::new(2, Heads::new(2), [70, 300], 8)
    };
    let [y, ..] = case.run(DType::F32, |x| x);
    assert!(y.iter().all(|y| y.is_finite()));
}

#[test]
fn nan_and_infinity_propagate() {
    let case = Case::new(2, Heads::new(2), [5, 9], 4);
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for input in 0..3 {
            let [got, expected] = [DType::F32, DType::F64].map(|dtype| {
                let mut inputs = case.inputs(dtype).map(values);
                inputs[input][3] = number;
                let shapes = case.inputs(dtype).map(|input| input.dims());
                let mut shapes = shapes.into_iter();
                let inputs = inputs.map(|input| leaf(&input, shapes.next().unwrap(), dtype));
                let [q, k, v] = inputs.clone();
                let y = attention(q, k, v, case.heads, &case.mask(), 0.0);
                let [y, _, _, dv] = gradients(y, inputs, 1);
                [y, dv]
            });
            assert_close("y", &got[0], &expected[0], 1e-5);
            assert_close("dv", &got[1], &expected[1], 1e-5);
        }
    }
}

#[test]
fn empty_inputs_give_zeros() {
    for (batch, queries, keys, head_dim) in [
        (0, 3, 3, 4),
        (2, 0, 3, 4),
        (2, 3, 0, 4),
        (2, 1, 0, 4),
        (2, 3, 3, 0),
    ] {
        let case = Case::new(batch, Heads::new(2), [queries, keys], head_dim);
        for numbers in case.run(DType::F32, |x| x) {
            assert!(numbers.iter().all(|&x| x == 0.0));
        }
    }
}

/// With the identity matrix as values the output is the attention probabilities, which show what
/// was dropped. All else must follow from that.
#[test]
fn dropout_drops_weights_in_both_directions() {
    for queries in [1, 70] {
        let case = Case::new(2, Heads::new(3), [queries, 48], 48);
        let device = Device::flex().autodiff();
        let [q, k, v] = case.inputs(DType::F32);
        let eye = Tensor::<2>::eye(48, &device)
            .repeat_dim(1, 3)
            .unsqueeze::<3>()
            .repeat_dim(0, 2);
        let call = |v: Tensor<3>, dropout: f64| {
            device.seed(5);
            attention(q.clone(), k.clone(), v, case.heads, &Mask::none(), dropout)
        };
        let factors = values(call(eye.clone(), 0.25))
            .into_iter()
            .zip(values(call(eye, 0.0)));
        let factors: Vec<f64> = factors
            .map(|(dropped, whole)| (dropped / whole * 0.75).round() / 0.75)
            .collect();
        let kept = factors.iter().filter(|&&factor| factor > 0.0).count() as f64;
        assert!((kept / factors.len() as f64 - 0.75).abs() < 0.05);
        let got = gradients(call(v.clone(), 0.25), [q.clone(), k.clone(), v], 1);

        // The same in f64 with these factors.
        let inputs = case.inputs(DType::F64);
        let heads = |x: Tensor<3>, time: usize| x.reshape([2, time, 3, 48]).swap_dims(1, 2);
        let factors = leaf(&factors, [2, queries, 144], DType::F64).detach();
        let [q, k, v] = inputs.clone();
        let scores = heads(q, queries).matmul(heads(k, 48).swap_dims(2, 3)) / 48f64.sqrt();
        let weights = burn::tensor::activation::softmax(scores, 3) * heads(factors, queries);
        let y = weights
            .matmul(heads(v, 48))
            .swap_dims(1, 2)
            .reshape([2, queries, 144]);
        let expected = gradients(y, inputs, 1);
        for (i, name) in ["y", "dq", "dk", "dv"].into_iter().enumerate() {
            assert_close(name, &got[i], &expected[i], 1e-5);
        }
    }
}

#[test]
fn nothing_is_dropped_in_inference() {
    let case = Case::new(2, Heads::new(3), [7, 9], 4);
    let [q, k, v] = case.inputs(DType::F32).map(Tensor::inner);
    let y = attention(q, k, v, case.heads, &Mask::none(), 0.5);
    assert_eq!(values(y), case.infer(DType::F32));
}
