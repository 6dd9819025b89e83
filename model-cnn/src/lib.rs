//! Convolutional image classifiers for [Burn](https://burn.dev), with PyTorch's weights in both directions.
//!
//! Three lines give a model that another project can use; there is no trainer in this crate, no command line, and no
//! choice of backend: the backend is in the [`Device`](burn::tensor::Device) that you pass.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use tinderbox_model_cnn::SimpleCnnConfig;
//!
//! let device = Device::flex();
//! let model = SimpleCnnConfig::new(10).init(&device)?;
//! let logits = model.forward(Tensor::zeros([1, 3, 24, 24], &device));
//! assert_eq!(logits.dims(), [1, 10]);
//! # Ok::<(), tinderbox_model_cnn::ConfigError>(())
//! ```
//!
//! One module per family; [`registry`] lists every named model, [`ImageClassifier`] is any of them chosen by name,
//! [`weights`] reads PyTorch's files and safetensors, and writes safetensors in PyTorch's names and layout, and
//! [`explain`] shows what in an image speaks for a class.

pub mod alexnet;
pub mod cifar_resnet;
mod classifier;
pub mod convnext;
pub mod explain;
pub mod layers;
pub mod registry;
pub mod resnet;
pub mod simple_cnn;
pub mod squeezenet;
pub mod vgg;
pub mod weights;

pub use alexnet::{AlexNet, AlexNetConfig};
pub use cifar_resnet::{CifarResNet, CifarResNetConfig};
pub use classifier::{ImageClassifier, ImageClassifierConfig};
pub use convnext::{ConvNeXt, ConvNeXtConfig};
pub use resnet::{ResNet, ResNetConfig};
pub use simple_cnn::{SimpleCnn, SimpleCnnConfig};
pub use squeezenet::{SqueezeNet, SqueezeNetConfig};
pub use tinderbox_model::{ConfigError, num_parameters};
pub use vgg::{Vgg, VggConfig};
