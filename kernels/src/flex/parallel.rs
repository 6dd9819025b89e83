//! Element-wise and row-wise work in chunks on all threads.

use rayon::prelude::*;

use super::{Array, Buffer};

/// Grain size: floats per chunk of element-wise work. Less work than this stays on the calling
/// thread, because waking another one costs more than it saves. A chunk and its operands fit in the
/// caches. 2048 and 4096 take 1.0 to 1.1 times as long. With 65536 an array of 65536 elements stays
/// on one thread and takes 0.4 (sum) to 0.75 (GELU) of the time; 1 million elements take 0.8 to
/// 1.0.
pub(crate) const GRAIN: usize = 16 * 1024;

/// Calls `work` with each chunk of `out` and the index of its first element, on all threads.
pub(crate) fn for_each_chunk(out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    if out.len() <= GRAIN {
        return work(0, out);
    }
    out.par_chunks_mut(GRAIN)
        .enumerate()
        .for_each(|(chunk, out)| work(chunk * GRAIN, out));
}

/// Calls `work` with each chunk of several outputs of the same length, and the index of its first
/// element.
pub(crate) fn for_each_chunk_of_many<const N: usize>(
    outputs: [&mut [f32]; N],
    work: impl Fn(usize, [&mut [f32]; N]) + Sync,
) {
    fn halve<const N: usize>(
        start: usize,
        outputs: [&mut [f32]; N],
        work: &(impl Fn(usize, [&mut [f32]; N]) + Sync),
    ) {
        let chunks = outputs[0].len().div_ceil(GRAIN);
        if chunks <= 1 {
            return work(start, outputs);
        }
        let middle = chunks / 2 * GRAIN;
        let mut halves = outputs.map(|output| output.split_at_mut(middle));
        let first = halves.each_mut().map(|half| std::mem::take(&mut half.0));
        let second = halves.map(|half| half.1);
        rayon::join(
            || halve(start, first, work),
            || halve(start + middle, second, work),
        );
    }
    halve(0, outputs, &work);
}

/// Rows of `width` elements per chunk, at least one.
pub(crate) fn rows_per_chunk(width: usize) -> usize {
    (GRAIN / width.max(1)).max(1)
}

/// Calls `work` with each chunk of rows of `out`, and the index of its first row. Rows have `width`
/// elements.
pub(crate) fn for_each_rows(
    out: &mut [f32],
    width: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    collect_rows(out, width, work);
}

/// Calls `work` with each chunk of `rows` rows of two outputs with their own widths, and the index
/// of its first row.
pub(crate) fn for_each_rows_of_two(
    rows: usize,
    (first, first_width): (&mut [f32], usize),
    (second, second_width): (&mut [f32], usize),
    work: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
) {
    if first.len() <= rows * first_width {
        return work(0, first, second);
    }
    first
        .par_chunks_mut(rows * first_width)
        .zip(second.par_chunks_mut(rows * second_width))
        .enumerate()
        .for_each(|(chunk, (first, second))| work(chunk * rows, first, second));
}

/// Updates the rows of `array`, chunk by chunk: in place if its memory is not shared, otherwise in
/// a copy that is made on the way. `work` gets the index of the first row of a chunk; its results
/// are returned in the order of the rows.
pub(crate) fn update_rows<T: Send>(
    mut array: Array,
    width: usize,
    work: impl Fn(usize, &mut [f32]) -> T + Sync,
) -> (Array, Vec<T>) {
    if array.is_unique() {
        let results = collect_rows(array.values_mut(), width, work);
        return (array, results);
    }
    let from = array.values();
    let mut out = Buffer::new(from.len());
    let results = collect_rows(&mut out, width, |row, out| {
        out.copy_from_slice(&from[row * width..][..out.len()]);
        work(row, out)
    });
    (Array::new(out, array.shape()), results)
}

fn collect_rows<T: Send>(
    out: &mut [f32],
    width: usize,
    work: impl Fn(usize, &mut [f32]) -> T + Sync,
) -> Vec<T> {
    if out.len() <= GRAIN {
        return vec![work(0, out)];
    }
    let rows = rows_per_chunk(width);
    out.par_chunks_mut(rows * width)
        .enumerate()
        .map(|(chunk, out)| work(chunk * rows, out))
        .collect()
}

/// Sum of all rows of `width` elements; each column is added in the order of the rows.
pub(crate) fn sum_rows(values: &[f32], width: usize) -> Buffer {
    const COLS: usize = 128;
    let mut sums = Buffer::zeros(width);
    let add_up = |start: usize, sums: &mut [f32]| {
        for row in values.chunks_exact(width.max(1)) {
            for (sum, value) in sums.iter_mut().zip(&row[start..]) {
                *sum += value;
            }
        }
    };
    if values.len() <= GRAIN {
        add_up(0, &mut sums);
    } else {
        let parts = sums.par_chunks_mut(COLS).enumerate();
        parts.for_each(|(part, sums)| add_up(part * COLS, sums));
    }
    sums
}

/// Updates the elements of `array`, chunk by chunk: in place if its memory is not shared, otherwise
/// in a copy that is made on the way. `work` gets the index of the first element of a chunk.
pub(crate) fn update(array: Array, work: impl Fn(usize, &mut [f32]) + Sync) -> Array {
    update_rows(array, 1, work).0
}
