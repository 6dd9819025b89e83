//! Resizing and cropping against torchvision on Pillow images. The fixture is made by `golden/transforms.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use base64::Engine;
use data::image::{Transform, decode};
use flate2::read::ZlibDecoder;
use serde::Deserialize;
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Case {
    input: String,
    transform: Transform,
    output: Output,
}

#[derive(Deserialize)]
struct Output {
    width: usize,
    height: usize,
    /// Base64 of zlib of the samples.
    pixels: String,
}

impl Output {
    fn pixels(&self) -> Vec<u8> {
        let compressed = base64::engine::general_purpose::STANDARD
            .decode(&self.pixels)
            .unwrap();
        let mut pixels = Vec::new();
        ZlibDecoder::new(&compressed[..])
            .read_to_end(&mut pixels)
            .unwrap();
        pixels
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

#[test]
fn transforms_agree_with_torchvision() {
    let json = std::fs::read_to_string(fixture("transforms.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&json).unwrap();
    assert_eq!(cases.len(), 34);
    let mut rng = data::random::rng(0, "test", 0, 0);
    for case in cases {
        let what = format!("{:?} of {}", case.transform, case.input);
        let image = decode::decode(&fixture(&case.input)).unwrap();
        let output = case.transform.apply(image, &mut rng).unwrap();
        assert_eq!(
            (output.width, output.height),
            (case.output.width, case.output.height),
            "{what}"
        );
        let expected = case.output.pixels();
        assert_eq!(output.pixels.len(), expected.len(), "{what}");
        let pairs = output.pixels.iter().zip(&expected);
        let difference = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let allowed = u8::from(matches!(case.transform, Transform::Resize(_)));
        assert!(difference <= allowed, "{what} differs by {difference}");
    }
}
