//! A batch of token sequences with the tokens that are to be predicted.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// `batch` sequences of `time` tokens and, for each position, the token that comes next. Row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    /// `[batch, time]`.
    pub shape: [usize; 2],
    /// What the model sees.
    pub inputs: Vec<u32>,
    /// What it is to predict.
    pub targets: Vec<u32>,
    /// Which targets count. All of them in training; an evaluation pads the end of the corpus and repeats context.
    pub counted: Vec<bool>,
}

impl TokenBatch {
    /// How many targets count.
    pub fn tokens(&self) -> usize {
        self.counted.iter().filter(|counted| **counted).count()
    }

    /// The inputs, `[batch, time]`.
    pub fn inputs(&self, device: &Device) -> Tensor<2, Int> {
        self.tensor(&self.inputs, device)
    }

    /// The targets, `[batch, time]`.
    pub fn targets(&self, device: &Device) -> Tensor<2, Int> {
        self.tensor(&self.targets, device)
    }

    fn tensor(&self, ids: &[u32], device: &Device) -> Tensor<2, Int> {
        // A token id is far below the largest i32, which every backend has.
        let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        Tensor::from_data(TensorData::new(ids, self.shape), device)
    }
}
