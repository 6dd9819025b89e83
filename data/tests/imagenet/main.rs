//! ImageNet and Tiny-ImageNet in every supported layout, small and in a temporary folder.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cache;
mod disk;
mod errors;
mod layouts;
