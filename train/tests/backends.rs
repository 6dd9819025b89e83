//! Compiled-in backends against each other: equal weights and an equal batch give equal logits, and
//! equal weights after a step, for a network of each kind.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use safetensors::SafeTensors;
use tinderbox_kernels::loss::cross_entropy;
use tinderbox_model_cnn::{ImageClassifierConfig, SimpleCnnConfig};
use tinderbox_model_rnn::RnnLmConfig;
use tinderbox_model_transformer::{BertConfig, EncoderInput, GptConfig, Head, TextEncoderConfig};
use tinderbox_train::device;
use tinderbox_train::kinds::image_classification::ImageClassificationTask;
use tinderbox_train::kinds::language_modeling::{LanguageModel, LanguageModelConfig};
use tinderbox_train::params;
use tinderbox_train::recipe::OptimizerRecipe;
use tinderbox_train::trainer::optimizer::Optimizer;

/// Small, since a software GPU takes seconds to compile each kernel.
fn image_classifier() -> ImageClassifierConfig {
    ImageClassifierConfig::SimpleCnn(
        SimpleCnnConfig::new(5)
            .with_image_size(8)
            .with_channels([4, 8])
            .with_hidden(16),
    )
}

fn lstm() -> LanguageModelConfig {
    LanguageModelConfig::Recurrent(
        RnnLmConfig::default()
            .with_vocab_size(11)
            .with_embedding_size(8)
            .with_hidden_size(8)
            .with_dropout(0.0),
    )
}

fn gpt() -> LanguageModelConfig {
    let config = GptConfig::small(1, 2, 8, 8);
    LanguageModelConfig::Attention(tinderbox_model_transformer::CausalLmConfig::Gpt(
        config.with_vocab_size(11),
    ))
}

fn bert() -> TextEncoderConfig {
    let config = BertConfig::default()
        .with_vocab_size(11)
        .with_hidden_size(8)
        .with_num_hidden_layers(1)
        .with_num_attention_heads(2)
        .with_intermediate_size(16)
        .with_max_position_embeddings(8)
        .with_hidden_dropout_prob(0.0)
        .with_attention_probs_dropout_prob(0.0);
    TextEncoderConfig::Bert(config).with_head(Head::SequenceClassification, 3)
}

/// Numbers in [-1, 1], independent of any backend's generator.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i as f32) * 12.9898).sin()).collect()
}

struct Result {
    logits: Vec<f32>,
    weights: Vec<u8>,
}

/// A network: its weights on one device, and a training step from weights on any.
struct Kind {
    name: &'static str,
    initial: fn(&Device) -> Vec<u8>,
    step: fn(Device, &[u8]) -> Result,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "cnn",
        initial: |device| {
            tinderbox_weights::to_bytes(&image_classifier().init(device).unwrap()).unwrap()
        },
        step: step_of_images,
    },
    Kind {
        name: "lstm",
        initial: |device| tinderbox_weights::to_bytes(&lstm().init(device).unwrap()).unwrap(),
        step: |device, initial| step_of_text(&lstm(), device, initial),
    },
    Kind {
        name: "gpt",
        initial: |device| tinderbox_weights::to_bytes(&gpt().init(device).unwrap()).unwrap(),
        step: |device, initial| step_of_text(&gpt(), device, initial),
    },
    Kind {
        name: "bert",
        initial: |device| tinderbox_weights::to_bytes(&bert().init(device).unwrap()).unwrap(),
        step: step_of_sequences,
    },
];

fn step_of_images(device: Device, initial: &[u8]) -> Result {
    let device = device.autodiff();
    let model = image_classifier().init(&device).unwrap();
    let model = tinderbox_weights::load_bytes(model, initial.to_vec(), "initial".as_ref()).unwrap();
    let images = TensorData::new(numbers(4 * 3 * 64), [4, 3, 8, 8]);
    let images = Tensor::<4>::from_data(images, &device);
    let targets = Tensor::<1, Int>::from_ints([0, 1, 4, 2], &device);
    let logits = model.forward(images);
    let loss = ImageClassificationTask::new(5, 0.1).loss(logits.clone(), targets);
    after_step(&model, logits, &loss)
}

