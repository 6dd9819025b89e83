//! Access to the memory and the autodiff tape of tensors on Burn's `flex` backend.

mod array;
#[allow(unsafe_code, reason = "lends its buffers to Burn")]
mod buffer;
#[allow(unsafe_code, reason = "passes pointers to `gemm`")]
mod matrix;
mod parallel;
#[allow(unsafe_code, reason = "its columns are written side by side")]
mod strided;
mod tape;

pub(crate) use array::Array;
pub(crate) use buffer::Buffer;
pub(crate) use matrix::{Matrix, MatrixMut, Threads, multiply, product};
pub(crate) use parallel::{
    GRAIN, for_each_chunk, for_each_chunk_of_many, for_each_rows, for_each_rows_of_two,
    rows_per_chunk, sum_rows, update, update_rows,
};
pub(crate) use strided::{
    Bools, Columns, StridedRows, Submatrix, bools, split_columns, strided_rows,
};
pub(crate) use tape::{Backward, array, indices, into_array, tensor, track};
