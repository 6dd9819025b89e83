//! Decoding of image files, equivalent to Pillow's `Image.open(file).convert("RGB")`, which is
//! torchvision's default loader: JPEG, PNG, WebP, BMP, TIFF, GIF, PBM, PGM and PPM.
//!
//! The format is detected from the content, whatever the file's name; sizes are checked before
//! anything is allocated; a truncated file is an error rather than a half-grey image; bytes after
//! the end of the file are ignored. A decoder that panics is an error too.
//!
//! Pixels equal those of Pillow 13 exactly. What Pillow reads and this module does not is refused by
//! name: arithmetic and lossless coding and unfinished progressions in JPEG; YCbCr without JPEG,
//! L\*a\*b\*, fax compression other than group 4, Zstandard and LZMA in TIFF.
//!
//! * EXIF orientation is not applied, as in torchvision: photographs taken sideways stay sideways,
//!   in training and in inference. Only the orientation of TIFF files is, because Pillow does.
//! * Colour profiles and gamma are not applied, and alpha is dropped, not blended.
//! * Of 16-bit colours the upper 8 bits are kept, but 16-bit grey above 255 becomes white, as in
//!   Pillow: convert such files to 8 bits.
//! * Of animations the first frame is read, and of TIFF files with several images the first.

mod bmp;
mod gif;
mod palette;
mod png;
mod pnm;
mod size;
mod tiff;
mod webp;

use super::Image;
use super::transforms::Rect;
use crate::error::DataError;
use crate::guard::guarded;
use crate::lfs;
use image::ImageFormat;
use std::fs;
use std::path::Path;
use tinderbox_jpeg::{Decoder, JpegError};

/// File extensions of the formats that are read, in lower case.
pub const EXTENSIONS: [&str; 14] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "tif", "tiff", "gif", "ppm", "pgm", "pbm",
    "pnm",
];

/// True if the file's extension, in any case, is one of [`EXTENSIONS`].
pub fn has_readable_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// The formats that are read, for messages.
const FORMATS: &str = "JPEG, PNG, WebP, BMP, TIFF, GIF and PNM";

/// Maximum number of pixels in an image: Pillow's limit for decompression bombs.
pub const MAX_PIXELS: u64 = 178_956_970;

/// Reads and decodes an image file: grey stays grey, everything else (palettes, CMYK, YCCK) becomes
/// RGB.
///
/// # Errors
/// If the file cannot be read, is of another format or of a kind that is not read, has more than
/// [`MAX_PIXELS`] pixels, or is damaged or truncated. The error names the path.
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
    let decoded = match format(bytes) {
        Some(ImageFormat::Jpeg) => jpeg(bytes, choose),
        Some(format) => whole_image(bytes, format).map(|image| {
            let region = choose(image.width, image.height);
            crop(image, region)
        }),
        None if bytes.is_empty() => Err("is empty".to_owned()),
        None if lfs::is_pointer(bytes) => Err(lfs::POINTER.to_owned()),
        None => Err(format!("is none of {FORMATS}, whatever its name says")),
    };
    decoded.map_err(|reason| DataError::image(name, reason))
}

/// Decodes a file that is not JPEG. Decoders of others run guarded: damaged files make some panic.
fn whole_image(bytes: &[u8], format: ImageFormat) -> Result<Image, String> {
    let decode = match format {
        ImageFormat::Png => png::decode,
        ImageFormat::WebP => webp::decode,
        ImageFormat::Bmp => bmp::decode,
        ImageFormat::Tiff => tiff::decode,
        ImageFormat::Gif => gif::decode,
        ImageFormat::Pnm => pnm::decode,
        other => {
            let name = name(other);
            return Err(format!(
                "is of the format {name}; only {FORMATS} are read, convert it"
            ));
        }
    };
    run(decode, bytes, format)
}

fn run(
    decode: fn(&[u8]) -> Result<Image, String>,
    bytes: &[u8],
    format: ImageFormat,
) -> Result<Image, String> {
    let name = name(format);
    let failed = |message| format!("is a damaged {name} file: its decoder failed ({message})");
    guarded(|| decode(bytes)).map_err(failed).flatten()
}

/// The usual name of a format.
fn name(format: ImageFormat) -> String {
    match format {
        ImageFormat::WebP => "WebP".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}

/// The format of a file that begins with `bytes`.
fn format(bytes: &[u8]) -> Option<ImageFormat> {
    // BigTIFF, for files of more than 4 GB.
    if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") {
        return Some(ImageFormat::Tiff);
    }
    image::guess_format(bytes).ok()
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
    size::check(width as u64, height as u64, 6)?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
    use std::io::Cursor;

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
                &[255],
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
        for (format, last) in [
            (ImageFormat::Jpeg, 1),
            // The last chunk of a PNG file is empty: without it, no pixel is missing.
            (ImageFormat::Png, 13),
            // Chunks of odd length end with a byte that means nothing.
            (ImageFormat::WebP, 2),
            (ImageFormat::Bmp, 1),
            // The place of the next directory, of which there is none, comes last.
            (ImageFormat::Tiff, 5),
            (ImageFormat::Pnm, 1),
            // The end of the codes, of the frame and of the file.
            (ImageFormat::Gif, 8),
        ] {
            let bytes = match format {
                ImageFormat::Pnm => [b"P6 64 48 255\n", noisy().as_bytes()].concat(),
                _ => encode(&noisy(), format),
            };
            let all = decode_bytes(&bytes, "a").unwrap();
            assert_eq!((all.width, all.height), (64, 48), "{format:?}");
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
    fn a_decoder_that_panics_is_an_error() {
        fn broken(_: &[u8]) -> Result<Image, String> {
            let rows: Vec<u8> = Vec::new();
            Err(format!("{}", rows[3]))
        }
        assert_eq!(
            run(broken, b"", ImageFormat::Png).unwrap_err(),
            "is a damaged PNG file: its decoder failed (index out of bounds: the len is 0 but the index is 3)"
        );
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
            "pics/a.png: is none of JPEG, PNG, WebP, BMP, TIFF, GIF and PNM, whatever its name says"
        );
        assert!(error(b"\0\0\x01\0\x01\0").contains("is of the format ICO; only JPEG, PNG"));
        assert!(
            decode(Path::new("/no/such.png"))
                .unwrap_err()
                .to_string()
                .starts_with("cannot read /no/such.png")
        );
    }
}
