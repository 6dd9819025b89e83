//! Decoding of JPEG and PNG files, equivalent to Pillow's `Image.open(file).convert("RGB")`, which
//! is torchvision's default loader.
//!
//! The format is detected from the content, whatever the file's name; sizes are checked before
//! anything is allocated; a truncated file is an error rather than a half-grey image; bytes after
//! the end of the file are ignored.
//!
//! EXIF orientation is not applied, as in torchvision: photographs taken sideways stay sideways, in
//! training and in inference. Colour profiles and gamma are not applied either, and alpha is
//! dropped.
//!
//! Pixels equal Pillow's exactly, with two exceptions. 16-bit grey PNG samples keep their upper 8
//! bits, where Pillow makes everything above 255 white. And unusual JPEG files (progressive, CMYK,
//! RGB without YCbCr) go through another decoder, whose rounding and chroma upsampling differ: on
//! photographs by at most 5 from Pillow's (libjpeg-turbo's) and by less than 0.4 on average; by
//! more on images that are only a few pixels wide or high, since beyond an edge libjpeg repeats the
//! last row and zune-jpeg reads the padding.

use super::Image;
use super::transforms::Rect;
use crate::error::DataError;
use image::{DynamicImage, ImageFormat, Limits};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use tinderbox_jpeg::{Decoder, JpegError};

/// File extensions of the formats that are read, in lower case.
pub const EXTENSIONS: [&str; 15] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "tif", "tiff", "gif", "ppm", "pgm",
    "pbm", "pnm",
];

/// True if the file's extension, in any case, is one of [`EXTENSIONS`].
pub fn has_readable_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// Maximum number of pixels in an image: Pillow's limit for decompression bombs.
pub const MAX_PIXELS: u64 = 178_956_970;

/// Reads and decodes a JPEG or PNG file: grey stays grey, everything else (palettes, CMYK, YCCK)
/// becomes RGB. Alpha is dropped; 16-bit samples keep their upper 8 bits.
///
/// # Errors
/// If the file cannot be read, is neither JPEG nor PNG, has more than [`MAX_PIXELS`] pixels, or is
/// damaged or truncated. The error names the path.
pub fn decode(path: &Path) -> Result<Image, DataError> {
    let bytes = fs::read(path).map_err(DataError::io("read", path))?;
    decode_bytes(&bytes, &path.display().to_string())
}

/// Like [`decode`], from bytes in memory, which errors call `name`.
///
/// # Errors
/// As [`decode`].
pub fn decode_bytes(bytes: &[u8], name: &str) -> Result<Image, DataError> {
    decode_region(bytes, name, whole)
}

/// Decodes the region that `choose` returns for the image's width and height: the pixels that
/// [`decode_bytes`] and a crop would give, but most JPEG files are decoded no further than needed.
/// Damage below the region may go unnoticed; truncated files are always errors.
///
/// # Errors
/// As [`decode`].
///
/// # Panics
/// If the region is empty or not within the image.
pub fn decode_region(
    bytes: &[u8],
    name: &str,
    choose: impl FnOnce(usize, usize) -> Rect,
) -> Result<Image, DataError> {
    let choose = |width, height| {
        let region = choose(width, height);
        let is_within = region.left + region.width <= width && region.top + region.height <= height;
        assert!(
            is_within && region.width > 0 && region.height > 0,
            "{region:?} of an image of {width}x{height}"
        );
        region
    };
    let decoded = match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg(bytes, choose),
        Ok(ImageFormat::Png) => png(bytes).map(|image| {
            let region = choose(image.width, image.height);
            crop(image, region)
        }),
        Ok(other) => Err(format!(
            "is a {other:?} file; only JPEG and PNG are read, convert it"
        )),
        Err(_) if bytes.is_empty() => Err("is empty".to_owned()),
        Err(_) => Err("is neither JPEG nor PNG, whatever its name says".to_owned()),
    };
    decoded.map_err(|reason| DataError::image(name, reason))
}

/// True if `bytes` begin like a JPEG file.
pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    matches!(image::guess_format(bytes), Ok(ImageFormat::Jpeg))
}

/// The whole image as a region.
fn whole(width: usize, height: usize) -> Rect {
    Rect {
        top: 0,
        left: 0,
        height,
        width,
    }
}

/// Crops to a region within `image`.
fn crop(image: Image, region: Rect) -> Image {
    if region == whole(image.width, image.height) {
        return image;
    }
    let (top, left) = (region.top as isize, region.left as isize);
    image.crop(top, left, region.height, region.width)
}

fn jpeg(bytes: &[u8], choose: impl FnOnce(usize, usize) -> Rect) -> Result<Image, String> {
    let message = |error: JpegError| error.to_string();
    let decoder = Decoder::new(bytes).map_err(message)?;
    let (width, height) = (decoder.width(), decoder.height());
    check_size(width as u64, height as u64)?;
    let pixels = decoder
        .decode_region(choose(width, height))
        .map_err(message)?;
    Ok(Image {
        width: pixels.width,
        height: pixels.height,
        channels: pixels.channels,
        pixels: pixels.samples,
    })
}

fn png(bytes: &[u8]) -> Result<Image, String> {
    // Every PNG file begins with: signature (8 bytes), length (4), "IHDR" (4), width (4), height
    // (4).
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u64::from(u32::from_be_bytes(bytes.try_into().ok()?)))
    };
    let (Some(width), Some(height)) = (number(16), number(20)) else {
        return Err("is a truncated PNG file: it ends within its header".to_owned());
    };
    check_size(width, height)?;
    let mut reader = image::ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    // The size has been checked; the decoder's other limits stay on.
    let mut limits = Limits::default();
    limits.max_alloc = Some(limits.max_alloc.unwrap_or(0).max(MAX_PIXELS * 8));
    reader.limits(limits);
    let decoded = reader
        .decode()
        .map_err(|error| format!("is a damaged or truncated PNG file: {error}"))?;
    Ok(eight_bit(decoded))
}

