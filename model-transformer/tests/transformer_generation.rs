//! Greedy generation, with and without a KV cache, gives Hugging Face's tokens.
#![allow(clippy::unwrap_used)]

mod common;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use common::{Thin, assert_close, batch, gpt2, llama, thin_models, token_values, values};
use tinderbox_model_transformer::CausalLm;

fn load(thin: &Thin, device: &Device) -> CausalLm {
    thin.fixture
        .load(thin.config.init(device).unwrap(), "init.")
}

/// Most probable next token of each sequence: logits `[batch, vocab_size]` to `[batch, 1]`.
fn best(logits: Tensor<2>) -> Tensor<2, Int> {
    logits.argmax(1)
}

/// Recomputes everything for every token.
fn generate_uncached(model: &CausalLm, prompt: Tensor<2, Int>, count: usize) -> Tensor<2, Int> {
    let mut tokens = prompt;
    for _ in 0..count {
        let logits = model.forward(tokens.clone());
        let last = logits.dims()[1] - 1;
        let next = best(logits.narrow(1, last, 1).squeeze_dim(1));
        tokens = Tensor::cat(vec![tokens, next], 1);
    }
    let written = tokens.dims()[1] - count;
    tokens.narrow(1, written, count)
}

fn generate_cached(model: &CausalLm, prompt: Tensor<2, Int>, count: usize) -> Tensor<2, Int> {
    let mut cache = model.new_cache(prompt.dims()[0]);
    let mut next = best(model.forward_next(prompt, &mut cache));
    let mut written = vec![next.clone()];
    while written.len() < count {
        next = best(model.forward_next(next, &mut cache));
        written.push(next.clone());
    }
    Tensor::cat(written, 1)
}

#[test]
fn greedy_generation_is_hugging_faces_with_and_without_a_cache() {
    for thin in thin_models() {
        let device = Device::flex();
        let model = load(&thin, &device);
        let prompt = thin.fixture.int_tensor::<2>("prompt", &device);
        let expected = token_values(thin.fixture.int_tensor::<2>("written", &device));
        // To the full context length.
        let count = model.context_length() - prompt.dims()[1];
        assert_eq!(expected.len(), 2 * count);
        let written = token_values(generate_uncached(&model, prompt.clone(), count));
        assert_eq!(written, expected, "{}", thin.name);
        let written = token_values(generate_cached(&model, prompt, count));
        assert_eq!(written, expected, "{}", thin.name);
    }
}

#[test]
fn a_cache_gives_the_same_logits_however_the_text_is_split() {
    for thin in thin_models() {
        let device = Device::flex();
        let model = load(&thin, &device);
        let (tokens, _) = batch(&thin.fixture, &device);
        let expected = thin.fixture.floats("logits");
        let [batch, time] = tokens.dims();
        let mut cache = model.new_cache(batch);
        for pieces in [vec![time], vec![1; time], vec![5, 1, 8, time - 14]] {
            cache.clear();
            assert!(cache.is_empty());
            let mut logits = Vec::new();
            for piece in pieces {
                let new = tokens.clone().narrow(1, cache.len(), piece);
                logits.push(model.forward_cached(new, &mut cache));
            }
            assert_eq!(cache.len(), time);
            assert_eq!(cache.remaining(), model.context_length() - time);
            let logits = values(Tensor::cat(logits, 1));
            assert_close(thin.name, &logits, &expected, 1e-4);
        }
    }
}

#[test]
fn a_cache_grows_beyond_its_initial_capacity() {
    let device = Device::flex();
    let config = tinderbox_model_transformer::GptConfig::small(1, 2, 8, 300);
    let model = CausalLm::from(config.init(&device).unwrap());
    let tokens: Vec<i64> = (0..600).map(|i| i * 7919 % 256).collect();
    let tokens = Tensor::<1, Int>::from_ints(tokens.as_slice(), &device).reshape([2, 300]);
    let expected = values(model.forward(tokens.clone()));
    let mut cache = model.new_cache(2);
    let mut logits = Vec::new();
    for piece in [60, 10, 100, 129, 1] {
        let new = tokens.clone().narrow(1, cache.len(), piece);
        logits.push(model.forward_cached(new, &mut cache));
    }
    assert_eq!(cache.remaining(), 0);
    assert_close("grown", &values(Tensor::cat(logits, 1)), &expected, 1e-4);
}

#[test]
fn a_model_in_training_generates_the_same_once_it_is_valid() {
    for thin in [gpt2(), llama()] {
        let device = Device::flex().autodiff();
        let model = load(&thin, &device).valid();
        let prompt = thin.fixture.int_tensor::<2>("prompt", &Device::flex());
        let written = token_values(generate_cached(&model, prompt, 5));
        let expected = token_values(thin.fixture.int_tensor::<2>("written", &Device::flex()));
        assert_eq!(written[..5], expected[..5], "{}", thin.name);
    }
}

#[test]
#[should_panic(expected = "tokens do not fit in the 2 that remain of a context of 40")]
fn a_full_cache_panics() {
    let device = Device::flex();
    let model = gpt2().config.init(&device).unwrap();
    let mut cache = model.new_cache(1);
    let tokens = |count| Tensor::<2, Int>::zeros([1, count], &device);
    model.forward_cached(tokens(38), &mut cache);
    model.forward_cached(tokens(3), &mut cache);
}

#[test]
#[should_panic(expected = "the cache is for another batch size")]
fn a_cache_has_a_fixed_batch_size() {
    let device = Device::flex();
    let model = gpt2().config.init(&device).unwrap();
    let mut cache = model.new_cache(1);
    model.forward_cached(Tensor::zeros([2, 3], &device), &mut cache);
}
