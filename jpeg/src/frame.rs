//! The frame: size, coding and components of the image.

use crate::JpegError;

/// Samples along a side of a block.
pub(crate) const SIDE: usize = 8;
/// The largest sampling factor.
const MAX_FACTOR: u8 = 4;

/// The order in which the coefficients are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// All coefficients of a block at once.
    Sequential,
    /// Some coefficients, and some of their bits, in each scan.
    Progressive,
}

/// Grey, or one of several colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Sampling factors: blocks in a minimum coded unit, across and down.
    pub(crate) across: usize,
    pub(crate) down: usize,
    /// Index of its quantisation table.
    pub(crate) quantization: usize,
}

/// The frame header (T.81, B.2.2).
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) coding: Coding,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// 1, 3 or 4.
    pub(crate) components: Vec<Component>,
    /// The largest sampling factors, across and down.
    pub(crate) most: (usize, usize),
}

impl Frame {
    /// Reads the content of the segment of marker `kind`.
    pub(crate) fn read(kind: u8, content: &[u8]) -> Result<Self, JpegError> {
        let coding = coding(kind)?;
        let cut = || JpegError::damaged("its frame header is cut short");
        let &[precision, h1, h0, w1, w0, count] = content.first_chunk().ok_or_else(cut)?;
        let count = usize::from(count);
        if precision != 8 {
            let what = format!("of {precision} bits per sample (only 8 are read)");
            return Err(JpegError::unsupported(what));
        }
        if content.len() != 6 + 3 * count {
            return Err(cut());
        }
        if ![1, 3, 4].contains(&count) {
            return Err(JpegError::unsupported(format!("of {count} components")));
        }
        let mut components = Vec::with_capacity(count);
        for component in content[6..].chunks_exact(3) {
            components.push(Component::read(component)?);
        }
        if let [only] = &mut components[..] {
            // A scan of one component has one block per unit, whatever its factors.
            (only.across, only.down) = (1, 1);
        }
        let most = |factor: fn(&Component) -> usize| components.iter().map(factor).max();
        let most = (
            most(|c| c.across).unwrap_or(1),
            most(|c| c.down).unwrap_or(1),
        );
        let frame = Self {
            coding,
            width: usize::from(u16::from_be_bytes([w1, w0])),
            height: usize::from(u16::from_be_bytes([h1, h0])),
            components,
            most,
        };
        frame.check_factors()?;
        Ok(frame)
    }

    /// libjpeg refuses factors that are not whole numbers as well.
    fn check_factors(&self) -> Result<(), JpegError> {
        let (across, down) = self.most;
        for component in &self.components {
            if !across.is_multiple_of(component.across) || !down.is_multiple_of(component.down) {
                let what = format!(
                    "with sampling factors {across}x{down} and {}x{}, whose ratio is no whole number",
                    component.across, component.down
                );
                return Err(JpegError::unsupported(what));
            }
        }
        Ok(())
    }

    /// Number of minimum coded units of a scan of several components, across and down.
    pub(crate) fn units(&self) -> (usize, usize) {
        let (across, down) = self.most;
        (
            self.width.div_ceil(SIDE * across),
            self.height.div_ceil(SIDE * down),
        )
    }

    /// Pixels per sample of a component, across and down.
    pub(crate) fn pixels_per_sample(&self, component: &Component) -> (usize, usize) {
        let (across, down) = self.most;
        (across / component.across, down / component.down)
    }

    /// Number of blocks with samples of a component within the image, across and down.
    pub(crate) fn blocks(&self, component: &Component) -> (usize, usize) {
        let (across, down) = self.pixels_per_sample(component);
        (
            self.width.div_ceil(across).div_ceil(SIDE),
            self.height.div_ceil(down).div_ceil(SIDE),
        )
    }
}

impl Component {
    fn read(bytes: &[u8]) -> Result<Self, JpegError> {
        let (across, down) = (bytes[1] >> 4, bytes[1] & 15);
        let is_factor = |factor| (1..=MAX_FACTOR).contains(&factor);
        if !is_factor(across) || !is_factor(down) {
            let reason = format!("a component has sampling factors {across}x{down}");
            return Err(JpegError::damaged(reason));
        }
        Ok(Self {
            id: bytes[0],
            across: usize::from(across),
            down: usize::from(down),
            quantization: usize::from(bytes[2]),
        })
    }
}

/// True for the marker of a frame.
pub(crate) fn is_frame(kind: u8) -> bool {
    matches!(kind, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7)
}

/// The coding that the marker of a frame names.
fn coding(kind: u8) -> Result<Coding, JpegError> {
    let name = match kind {
        // Baseline and extended.
        0xC0 | 0xC1 => return Ok(Coding::Sequential),
        0xC2 => return Ok(Coding::Progressive),
        0xC9 | 0xCA => {
            return Err(JpegError::unsupported(
                "with arithmetic coding (`jpegtran` changes the coding without loss)",
            ));
        }
        0xC3 | 0xCB => "with lossless coding",
        0xF7 => "of the kind JPEG-LS",
        _ => "with hierarchical coding",
    };
    Err(JpegError::unsupported(name))
}
