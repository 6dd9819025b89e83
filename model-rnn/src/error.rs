//! What can be wrong with what this crate is given.

/// Carried state that belongs to another network, or that has been damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A tensor that the others ask for.
    #[error("the recurrent state has no `{name}`")]
    Missing {
        /// What it would be called.
        name: String,
    },
    /// A tensor that no layer has.
    #[error("`{name}` of the recurrent state belongs to none of its layers")]
    Unexpected {
        /// What it is called.
        name: String,
    },
    /// Another number of layers, or another kind of cell.
    #[error("the recurrent state is of {got}, the network has {expected}")]
    Layers {
        /// What the state is of, as in "2 layers with cells".
        got: String,
        /// What the network has.
        expected: String,
    },
    /// A tensor of another size.
    #[error("`{name}` of the recurrent state is {got:?}, the network needs {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        got: [usize; 2],
        /// The shape that the network needs, `[batch, hidden]`.
        expected: [usize; 2],
    },
}

/// Lengths of sequences that do not fit the batch that they are for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LengthsError {
    /// One length for every sequence.
    #[error("{got} lengths for a batch of {batch} sequences")]
    Count {
        /// Number of lengths.
        got: usize,
        /// Number of sequences.
        batch: usize,
    },
    /// Longer than the batch.
    #[error("sequence {index} is said to be {length} long, the batch has only {time} time steps")]
    TooLong {
        /// Which sequence.
        index: usize,
        /// Its length.
        length: usize,
        /// Number of time steps in the batch.
        time: usize,
    },
}
