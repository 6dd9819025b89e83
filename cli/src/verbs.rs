//! One file per verb: parse its arguments, call the library, print the answer.

pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod fill_mask;
pub(crate) mod generate;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod predict;
pub(crate) mod recipes;
pub(crate) mod train;
