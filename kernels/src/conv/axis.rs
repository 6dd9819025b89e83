//! A convolution along one axis, taken apart so that every read is a run of neighbouring numbers.
//!
//! With stride `s`, padding `p` and dilation `d`, output `o` reads input `o s + t d - p` for kernel element `t`. Write
//! `t d = a + s shift` with `a < s`: then it reads `(o + shift) s + (a - p)`, which is number `o + shift` of the *phase*
//! that begins at `a - p` and takes every `s`-th number.
//!
//! For the gradient of the input, number `i` gets from kernel element `t` what output `(i + p - t d) / s` has, if that is
//! a whole number. Let `i = m s + b`: the elements `t` that count depend on the *residue* `b` alone, and each reads output
//! `m + shift` with `shift = (b + p - t d) / s`.
//!
//! So both are: for each residue (one, or `s`) of what is written, a set of kernel elements, each with a phase (one of
//! `s`, or one) and a shift.

/// Phases and residues along one axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// How far apart the numbers of a phase are in what is read.
    pub(super) step: usize,
    /// Where each phase begins; negative or beyond the end means zeros.
    pub(super) phases: Vec<isize>,
    pub(super) residues: Vec<Residue>,
}

/// Every `step`-th number of what is written, beginning at `first`.
#[derive(Clone, Debug)]
pub(super) struct Residue {
    pub(super) first: usize,
    pub(super) step: usize,
    pub(super) count: usize,
    pub(super) taps: Vec<Tap>,
}

/// A kernel element: number `m` of the residue reads number `m + shift` of the phase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) element: usize,
    pub(super) phase: usize,
    pub(super) shift: usize,
}

/// The sizes along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
    pub(super) input: usize,
    pub(super) output: usize,
}

impl Axis {
    /// The output from the input.
    pub(super) fn forward(sizes: Sizes) -> Self {
        let mut phases = Vec::new();
        let tap = |element: usize| {
            let reach = element * sizes.dilation;
            let start = (reach % sizes.stride) as isize - sizes.padding as isize;
            let phase = phases.iter().position(|phase| *phase == start);
            Tap {
                element,
                phase: phase.unwrap_or_else(|| {
                    phases.push(start);
                    phases.len() - 1
                }),
                shift: reach / sizes.stride,
            }
        };
        let taps = (0..sizes.kernel).map(tap).collect();
        Self {
            step: sizes.stride,
            phases,
            residues: vec![Residue {
                first: 0,
                step: 1,
                count: sizes.output,
                taps,
            }],
        }
    }

    /// The gradient of the input from that of the output.
    pub(super) fn input_gradient(sizes: Sizes) -> Self {
        let stride = sizes.stride as isize;
        let shift = |first: usize, element: usize| {
            let at = (first + sizes.padding) as isize - (element * sizes.dilation) as isize;
            (at % stride == 0).then_some(at / stride)
        };
        let residues = 0..sizes.stride.min(sizes.input);
        let least = residues
            .clone()
            .flat_map(|first| (0..sizes.kernel).filter_map(move |element| shift(first, element)))
            .min()
            .unwrap_or(0);
        let residue = |first: usize| Residue {
            first,
            step: sizes.stride,
            count: (sizes.input - first).div_ceil(sizes.stride),
            taps: (0..sizes.kernel)
                .filter_map(|element| {
                    let shift = (shift(first, element)? - least) as usize;
                    Some(Tap {
                        element,
                        phase: 0,
                        shift,
                    })
                })
                .collect(),
        };
        Self {
            step: 1,
            phases: vec![least],
            residues: residues.map(residue).collect(),
        }
    }

    /// The largest shift.
    pub(super) fn reach(&self) -> usize {
        let taps = self.residues.iter().flat_map(|residue| &residue.taps);
        taps.map(|tap| tap.shift).max().unwrap_or(0)
    }

    /// The largest count of a residue.
    pub(super) fn count(&self) -> usize {
        let counts = self.residues.iter().map(|residue| residue.count);
        counts.max().unwrap_or(0)
    }
}
