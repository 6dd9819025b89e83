//! Contact sheets, for looking at a data set or its augmentation.

use super::{Image, decode};
use crate::error::DataError;
use crate::files;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::io::Write;
use std::path::Path;

/// Pixels between two tiles.
const GAP: usize = 2;
/// Colour between the tiles.
const WHITE: u8 = 255;

/// An RGB image with rows of images side by side on white, enlarged by `scale`. Tiles are as large
/// as the largest image.
///
/// # Errors
/// If the sheet would have more than [`decode::MAX_PIXELS`] pixels.
pub fn contact_sheet(rows: &[Vec<Image>], scale: usize) -> Result<Image, DataError> {
    let scale = scale.max(1);
    let images = || rows.iter().flatten();
    let side = |len: usize| len.saturating_mul(scale);
    let tile_width = side(images().map(|image| image.width).max().unwrap_or(0));
    let tile_height = side(images().map(|image| image.height).max().unwrap_or(0));
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let sheet_side = |tile: usize, count: usize| tile.saturating_add(GAP).saturating_mul(count);
    let width = sheet_side(tile_width, columns).saturating_add(GAP);
    let height = sheet_side(tile_height, rows.len()).saturating_add(GAP);
    let pixels = (width as u64).saturating_mul(height as u64);
    if pixels > decode::MAX_PIXELS {
        let bytes = pixels.saturating_mul(3);
        let limit = decode::MAX_PIXELS;
        let reason = format!(
            "would have {width}x{height} pixels ({bytes} bytes), more than the {limit} that are allowed; draw fewer images"
        );
        return Err(DataError::image("the contact sheet", reason));
    }
    let mut sheet = Image {
        width,
        height,
        channels: 3,
        pixels: vec![WHITE; width * height * 3],
    };
    for (row, images) in rows.iter().enumerate() {
        for (column, image) in images.iter().enumerate() {
            let top = GAP + row * (tile_height + GAP);
            let left = GAP + column * (tile_width + GAP);
            draw(&mut sheet, image, top, left, scale);
        }
    }
    Ok(sheet)
}

fn draw(sheet: &mut Image, image: &Image, top: usize, left: usize, scale: usize) {
    let image = image.rgb();
    for y in 0..image.height * scale {
        for x in 0..image.width * scale {
            let from = (y / scale * image.width + x / scale) * 3;
            let to = ((top + y) * sheet.width + left + x) * 3;
            sheet.pixels[to..to + 3].copy_from_slice(&image.pixels[from..from + 3]);
        }
    }
}

/// Writes a PNG file atomically.
///
/// # Errors
/// If `path` cannot be written.
pub fn write_png(path: &Path, image: &Image) -> Result<(), DataError> {
    let bytes = encode_png(image).map_err(|reason| DataError::file(path, reason))?;
    let mut file = files::begin(path)?;
    file.write_all(&bytes)
        .map_err(DataError::io("write", path))?;
    files::finish(file, path)
}

pub(super) fn encode_png(image: &Image) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let (width, height) = (image.width as u32, image.height as u32);
    PngEncoder::new(&mut bytes)
        .write_image(&image.pixels, width, height, sample_layout(image))
        .map_err(|error| format!("cannot be encoded as PNG: {error}"))?;
    Ok(bytes)
}

/// The image crate's name for grey and RGB.
pub(super) fn sample_layout(image: &Image) -> ExtendedColorType {
    match image.channels {
        1 => ExtendedColorType::L8,
        _ => ExtendedColorType::Rgb8,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::image::decode::decode;

    fn dot(channels: usize, pixels: &[u8]) -> Image {
        Image {
            width: 1,
            height: 1,
            channels,
            pixels: pixels.to_vec(),
        }
    }

    #[test]
    fn tiles_are_scaled_and_apart() {
        let sheet = contact_sheet(
            &[vec![dot(1, &[7]), dot(3, &[1, 2, 3])], vec![dot(1, &[9])]],
            2,
        )
        .unwrap();
        assert_eq!((sheet.width, sheet.height, sheet.channels), (10, 10, 3));
        let pixel = |x: usize, y: usize| &sheet.pixels[(y * 10 + x) * 3..][..3];
        assert_eq!(pixel(0, 0), [255; 3]);
        assert_eq!(pixel(3, 3), [7; 3]);
        assert_eq!(pixel(6, 2), [1, 2, 3]);
        assert_eq!(pixel(2, 7), [9; 3]);
        assert_eq!(pixel(6, 6), [255; 3]);
        assert_eq!(contact_sheet(&[], 1).unwrap().pixels.len(), 2 * 2 * 3);
    }

    #[test]
    fn a_sheet_that_is_too_large_is_refused_with_its_bytes() {
        let error = contact_sheet(&[vec![dot(1, &[7])], vec![]], 50_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the contact sheet: would have 50004x100006 pixels (15002100072 bytes), more than the 178956970 that are allowed; draw fewer images"
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sheet.png");
        let sheet = contact_sheet(&[vec![dot(3, &[1, 2, 3])]], 3).unwrap();
        write_png(&path, &sheet).unwrap();
        assert_eq!(decode(&path).unwrap(), sheet);
        let nowhere = dir.path().join("no/folder/a.png");
        let error = write_png(&nowhere, &sheet).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot write") && error.contains("a.png"),
            "{error}"
        );
    }
}
