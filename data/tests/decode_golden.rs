//! Decoding, compared with Pillow's `convert("RGB")`, torchvision's default loader. The fixture is
//! made by `golden/make_decode.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use base64::Engine;
use flate2::read::{GzDecoder, ZlibDecoder};
use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Read;
use std::sync::LazyLock;
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
        let pairs = rgb.pixels.iter().zip(&expected);
        let most = pairs.map(|(a, b)| a.abs_diff(*b)).max();
        assert_eq!(most, Some(0), "{name}: largest difference");
    }
}

#[derive(Deserialize)]
struct Expected {
    width: usize,
    height: usize,
    /// Of the RGB samples.
    sha256: String,
}

/// Random legal files of every format, made by `golden/make_image_variants.py`.
fn variants() -> Vec<(String, Vec<u8>)> {
    let archive = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/image-variants.tar.gz"
    );
    let archive = GzDecoder::new(std::fs::File::open(archive).unwrap());
    let mut files = Vec::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut file = Vec::new();
        entry.read_to_end(&mut file).unwrap();
        files.push((name, file));
    }
    files
}

#[test]
fn random_variants_of_every_format_equal_pillow() {
    let mut files = variants();
    let (_, json) = files.pop().unwrap();
    let expected: HashMap<String, Expected> = serde_json::from_slice(&json).unwrap();
    let mut wrong = Vec::new();
    for (name, file) in &files {
        let expected = &expected[name];
        let found = decode::decode_bytes(file, name).map(|image| {
            let digest = Sha256::digest(&image.rgb().pixels);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            (image.width, image.height, digest)
        });
        let expected = (expected.width, expected.height, expected.sha256.clone());
        if !found.as_ref().is_ok_and(|found| *found == expected) {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert_eq!((files.len(), wrong), (450, vec![]));
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
    /// Any damage to any format gives an image or an error, and no panic.
    #[test]
    fn damage_to_variants_does_not_panic(
        variant in 0..450usize,
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        static VARIANTS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(variants);
        let mut file = VARIANTS[variant].1.clone();
        for (place, byte) in wrong {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Ok(image) = decode::decode_bytes(&file, "a") {
            prop_assert_eq!(image.pixels.len(), image.width * image.height * image.channels);
        }
    }

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
