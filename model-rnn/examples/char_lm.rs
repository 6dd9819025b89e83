//! Trains a tiny LSTM on the characters of a string and lets it continue a prompt. Takes less than
//! a second.
//!
//! ```sh
//! cargo run -p tinderbox-model-rnn --example char_lm
//! ```
#![allow(clippy::print_stdout)]

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_model_rnn::{RnnLmConfig, Sampler, Sampling, num_parameters};

const TEXT: &str = "she sells sea shells by the sea shore. ";
const STEPS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut vocabulary: Vec<char> = TEXT.chars().collect();
    vocabulary.sort_unstable();
    vocabulary.dedup();
    let encode = |text: &str| -> Vec<i64> {
        let index = |c| vocabulary.binary_search(&c).map_or(0, |index| index as i64);
        text.chars().map(index).collect()
    };

    let config = RnnLmConfig::default()
        .with_vocab_size(vocabulary.len())
        .with_embedding_size(32)
        .with_hidden_size(64)
        .with_dropout(0.0);
    let mut model = config.init(&device)?;
    println!("{} parameters", num_parameters(&model));

    // One segment: every character predicts the next one.
    let tokens = batch(&encode(&TEXT.repeat(2)), &device);
    let [_, length] = tokens.dims();
    let input = tokens.clone().narrow(1, 0, length - 1);
    let target = tokens.narrow(1, 1, length - 1).flatten::<1>(0, 1);
    let loss = CrossEntropyLossConfig::new().init(&device);
    let mut optimizer = AdamWConfig::new().init();
    let mut state = None;
    for step in 1..=STEPS {
        let output = model.forward(input.clone(), state);
        let loss = loss.forward(output.logits.flatten::<2>(0, 1), target.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(0.01, model, gradients);
        // Truncated back-propagation through time: the next segment continues from this state.
        state = Some(output.state.detach());
        if step % 50 == 0 {
            println!("step {step}: loss {:.3}", loss.into_scalar::<f32>());
        }
    }

    let model = model.valid();
    let prompt: Vec<u32> = encode("she ").iter().map(|&index| index as u32).collect();
    let greedy = Sampler::new(Sampling::greedy(), 0)?;
    let mut text = String::from("she ");
    for next in model.generate(&prompt, greedy).take(35) {
        text.push(vocabulary[next?.token as usize]);
    }
    println!("{text}");
    Ok(())
}

/// A batch of one sequence, `[1, time]`.
fn batch(tokens: &[i64], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(tokens.to_vec(), [1, tokens.len()]), device)
}
