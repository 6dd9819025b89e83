//! Published weight files, as a table. This crate downloads nothing.

mod torchvision;

/// Licence of torchvision's files, quoted from its README, section "Pre-trained Model License".
pub const LICENCE: &str = "torchvision is BSD-3-Clause; its pre-trained models \"may have their own licenses or terms and \
                           conditions derived from the dataset used for training\", here ImageNet-1k";

/// A published file with the weights of a model of the registry, for the thousand classes of
/// ImageNet-1k.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownWeights {
    /// Name to look it up by: the model and torchvision's name of the weights, such as
    /// `resnet18.imagenet1k_v1`.
    pub name: &'static str,
    /// Name of the model in the registry.
    pub model: &'static str,
    /// Download address. Its last part is the file name.
    pub url: &'static str,
    /// First eight hexadecimal digits of the file's SHA-256; torchvision publishes no more.
    pub sha256: &'static str,
    /// Number of parameters.
    pub parameters: u64,
    /// Published top-1 accuracy on ImageNet-1k's validation images, in percent.
    pub top1: f64,
    /// Published top-5 accuracy, in percent.
    pub top5: f64,
    /// Length of the shorter side after resizing (antialiased bilinear) in that evaluation, in
    /// pixels.
    pub resize: usize,
    /// Side of the centre crop in that evaluation, in pixels. Samples were normalised with
    /// ImageNet's mean and standard deviation.
    pub crop: usize,
}

impl KnownWeights {
    /// File name.
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
    fn names_start_with_the_model_and_are_found() {
        for weights in all() {
            assert!(weights.name.starts_with(&format!("{}.", weights.model)));
            assert_eq!(find(weights.name), Some(weights));
            // The file name contains the checksum.
            let suffix = format!("-{}.pth", weights.sha256);
            assert!(weights.file_name().ends_with(&suffix), "{}", weights.url);
            assert!((50.0..weights.top5).contains(&weights.top1) && weights.top5 < 100.0);
            assert!(weights.crop <= weights.resize);
        }
        assert_eq!(find("resnet18.imagenet1k_v1").unwrap().top1, 69.758);
        assert_eq!(find("resnet18.imagenet1k_v9"), None);
    }
}
