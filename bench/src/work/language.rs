//! Language models: plain SGD for LSTMs, AdamW for a GPT; no dropout.

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_kernels::loss::cross_entropy;
use tinderbox_model_rnn::RnnLmConfig;
use tinderbox_model_transformer::GptConfig;
use tinderbox_train::init_model;
use tinderbox_train::kinds::language_modeling::{LanguageModel, LanguageModelConfig};
use tinderbox_train::recipe::{OptimizerName, OptimizerRecipe};

use super::learner::Learner;
use super::{Job, Step};
use crate::workload::{Shape, VOCAB, Workload};

pub(super) fn step(job: Job, device: &Device) -> anyhow::Result<Step> {
    let Shape { batch, size } = job.shape;
    let count = batch * size;
    let (config, optimizer) = match job.workload {
        Workload::Lstm2x200 => (lstm(&RnnLmConfig::lstm_small()), OptimizerName::Sgd),
        Workload::Lstm2x650 => (lstm(&RnnLmConfig::lstm_medium()), OptimizerName::Sgd),
        _ => (gpt(size), OptimizerName::AdamW),
    };
    let inputs = words([batch, size], VOCAB, 0, device);
    let targets = words([batch, size], VOCAB, 1, device).reshape([count]);
    let logits = move |model: &LanguageModel| {
        let logits = match model {
            LanguageModel::Recurrent(model) => model.forward(inputs.clone(), None).logits,
            LanguageModel::Attention(model) => model.forward(inputs.clone()),
        };
        Ok(logits.reshape([count, VOCAB]))
    };
    let learner = Learner {
        model: init_model(0, device, || config.init(device))?,
        logits,
        loss: move |logits| cross_entropy(logits, targets.clone(), 0.0).mean(),
        optimizer: OptimizerRecipe::new(optimizer, 0.01).with_momentum(0.0),
    };
    Ok(learner.step(job.kind, device))
}

fn lstm(config: &RnnLmConfig) -> LanguageModelConfig {
    LanguageModelConfig::Recurrent(config.clone().with_vocab_size(VOCAB).with_dropout(0.0))
}

/// GPT of 6 layers, width 384 and this context length.
pub(super) fn gpt(n_positions: usize) -> LanguageModelConfig {
    let config = GptConfig::new(6, 6, 384)
        .with_vocab_size(VOCAB)
        .with_n_positions(n_positions)
        .with_embd_pdrop(0.0)
        .with_attn_pdrop(0.0)
        .with_resid_pdrop(0.0);
    LanguageModelConfig::Attention(tinderbox_model_transformer::CausalLmConfig::Gpt(config))
}

/// Deterministic tokens, `shape`. The peer's may differ: the time does not depend on them.
pub(super) fn words(
    shape: [usize; 2],
    vocab: usize,
    offset: usize,
    device: &Device,
) -> Tensor<2, Int> {
    let count = shape[0] * shape[1];
    let words: Vec<i32> = (0..count)
        .map(|i| ((i * 7919 + offset) % vocab) as i32)
        .collect();
    Tensor::from_data(TensorData::new(words, shape), device)
}
