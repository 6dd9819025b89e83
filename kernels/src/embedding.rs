//! Embedding lookup.

use burn::tensor::{Int, Tensor, module};

/// Looks up the rows of a table `[count, width]` at indices `[batch, time]`. Returns
/// `[batch, time, width]`.
pub fn embedding(weight: Tensor<2>, indices: Tensor<2, Int>) -> Tensor<3> {
    try_kernel!(kernel::embedding(&weight, &indices));
    module::embedding(weight, indices)
}

#[cfg(feature = "flex")]
mod kernel {
    use std::sync::Arc;

    use burn::tensor::{Int, Tensor};
    use multiversion::multiversion;

    use crate::flex::{Array, Backward, Buffer, array, for_each_rows, indices, track};

    pub(super) fn embedding(weight: &Tensor<2>, ids: &Tensor<2, Int>) -> Option<Tensor<3>> {
        let input = weight.clone().into_dispatch();
        let [count, width] = weight.dims();
        let [batch, time] = ids.dims();
        let (weight, ids) = (array(weight)?, indices(ids)?);
        for &id in &ids {
            assert!(
                id < count,
                "index {} is out of range for {count} rows",
                id.cast_signed()
            );
        }
        let mut output = Buffer::new(ids.len() * width);
        for_each_rows(&mut output, width, |row, output| {
            for (output, id) in output.chunks_exact_mut(width.max(1)).zip(&ids[row..]) {
                output.copy_from_slice(&weight.values()[id * width..][..width]);
            }
        });
        let saved = Embedding {
            ids: ids.into(),
            shape: [count, width],
        };
        let output = Array::new(output, [batch, time, width]);
        Some(track(output, saved, [Some(input)]))
    }

    #[derive(Clone, Debug)]
    struct Embedding {
        ids: Arc<[usize]>,
        /// Shape of the table.
        shape: [usize; 2],
    }

    impl Backward<1> for Embedding {
        fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
            let [count, width] = self.shape;
            // Sorted by row of the table, so that each chunk of the table finds its own, and then
            // by position, so that the gradients of a row are always added in the same order.
            let mut order: Vec<(usize, usize)> = self.ids.iter().copied().zip(0..).collect();
            order.sort_unstable();
            let mut sums = Buffer::new(count * width);
            for_each_rows(&mut sums, width, |first, sums| {
                sums.fill(0.0);
                let begin = order.partition_point(|&(id, _)| id < first);
                let end = first + sums.len() / width.max(1);
                for &(id, at) in order[begin..].iter().take_while(|(id, _)| *id < end) {
                    let sum = &mut sums[(id - first) * width..][..width];
                    add_to(sum, &gradient.values()[at * width..][..width]);
                }
            });
            [Some(Array::new(sums, self.shape))]
        }
    }

    #[multiversion(targets = "simd")]
    fn add_to(sum: &mut [f32], values: &[f32]) {
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += value;
        }
    }
}
