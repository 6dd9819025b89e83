//! Activation kernels: element-wise functions of one or two tensors, each one pass over memory.

mod binary;
mod unary;

pub(super) use binary::{add, swiglu};
pub(super) use unary::{Function, apply as unary};
