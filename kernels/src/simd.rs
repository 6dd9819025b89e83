//! Arithmetic that the compiler turns into vector instructions.
//!
//! Everything here is inlined into functions that `multiversion` compiles once per instruction set.

pub(crate) mod math;
pub(crate) mod reduce;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

/// Floats per vector: one AVX-512 register, two of AVX2, four of NEON.
pub(crate) const LANES: usize = 16;

/// One vector.
pub(crate) type Lanes = [f32; LANES];

/// Loads the vector that begins at `values[at]`.
#[inline(always)]
pub(crate) fn load(values: &[f32], at: usize) -> Lanes {
    let mut lanes = [0.0; LANES];
    lanes.copy_from_slice(&values[at..at + LANES]);
    lanes
}

/// `a b + c`, fused if `FMA` says that the instruction set has it; without the instruction
/// `mul_add` is a slow call of the C library.
#[inline(always)]
pub(crate) fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// True if a vector fits one register and there are 32 of them (AVX-512).
#[multiversion(targets("x86_64+avx+avx2+avx512bw+avx512cd+avx512dq+avx512f+avx512vl+fma"))]
pub(crate) fn has_wide_registers() -> bool {
    target_cfg_f!(target_feature = "avx512f")
}
