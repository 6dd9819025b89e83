//! Point operations, which map samples through a lookup table, as in Pillow's `ImageOps`.

use crate::image::Image;

/// The new value of each of the 256 samples.
type Table = [u8; 256];

/// Maps every sample through `value`.
pub(super) fn map(mut image: Image, value: impl Fn(u8) -> u8) -> Image {
    let table: Table = std::array::from_fn(|sample| value(sample as u8));
    for sample in &mut image.pixels {
        *sample = table[usize::from(*sample)];
    }
    image
}

/// Maps each channel through a table made from its histogram, unless that is `None`.
fn map_channels(mut image: Image, table: impl Fn(&[usize; 256]) -> Option<Table>) -> Image {
    for channel in 0..image.channels {
        let samples = || (channel..image.pixels.len()).step_by(image.channels);
        let mut histogram = [0; 256];
        for at in samples() {
            histogram[usize::from(image.pixels[at])] += 1;
        }
        if let Some(table) = table(&histogram) {
            for at in samples() {
                image.pixels[at] = table[usize::from(image.pixels[at])];
            }
        }
    }
    image
}

pub(super) fn posterize(image: Image, bits: u8) -> Image {
    let dropped = 8 - u32::from(bits.min(8));
    let mask = 255_u8.checked_shl(dropped).unwrap_or(0);
    map(image, |sample| sample & mask)
}

pub(super) fn solarize(image: Image, threshold: f64) -> Image {
    map(image, |sample| {
        if f64::from(sample) < threshold {
            sample
        } else {
            255 - sample
        }
    })
}

pub(super) fn invert(image: Image) -> Image {
    map(image, |sample| 255 - sample)
}

pub(super) fn auto_contrast(image: Image) -> Image {
    map_channels(image, |histogram| {
        let darkest = histogram.iter().position(|&count| count > 0)?;
        let brightest = histogram.iter().rposition(|&count| count > 0)?;
        if brightest <= darkest {
            return None;
        }
        let scale = 255.0 / (brightest - darkest) as f64;
        let offset = -(darkest as f64) * scale;
        // The cast truncates and saturates at 0 and 255.
        Some(std::array::from_fn(|sample| {
            (sample as f64 * scale + offset) as u8
        }))
    })
}

pub(super) fn equalize(image: Image) -> Image {
    map_channels(image, |histogram| {
        let brightest = histogram.iter().rposition(|&count| count > 0)?;
        let below: usize = histogram[..brightest].iter().sum();
        let step = below / 255;
        if step == 0 {
            return None;
        }
        let mut count = step / 2;
        Some(std::array::from_fn(|sample| {
            let value = (count / step).min(255) as u8;
            count += histogram[sample];
            value
        }))
    })
}
