//! Tar shards: written, read and damaged, and those of other tools.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod damage;
mod disk;
mod foreign;
mod read;
mod write;
