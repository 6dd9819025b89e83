//! Downloads of public data sets, verified against their published checksums.
//!
//! Only these functions use the network, and only if a file is missing. A file that exists with the
//! right checksum needs no network. An interrupted download is resumed by the next call.

mod fetch;
mod known;

pub use fetch::{Checksum, RemoteFile, fetch};
pub use known::{cifar10, cifar100, fashion_mnist, mnist};
