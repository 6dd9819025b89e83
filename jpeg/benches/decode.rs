//! Decoding of a whole photograph and of regions of it.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use divan::{Bencher, black_box};
use image::{ImageBuffer, ImageFormat, Rgb};
use std::io::Cursor;
use tinderbox_jpeg::{Decoder, Rect};

fn main() {
    divan::main();
}

/// An image of 500x375 pixels, as are most of ImageNet's.
fn photograph() -> Vec<u8> {
    let wave = |x: u32, y: u32| ((x * x + 3 * y * y) / 300) as u8;
    let image = ImageBuffer::from_fn(500, 375, |x, y| Rgb([wave(x, y), wave(y, x), x as u8]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Jpeg).unwrap();
    file.into_inner()
}

#[divan::bench]
fn header(bencher: Bencher<'_, '_>) {
    let bytes = photograph();
    bencher.bench(|| Decoder::new(black_box(&bytes)).unwrap().width());
}

#[divan::bench]
fn whole(bencher: Bencher<'_, '_>) {
    let bytes = photograph();
    bencher.bench(|| Decoder::new(black_box(&bytes)).unwrap().decode().unwrap());
}

/// A region of 160x160 pixels, by its first row.
#[divan::bench(args = [0, 100, 215])]
fn region(bencher: Bencher<'_, '_>, top: usize) {
    let bytes = photograph();
    let region = Rect {
        top,
        left: 150,
        height: 160,
        width: 160,
    };
    bencher.bench(|| {
        let decoder = Decoder::new(black_box(&bytes)).unwrap();
        decoder.decode_region(region).unwrap()
    });
}
