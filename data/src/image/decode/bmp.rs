//! BMP, by the rules of Pillow: 1, 4, 8, 16, 24 and 32 bits, with bit fields, run lengths, and either
//! order of rows.

use super::palette::{Palette, unpack};
use super::size;
use crate::image::Image;

/// Length of the file header.
const FILE_HEADER: usize = 14;
/// Length of the header of OS/2.
const OS2: usize = 12;
const INFO_HEADER: usize = 40;

/// The ways in which pixels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    RunLength8,
    RunLength4,
    BitFields,
}

/// The conversion of a stored pixel to red, green and blue.
type Convert = fn(&[u8]) -> [u8; 3];

/// The fields of the headers.
struct Header {
    width: usize,
    height: usize,
    is_top_down: bool,
    bits: usize,
    compression: Compression,
    /// Number of colours of the palette.
    colours: usize,
    /// Bytes of a colour.
    colour_len: usize,
    /// Bit masks of red, green and blue.
    masks: [u32; 3],
    /// Position after the header and the masks.
    end: usize,
    /// Position of the pixels.
    data: usize,
}

/// Decodes the image.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let header = Header::read(bytes)?;
    let data = bytes.get(header.data..).unwrap_or_default();
    let (channels, mut pixels) = match header.bits {
        1 | 4 | 8 => header.indexed(bytes, data)?,
        _ => (3, header.direct(data)?),
    };
    let row = header.width * channels;
    if !header.is_top_down {
        let rows = pixels.chunks_exact(row).rev();
        pixels = rows.flatten().copied().collect();
    }
    Ok(Image {
        width: header.width,
        height: header.height,
        channels,
        pixels,
    })
}

fn truncated() -> String {
    "is a truncated BMP file".to_owned()
}

