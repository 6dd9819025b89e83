//! The `tinderbox` command.

use std::process::ExitCode;

// The CPU backends allocate every intermediate tensor afresh; with the system's allocator the page
// faults of that are a third or more of a training step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tinderbox_cli::main()
}
