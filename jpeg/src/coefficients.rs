//! Files of several scans, sequential or progressive: the coefficients of the whole image are kept
//! until the last scan has been read.

use crate::bits::{Bits, Bytes};
use crate::frame::{Coding, Component, Frame, SIDE};
use crate::header::{Header, Scan, next_scan};
use crate::idct::{self, LANES};
use crate::plane::Plane;
use crate::progressive::{Channel, Pass};
use crate::scan::{ZIGZAG, damaged};
use crate::segments::Segments;
use crate::tables::Tables;
use crate::{JpegError, Rect};
use multiversion::multiversion;

/// The coefficients of a block, in zigzag order.
pub(crate) type Block = [i16; 64];

/// Bytes that the coefficients of a file may take.
const MAX_BYTES: u64 = 384 << 20;
/// Scans that a file may have; encoders write up to 20.
const MAX_SCANS: usize = 500;
/// Coefficients that libjpeg would smooth if they are incomplete.
const SMOOTHED: usize = 10;
/// The lowest bit of a coefficient that no scan has had.
const UNKNOWN: u32 = u32::MAX;

/// The coefficients of an image.
pub(crate) struct Coefficients(Vec<Stored>);

/// The coefficients of a component.
struct Stored {
    blocks: Vec<Block>,
    /// Blocks of a row, with those that pad it to whole minimum coded units.
    stride: usize,
    /// Blocks with samples of the image, across and down.
    size: (usize, usize),
    /// The table in force at the component's first scan.
    quantization: Option<[i32; 64]>,
    /// For each coefficient, its lowest bit in the scans so far.
    lowest: [u32; 64],
}

impl Coefficients {
    /// Reads all scans of a file.
    pub(crate) fn read(header: &Header<'_>) -> Result<Self, JpegError> {
        let frame = &header.frame;
        let mut image = Self::new(frame)?;
        let mut tables = header.tables.clone();
        let mut scan = header.scan.clone();
        let mut segments = Segments::after(header.data);
        for _ in 0..MAX_SCANS {
            let bytes = Bytes::new(segments.rest());
            image.read_scan(frame, &tables, &scan, &bytes)?;
            segments.advance(bytes.len);
            match next_scan(&mut segments, &mut tables, frame)? {
                Some(next) => scan = next,
                None => return image.complete(frame),
            }
        }
        Err(JpegError::unsupported(format!(
            "of more than {MAX_SCANS} scans"
        )))
    }

    fn new(frame: &Frame) -> Result<Self, JpegError> {
        let (across, down) = frame.units();
        let units = (across * down) as u64;
        let blocks = |c: &Component| units * (c.across * c.down) as u64;
        let bytes = size_of::<Block>() as u64 * frame.components.iter().map(blocks).sum::<u64>();
        if bytes > MAX_BYTES {
            return Err(JpegError::TooLarge {
                bytes,
                limit: MAX_BYTES,
            });
        }
        let stored = |c: &Component| Stored {
            blocks: vec![[0; 64]; units as usize * c.across * c.down],
            stride: across * c.across,
            size: frame.blocks(c),
            quantization: None,
            lowest: [UNKNOWN; 64],
        };
        Ok(Self(frame.components.iter().map(stored).collect()))
    }

    fn read_scan(
        &mut self,
        frame: &Frame,
        tables: &Tables,
        scan: &Scan,
        bytes: &Bytes,
    ) -> Result<(), JpegError> {
        for scanned in &scan.components {
            let stored = &mut self.0[scanned.index];
            if stored.quantization.is_none() {
                let table = frame.components[scanned.index].quantization;
                stored.quantization = Some(*tables.quantizer(table)?);
            }
            let is_repeated = stored.lowest[0] != UNKNOWN;
            if is_repeated && frame.coding == Coding::Sequential {
                return Err(JpegError::damaged("two scans have the same component"));
            }
            match frame.coding {
                Coding::Sequential => stored.lowest.fill(0),
                Coding::Progressive => stored.lowest[scan.first..=scan.last].fill(scan.low),
            }
        }
        let pass = Pass::new(frame.coding, scan);
        let channels = scan.components.iter();
        let channels = channels.map(|scanned| Channel::new(pass, *scanned, tables));
        let mut channels = channels.collect::<Result<Vec<_>, _>>()?;
        match (&scan.components[..], &mut channels[..]) {
            ([only], [channel]) => {
                let stored = &mut self.0[only.index];
                stored.read_alone(pass, channel, tables.restart, bytes)
            }
            _ => self.read_units(frame, pass, &mut channels, tables.restart, bytes),
        }
        .ok_or_else(damaged)
    }

