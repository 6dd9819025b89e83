//! Decoding, compared with Pillow's `convert("RGB")`, torchvision's default loader. The fixture is
//! made by `golden/make_decode.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use base64::Engine;
use flate2::read::ZlibDecoder;
use proptest::prelude::*;
use serde::Deserialize;
use std::io::Read;
use tinderbox_data::image::transforms::Rect;
use tinderbox_data::image::{Image, decode};

#[derive(Clone, Debug, Deserialize)]
struct Case {
    name: String,
    /// The file, in base64.
    file: String,
    #[serde(default)]
    width: usize,
    #[serde(default)]
    height: usize,
    /// The RGB samples, compressed with zlib, in base64; `None` if Pillow refuses the file.
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

/// Largest maximum and mean difference of samples that is allowed.
fn allowed(name: &str) -> (u8, f64) {
    match name {
        // Pillow makes 16-bit grey above 255 white. See the unit tests of `decode`.
        "png grey of 16 bits" => (255, 255.0),
        _ if name.starts_with("png") => (0, 0.0),
        // These use the general decoder.
        _ if ["progressive", "CMYK", "YCCK", "RGB"]
            .iter()
            .any(|kind| name.contains(kind)) =>
        {
            (3, 0.4)
        }
        _ => (0, 0.0),
    }
}

fn cases() -> Vec<Case> {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/decode.json");
    let json = std::fs::read_to_string(fixture).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&json).unwrap();
    assert_eq!(cases.len(), 70);
    cases
}

#[test]
fn decoding_agrees_with_pillow() {
    for case in cases() {
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

/// The expected result of `decode_region`.
fn crop(image: &Image, part: Rect) -> Vec<u8> {
    let row = |y| {
        let start = (y * image.width + part.left) * image.channels;
        &image.pixels[start..start + part.width * image.channels]
    };
    let rows = part.top..part.top + part.height;
    rows.flat_map(row).copied().collect()
}

/// A range of a side of `len` pixels: its start and its length.
fn within(len: usize) -> impl Strategy<Value = (usize, usize)> {
    (0..len).prop_flat_map(move |start| (Just(start), 1..=len - start))
}

#[test]
fn a_region_equals_a_crop_of_the_whole() {
    for case in cases() {
        let (name, file) = (&case.name, base64(&case.file));
        let Ok(whole) = decode::decode_bytes(&file, name) else {
            continue;
        };
        let parts = (within(whole.width), within(whole.height));
        proptest!(ProptestConfig::with_cases(64), |((left, width) in parts.0, (top, height) in parts.1)| {
            let part = Rect { top, left, height, width };
            let image = decode::decode_region(&file, name, |w, h| {
                assert_eq!((w, h), (whole.width, whole.height));
                part
            })
            .unwrap();
            prop_assert_eq!((image.width, image.height, image.channels), (width, height, whole.channels));
            prop_assert_eq!(image.pixels, crop(&whole, part), "{} of {}", format!("{part:?}"), name);
        });
    }
}

proptest! {
    /// Any damage gives an image or an error, and no panic.
    #[test]
    fn damage_does_not_panic(
        case in prop::sample::select(cases()),
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        (top, left) in (0.0..1.0, 0.0..1.0),
    ) {
        let mut file = base64(&case.file);
        for (place, byte) in wrong {
            let place = place.index(file.len());
            file[place] = byte;
        }
        let place = |share: f64, len: usize| ((share * len as f64) as usize).min(len - 1);
        let pixel = |w, h| Rect { top: place(top, h), left: place(left, w), height: 1, width: 1 };
        let is_whole = |image: &Image| image.pixels.len() == image.width * image.height * image.channels;
        if let Ok(pixel) = decode::decode_region(&file, "a", pixel) {
            prop_assert!(is_whole(&pixel) && (pixel.width, pixel.height) == (1, 1));
        }
        if let Ok(image) = decode::decode_bytes(&file, "a") {
            prop_assert!(is_whole(&image));
        }
    }
}
