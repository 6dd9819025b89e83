//! Compiles the Rust code of the guide and of the README as doc tests.

/// The README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The page about the libraries.
#[cfg(doctest)]
#[doc = include_str!("src/library.md")]
pub struct Library;

/// The architecture page.
#[cfg(doctest)]
#[doc = include_str!("../ARCHITECTURE.md")]
pub struct Architecture;
