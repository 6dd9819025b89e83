//! Builds a network, loads weights from PyTorch, computes logits.
//!
//! ```sh
//! cargo run -p tinderbox-model-cnn --example classify
//! cargo run -p tinderbox-model-cnn --example classify -- weights.safetensors
//! ```
#![allow(clippy::print_stdout)]

use burn::tensor::{Device, Tensor};
use tinderbox_model_cnn::{SimpleCnnConfig, weights};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The device chooses the backend: `Device::wgpu(..)` or `Device::cuda(0)`, with the feature of
    // that name on `burn`.
    let device = Device::flex();
    let mut model = SimpleCnnConfig::new(10).init(&device)?;
    if let Some(path) = std::env::args().nth(1) {
        model = weights::load(model, path.as_ref())?;
    }
    let image = Tensor::zeros([1, 3, 24, 24], &device);
    println!("logits: {}", model.forward(image));
    Ok(())
}
