//! Contact sheets, for looking at a data set or its augmentation.

use super::Image;
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
pub fn contact_sheet(rows: &[Vec<Image>], scale: usize) -> Image {
    let scale = scale.max(1);
    let images = || rows.iter().flatten();
    let tile_width = images().map(|image| image.width).max().unwrap_or(0) * scale;
    let tile_height = images().map(|image| image.height).max().unwrap_or(0) * scale;
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = columns * (tile_width + GAP) + GAP;
    let height = rows.len() * (tile_height + GAP) + GAP;
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
    sheet
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
        );
        assert_eq!((sheet.width, sheet.height, sheet.channels), (10, 10, 3));
        let pixel = |x: usize, y: usize| &sheet.pixels[(y * 10 + x) * 3..][..3];
        assert_eq!(pixel(0, 0), [255; 3]);
        assert_eq!(pixel(3, 3), [7; 3]);
        assert_eq!(pixel(6, 2), [1, 2, 3]);
        assert_eq!(pixel(2, 7), [9; 3]);
        assert_eq!(pixel(6, 6), [255; 3]);
        assert_eq!(contact_sheet(&[], 1).pixels.len(), 2 * 2 * 3);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sheet.png");
        let sheet = contact_sheet(&[vec![dot(3, &[1, 2, 3])]], 3);
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
