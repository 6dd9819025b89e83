//! Errors of hidden states and sequence lengths.

/// A hidden state that does not fit the network, or is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A tensor is missing.
    #[error("the recurrent state has no `{name}`")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor belongs to no layer.
    #[error("`{name}` of the recurrent state belongs to none of its layers")]
    Unexpected {
        /// Its name.
        name: String,
    },
    /// The number of layers or the kind of cell differs.
    #[error("the recurrent state is of {got}, the network has {expected}")]
    Layers {
        /// Layers of the state, as in "2 layers with cells".
        got: String,
        /// Layers of the network.
        expected: String,
    },
    /// A tensor has another shape.
    #[error("`{name}` of the recurrent state is {got:?}, the network needs {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        got: [usize; 2],
        /// Shape that the network needs, `[batch, hidden]`.
        expected: [usize; 2],
    },
}

/// Sequence lengths that do not fit the batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LengthsError {
    /// The number of lengths is not the batch size.
    #[error("{got} lengths for a batch of {batch} sequences")]
    Count {
        /// Number of lengths.
        got: usize,
        /// Number of sequences.
        batch: usize,
    },
    /// A sequence is longer than the batch.
    #[error("sequence {index} is said to be {length} long, the batch has only {time} time steps")]
    TooLong {
        /// Index of the sequence.
        index: usize,
        /// Its length.
        length: usize,
        /// Number of time steps in the batch.
        time: usize,
    },
}