fn step_of_text(config: &LanguageModelConfig, device: Device, initial: &[u8]) -> Result {
    let device = device.autodiff();
    let model = config.init(&device).unwrap();
    let model = tinderbox_weights::load_bytes(model, initial.to_vec(), "initial".as_ref()).unwrap();
    let tokens = Tensor::<2, Int>::from_ints([[1, 5, 3, 9], [10, 0, 2, 5]], &device);
    let targets = Tensor::<1, Int>::from_ints([5, 3, 9, 2, 0, 2, 5, 7], &device);
    let logits = match &model {
        LanguageModel::Recurrent(model) => model.forward(tokens, None).logits,
        LanguageModel::Attention(model) => model.forward(tokens),
    };
    let logits = logits.reshape([8, 11]);
    let loss = cross_entropy(logits.clone(), targets, 0.1).mean();
    after_step(&model, logits, &loss)
}

/// The second text is padded.
fn step_of_sequences(device: Device, initial: &[u8]) -> Result {
    let device = device.autodiff();
    let model = bert().init(&device).unwrap();
    let model = tinderbox_weights::load_bytes(model, initial.to_vec(), "initial".as_ref()).unwrap();
    let input = EncoderInput {
        tokens: Tensor::from_ints([[1, 5, 3, 9], [10, 2, 0, 0]], &device),
        token_type_ids: Some(Tensor::from_ints([[0, 0, 1, 1], [0, 0, 0, 0]], &device)),
        attention_mask: Some(Tensor::from_data(
            [[true, true, true, true], [true, true, false, false]],
            &device,
        )),
    };
    let logits = model.forward_sequence_classification(&input).unwrap();
    let targets = Tensor::<1, Int>::from_ints([2, 0], &device);
    let loss = cross_entropy(logits.clone(), targets, 0.0).mean();
    after_step(&model, logits, &loss)
}

fn after_step<M: Module>(model: &M, logits: Tensor<2>, loss: &Tensor<1>) -> Result {
    let mut gradients = params::gradients(model, loss.backward());
    let mut optimizer = Optimizer::new(OptimizerRecipe::default());
    let model = optimizer.step(model.clone(), &mut gradients, 0.1);
    Result {
        logits: logits.inner().try_into_vec_as::<f32>().unwrap(),
        weights: tinderbox_weights::to_bytes(&model).unwrap(),
    }
}

fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    for (got, expected) in got.iter().zip(expected) {
        let error = (got - expected).abs() / expected.abs().max(1.0);
        assert!(error < tolerance, "{what}: {got} is not {expected}");
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// Backends of this build; of graphics APIs the software adapter, which every machine can have.
fn names() -> Vec<String> {
    let name = |backend: &str| match backend {
        "wgpu" | "vulkan" | "webgpu" => format!("{backend}:software"),
        other => other.to_string(),
    };
    device::compiled().map(name).collect()
}

#[test]
fn all_backends_of_this_build_agree() {
    for kind in KINDS {
        let initial = (kind.initial)(&Device::flex());
        let expected = (kind.step)(Device::flex(), &initial);
        let expected_weights = SafeTensors::deserialize(&expected.weights).unwrap();
        for name in names() {
            let what = |part: &str| format!("{} on {name}, {part}", kind.name);
            let device = device::open(&name.parse().unwrap()).unwrap();
            let got = (kind.step)(device, &initial);
            assert_close(&what("logits"), &got.logits, &expected.logits, 1e-4);
            let got = SafeTensors::deserialize(&got.weights).unwrap();
            for (key, view) in expected_weights.iter() {
                let values = floats(got.tensor(key).unwrap().data());
                assert_close(&what(key), &values, &floats(view.data()), 1e-3);
            }
            println!("{} agrees on {name}", kind.name);
        }
    }
}
