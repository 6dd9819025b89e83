//! Preparation of images for a shard: verified, and downscaled if necessary.

use crate::error::DataError;
use crate::image::{Image, ImageDataset, Interpolation, Resize, contact_sheet, decode};
use crate::loader::Source;
use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;
use std::sync::Arc;

/// Longest file stem in a key: a tar header has 100 bytes for the name, with its number and
/// extension.
const LONGEST_STEM: usize = 64;

/// An image of a shard.
pub(super) struct Member {
    /// Name in the shard, without dots.
    pub(super) key: String,
    pub(super) extension: &'static str,
    pub(super) file: Vec<u8>,
    pub(super) label: usize,
}

/// Makes [`Member`]s. It is a [`Source`], so that the loader runs it on threads and in order. An
/// unusable image is returned as an error, which the writer counts.
pub(super) struct Encoder {
    pub(super) dataset: Arc<ImageDataset>,
    pub(super) max_side: Option<usize>,
    pub(super) quality: u8,
}

impl Source for Encoder {
    type Item = (usize, Result<Member, DataError>);
    type Batch = Vec<Self::Item>;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn name(&self, index: usize) -> String {
        self.dataset.name(index)
    }

    fn item(&self, _: u64, index: usize) -> Result<Self::Item, DataError> {
        Ok((index, self.member(index)))
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<Self::Item>) -> Self::Batch {
        items
    }
}

impl Encoder {
    fn member(&self, index: usize) -> Result<Member, DataError> {
        let name = self.dataset.name(index);
        let stored = self.dataset.file(index)?;
        let image = match &stored {
            Some(bytes) => decode::decode_bytes(bytes, &name)?,
            None => self.dataset.decode(index)?,
        };
        let jpeg = stored.as_deref().is_some_and(decode::is_jpeg);
        let too_large = self
            .max_side
            .filter(|&side| image.width.max(image.height) > side);
        let file = match (stored, too_large) {
            (Some(bytes), None) => Ok(bytes),
            (_, None) => contact_sheet::encode_png(&image),
            (_, Some(side)) => {
                let scaled = scale_down(image, side)?;
                if jpeg {
                    encode_jpeg(&scaled, self.quality)
                } else {
                    contact_sheet::encode_png(&scaled)
                }
            }
        };
        let file = file.map_err(|reason| DataError::image(&name, reason))?;
        Ok(Member {
            key: key(index, &name),
            extension: extension(&file),
            file,
            label: self.dataset.label(index),
        })
    }
}

/// Extension of an image file, by its content.
fn extension(file: &[u8]) -> &'static str {
    match image::guess_format(file) {
        Ok(ImageFormat::Pnm) => "pnm",
        Ok(format) => format.extensions_str().first().copied().unwrap_or("png"),
        Err(_) => "png",
    }
}

/// Scales down to at most `side` pixels on the longer side, and at least one on the shorter.
fn scale_down(image: Image, side: usize) -> Result<Image, DataError> {
    let (short, long) = (image.width.min(image.height), image.width.max(image.height));
    let resize = Resize {
        size: (short * side / long).max(1),
        exact: false,
        interpolation: Interpolation::Bilinear,
    };
    resize.apply(image)
}

fn encode_jpeg(image: &Image, quality: u8) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let (width, height) = (image.width as u32, image.height as u32);
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(
            &image.pixels,
            width,
            height,
            contact_sheet::sample_layout(image),
        )
        .map_err(|error| format!("cannot be encoded as JPEG: {error}"))?;
    Ok(bytes)
}

/// Key of an image: its index makes it unique, the file's stem makes it readable.
fn key(index: usize, name: &str) -> String {
    let file = name.rsplit(['/', '\\', ' ']).next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let stem: String = stem.chars().take(LONGEST_STEM).map(plain).collect();
    format!("{index:08}-{stem}")
}
