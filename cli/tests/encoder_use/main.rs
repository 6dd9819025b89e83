//! Encoders through the real binary: vectors, guesses, predictions, explanations, and what is said when something is wrong.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod embed;
mod explain;
mod fill;
mod folders;
mod predict;
mod refusals;
