//! Positions of windows along one axis, and division of planes between threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::flex::GRAIN;

/// Windows along one axis of an image. Tap `k` of window `o` reads position
/// `o * stride + k * dilation - padding`, if that is inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Positions in the image.
    pub(super) input: usize,
    /// Taps per window.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
    /// Number of windows.
    pub(super) output: usize,
}

impl Axis {
    /// `None` if no window fits, or in a case that PyTorch rejects and where the meaning of
    /// `ceil_mode` is left to Burn: padding as wide as a window.
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
                // A last window that would begin beyond the image is dropped.
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

    /// Taps of window `o` that are inside.
    pub(super) fn taps(&self, o: usize) -> Range<usize> {
        let start = self
            .padding
            .saturating_sub(o * self.stride)
            .div_ceil(self.dilation);
        let end = (self.input + self.padding).saturating_sub(o * self.stride);
        let end = end.div_ceil(self.dilation).min(self.kernel);
        start.min(end)..end
    }

    /// Windows whose tap `k` is inside.
    pub(super) fn windows(&self, k: usize) -> Range<usize> {
        let tap = k * self.dilation;
        let start = self.padding.saturating_sub(tap).div_ceil(self.stride);
        let end = (self.input + self.padding).saturating_sub(tap);
        let end = end.div_ceil(self.stride).min(self.output);
        start.min(end)..end
    }

    /// Windows that are wholly inside.
    pub(super) fn whole(&self) -> Range<usize> {
        let start = self.windows(0).start;
        let end = self.windows(self.kernel - 1).end;
        start.min(end)..end
    }

    /// Position that tap `k` of window `o` reads. It must be inside.
    pub(super) fn position(&self, o: usize, k: usize) -> usize {
        o * self.stride + k * self.dilation - self.padding
    }
}

/// Planes of about `numbers` elements per task: enough to be worth a task, few enough for the
/// cache.
pub(super) fn planes_per_task(numbers: usize) -> usize {
    (2 * GRAIN / numbers.max(1)).max(1)
}

/// Runs all tasks, on all threads if there are several.
pub(super) fn in_parallel<T: Send>(tasks: Vec<T>, work: impl Fn(T) + Sync + Send) {
    match tasks.len() {
        0 | 1 => tasks.into_iter().for_each(work),
        _ => tasks.into_par_iter().for_each(work),
    }
}
