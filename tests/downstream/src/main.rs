//! Another project that uses `model-cnn`: three lines, no trainer.

use burn::tensor::{Device, Tensor};
use tinderbox_model_cnn::SimpleCnnConfig;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let model = SimpleCnnConfig::new(7).init(&device)?;
    let logits = model.forward(Tensor::zeros([2, 3, 24, 24], &device));

    println!("logits {:?}", logits.dims());
    Ok(())
}
