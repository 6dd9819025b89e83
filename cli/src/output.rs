//! Printing that survives a closed pipe.
//!
//! The standard library's macros panic if the reader has gone away, as in
//! `tinderbox models | head -3`. These replace them in all verbs and end the program instead.

use std::fmt;
use std::io::{ErrorKind, Write};

/// Like [`std::print!`], but ends the program if the output cannot be written.
#[macro_export]
macro_rules! print {
    ($($part:tt)*) => { $crate::output::write(format_args!($($part)*)) };
}

/// Like [`std::println!`], but ends the program if the output cannot be written.
#[macro_export]
macro_rules! println {
    () => { $crate::output::write(format_args!("\n")) };
    ($($part:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($part)*))) };
}

/// Writes to standard output. Exits with 0 if the reader has closed the pipe, with 1 on any other
/// error.
pub fn write(text: fmt::Arguments<'_>) {
    let Err(error) = std::io::stdout().write_fmt(text) else {
        return;
    };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    let _ = writeln!(std::io::stderr(), "error: cannot write the output: {error}");
    std::process::exit(1);
}
