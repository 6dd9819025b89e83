//! Public weight files, as data. This crate downloads nothing.

mod torchvision;

/// What torchvision says about the licence of its files (README, section "Pre-trained Model License").
pub const LICENCE: &str = "torchvision is BSD-3-Clause; its pre-trained models \"may have their own licenses or terms and \
                           conditions derived from the dataset used for training\", here ImageNet-1k";

/// A published file with the weights of a model of the registry, for the thousand classes of ImageNet-1k.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownWeights {
    /// What it is asked for by: the model's name and torchvision's name for the weights, as in `resnet18.imagenet1k_v1`.
    pub name: &'static str,
    /// The model, by its name in the registry.
    pub model: &'static str,
    /// Where it is. The last part is the file's name.
    pub url: &'static str,
    /// The first eight hexadecimal digits of the file's SHA-256, which is what is published.
    pub sha256: &'static str,
    /// Number of parameters.
    pub parameters: u64,
    /// Accuracy on ImageNet-1k's validation images, in percent, as published.
    pub top1: f64,
    /// The same among the five most probable classes.
    pub top5: f64,
    /// For this accuracy, the shorter side was resized (bilinear, antialiased) to so many pixels.
    pub resize: usize,
    /// Of that, the middle square of so many pixels was taken, and normalised with ImageNet's mean and deviation.
    pub crop: usize,
}

impl KnownWeights {
    /// What the file is called.
    pub fn file_name(&self) -> &'static str {
        self.url.rsplit('/').next().unwrap_or(self.url)
    }
}

/// All known files.
pub fn all() -> &'static [KnownWeights] {
    torchvision::TORCHVISION
}

/// The file called `name`.
pub fn find(name: &str) -> Option<&'static KnownWeights> {
    all().iter().find(|weights| weights.name == name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_model_and_are_found() {
        for weights in all() {
            assert!(weights.name.starts_with(&format!("{}.", weights.model)));
            assert_eq!(find(weights.name), Some(weights));
            // A file's name carries its checksum.
            let suffix = format!("-{}.pth", weights.sha256);
            assert!(weights.file_name().ends_with(&suffix), "{}", weights.url);
            assert!((50.0..weights.top5).contains(&weights.top1) && weights.top5 < 100.0);
            assert!(weights.crop <= weights.resize);
        }
        assert_eq!(find("resnet18.imagenet1k_v1").unwrap().top1, 69.758);
        assert_eq!(find("resnet18.imagenet1k_v9"), None);
    }
}
