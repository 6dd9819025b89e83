//! Convolutional image classifiers for [Burn](https://burn.dev), compatible with PyTorch's weights
//! in both directions.
//!
//! The crate has models only: no trainer, no command line, and no choice of backend. The backend is
//! in the [`Device`](burn::tensor::Device) that you pass.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use tinderbox_model_cnn::ResNetConfig;
//!
//! let device = Device::flex();
//! let model = ResNetConfig::resnet18(10).init(&device)?;
//! let logits = model.forward(Tensor::zeros([1, 3, 32, 32], &device));
//! assert_eq!(logits.dims(), [1, 10]);
//!
//! // Fine-tuning: a new head, and a backbone that is not trained.
//! let model = model.reset_classifier(5, &device).freeze_backbone();
//! let features = model.forward_features(Tensor::zeros([1, 3, 32, 32], &device));
//! assert_eq!(features.dims(), [1, 512, 1, 1]);
//! assert_eq!(model.forward_head(features).dims(), [1, 5]);
//! # Ok::<(), tinderbox_model_cnn::ConfigError>(())
//! ```
//!
//! - One module per family, such as [`resnet`]: the paper, the architecture in a figure, a
//!   configuration with `with_*` setters, the network.
//! - [`registry`]: the named models (`resnet50`, `vgg16_bn`) with their parameter counts and
//!   preprocessing. [`ImageClassifier`] is any of them, chosen by name at run time.
//! - [`weights`]: reads PyTorch's files and safetensors, writes safetensors that PyTorch reads.
//! - [`explain`]: Grad-CAM, input gradients, SmoothGrad.

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
pub use classifier::ImageSize;
pub use convnext::{ConvNeXt, ConvNeXtConfig};
pub use registry::{ImageClassifier, ImageClassifierConfig};
pub use resnet::{ResNet, ResNetConfig};
pub use simple_cnn::{SimpleCnn, SimpleCnnConfig};
pub use squeezenet::{SqueezeNet, SqueezeNetConfig};
pub use tinderbox_model::{ConfigError, num_parameters};
pub use vgg::{Vgg, VggConfig};

/// The examples of the README are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
