//! Writes a tiny random GPT to a Hugging Face model folder, opens it again, and lets it continue a
//! prompt. Tokens are bytes, so no tokenizer is needed; with a pretrained folder, encode the prompt
//! with its `tokenizer.json`.
//!
//! ```sh
//! cargo run -p tinderbox-model-transformer --example generate
//! ```
#![allow(clippy::print_stdout)]

use burn::tensor::Device;
use tinderbox_model_transformer::{CausalLmConfig, GptConfig, Sampler, Sampling, huggingface};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    device.seed(1);
    let folder = tempfile::tempdir()?;

    let config = CausalLmConfig::Gpt(GptConfig::small(2, 4, 64, 32));
    let model = config.init(&device)?;
    huggingface::save(&model, &config, folder.path())?;
    println!(
        "{} parameters in {}",
        config.num_parameters(),
        folder.path().display()
    );

    let model = huggingface::open(folder.path(), &device)?;
    let prompt: Vec<u32> = "To be, or".bytes().map(u32::from).collect();
    let sampling = Sampling::default()
        .with_temperature(0.8)
        .with_top_k(Some(40));
    let mut text = Vec::new();
    // 40 tokens exceed the context length of 32: the older half is dropped on the way.
    for next in model
        .generate(&prompt, Sampler::new(sampling, 42)?)
        .take(40)
    {
        text.push(next?.token as u8);
    }
    println!("{:?}", String::from_utf8_lossy(&text));
    Ok(())
}
