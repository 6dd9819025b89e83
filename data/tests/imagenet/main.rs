//! ImageNet and Tiny-ImageNet in every shape that people keep them in, written small into a temporary folder.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cache;
mod disk;
mod errors;
mod layouts;
