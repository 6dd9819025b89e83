//! Work in pieces.

use rayon::prelude::*;

/// Numbers in a piece of element-wise work. Smaller work stays on the calling thread: waking another one costs more than
/// it saves. A piece fits into the caches next to what it is made from.
pub(crate) const GRAIN: usize = 16 * 1024;

/// Calls `work` with each piece of `out` and the index of its first number, on all threads.
pub(crate) fn for_each_chunk(out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    if out.len() <= GRAIN {
        return work(0, out);
    }
    out.par_chunks_mut(GRAIN)
        .enumerate()
        .for_each(|(piece, out)| work(piece * GRAIN, out));
}
