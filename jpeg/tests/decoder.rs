//! Regions, headers and errors. The comparison with Pillow's pixels is in `tinderbox-data`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb};
use proptest::prelude::*;
use std::io::Cursor;
use std::sync::LazyLock;
use tinderbox_jpeg::{Decoder, JpegError, Pixels, Rect};

const WIDTH: usize = 83;
const HEIGHT: usize = 61;

/// A colour image and a grey one, as JPEG files.
static FILES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let wave = |x: u32, y: u32| ((x * x + 3 * y * y) / 20) as u8;
    let pixel = |x, y| Rgb([wave(x, y), wave(y, x), (3 * x) as u8]);
    let colour = DynamicImage::from(ImageBuffer::from_fn(WIDTH as u32, HEIGHT as u32, pixel));
    let grey = colour.to_luma8().into();
    [colour, grey].map(|image: DynamicImage| {
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, ImageFormat::Jpeg).unwrap();
        file.into_inner()
    })
});

fn crop(whole: &Pixels, region: Rect) -> Vec<u8> {
    let rows = whole.samples.chunks_exact(whole.width * whole.channels);
    let rows = rows.skip(region.top).take(region.height);
    let columns = region.left * whole.channels..(region.left + region.width) * whole.channels;
    rows.flat_map(|row| row[columns.clone()].to_vec()).collect()
}

fn range(len: usize) -> impl Strategy<Value = (usize, usize)> {
    (0..len).prop_flat_map(move |first| (Just(first), 1..=len - first))
}

proptest! {
    #[test]
    fn a_region_equals_a_crop_of_the_whole_image(
        (left, width) in range(WIDTH),
        (top, height) in range(HEIGHT),
    ) {
        let region = Rect { top, left, height, width };
        for (file, channels) in FILES.iter().zip([3, 1]) {
            let decoder = Decoder::new(file).unwrap();
            let pixels = decoder.decode_region(region).unwrap();
            prop_assert_eq!((pixels.width, pixels.height, pixels.channels), (width, height, channels));
            prop_assert_eq!(pixels.samples, crop(&decoder.decode().unwrap(), region));
        }
    }
}

#[test]
fn the_header_has_the_size() {
    for file in FILES.iter() {
        let decoder = Decoder::new(file).unwrap();
        assert_eq!((decoder.width(), decoder.height()), (WIDTH, HEIGHT));
    }
}

#[test]
fn a_truncated_file_is_an_error() {
    let [file, _] = &*FILES;
    assert_eq!(
        Decoder::new(&file[..file.len() - 2]).unwrap_err(),
        JpegError::Truncated
    );
    for length in 0..40 {
        assert!(Decoder::new(&file[..length]).is_err(), "{length} bytes");
    }
}

#[test]
#[should_panic(expected = "of an image of 83x61")]
fn a_region_outside_of_the_image_panics() {
    let [file, _] = &*FILES;
    let region = Rect {
        top: 0,
        left: 80,
        height: 1,
        width: 4,
    };
    let _ = Decoder::new(file).unwrap().decode_region(region);
}
