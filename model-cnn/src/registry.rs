//! Every model that has a name: what it is called, how large it is, what it expects as input, where it comes from.

use crate::{ImageClassifierConfig, SimpleCnnConfig};

/// Per-channel mean of ImageNet's training images in `[0, 1]`, as torchvision and timm use it.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Per-channel standard deviation that goes with [`IMAGENET_MEAN`].
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// One named model.
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// The name it is asked for by.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Its configuration with the default options.
    pub config: fn() -> ImageClassifierConfig,
    /// Number of parameters with the default options.
    pub parameters: usize,
    /// Height and width of the input in pixels.
    pub image_size: usize,
    /// Per-channel mean that the input is normalised with.
    pub mean: [f32; 3],
    /// Per-channel standard deviation that the input is normalised with.
    pub std: [f32; 3],
    /// The paper, as a link.
    pub paper: &'static str,
}

/// All named models, alphabetically.
pub const MODELS: &[ModelInfo] = &[ModelInfo {
    name: "simple_cnn",
    summary: "two convolutions, two linear layers",
    config: || ImageClassifierConfig::SimpleCnn(SimpleCnnConfig::default()),
    parameters: 315_722,
    image_size: 24,
    mean: [0.5; 3],
    std: [0.25; 3],
    paper: "https://doi.org/10.1109/5.726791",
}];

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static ModelInfo> {
    MODELS.iter().find(|model| model.name == name)
}
