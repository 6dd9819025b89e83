//! Linker options of the command.
#![allow(clippy::print_stdout)]

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|got| got == value);
    // Debug sections take four fifths of the file otherwise. The standard library's backtraces read zlib, not zstd.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo:rustc-link-arg-bins=-Wl,--compress-debug-sections=zlib");
    }
}
