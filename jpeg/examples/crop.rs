//! Decodes a region of a file, and compares it with the whole image: pixels and time.
//!
//! `cargo run -p tinderbox-jpeg --example crop [FILE]`; without a file, an image is generated.

#![allow(clippy::print_stdout, reason = "an example prints")]

use image::{ImageBuffer, ImageFormat, Rgb};
use std::error::Error;
use std::io::Cursor;
use std::time::Instant;
use tinderbox_jpeg::{Decoder, Rect};

fn generated() -> Result<Vec<u8>, Box<dyn Error>> {
    let wave = |x: u32, y: u32| ((x * x + 3 * y * y) / 700) as u8;
    let image = ImageBuffer::from_fn(1600, 1200, |x, y| Rgb([wave(x, y), wave(y, x), x as u8]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Jpeg)?;
    Ok(file.into_inner())
}

fn main() -> Result<(), Box<dyn Error>> {
    let bytes = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => generated()?,
    };
    let decoder = Decoder::new(&bytes)?;
    let (width, height) = (decoder.width(), decoder.height());
    let region = Rect {
        top: height / 4,
        left: width / 4,
        height: (height / 2).max(1),
        width: (width / 2).max(1),
    };

    let start = Instant::now();
    let whole = decoder.decode()?;
    println!("{width}x{height} pixels: {:.2?}", start.elapsed());
    let start = Instant::now();
    let part = decoder.decode_region(region)?;
    println!("the quarter in the middle: {:.2?}", start.elapsed());

    let row = region.width * part.channels;
    for (y, samples) in part.samples.chunks_exact(row).enumerate() {
        let first = ((region.top + y) * width + region.left) * part.channels;
        assert_eq!(samples, &whole.samples[first..first + row]);
    }
    println!("its pixels equal those of the whole image");
    Ok(())
}
