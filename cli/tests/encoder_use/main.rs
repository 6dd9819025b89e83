//! Use of text encoders through the command: embed, fill-mask, predict, explain, errors.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod embed;
mod explain;
mod fill_mask;
mod folders;
mod predict;
mod published;
mod refusals;
