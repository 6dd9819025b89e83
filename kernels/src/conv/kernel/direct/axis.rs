//! A convolution along one axis, rearranged so that all reads are contiguous.
//!
//! With stride `s`, padding `p` and dilation `d`, output `o` reads input `o s + t d - p` for kernel
//! element `t`. Let `t d = a + s shift` with `a < s`. Then it reads `(o + shift) s + (a - p)`,
//! which is element `o + shift` of the *phase* that begins at `a - p` and takes every `s`-th
//! element.
//!
//! In the gradient of the input, element `i` receives from kernel element `t` the gradient of
//! output `(i + p - t d) / s`, if that is an integer. Let `i = m s + b`. The kernel elements that
//! contribute depend on the *residue* `b` alone, and each reads output `m + shift` with
//! `shift = (b + p - t d) / s`.
//!
//! Both are therefore the same: for each residue of the target (1 or `s` of them) a set of kernel
//! elements, each with a phase (one of `s`, or the only one) and a shift.

/// Phases and residues along one axis.
#[derive(Clone, Debug)]
pub(in crate::conv::kernel) struct Axis {
    /// Distance in the source between consecutive elements of a phase.
    pub(in crate::conv::kernel) step: usize,
    /// First element of each phase; negative or beyond the end means zeros.
    pub(in crate::conv::kernel) phases: Vec<isize>,
    pub(in crate::conv::kernel) residues: Vec<Residue>,
}

/// Every `step`-th element of the target, beginning with `first`.
#[derive(Clone, Debug)]
pub(in crate::conv::kernel) struct Residue {
    pub(in crate::conv::kernel) first: usize,
    pub(in crate::conv::kernel) step: usize,
    pub(in crate::conv::kernel) count: usize,
    pub(in crate::conv::kernel) taps: Vec<Tap>,
}

/// A kernel element: element `m` of the residue reads element `m + shift` of the phase.
#[derive(Clone, Copy, Debug)]
pub(in crate::conv::kernel) struct Tap {
    pub(in crate::conv::kernel) element: usize,
    pub(in crate::conv::kernel) phase: usize,
    pub(in crate::conv::kernel) shift: usize,
}

/// Sizes along one axis.
#[derive(Clone, Copy, Debug)]
pub(in crate::conv::kernel) struct Sizes {
    pub(in crate::conv::kernel) kernel: usize,
    pub(in crate::conv::kernel) stride: usize,
    pub(in crate::conv::kernel) padding: usize,
    pub(in crate::conv::kernel) dilation: usize,
    pub(in crate::conv::kernel) input: usize,
    pub(in crate::conv::kernel) output: usize,
}

impl Axis {
    /// For the output, from the input.
    pub(in crate::conv::kernel) fn forward(sizes: Sizes) -> Self {
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

    /// For the gradient of the input, from the gradient of the output.
    pub(in crate::conv::kernel) fn input_gradient(sizes: Sizes) -> Self {
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

    /// Largest shift.
    pub(in crate::conv::kernel) fn reach(&self) -> usize {
        let taps = self.residues.iter().flat_map(|residue| &residue.taps);
        taps.map(|tap| tap.shift).max().unwrap_or(0)
    }

    /// Largest number of elements of a residue.
    pub(in crate::conv::kernel) fn count(&self) -> usize {
        let counts = self.residues.iter().map(|residue| residue.count);
        counts.max().unwrap_or(0)
    }
}