fn unsupported(what: impl std::fmt::Display) -> String {
    format!("is a BMP file {what}, which is not read; convert it")
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, String> {
    let number = bytes.get(at..).and_then(|rest| rest.first_chunk());
    number
        .copied()
        .map(u16::from_le_bytes)
        .ok_or_else(truncated)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, String> {
    let number = bytes.get(at..).and_then(|rest| rest.first_chunk());
    number
        .copied()
        .map(u32::from_le_bytes)
        .ok_or_else(truncated)
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let length = u32_at(bytes, FILE_HEADER)? as usize;
        let mut header = match length {
            OS2 => Self::read_os2(bytes)?,
            40 | 52 | 56 | 64 | 108 | 124 => Self::read_windows(bytes, length)?,
            _ => return Err(unsupported(format_args!("with a header of {length} bytes"))),
        };
        if header.colours == 0 {
            header.colours = 1 << header.bits.min(16);
        }
        header.data = u32_at(bytes, 10)? as usize;
        // Some programs do not count the palette.
        if header.data == FILE_HEADER + length && header.bits <= 8 {
            header.data += header.colour_len * header.colours;
        } else if header.data == 0 {
            let palette = if header.bits <= 8 { header.colours } else { 0 };
            header.data = header.end + header.colour_len * palette;
        }
        header.check()
    }

    fn read_os2(bytes: &[u8]) -> Result<Self, String> {
        let field = |at| u16_at(bytes, FILE_HEADER + at).map(u64::from);
        let (width, height) = size::checked(field(4)?, field(6)?, 4)?;
        Ok(Self {
            width,
            height,
            is_top_down: false,
            bits: field(10)? as usize,
            compression: Compression::None,
            colours: 0,
            colour_len: 3,
            masks: [0; 3],
            end: FILE_HEADER + OS2,
            data: 0,
        })
    }

    fn read_windows(bytes: &[u8], length: usize) -> Result<Self, String> {
        let field = |at| u32_at(bytes, FILE_HEADER + at);
        let signed = field(8)? as i32;
        let (width, height) = size::checked(field(4)?.into(), signed.unsigned_abs().into(), 4)?;
        let compression = match field(16)? {
            0 => Compression::None,
            1 => Compression::RunLength8,
            2 => Compression::RunLength4,
            3 => Compression::BitFields,
            other => return Err(unsupported(format_args!("with compression {other}"))),
        };
        let mut end = FILE_HEADER + length;
        let mut masks = [0; 3];
        if compression == Compression::BitFields {
            for (number, mask) in masks.iter_mut().enumerate() {
                *mask = field(INFO_HEADER + 4 * number)?;
            }
            end = end.max(FILE_HEADER + INFO_HEADER + 12);
        }
        Ok(Self {
            width,
            height,
            is_top_down: signed < 0,
            bits: usize::from(u16_at(bytes, FILE_HEADER + 14)?),
            compression,
            colours: field(32)? as usize,
            colour_len: 4,
            masks,
            end,
            data: 0,
        })
    }

    /// Refuses what Pillow refuses.
    fn check(self) -> Result<Self, String> {
        let is_run_length =
            [Compression::RunLength8, Compression::RunLength4].contains(&self.compression);
        match (self.bits, self.compression) {
            (1 | 4 | 8, Compression::BitFields) => {
                Err(unsupported("with bit fields and a palette"))
            }
            (1 | 4 | 8, _) if self.colours > 65_536 => Err(format!(
                "is a damaged BMP file: it has {} colours",
                self.colours
            )),
            (1 | 4 | 8 | 16 | 24 | 32, _) if !is_run_length || self.bits <= 8 => Ok(self),
            (bits, _) => Err(unsupported(format_args!("of {bits} bits per pixel"))),
        }
    }

    /// The rows as they are stored, and the bytes of a row.
    fn rows<'a>(&self, data: &'a [u8]) -> Result<(&'a [u8], usize), String> {
        let stride = (self.width * self.bits).div_ceil(32) * 4;
        let rows = data.get(..stride * self.height);
        Ok((rows.ok_or_else(truncated)?, stride))
    }

    /// Pixels with a palette: number of channels and samples.
    fn indexed(&self, bytes: &[u8], data: &[u8]) -> Result<(usize, Vec<u8>), String> {
        let colours = bytes.get(self.end..self.end + self.colour_len * self.colours);
        let colours = colours.ok_or_else(truncated)?.chunks_exact(self.colour_len);
        let colours: Vec<[u8; 3]> = colours.map(|c| [c[2], c[1], c[0]]).collect();
        let indices = match self.compression {
            Compression::RunLength8 => self.run_lengths(data, false)?,
            Compression::RunLength4 => self.run_lengths(data, true)?,
            _ => {
                let (rows, stride) = self.rows(data)?;
                unpack(rows, stride, self.width, self.bits)
            }
        };
        if let Some(greys) = greys(&colours) {
            let grey = |&index: &u8| greys[usize::from(index)];
            return Ok((1, indices.iter().map(grey).collect()));
        }
        Ok((3, Palette::new(colours).colours(&indices)))
    }

    /// Pixels that are colours themselves.
    fn direct(&self, data: &[u8]) -> Result<Vec<u8>, String> {
        let (rows, stride) = self.rows(data)?;
        let bytes = self.bits / 8;
        let convert = self.converter()?;
        let rows = rows.chunks_exact(stride);
        let pixels = rows.flat_map(|row| row.chunks_exact(bytes).take(self.width));
        Ok(pixels.flat_map(convert).collect())
    }

    /// The conversion of a stored pixel to red, green and blue.
    fn converter(&self) -> Result<Convert, String> {
        let has_masks = self.compression == Compression::BitFields;
        let masks = has_masks.then_some(self.masks);
        Ok(match (self.bits, masks) {
            (16, None | Some([0x7C00, 0x3E0, 0x1F])) => |p| short(p, 5),
            (16, Some([0xF800, 0x7E0, 0x1F])) => |p| short(p, 6),
            (24, None | Some([0xFF_0000, 0xFF00, 0xFF]))
            | (32, None | Some([0xFF_0000, 0xFF00, 0xFF] | [0, 0, 0])) => |p| [p[2], p[1], p[0]],
            (32, Some([0xFF00_0000, 0xFF_0000, 0xFF00])) => |p| [p[3], p[2], p[1]],
            (32, Some([0xFF00_0000, 0xFF00, 0xFF])) => |p| [p[3], p[1], p[0]],
            (32, Some([0xFF, 0xFF00, 0xFF_0000])) => |p| [p[0], p[1], p[2]],
            (bits, _) => {
                let [r, g, b] = self.masks;
                let what = format!("of {bits} bits with masks {r:x}, {g:x}, {b:x}");
                return Err(unsupported(what));
            }
        })
    }

    /// Indices that are stored as runs. Those that are skipped are 0.
    fn run_lengths(&self, data: &[u8], is_four_bit: bool) -> Result<Vec<u8>, String> {
        let count = self.width * self.height;
        let mut indices: Vec<u8> = Vec::new();
        let mut at = 0;
        while indices.len() < count {
            let Some(&[run, value]) = data.get(at..).and_then(|rest| rest.first_chunk()) else {
                break;
            };
            at += 2;
            let x = indices.len() % self.width;
            let pair = if is_four_bit {
                [value >> 4, value & 15]
            } else {
                [value; 2]
            };
            match (run, value) {
                // The end of a row.
                (0, 0) => indices.resize(indices.len().next_multiple_of(self.width), 0),
                // The end of the image.
                (0, 1) => break,
                // A step to the right and up.
                (0, 2) => {
                    let Some(&[right, up]) = data.get(at..).and_then(|rest| rest.first_chunk())
                    else {
                        break;
                    };
                    at += 2;
                    let step = usize::from(right) + usize::from(up) * self.width;
                    indices.resize((indices.len() + step).min(count), 0);
                }
                // Pixels without runs, padded to two bytes.
                (0, _) => {
                    let wanted = usize::from(value).min(count - indices.len());
                    let len = if is_four_bit {
                        wanted.div_ceil(2)
                    } else {
                        wanted
                    };
                    let stored = data.get(at..at + len).ok_or_else(truncated)?;
                    if is_four_bit {
                        indices.extend(unpack(stored, len.max(1), wanted, 4));
                    } else {
                        indices.extend_from_slice(stored);
                    }
                    at += len.next_multiple_of(2);
                }
                // A run, which ends with its row.
                _ => {
                    let run = usize::from(run).min(self.width - x);
                    indices.extend(pair.iter().cycle().take(run));
                }
            }
        }
        if indices.len() < count {
            return Err(truncated());
        }
        Ok(indices)
    }
}

/// The samples of a pixel of 16 bits, five each but `green` bits of green.
fn short(pixel: &[u8], green: u32) -> [u8; 3] {
    let value = u32::from(u16::from_le_bytes([pixel[0], pixel[1]]));
    let scaled = |value: u32, bits: u32| {
        let most = (1 << bits) - 1;
        ((value & most) * 255 / most) as u8
    };
    [
        scaled(value >> (5 + green), 5),
        scaled(value >> 5, green),
        scaled(value, 5),
    ]
}

/// The samples of a palette of greys in order, or of black and white.
fn greys(colours: &[[u8; 3]]) -> Option<[u8; 256]> {
    if colours == [[0; 3], [255; 3]] {
        return Some(std::array::from_fn(
            |index| if index == 0 { 0 } else { 255 },
        ));
    }
    let mut numbered = colours.iter().enumerate();
    let is_grey = numbered.all(|(index, colour)| *colour == [index as u8; 3]);
    is_grey.then(|| std::array::from_fn(|index| index as u8))
}
