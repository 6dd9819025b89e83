//! Calls of other people's decoders: a panic in one, as damaged input may cause, becomes an error.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// True while a guarded call runs in this thread.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// The result of `work`, or the message of its panic, which is not printed.
///
/// # Errors
/// If `work` panics.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    silence_guarded_panics();
    let outer = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(outer);
    result.map_err(|panic| message(&*panic))
}

/// Leaves the report of panics to the hook that was there, except in guarded calls.
fn silence_guarded_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                report(panic);
            }
        }));
    });
}

/// The message of a panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(guarded(|| 7), Ok(7));
        let failed: Result<(), _> = guarded(|| panic!("index {} of 2", 3));
        assert_eq!(failed, Err("index 3 of 2".to_owned()));
        assert!(!IS_GUARDED.get());
    }

    #[test]
    fn calls_may_be_nested() {
        let outer = guarded(|| {
            assert!(guarded(|| panic!("inner")).is_err());
            IS_GUARDED.get()
        });
        assert_eq!(outer, Ok(true));
    }
}
