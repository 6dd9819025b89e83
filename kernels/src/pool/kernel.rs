//! Pooling kernels. A task takes a few planes (`[height, width]` of one channel of one image) that
//! stay in the cache.

mod average;
mod maximum;
mod windows;

pub(super) use average::{adaptive_avg_pool2d, avg_pool2d};
pub(super) use maximum::max_pool2d;
