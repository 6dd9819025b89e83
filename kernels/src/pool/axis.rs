//! Where windows lie along one dimension, and how work on planes is shared out.

use std::ops::Range;

use rayon::prelude::*;

use crate::flex::GRAIN;

/// Windows along the rows or the columns of an image. Tap `k` of window `o` reads place `o * stride + k * dilation -
/// padding`, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Places in the image.
    pub(super) input: usize,
    /// Taps of a window.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
    /// Windows.
    pub(super) output: usize,
}

impl Axis {
    /// None if windows cannot be placed so, or only in a way that PyTorch refuses and where what `ceil_mode` means is for
    /// Burn to say: with padding that whole windows lie in.
    pub(super) fn new(
        input: usize,
        kernel: usize,
        [stride, padding, dilation]: [usize; 3],
        ceil_mode: bool,
    ) -> Option<Self> {
        if kernel == 0 || stride == 0 || dilation == 0 {
            return None;
        }
        let reach = dilation * (kernel - 1) + 1;
        if ceil_mode && padding >= reach {
            return None;
        }
        let output = match (input + 2 * padding).checked_sub(reach) {
            None => usize::from(ceil_mode),
            Some(room) if !ceil_mode => room / stride + 1,
            Some(room) => {
                let last = room.div_ceil(stride);
                // A last window that would begin behind the image is dropped.
                last + usize::from(last * stride < input + padding)
            }
        };
        Some(Self {
            input,
            kernel,
            stride,
            padding,
            dilation,
            output,
        })
    }

    /// The taps of window `o` that are inside.
    pub(super) fn taps(&self, o: usize) -> Range<usize> {
        let start = self
            .padding
            .saturating_sub(o * self.stride)
            .div_ceil(self.dilation);
        let end = (self.input + self.padding).saturating_sub(o * self.stride);
        let end = end.div_ceil(self.dilation).min(self.kernel);
        start.min(end)..end
    }

    /// The windows whose tap `k` is inside.
    pub(super) fn windows(&self, k: usize) -> Range<usize> {
        let tap = k * self.dilation;
        let start = self.padding.saturating_sub(tap).div_ceil(self.stride);
        let end = (self.input + self.padding).saturating_sub(tap);
        let end = end.div_ceil(self.stride).min(self.output);
        start.min(end)..end
    }

    /// The windows that are wholly inside.
    pub(super) fn whole(&self) -> Range<usize> {
        let start = self.windows(0).start;
        let end = self.windows(self.kernel - 1).end;
        start.min(end)..end
    }

    /// What tap `k` of window `o` reads. It must be inside.
    pub(super) fn place(&self, o: usize, k: usize) -> usize {
        o * self.stride + k * self.dilation - self.padding
    }
}

/// Planes that a task takes, when each has about so many numbers: enough to be worth a task, few enough for the cache.
pub(super) fn planes_per_task(numbers: usize) -> usize {
    (2 * GRAIN / numbers.max(1)).max(1)
}

/// Does all tasks, on all threads if there are several.
pub(super) fn in_parallel<T: Send>(tasks: Vec<T>, work: impl Fn(T) + Sync + Send) {
    match tasks.len() {
        0 | 1 => tasks.into_iter().for_each(work),
        _ => tasks.into_par_iter().for_each(work),
    }
}
