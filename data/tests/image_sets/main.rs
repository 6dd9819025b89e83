//! Image data sets as other programs write them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folders;
mod golden;
mod shards;
