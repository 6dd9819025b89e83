//! TIFF, by the rules of Pillow: the first image of a file, turned as its orientation says.
//!
//! * [`tags`]: the directory;
//! * [`layout`]: strips and tiles, decompressed and put together;
//! * [`pixels`]: samples to grey or red, green and blue;
//! * [`orientation`].

mod layout;
mod orientation;
mod pixels;
mod tags;

use crate::image::Image;
use image::{DynamicImage, ImageFormat, ImageReader};
use layout::Layout;
use pixels::Kind;
use std::io::Cursor;
use tags::{Tag, Tags};

/// Compression of fax machines (ITU-T T.6), for pixels of one bit.
const GROUP_4: u64 = 4;

/// Decodes the first image.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let tags = Tags::read(bytes)?;
    let kind = Kind::of(&tags)?;
    let layout = Layout::of(&tags, kind.samples, kind.bits)?;
    let image = if layout.compression == GROUP_4 {
        fax(bytes, &kind, &layout)?
    } else if layout.is_jpeg() {
        layout.jpeg(&tags, kind.photometric)?
    } else {
        kind.image(&layout, &layout.samples(&tags)?, &tags)?
    };
    Ok(orientation::turn(image, tags.number(Tag::Orientation, 1)?))
}

/// Decodes black and white.
fn fax(bytes: &[u8], kind: &Kind, layout: &Layout) -> Result<Image, String> {
    if kind.bits != 1 || kind.samples != 1 {
        return Err(unsupported("with a fax compression and more than one bit"));
    }
    let reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Tiff);
    let decoded = reader.decode().map_err(damaged)?;
    let pixels = match decoded {
        DynamicImage::ImageLuma8(image) => image.into_raw(),
        _ => return Err(unsupported("with a fax compression and colours")),
    };
    if pixels.len() != layout.width * layout.height {
        return Err(damaged(
            "it has another number of pixels than its header says",
        ));
    }
    Ok(Image {
        width: layout.width,
        height: layout.height,
        channels: 1,
        pixels,
    })
}

fn damaged(reason: impl std::fmt::Display) -> String {
    format!("is a damaged or truncated TIFF file: {reason}")
}

fn unsupported(what: impl std::fmt::Display) -> String {
    format!("is a TIFF file {what}, which is not read; convert it")
}
