//! Another project that predicts with a CNN: a model crate as a dependency, no trainer, no command
//! line.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use tinderbox_model_cnn::{SimpleCnnConfig, explain};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let model = SimpleCnnConfig::new(7).init(&device)?;
    let images = Tensor::ones([2, 3, 24, 24], &device);

    let probabilities = softmax(model.forward(images.clone()), 1);
    println!("probabilities {:?}", probabilities.dims());

    let layer = model.last_conv_layer();
    let maps = explain::grad_cam(&model.into(), images, &layer, None)?;
    println!("Grad-CAM of {layer} {:?}", maps.dims());
    Ok(())
}
