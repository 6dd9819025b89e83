//! The door to the memory and the gradients of tensors on Burn's `flex` backend.

mod array;
#[allow(unsafe_code, reason = "it hands pointers to `gemm`")]
mod matrix;
mod parallel;
#[allow(unsafe_code, reason = "it lends its buffers to Burn")]
mod pool;
mod tape;

pub(crate) use array::Array;
pub(crate) use matrix::{Matrix, MatrixMut, Threads, multiply};
pub(crate) use parallel::{GRAIN, for_each_chunk};
pub(crate) use pool::Buffer;
pub(crate) use tape::{Backward, array, indices, record};
