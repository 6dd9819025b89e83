//! Computes the logits of a named model for a batch of images. `golden/parity.py` compares them
//! with torchvision's.
//!
//! ```sh
//! cargo run --release -p tinderbox-model-cnn --example logits -- \
//!     resnet50 weights.safetensors images.safetensors logits.safetensors
//! ```
//!
//! The file of images has one `f32` tensor `images`, `[batch, channels, height, width]`; the tensor
//! `logits` is written.

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tinderbox_model_cnn::{ImageClassifier, registry, weights};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, weights, images, logits] = arguments.as_slice() else {
        return Err("usage: logits MODEL WEIGHTS IMAGES LOGITS".into());
    };
    let device = Device::flex();
    let model = model(name, weights, &device)?;
    write(logits, &model.forward(read(images, &device)?))
}

fn model(name: &str, file: &str, device: &Device) -> Result<ImageClassifier> {
    let info = registry::find(name).ok_or_else(|| match registry::nearest(name) {
        Some(nearest) => format!("there is no model `{name}`; did you mean `{nearest}`?"),
        None => format!("there is no model `{name}`"),
    })?;
    let model = (info.config)().init(device)?;
    Ok(weights::load(model, file.as_ref())?)
}

fn read(file: &str, device: &Device) -> Result<Tensor<4>> {
    let bytes = std::fs::read(file)?;
    let file = SafeTensors::deserialize(&bytes)?;
    let images = file.tensor("images")?;
    let shape = <[usize; 4]>::try_from(images.shape())?;
    if images.dtype() != Dtype::F32 {
        return Err(format!("images are {:?}, not F32", images.dtype()).into());
    }
    let values: Vec<f32> = (images.data().chunks_exact(4))
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

fn write(file: &str, logits: &Tensor<2>) -> Result<()> {
    let shape = logits.dims().to_vec();
    let data = logits.to_data();
    let bytes: Vec<u8> = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
    let view = TensorView::new(Dtype::F32, shape, &bytes)?;
    safetensors::serialize_to_file([("logits", view)], None, file.as_ref())?;
    Ok(())
}
