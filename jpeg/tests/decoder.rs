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

/// Files of several scans, with unusual factors, and of four components, made by
/// `golden/make_image_variants.py`.
const VARIANTS: [(&str, &[u8]); 4] = [
    ("progressive", include_bytes!("fixtures/progressive.jpg")),
    ("scans", include_bytes!("fixtures/scans.jpg")),
    ("factors", include_bytes!("fixtures/factors.jpg")),
    ("cmyk", include_bytes!("fixtures/cmyk.jpg")),
];

proptest! {
    #[test]
    fn a_region_of_any_kind_of_file_equals_a_crop(
        (left, width) in range(27),
        (top, height) in range(19),
    ) {
        let region = Rect { top, left, height, width };
        for (name, file) in VARIANTS {
            let decoder = Decoder::new(file).unwrap();
            let pixels = decoder.decode_region(region).unwrap();
            prop_assert_eq!(pixels.samples, crop(&decoder.decode().unwrap(), region), "{}", name);
        }
    }

    /// Pixels or an error, and no panic, whatever the damage.
    #[test]
    fn damage_does_not_panic(
        (_, file) in prop::sample::select(VARIANTS.to_vec()),
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = file.to_vec();
        for (place, byte) in wrong {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Some(cut) = cut {
            file.drain(..cut.index(file.len()));
        }
        if let Ok(decoder) = Decoder::new(&file) {
            let size = decoder.width() * decoder.height();
            if size < 1 << 22 && let Ok(pixels) = decoder.decode() {
                prop_assert_eq!(pixels.samples.len(), size * pixels.channels);
            }
        }
    }

    #[test]
    fn bytes_of_nonsense_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let file = [&[0xFF, 0xD8], &bytes[..]].concat();
        if let Ok(decoder) = Decoder::new(&file) {
            let _ = decoder.decode();
        }
    }
}

/// `file` with other bytes after its frame marker, counted from the marker.
fn with_frame(file: &[u8], changes: &[(usize, u8)]) -> Vec<u8> {
    let mut file = file.to_vec();
    let is_frame = |pair: &[u8]| pair[0] == 0xFF && (0xC0..=0xC2).contains(&pair[1]);
    let frame = file.windows(2).position(is_frame).unwrap();
    for &(place, byte) in changes {
        file[frame + place] = byte;
    }
    file
}

#[test]
fn what_is_not_read_is_refused_by_its_reason() {
    let [file, _] = &*FILES;
    for (changes, reason) in [
        (&[(1, 0xC9)][..], "with arithmetic coding"),
        (&[(1, 0xCA)], "with arithmetic coding"),
        (&[(1, 0xC3)], "with lossless coding"),
        (&[(1, 0xC5)], "with hierarchical coding"),
        (&[(4, 12)], "of 12 bits per sample"),
        (
            &[(11, 0x31), (14, 0x21)],
            "with sampling factors 3x1 and 2x1",
        ),
    ] {
        let error = Decoder::new(&with_frame(file, changes)).unwrap_err();
        assert!(matches!(error, JpegError::Unsupported(_)), "{error}");
        let message = error.to_string();
        assert!(message.contains(reason), "{message}");
        assert!(!message.contains("damaged"), "{message}");
    }
}

#[test]
fn a_progression_without_its_last_scans_is_refused() {
    let (_, file) = VARIANTS[0];
    let scans = file.windows(2).enumerate();
    let scans: Vec<usize> = scans
        .filter(|(_, pair)| *pair == [0xFF, 0xDA])
        .map(|(at, _)| at)
        .collect();
    assert!(scans.len() > 4);
    let first_of_colour = [&file[..scans[2]], &[0xFF, 0xD9]].concat();
    let error = Decoder::new(&first_of_colour)
        .unwrap()
        .decode()
        .unwrap_err();
    assert!(
        error.to_string().contains("do not have all bits"),
        "{error}"
    );
}

#[test]
fn a_small_file_of_a_huge_image_is_refused_before_memory_is_taken() {
    for (name, file) in VARIANTS {
        let huge = with_frame(file, &[(5, 0xFF), (6, 0xFF), (7, 0xFF), (8, 0xFF)]);
        let region = Rect {
            top: 0,
            left: 0,
            height: 1,
            width: 1,
        };
        let error = Decoder::new(&huge)
            .unwrap()
            .decode_region(region)
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("65535x65535 pixels cannot be in"),
            "{name}: {message}"
        );
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
