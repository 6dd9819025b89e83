//! Self-attention with its projections against its composition in f64.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Tensor};
use common::{assert_close, leaf, numbers, values};
use proptest::prelude::*;
use tinderbox_kernels::attention::{Mask, self_attention};

#[derive(Clone, Debug)]
struct Case {
    batch: usize,
    time: usize,
    width: usize,
    heads: usize,
    head_dim: usize,
    /// Presence of the biases of queries, keys and values.
    biases: [bool; 3],
    is_causal: bool,
    seed: u64,
}

impl Case {
    /// Output and gradients of the input, the weights and the biases, for a loss that weights the
    /// output with fixed numbers.
    fn run(&self, dtype: DType) -> Vec<(String, Vec<f64>)> {
        let outputs = self.heads * self.head_dim;
        let shape = [self.batch, self.time, self.width];
        let numbers = |len, offset| numbers(len, 10 * self.seed + offset);
        let x = leaf(&numbers(shape.iter().product(), 0), shape, dtype);
        let weights = [1, 2, 3].map(|i| {
            let numbers = numbers(self.width * outputs, i);
            leaf(&numbers, [self.width, outputs], dtype)
        });
        let biases = [0, 1, 2].map(|i| {
            let bias = || leaf(&numbers(outputs, 4 + i as u64), [outputs], dtype);
            self.biases[i].then(bias)
        });
        let mask = if self.is_causal {
            Mask::causal()
        } else {
            Mask::none()
        };
        let (w, b) = (weights.clone(), biases.clone());
        let y: Tensor<3> = self_attention(x.clone(), w, b, self.heads, &mask, 0.0);
        let to = leaf(&numbers(y.shape().num_elements(), 7), y.dims(), dtype).detach();
        let gradients = (y.clone() * to).sum().backward();
        let mut all = vec![
            ("y".to_string(), values(y)),
            ("dx".to_string(), values(x.grad(&gradients).unwrap())),
        ];
        for (i, (weight, bias)) in weights.into_iter().zip(biases).enumerate() {
            let name = ["query", "key", "value"][i];
            let gradient = values(weight.grad(&gradients).unwrap());
            all.push((format!("d {name} weight"), gradient));
            let gradient = bias.map(|bias| values(bias.grad(&gradients).unwrap()));
            all.extend(gradient.map(|gradient| (format!("d {name} bias"), gradient)));
        }
        all
    }

    fn check(&self) {
        let (got, expected) = (self.run(DType::F32), self.run(DType::F64));
        for ((name, got), (_, expected)) in got.iter().zip(&expected) {
            // A bias added to all keys changes no probability: its gradient is a sum over all
            // tokens that cancels to zero.
            let tolerance = if name == "d key bias" { 1e-4 } else { 1e-5 };
            assert_close(name, got, expected, tolerance);
        }
        assert!(got == self.run(DType::F32), "the same bits in two runs");
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (
        1..4_usize,
        1..40_usize,
        1..50_usize,
        1..4_usize,
        1..20_usize,
    );
    let flags = (any::<[bool; 3]>(), any::<bool>(), 0..1000_u64);
    (sizes, flags).prop_map(
        |((batch, time, width, heads, head_dim), (biases, is_causal, seed))| Case {
            batch,
            time,
            width,
            heads,
            head_dim,
            biases,
            is_causal,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn values_and_gradients_equal_those_in_f64(case in cases()) {
        case.check();
    }
}

#[test]
fn large_products_are_divided_between_threads() {
    let case = Case {
        batch: 2,
        time: 130,
        width: 96,
        heads: 3,
        head_dim: 32,
        biases: [true; 3],
        is_causal: false,
        seed: 1,
    };
    case.check();
}
