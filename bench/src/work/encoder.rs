//! BERT-small (Turc et al. 2019, <https://arxiv.org/abs/1908.08962>) as a binary classifier: AdamW, no dropout.

use burn::tensor::{Device, Int, Tensor};
use tinderbox_kernels::loss::cross_entropy;
use tinderbox_model_transformer::{BertConfig, EncoderInput, Head, TextEncoder, TextEncoderConfig};
use tinderbox_train::init_model;
use tinderbox_train::recipe::{OptimizerName, OptimizerRecipe};

use super::language::words;
use super::learner::Learner;
use super::{Job, Step};
use crate::workload::{Shape, WORD_PIECES};

pub(super) fn step(job: Job, device: &Device) -> anyhow::Result<Step> {
    let Shape { batch, size } = job.shape;
    let config = TextEncoderConfig::Bert(
        BertConfig::new(4, 8, 512)
            .with_vocab_size(WORD_PIECES)
            .with_hidden_dropout_prob(0.0)
            .with_attention_probs_dropout_prob(0.0)
            .with_max_position_embeddings(size.max(512))
            .with_head(Head::SequenceClassification),
    );
    let input = EncoderInput::new(words([batch, size], WORD_PIECES, 0, device));
    let labels: Vec<i64> = (0..batch).map(|i| (i % 2) as i64).collect();
    let labels = Tensor::<1, Int>::from_ints(labels.as_slice(), device);
    let learner = Learner {
        model: init_model(0, device, || Ok(config.init(device)?))?,
        logits: move |model: &TextEncoder| Ok(model.forward_sequence_classification(&input)?),
        loss: move |logits| cross_entropy(logits, labels.clone(), 0.0).mean(),
        optimizer: OptimizerRecipe::new(OptimizerName::AdamW, 0.01),
    };
    Ok(learner.step(job.kind, device))
}