/// Drops alpha and the lower half of 16-bit samples, as libpng does. (The image crate would round.)
fn eight_bit(decoded: DynamicImage) -> Image {
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    let colour = decoded.color();
    let sixteen = colour.bits_per_pixel() / u16::from(colour.channel_count()) == 16;
    let upper = |samples: Vec<u16>| samples.iter().map(|sample| (sample >> 8) as u8).collect();
    let (channels, pixels) = match (colour.has_color(), sixteen) {
        (false, false) => (1, decoded.into_luma8().into_raw()),
        (false, true) => (1, upper(decoded.into_luma16().into_raw())),
        (true, false) => (3, decoded.into_rgb8().into_raw()),
        (true, true) => (3, upper(decoded.into_rgb16().into_raw())),
    };
    Image {
        width,
        height,
        channels,
        pixels,
    }
}

fn check_size(width: u64, height: u64) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("its header says {width}x{height} pixels"));
    }
    if width * height > MAX_PIXELS {
        return Err(format!(
            "its header says {width}x{height} pixels, more than the {MAX_PIXELS} that are allowed; scale it down"
        ));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba};

    fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn noisy() -> DynamicImage {
        let noise = |x: u32, y: u32| (x * 37 + y * 101 + x * y * 13) as u8;
        ImageBuffer::from_fn(64, 48, |x, y| Rgb([noise(x, y), noise(y, x), 90])).into()
    }

    fn error(bytes: &[u8]) -> String {
        decode_bytes(bytes, "pics/a.png").unwrap_err().to_string()
    }

    #[test]
    fn png_of_every_kind_becomes_grey_or_rgb() {
        let kinds: [(DynamicImage, usize, &[u8]); 5] = [
            (ImageBuffer::from_pixel(1, 1, Luma([9u8])).into(), 1, &[9]),
            (
                ImageBuffer::from_pixel(1, 1, LumaA([9u8, 3])).into(),
                1,
                &[9],
            ),
            (
                ImageBuffer::from_pixel(1, 1, Rgba([1u8, 2, 3, 0])).into(),
                3,
                &[1, 2, 3],
            ),
            (
                ImageBuffer::from_pixel(1, 1, Luma([0x01ffu16])).into(),
                1,
                &[1],
            ),
            (
                ImageBuffer::from_pixel(1, 1, Rgb([0x0101u16, 0xffff, 0])).into(),
                3,
                &[1, 255, 0],
            ),
        ];
        for (image, channels, pixels) in kinds {
            let decoded = decode_bytes(&encode(&image, ImageFormat::Png), "a").unwrap();
            assert_eq!((decoded.channels, &decoded.pixels[..]), (channels, pixels));
        }
    }

    #[test]
    fn jpeg_colour_and_grey_are_detected_from_the_content() {
        let colour = encode(&noisy(), ImageFormat::Jpeg);
        let image = decode_bytes(&colour, "a.png").unwrap();
        assert_eq!((image.width, image.height, image.channels), (64, 48, 3));
        let grey = encode(&noisy().into_luma8().into(), ImageFormat::Jpeg);
        assert_eq!(decode_bytes(&grey, "a").unwrap().channels, 1);
    }

    #[test]
    fn a_file_truncated_anywhere_is_an_error() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let bytes = encode(&noisy(), format);
            // The last chunk of a PNG file is empty: without it, no pixel is missing.
            let last = if format == ImageFormat::Png { 13 } else { 1 };
            for len in (0..=bytes.len() - last)
                .step_by(7)
                .chain([bytes.len() - last])
            {
                assert!(
                    decode_bytes(&bytes[..len], "a").is_err(),
                    "{format:?} of {len} bytes"
                );
            }
        }
    }

    #[test]
    fn an_end_marker_within_a_segment_does_not_end_the_file() {
        let bytes = encode(&noisy(), ImageFormat::Jpeg);
        // A comment segment with an end marker in it, as a thumbnail has.
        let comment = [0xFF, 0xFE, 0, 4, 0xFF, 0xD9];
        let with_comment = [&bytes[..2], &comment, &bytes[2..]].concat();
        assert_eq!(
            decode_bytes(&with_comment, "a").unwrap(),
            decode_bytes(&bytes, "a").unwrap()
        );
        assert!(decode_bytes(&with_comment[..with_comment.len() - 2], "a").is_err());
    }

    #[test]
    fn a_decompression_bomb_is_refused_by_its_header() {
        let mut bytes = encode(&noisy(), ImageFormat::Png);
        bytes[16..20].copy_from_slice(&50_000u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&50_000u32.to_be_bytes());
        let message = error(&bytes[..33]);
        assert!(
            message.starts_with("pics/a.png: its header says 50000x50000 pixels"),
            "{message}"
        );
    }

    #[test]
    fn files_that_are_not_images_are_described() {
        assert_eq!(error(b""), "pics/a.png: is empty");
        assert_eq!(
            error(b"hello, world"),
            "pics/a.png: is neither JPEG nor PNG, whatever its name says"
        );
        assert!(error(b"GIF89a\x01\x00\x01\x00").contains("is a Gif file; only JPEG and PNG"));
        assert!(
            decode(Path::new("/no/such.png"))
                .unwrap_err()
                .to_string()
                .starts_with("cannot read /no/such.png")
        );
    }
}
