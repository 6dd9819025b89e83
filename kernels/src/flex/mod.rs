//! The door to the memory and the gradients of tensors on Burn's `flex` backend.

mod array;
#[allow(unsafe_code, reason = "it hands pointers to `gemm`")]
mod matrix;
mod parallel;
mod pieces;
#[allow(unsafe_code, reason = "it lends its buffers to Burn")]
mod pool;
#[allow(unsafe_code, reason = "its columns are written to side by side")]
mod strided;
mod tape;

pub(crate) use array::Array;
pub(crate) use matrix::{Matrix, MatrixMut, Threads, multiply, product};
pub(crate) use parallel::{GRAIN, for_each_chunk};
pub(crate) use pieces::{
    for_each_piece, for_each_rows, for_each_rows_of_two, rows_in_piece, sum_of_rows, update,
    update_rows,
};
pub(crate) use pool::Buffer;
pub(crate) use strided::{Bools, Columns, Panel, Rows, bools, columns, rows};
pub(crate) use tape::{Backward, array, indices, into_array, record, tensor};
