//! Work on rows, in pieces of whole rows that are as large as those of [`for_each_chunk`](super::for_each_chunk).

use rayon::prelude::*;

use super::{Array, Buffer, GRAIN};

/// Calls `work` with each piece of several outputs of the same length, and the index of its first number.
pub(crate) fn for_each_piece<const N: usize>(
    outputs: [&mut [f32]; N],
    work: impl Fn(usize, [&mut [f32]; N]) + Sync,
) {
    fn halve<const N: usize>(
        start: usize,
        outputs: [&mut [f32]; N],
        work: &(impl Fn(usize, [&mut [f32]; N]) + Sync),
    ) {
        let pieces = outputs[0].len().div_ceil(GRAIN);
        if pieces <= 1 {
            return work(start, outputs);
        }
        let middle = pieces / 2 * GRAIN;
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

/// How many rows of `width` numbers make a piece: at least one.
pub(crate) fn rows_in_piece(width: usize) -> usize {
    (GRAIN / width.max(1)).max(1)
}

/// Calls `work` with each piece of the rows of `out`, each of `width` numbers, and the index of its first row.
pub(crate) fn for_each_rows(
    out: &mut [f32],
    width: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    collect_rows(out, width, work);
}

/// Calls `work` with each piece of `rows` rows of two outputs, of which each has its own width, and the index of its first
/// row.
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
        .for_each(|(piece, (first, second))| work(piece * rows, first, second));
}

/// Changes the rows of `array`, piece by piece: in place if nobody else has them, otherwise in a copy that is made along
/// the way. `work` gets the index of the first row of a piece; what it returns is collected in the order of the rows.
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
    let rows = rows_in_piece(width);
    out.par_chunks_mut(rows * width)
        .enumerate()
        .map(|(piece, out)| work(piece * rows, out))
        .collect()
}

/// The sum of all rows of `width` numbers, each column added up in the order of the rows.
pub(crate) fn sum_of_rows(values: &[f32], width: usize) -> Buffer {
    const COLS: usize = 128;
    let mut sums = Buffer::zeros(width);
    let add_up = |start: usize, sums: &mut [f32]| {
        for row in values.chunks_exact(width.max(1)) {
            for (sum, value) in sums.iter_mut().zip(&row[start..]) {
                *sum += value;
            }
        }
    };
    match values.len() <= GRAIN {
        true => add_up(0, &mut sums),
        false => {
            let parts = sums.par_chunks_mut(COLS).enumerate();
            parts.for_each(|(part, sums)| add_up(part * COLS, sums));
        }
    }
    sums
}

/// Changes the numbers of `array`, piece by piece: in place if nobody else has them, otherwise in a copy that is made
/// along the way. `work` gets the index of the first number of a piece.
pub(crate) fn update(array: Array, work: impl Fn(usize, &mut [f32]) + Sync) -> Array {
    update_rows(array, 1, work).0
}
