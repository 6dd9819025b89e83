//! Properties of any shape, any mask, and any split of a text.
#![allow(clippy::unwrap_used)]

mod common;

use burn::nn::DropoutConfig;
use burn::tensor::{Bool, Device, Distribution, Int, Tensor, TensorData};
use common::{assert_close, attention, values};
use proptest::prelude::*;
use tinderbox_model_transformer::attention::Mask;
use tinderbox_model_transformer::{CausalLm, GptConfig, LlamaConfig};

fn random(shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::random(shape, Distribution::Normal(0.0, 2.0), device)
}

/// Repeats the key and value heads for every query head.
fn spelt_out(x: &Tensor<4>, group: usize) -> Tensor<4> {
    let [batch, kv_heads, keys, head_dim] = x.dims();
    x.clone()
        .reshape::<5, _>([batch, kv_heads, 1, keys, head_dim])
        .repeat_dim(2, group)
        .reshape([batch, kv_heads * group, keys, head_dim])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn attention_is_the_same_with_gradients_and_without_and_with_heads_spelt_out(
        (batch, kv_heads, group, head_dim) in (1..3_usize, 1..4_usize, 1..4_usize, 1..6_usize),
        (queries, more_keys) in (1..6_usize, 0..4_usize),
        is_causal in any::<bool>(),
        (mask_batch, mask_heads, mask_queries) in any::<(bool, bool, bool)>(),
        bits in prop::collection::vec(0..3_u8, 4000),
    ) {
        let plain = Device::flex();
        let (heads, keys) = (kv_heads * group, queries + more_keys);
        let one_or = |is_full: bool, size: usize| if is_full { size } else { 1 };
        let shape = [one_or(mask_batch, batch), one_or(mask_heads, heads), one_or(mask_queries, queries), keys];
        let bits: Vec<bool> = bits.iter().take(shape.iter().product()).map(|&bit| bit > 0).collect();
        let allowed = Tensor::<4, Bool>::from_data(TensorData::new(bits, shape), &plain);
        let mut mask = Mask::allowed(allowed);
        if is_causal {
            mask = mask.and(Mask::causal());
        }
        let dropout = DropoutConfig::new(0.0).init();
        let q = random([batch, heads, queries, head_dim], &plain);
        let [k, v] = [0, 1].map(|_| random([batch, kv_heads, keys, head_dim], &plain));
        let expected = values(attention(q.clone(), spelt_out(&k, group), spelt_out(&v, group), &mask, &dropout));
        let fused = attention(q.clone(), k.clone(), v.clone(), &mask, &dropout);
        prop_assert!(expected.iter().all(|x| x.is_finite()));
        assert_close("grouped", &values(fused), &expected, 1e-4);
        let composed = attention(q.autodiff(), k.autodiff(), v.autodiff(), &mask, &dropout);
        assert_close("composed", &values(composed.inner()), &expected, 1e-4);
    }

    #[test]
    fn a_cache_gives_the_same_logits_for_any_cut(
        cuts in prop::collection::vec(1..7_usize, 1..6),
        is_llama in any::<bool>(),
        batch in 1..3_usize,
    ) {
        let device = Device::flex();
        let model = if is_llama {
            CausalLm::from(LlamaConfig::mini().init(&device).unwrap())
        } else {
            CausalLm::from(GptConfig::small(2, 2, 16, 64).init(&device).unwrap())
        };
        let time = cuts.iter().sum::<usize>();
        let tokens: Vec<i64> = (0..batch * time).map(|i| (i * 7919 % 256) as i64).collect();
        let tokens = Tensor::<1, Int>::from_ints(tokens.as_slice(), &device).reshape([batch, time]);
        let expected = values(model.forward(tokens.clone()));
        let mut cache = model.new_cache(batch);
        let pieces = cuts.iter().map(|&cut| {
            let new = tokens.clone().narrow(1, cache.len(), cut);
            model.forward_cached(new, &mut cache)
        });
        let logits = values(Tensor::cat(pieces.collect(), 1));
        assert_close("logits", &logits, &expected, 1e-4);
    }
}
