//! Public data sets, fetched once into a folder and checked against their published checksums.
//!
//! A file that is there and right is used without any network. What was interrupted goes on where it stopped when it is
//! asked for again.

mod fetch;
mod known;

pub use fetch::{Checksum, RemoteFile, fetch};
pub use known::{cifar10, fashion_mnist, mnist};
