//! Vectorised sums. The compiler does not reorder sums of floats, so the partial sums of the lanes
//! are spelled out.

use super::tasks::Sizes;

/// Elements that are summed in `f32`; the partial sums are added in `f64`.
const F32_PARTIAL_LEN: usize = 4096;

/// Partial sums side by side.
const LANES: usize = 32;

/// Floats per vector.
const WIDTH: usize = 16;

/// Partial sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes([f32; LANES]);

impl Lanes {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self([0.0; LANES])
    }

    /// Adds the partial sums, halves onto halves.
    #[inline(always)]
    pub(super) fn total(self) -> f64 {
        let Self(mut lanes) = self;
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] += lanes[i + half];
            }
            half /= 2;
        }
        f64::from(lanes[0])
    }
}

/// Adds the elements to two partial sums, whose sum is that of all elements.
#[inline(always)]
pub(super) fn add_halves(sums: &mut [Lanes; 2], values: &[f32]) {
    let (chunks, rest) = values.as_chunks::<{ 2 * LANES }>();
    for chunk in chunks {
        for i in 0..LANES {
            sums[0].0[i] += chunk[i];
            sums[1].0[i] += chunk[LANES + i];
        }
    }
    add_rest(sums, values, values, rest.len(), |value, _| [value, 0.0]);
}

/// Adds `terms(value)` of each element to the two sums.
#[inline(always)]
pub(super) fn add_each(sums: &mut [Lanes; 2], values: &[f32], terms: impl Fn(f32) -> [f32; 2]) {
    add_pairs(sums, values, values, |value, _| terms(value));
}

/// Adds `terms(a, b)` of each pair of elements to the two sums.
#[inline(always)]
pub(super) fn add_pairs(
    sums: &mut [Lanes; 2],
    a: &[f32],
    b: &[f32],
    terms: impl Fn(f32, f32) -> [f32; 2],
) {
    let (chunks, rest) = a.as_chunks::<LANES>();
    for (a, b) in chunks.iter().zip(b.as_chunks::<LANES>().0) {
        for i in 0..LANES {
            let [first, second] = terms(a[i], b[i]);
            sums[0].0[i] += first;
            sums[1].0[i] += second;
        }
    }
    add_rest(sums, a, b, rest.len(), terms);
}

/// Adds the last `rest` pairs, a vector at a time. The last vector ends with the slice; elements of
/// it that were already added are masked. Planes are short where channels are many, so this
/// matters.
#[inline(always)]
fn add_rest(
    sums: &mut [Lanes; 2],
    a: &[f32],
    b: &[f32],
    rest: usize,
    terms: impl Fn(f32, f32) -> [f32; 2],
) {
    let (chunks, tail) = a[a.len() - rest..].as_chunks::<WIDTH>();
    let (others, other_tail) = b[b.len() - rest..].as_chunks::<WIDTH>();
    for (a, b) in chunks.iter().zip(others) {
        add_vector(sums, a, b, &[u32::MAX; WIDTH], &terms);
    }
    match (a.last_chunk(), b.last_chunk()) {
        _ if tail.is_empty() => {}
        (Some(a), Some(b)) => {
            if let Some(counts) = TAIL_MASKS[tail.len()..].first_chunk() {
                add_vector(sums, a, b, counts, &terms);
            }
        }
        _ => {
            for (a, b) in tail.iter().zip(other_tail) {
                let [first, second] = terms(*a, *b);
                sums[0].0[0] += first;
                sums[1].0[0] += second;
            }
        }
    }
}

/// The vector of it that begins at `k` masks all lanes but the last `k`.
const TAIL_MASKS: [u32; 2 * WIDTH] = {
    let mut counts = [0; 2 * WIDTH];
    let mut i = WIDTH;
    while i < 2 * WIDTH {
        counts[i] = u32::MAX;
        i += 1;
    }
    counts
};

/// Adds the terms that are not masked.
#[inline(always)]
fn add_vector(
    sums: &mut [Lanes; 2],
    a: &[f32; WIDTH],
    b: &[f32; WIDTH],
    counts: &[u32; WIDTH],
    terms: impl Fn(f32, f32) -> [f32; 2],
) {
    for i in 0..WIDTH {
        let [first, second] = terms(a[i], b[i]);
        sums[0].0[i] += f32::from_bits(first.to_bits() & counts[i]);
        sums[1].0[i] += f32::from_bits(second.to_bits() & counts[i]);
    }
}

impl Sizes {
    /// Size of the pieces of a channel: images, and elements of each.
    #[inline(always)]
    pub(super) fn piece(&self) -> [usize; 2] {
        let plane = self.plane.max(1);
        [(F32_PARTIAL_LEN / plane).max(1), plane.min(F32_PARTIAL_LEN)]
    }
}
