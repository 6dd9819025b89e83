//! Upsampling of chroma.
//!
//! By a factor of 2, this is libjpeg's "fancy" (triangle) upsampling: in each subsampled direction,
//! a pixel is three parts the sample that it lies in and one part the nearer neighbour. Halves are
//! rounded up and down in turn. By other factors, samples are repeated.

use crate::plane::Plane;

/// Upsamples the rows of a plane, with reused buffers.
#[derive(Debug)]
pub(crate) struct Upsampler {
    /// Samples of a row (times four where two rows are interpolated), with a neighbour on each
    /// side.
    mixed: Vec<i16>,
    /// Pixels, with an extra one on each side where the region begins or ends in the middle of a
    /// sample.
    pixels: Vec<u8>,
}

impl Upsampler {
    pub(crate) const fn new() -> Self {
        Self {
            mixed: Vec::new(),
            pixels: Vec::new(),
        }
    }

    /// The pixels `left..left + width` of row `y`.
    #[inline(always)]
    pub(crate) fn row<'a>(
        &'a mut self,
        plane: &'a Plane,
        y: usize,
        left: usize,
        width: usize,
    ) -> &'a [u8] {
        match (plane.across, plane.down) {
            (1, 1) => plane.row(y, left, width),
            (1, 2) => self.between_rows(plane, y, left, width),
            // Narrower planes have no neighbours on both sides.
            (2, down @ 1..=2) if plane.width() > 2 => {
                self.between_columns(plane, down, y, left, width)
            }
            _ => self.repeated(plane, y, left, width),
        }
    }

    /// Vertical upsampling alone.
    #[inline(always)]
    fn between_rows(&mut self, plane: &Plane, y: usize, left: usize, width: usize) -> &[u8] {
        let (near, far) = neighbours(y);
        let (near, far) = (plane.row(near, left, width), plane.row(far, left, width));
        let half = 1 + (y % 2) as u16;
        let pairs = near.iter().zip(far);
        let pixel = |(&a, &b): (&u8, &u8)| ((3 * u16::from(a) + u16::from(b) + half) >> 2) as u8;
        self.pixels.clear();
        self.pixels.extend(pairs.map(pixel));
        &self.pixels
    }

    /// Horizontal upsampling, and vertical upsampling if `down` is 2.
    #[inline(always)]
    fn between_columns(
        &mut self,
        plane: &Plane,
        down: usize,
        y: usize,
        left: usize,
        width: usize,
    ) -> &[u8] {
        let (first, last) = (left / 2, (left + width - 1) / 2);
        let start = first.saturating_sub(1);
        let samples = |y| plane.row(y, start, last + 2 - start);
        self.mixed.clear();
        // The outermost sample is repeated beyond an edge.
        self.mixed.extend((first == 0).then_some(0));
        if down == 1 {
            self.mixed.extend(samples(y).iter().map(|&a| i16::from(a)));
        } else {
            let (near, far) = neighbours(y);
            let pairs = samples(near).iter().zip(samples(far));
            self.mixed
                .extend(pairs.map(|(&a, &b)| 3 * i16::from(a) + i16::from(b)));
        }
        if first == 0 {
            self.mixed[0] = self.mixed[1];
        }
        let count = last - first + 1;
        let outermost = self.mixed[self.mixed.len() - 1];
        self.mixed.resize(count + 2, outermost);
        self.pixels.resize(2 * count, 0);
        match down {
            1 => between::<1, 2, 2>(&self.mixed, &mut self.pixels),
            _ => between::<8, 7, 4>(&self.mixed, &mut self.pixels),
        }
        &self.pixels[left % 2..][..width]
    }

    fn repeated(&mut self, plane: &Plane, y: usize, left: usize, width: usize) -> &[u8] {
        let across = plane.across;
        let (first, last) = (left / across, (left + width - 1) / across);
        let samples = plane.row(y / plane.down, first, last + 1 - first);
        self.pixels.clear();
        self.pixels
            .extend((left..left + width).map(|x| samples[x / across - first]));
        &self.pixels
    }
}

/// The row of samples that row `y` of pixels lies in, and the nearer one beside it.
fn neighbours(y: usize) -> (usize, usize) {
    let near = y / 2;
    let far = if y.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        near + 1
    };
    (near, far)
}

/// Two pixels for each inner sample; `LEFT` and `RIGHT` are added before the shift, for rounding.
#[inline(always)]
fn between<const LEFT: i16, const RIGHT: i16, const SHIFT: u32>(
    samples: &[i16],
    pixels: &mut [u8],
) {
    let (pairs, _) = pixels.as_chunks_mut::<2>();
    let (before, after) = (&samples[..pairs.len()], &samples[2..][..pairs.len()]);
    let samples = &samples[1..][..pairs.len()];
    for (i, pair) in pairs.iter_mut().enumerate() {
        let most = 3 * samples[i];
        *pair = [
            ((most + before[i] + LEFT) >> SHIFT) as u8,
            ((most + after[i] + RIGHT) >> SHIFT) as u8,
        ];
    }
}
