//! Decoding against Pillow's `convert("RGB")`, which is torchvision's default loader. The fixture is made by
//! `golden/make_decode.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use base64::Engine;
use data::image::decode;
use flate2::read::ZlibDecoder;
use serde::Deserialize;
use std::io::Read;

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Base64 of the file.
    file: String,
    #[serde(default)]
    width: usize,
    #[serde(default)]
    height: usize,
    /// Base64 of zlib of the RGB samples; none where Pillow refuses the file.
    pixels: Option<String>,
}

fn base64(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

impl Case {
    fn pixels(&self) -> Option<Vec<u8>> {
        let compressed = base64(self.pixels.as_deref()?);
        let mut pixels = Vec::new();
        ZlibDecoder::new(&compressed[..])
            .read_to_end(&mut pixels)
            .unwrap();
        Some(pixels)
    }
}

/// The most that samples may differ, at the worst and on average.
fn allowed(name: &str) -> (u8, f64) {
    match name {
        // Pillow makes 16-bit grey above 255 white; ours is the picture. See the unit tests of `decode`.
        "png grey of 16 bits" => (255, 255.0),
        _ if name.starts_with("png") => (0, 0.0),
        // libjpeg interpolates subsampled colours only where they are at least three wide.
        "jpeg of 1x40 4:2:0" => (16, 4.0),
        // Half of the rows are at an edge, beyond which libjpeg repeats the last one and zune-jpeg reads the padding.
        "jpeg of 12x8 4:2:0" => (8, 0.7),
        _ => (3, 0.4),
    }
}

#[test]
fn decoding_agrees_with_pillow() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/decode.json");
    let json = std::fs::read_to_string(fixture).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&json).unwrap();
    assert_eq!(cases.len(), 62);
    for case in cases {
        let name = &case.name;
        let decoded = decode::decode_bytes(&base64(&case.file), name);
        let Some(expected) = case.pixels() else {
            let error = decoded.expect_err(name).to_string();
            assert!(error.starts_with(&format!("{name}: is a ")), "{error}");
            assert!(error.contains("truncated"), "{error}");
            continue;
        };
        let decoded = decoded.unwrap();
        assert_eq!(
            (decoded.width, decoded.height),
            (case.width, case.height),
            "{name}"
        );
        let rgb = decoded.rgb();
        assert_eq!(rgb.pixels.len(), expected.len(), "{name}");
        let differences: Vec<u8> = rgb
            .pixels
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .collect();
        let max = differences.iter().copied().max().unwrap();
        let mean = differences.iter().copied().map(f64::from).sum::<f64>() / expected.len() as f64;
        let (most, most_on_average) = allowed(name);
        assert!(
            max <= most && mean <= most_on_average,
            "{name} differs by {max}, {mean:.3} on average"
        );
    }
}
