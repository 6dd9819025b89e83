//! Linker options of the command.
#![allow(clippy::print_stdout)]

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|got| got == value);
    // Compressed, the debug sections of a binary of 340 MB had 42 MB instead of 290. Backtraces of
    // the standard library read zlib, not zstd (Rust 1.95).
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo:rustc-link-arg-bins=-Wl,--compress-debug-sections=zlib");
    }
}