    /// Reads a scan of several components: units of blocks of all.
    fn read_units(
        &mut self,
        frame: &Frame,
        pass: Pass,
        channels: &mut [Channel<'_>],
        restart: usize,
        bytes: &Bytes,
    ) -> Option<()> {
        let mut bits = bytes.interval(0)?;
        let (columns, rows) = frame.units();
        for number in 0..columns * rows {
            // Never true without restarts: no positive number is a multiple of 0.
            if number > 0 && number.is_multiple_of(restart) {
                bits = bytes.interval(number / restart)?;
                channels.iter_mut().for_each(Channel::restart);
            }
            let (row, column) = (number / columns, number % columns);
            for channel in &mut *channels {
                let Component { across, down, .. } = frame.components[channel.index];
                let stored = &mut self.0[channel.index];
                for block in 0..across * down {
                    let x = column * across + block % across;
                    let y = row * down + block / across;
                    let block = &mut stored.blocks[y * stored.stride + x];
                    channel.read(pass, &mut bits, block)?;
                }
            }
            check_end(&bits)?;
        }
        Some(())
    }

    /// The image, if nothing is missing.
    fn complete(self, frame: &Frame) -> Result<Self, JpegError> {
        let mut components = frame.components.iter().zip(&self.0);
        if let Some((component, _)) = components.find(|(_, c)| c.lowest[0] == UNKNOWN) {
            let reason = format!("no scan has its component {}", component.id);
            return Err(JpegError::damaged(reason));
        }
        let is_incomplete = |stored: &Stored| stored.lowest[1..SMOOTHED].iter().any(|&low| low > 0);
        if frame.coding == Coding::Progressive && self.0.iter().any(is_incomplete) {
            return Err(JpegError::unsupported(
                "whose scans do not have all bits of its coefficients (libjpeg would smooth it)",
            ));
        }
        Ok(self)
    }

    /// The samples of all components in a region.
    pub(crate) fn planes(&self, frame: &Frame, region: Rect) -> Vec<Plane> {
        let components = frame.components.iter().zip(&self.0);
        let plane = |(component, stored): (&Component, &Stored)| {
            let mut plane = Plane::new(component, frame, region);
            transform(stored, &mut plane);
            plane
        };
        components.map(plane).collect()
    }
}

impl Stored {
    /// Reads a scan of this component alone: its blocks within the image.
    fn read_alone(
        &mut self,
        pass: Pass,
        channel: &mut Channel<'_>,
        restart: usize,
        bytes: &Bytes,
    ) -> Option<()> {
        let mut bits = bytes.interval(0)?;
        let (columns, rows) = self.size;
        for number in 0..columns * rows {
            if number > 0 && number.is_multiple_of(restart) {
                bits = bytes.interval(number / restart)?;
                channel.restart();
            }
            let (row, column) = (number / columns, number % columns);
            channel.read(
                pass,
                &mut bits,
                &mut self.blocks[row * self.stride + column],
            )?;
            check_end(&bits)?;
        }
        Some(())
    }
}

/// `None` if more bits were read than there are.
fn check_end(bits: &Bits<'_>) -> Option<()> {
    (!bits.overrun()).then_some(())
}

/// Transforms the coefficients of a plane's blocks to its samples.
#[multiversion(targets = "simd")]
fn transform(stored: &Stored, plane: &mut Plane) {
    let quantization = stored.quantization.unwrap_or([0; 64]);
    let blocks = plane.blocks;
    let across = blocks.right() - blocks.left;
    for y in blocks.top..blocks.bottom() {
        let row = &stored.blocks[y * stored.stride + blocks.left..][..across];
        for (number, group) in row.chunks(LANES).enumerate() {
            let mut coefficients = [[0; LANES]; 64];
            for (lane, block) in group.iter().enumerate() {
                for k in 0..64 {
                    let value = i32::from(block[k]).wrapping_mul(quantization[k]);
                    coefficients[usize::from(ZIGZAG[k])][lane] = value;
                }
            }
            let samples = idct::blocks(&coefficients);
            let start = (y - blocks.top) * plane.stride * SIDE + number * LANES * SIDE;
            for (lane, block) in samples.iter().take(group.len()).enumerate() {
                plane.write(start + lane * SIDE, block);
            }
        }
    }
}
