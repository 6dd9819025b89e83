//! A batch for next-token prediction.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// `batch` rows of `time` tokens, and the next token for each position. Row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LmBatch {
    /// `[batch, time]`.
    pub shape: [usize; 2],
    /// Input ids.
    pub inputs: Vec<u32>,
    /// Target ids: the inputs shifted by one.
    pub targets: Vec<u32>,
    /// Loss mask: true for targets that count. All of them in training; in evaluation, padding at
    /// the end of the corpus and repeated context are masked.
    pub counted: Vec<bool>,
}

impl LmBatch {
    /// Number of targets that count.
    pub fn tokens(&self) -> usize {
        self.counted.iter().filter(|counted| **counted).count()
    }

    /// Input ids, `[batch, time]`.
    pub fn inputs(&self, device: &Device) -> Tensor<2, Int> {
        self.tensor(&self.inputs, device)
    }

    /// Target ids, `[batch, time]`.
    pub fn targets(&self, device: &Device) -> Tensor<2, Int> {
        self.tensor(&self.targets, device)
    }

    fn tensor(&self, ids: &[u32], device: &Device) -> Tensor<2, Int> {
        // A token id is far below the largest i32, which every backend has.
        let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        Tensor::from_data(TensorData::new(ids, self.shape), device)
    }
}
