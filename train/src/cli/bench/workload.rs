//! What a step is, on one fixed random batch.

use ::data::random;
use ::train::TrainError;
use ::train::language::{LanguageModel, LanguageModelConfig};
use ::train::params::{self, ByName};
use ::train::recipe::{OptimizerName, OptimizerRecipe};
use ::train::session::init_model;
use ::train::task::image::ImageTask;
use ::train::task::language::token_losses;
use ::train::trainer::optimizer::Optimizer;
use anyhow::ensure;
use burn::module::Module;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use clap::ValueEnum;
use model_cnn::{ImageClassifierConfig, SimpleCnnConfig};
use model_rnn::RnnLmConfig;
use model_transformer::GptConfig;

/// Words that the language models know, as many as Penn Treebank has.
const VOCAB: usize = 10_000;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Workload {
    /// The article's network on images of 24 by 24 pixels.
    ArticleCnn,
    /// A language model of two LSTM layers of 200 units, 20 texts of 20 words, SGD.
    #[value(name = "lstm-2x200")]
    Lstm2x200,
    /// A GPT of 6 layers of width 384, 4 texts of 256 words, AdamW.
    #[value(name = "gpt-6x384")]
    Gpt6x384,
}

/// A training step that can be taken again and again.
pub(super) struct Work {
    /// What an item is called.
    pub(super) items: &'static str,
    /// Items in a step.
    pub(super) items_per_step: usize,
    step: Box<dyn FnMut() -> anyhow::Result<()>>,
}

impl Work {
    pub(super) fn take(&mut self, steps: usize) -> anyhow::Result<()> {
        (0..steps).try_for_each(|_| (self.step)())
    }
}

impl Workload {
    /// As on the command line, and as the peer knows it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ArticleCnn => "article-cnn",
            Self::Lstm2x200 => "lstm-2x200",
            Self::Gpt6x384 => "gpt-6x384",
        }
    }

    /// The step on `device`; `batch_size` is for images.
    pub(super) fn work(self, batch_size: usize, device: &Device) -> anyhow::Result<Work> {
        let device = device.clone().autodiff();
        device.seed(random::seed(0, "bench", 0));
        match self {
            Self::ArticleCnn => images(batch_size, &device),
            Self::Lstm2x200 => {
                let config = RnnLmConfig::lstm_small().with_vocab_size(VOCAB);
                let config = LanguageModelConfig::Recurrent(config);
                text(&config, [20, 20], OptimizerName::Sgd, &device)
            }
            Self::Gpt6x384 => {
                let config = GptConfig {
                    vocab_size: VOCAB,
                    n_positions: 256,
                    embd_pdrop: 0.0,
                    attn_pdrop: 0.0,
                    resid_pdrop: 0.0,
                    ..GptConfig::new(6, 6, 384)
                };
                let config = model_transformer::LanguageModelConfig::Gpt(config);
                let config = LanguageModelConfig::Attention(config);
                text(&config, [4, 256], OptimizerName::AdamW, &device)
            }
        }
    }
}

/// SGD 0.001, momentum 0.9, cross-entropy.
fn images(batch_size: usize, device: &Device) -> anyhow::Result<Work> {
    let config = ImageClassifierConfig::SimpleCnn(SimpleCnnConfig::default());
    let targets: Vec<i64> = (0..batch_size).map(|i| (i % 10) as i64).collect();
    let targets = Tensor::<1, Int>::from_ints(targets.as_slice(), device);
    let images = Tensor::<4>::random([batch_size, 3, 24, 24], Distribution::Default, device);
    let task = ImageTask::new(10, 0.0, device);
    let mut model = init_model(0, device, || Ok(config.init(device)?))?;
    let mut optimizer = Optimizer::new(OptimizerRecipe {
        learning_rate: 0.001,
        ..OptimizerRecipe::default()
    });
    let step = move || {
        let logits = model.forward(images.clone());
        let loss = task.loss(logits, targets.clone());
        let gradients = params::gradients(&model, loss.backward());
        model = updated(&mut optimizer, &model, gradients);
        read(loss)
    };
    Ok(Work {
        items: "images",
        items_per_step: batch_size,
        step: Box::new(step),
    })
}

fn text(
    config: &LanguageModelConfig,
    shape: [usize; 2],
    optimizer: OptimizerName,
    device: &Device,
) -> anyhow::Result<Work> {
    let count = shape[0] * shape[1];
    // Numbers that both sides need not agree on: what a word is does not matter to the time.
    let words = |offset: usize| {
        let words: Vec<i32> = (0..count)
            .map(|i| ((i * 7919 + offset) % VOCAB) as i32)
            .collect();
        TensorData::new(words, shape)
    };
    let inputs = Tensor::<2, Int>::from_data(words(0), device);
    let targets = Tensor::<2, Int>::from_data(words(1), device).reshape([count]);
    let mut model = init_model(0, device, || config.init(device))?;
    let mut optimizer = Optimizer::new(OptimizerRecipe {
        name: optimizer,
        learning_rate: 0.001,
        momentum: 0.0,
        ..OptimizerRecipe::default()
    });
    let step = move || {
        let logits = match &model {
            LanguageModel::Recurrent(model) => model.forward(inputs.clone(), None).logits,
            LanguageModel::Attention(model) => model.forward(inputs.clone()),
        };
        let logits = logits.reshape([count, VOCAB]);
        let loss = token_losses(logits, targets.clone(), 0.0).mean();
        let gradients = params::gradients(&model, loss.backward());
        model = updated(&mut optimizer, &model, gradients);
        read(loss)
    };
    Ok(Work {
        items: "tokens",
        items_per_step: count,
        step: Box::new(step),
    })
}

fn updated<M: Module>(optimizer: &mut Optimizer, model: &M, mut gradients: ByName) -> M {
    optimizer.step(model.clone(), &mut gradients, 0.001)
}

/// The loss is read after every step, as the trainer does.
fn read(loss: Tensor<1>) -> anyhow::Result<()> {
    let loss = loss.inner().try_into_scalar::<f32>();
    let loss = loss.map_err(|e| TrainError::Execution(e.to_string()))?;
    ensure!(loss.is_finite(), "the loss is not finite");
    Ok(())
}
