//! Resizing, cropping and the augmentation operations, compared with torchvision on Pillow images.
//! The fixtures are made by `golden/transforms.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use base64::Engine;
use flate2::read::ZlibDecoder;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use tinderbox_data::image::transforms::{
    Fill, Operation, RandAugment, Sampling, TrivialAugmentWide,
};
use tinderbox_data::image::{Image, Interpolation, Transform, decode};

#[derive(Deserialize)]
struct Transformed {
    input: String,
    transform: Transform,
    output: Packed,
}

#[derive(Deserialize)]
struct Operations {
    inputs: HashMap<String, Packed>,
    bins: Vec<Bins>,
    cases: Vec<Operated>,
}

/// The magnitudes of a policy's operations for every bin, without their signs.
#[derive(Deserialize)]
struct Bins {
    policy: String,
    bins: usize,
    magnitudes: HashMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct Operated {
    input: String,
    operation: Operation,
    interpolation: Option<Interpolation>,
    #[serde(default)]
    fill: Fill,
    output: Packed,
}

#[derive(Deserialize)]
struct Packed {
    width: usize,
    height: usize,
    /// The samples, compressed with zlib, in base64.
    pixels: String,
}

impl Packed {
    fn image(&self) -> Image {
        let compressed = base64::engine::general_purpose::STANDARD
            .decode(&self.pixels)
            .unwrap();
        let mut pixels = Vec::new();
        ZlibDecoder::new(&compressed[..])
            .read_to_end(&mut pixels)
            .unwrap();
        Image {
            width: self.width,
            height: self.height,
            channels: pixels.len() / (self.width * self.height),
            pixels,
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Absolute differences of the samples.
fn differences(image: &Image, expected: &Image) -> Vec<u8> {
    assert_eq!(
        (image.width, image.height, image.channels),
        (expected.width, expected.height, expected.channels)
    );
    let pairs = image.pixels.iter().zip(&expected.pixels);
    pairs.map(|(a, b)| a.abs_diff(*b)).collect()
}

#[test]
fn transforms_agree_with_torchvision() {
    let json = std::fs::read_to_string(fixture("transforms.json")).unwrap();
    let cases: Vec<Transformed> = serde_json::from_str(&json).unwrap();
    assert_eq!(cases.len(), 34 + 8 + 6 + 8 + 4);
    let mut rng = tinderbox_data::random::rng(0, "test", 0, 0);
    for case in cases {
        let what = format!("{:?} of {}", case.transform, case.input);
        let image = decode::decode(&fixture(&case.input)).unwrap();
        let output = case.transform.apply(image.into(), &mut rng).unwrap().image;
        let differences = differences(&output, &case.output.image());
        // The filter weights are less precise than Pillow's, so that a few samples round the other
        // way.
        let (most, mean) = match &case.transform {
            Transform::Resize(resize) => match resize.interpolation {
                Interpolation::Bilinear => (1, 0.05),
                Interpolation::Bicubic => (2, 0.05),
                Interpolation::Nearest => (0, 0.0),
            },
            _ => (0, 0.0),
        };
        let found = *differences.iter().max().unwrap();
        assert!(found <= most, "{what} differs by {found}");
        let sum: u32 = differences.iter().map(|&x| u32::from(x)).sum();
        let found = f64::from(sum) / differences.len() as f64;
        assert!(found <= mean, "{what} differs by {found} on average");
    }
}

#[test]
fn operations_agree_with_torchvision_exactly() {
    let json = std::fs::read_to_string(fixture("operations.json")).unwrap();
    let Operations { inputs, cases, .. } = serde_json::from_str(&json).unwrap();
    assert_eq!(cases.len(), 2 * (52 + 4) + 8 * 8);
    for case in cases {
        let image = inputs[&case.input].image();
        let what = format!("{:?} of {}", case.operation, case.input);
        let output = match case.interpolation {
            None => case.operation.apply(image),
            Some(interpolation) => {
                let fill = case.fill;
                case.operation.apply_with(
                    image,
                    Sampling {
                        interpolation,
                        fill,
                    },
                )
            }
        };
        let differences = differences(&output, &case.output.image());
        let different = differences.iter().filter(|&&x| x > 0).count();
        assert_eq!(different, 0, "{what}: samples that differ");
    }
}

#[test]
fn magnitudes_agree_with_torchvision_exactly() {
    let json = std::fs::read_to_string(fixture("operations.json")).unwrap();
    let Operations { bins, .. } = serde_json::from_str(&json).unwrap();
    assert_eq!(bins.len(), 14);
    let mut rng = tinderbox_data::random::rng(0, "test", 0, 0);
    for Bins {
        policy,
        bins,
        magnitudes,
    } in bins
    {
        let trivial = TrivialAugmentWide {
            num_magnitude_bins: bins,
            ..TrivialAugmentWide::default()
        };
        for round in 0..10_000 {
            let bin = round % bins;
            let operation = if policy == "trivial_augment_wide" {
                trivial.draw(&mut rng)
            } else {
                let policy = RandAugment {
                    magnitude: bin,
                    num_magnitude_bins: bins,
                    ..RandAugment::default()
                };
                policy.draw(37, 23, &mut rng)
            };
            let Ok(serde_json::Value::Object(operation)) = serde_json::to_value(operation) else {
                continue;
            };
            for (name, found) in operation {
                let Some(expected) = magnitudes.get(&name) else {
                    continue;
                };
                let found = found.as_f64().unwrap();
                let is_expected = |expected: &f64| match &name[..] {
                    "translate_x" | "translate_y" => expected.trunc() == found.abs(),
                    "sharpness" => 1.0 + expected == found || 1.0 - expected == found,
                    _ => *expected == found.abs(),
                };
                let of_bin = match &policy[..] {
                    "rand_augment" => &expected[bin..=bin],
                    _ => &expected[..],
                };
                assert!(
                    of_bin.iter().any(is_expected),
                    "{policy} {bins} {name} {found}"
                );
            }
        }
    }
}
