//! Embedded data that is generated from a seed, for tests, examples and runs without downloads.
//!
//! * [`grammar`]: a corpus sampled from a probabilistic grammar whose entropy is known exactly;
//! * [`sentiment`]: labelled sentences whose polarity follows from their structure.

pub mod grammar;
pub mod sentiment;
