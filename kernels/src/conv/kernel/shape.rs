//! Sizes of a convolution.

use crate::conv::Conv2dOptions;

/// Sizes of a convolution; `input`, `output` and `kernel` are heights and widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConvShape {
    pub(super) batch: usize,
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    pub(super) input: [usize; 2],
    pub(super) output: [usize; 2],
    pub(super) kernel: [usize; 2],
    pub(super) options: Conv2dOptions,
}

impl ConvShape {
    /// `None` if the sizes do not agree; the composition reports the error.
    pub(super) fn new(x: [usize; 4], weight: [usize; 4], options: Conv2dOptions) -> Option<Self> {
        let [batch, in_channels, height, width] = x;
        let [out_channels, group_inputs, rows, cols] = weight;
        let groups = options.groups;
        let fits = groups > 0
            && in_channels == group_inputs * groups
            && out_channels.is_multiple_of(groups)
            && rows > 0
            && cols > 0;
        if !fits {
            return None;
        }
        let output = |axis: usize, input: usize, kernel: usize| {
            let padded = input + 2 * options.padding[axis];
            let window = options.dilation[axis] * (kernel - 1) + 1;
            Some(
                padded
                    .checked_sub(window)?
                    .checked_div(options.stride[axis])?
                    + 1,
            )
        };
        Some(Self {
            batch,
            in_channels,
            out_channels,
            input: [height, width],
            output: [output(0, height, rows)?, output(1, width, cols)?],
            kernel: [rows, cols],
            options,
        })
    }

    /// Pixels of an input channel.
    pub(super) fn input_plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Pixels of an output channel.
    pub(super) fn output_plane(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Elements of the kernel of one channel.
    pub(super) fn kernel_plane(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Input and output channels per group.
    pub(super) fn group_channels(&self) -> [usize; 2] {
        let groups = self.options.groups;
        [self.in_channels / groups, self.out_channels / groups]
    }
}
