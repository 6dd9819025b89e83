//! Calls of the `tokenizers` crate, which panics on some damaged tokenizers.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `call`; a panic in it is an error. What `call` changes must not be used after one.
pub(super) fn run<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let reason = payload.downcast_ref::<String>().map(String::as_str);
        let reason = reason.or_else(|| payload.downcast_ref::<&str>().copied());
        format!(
            "the tokenizer is damaged: the tokenizers library stops with {:?}",
            reason.unwrap_or("an unknown reason")
        )
    })
}

/// As [`run`], for a call that can also fail.
pub(super) fn attempt<T, E: ToString>(call: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    run(call)?.map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(run(|| 3), Ok(3));
        let error = run(|| -> u32 { panic!("index {} is out of range", 7) }).unwrap_err();
        assert!(error.contains("index 7 is out of range"), "{error}");
        let error = attempt(|| "x".parse::<u32>()).unwrap_err();
        assert!(error.contains("invalid digit"), "{error}");
    }
}
