//! What is printed, and to whom nobody listens any more.
//!
//! The standard library's macros panic when the reader has gone away, as in `tinderbox models | head -3`. These here take
//! their place in all verbs, and end the program then.

use std::fmt;
use std::io::{ErrorKind, Write};

/// As the standard one, but ends the program if the output cannot be written.
#[macro_export]
macro_rules! print {
    ($($part:tt)*) => { $crate::output::write(format_args!($($part)*)) };
}

/// As the standard one, but ends the program if the output cannot be written.
#[macro_export]
macro_rules! println {
    ($($part:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($part)*))) };
}

/// Writes to the standard output. A reader that went away is no failure worth a message.
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
