//! Problems of a recipe, collected so that all of them are reported at once.

use crate::memory;

/// Everything that is wrong with a recipe, a sentence each, beginning with the key.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    /// All sentences.
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }

    /// Adds sentences.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = String>) {
        self.0.extend(problems);
    }

    /// Adds the error of `result`, if it is one.
    pub fn take<E: std::fmt::Display>(&mut self, result: Result<(), E>) {
        self.0.extend(result.err().map(|error| error.to_string()));
    }

    /// Adds "`key` `rule`" unless the rule holds.
    pub fn require(&mut self, holds: bool, key: &str, rule: &str) {
        if !holds {
            self.0.push(format!("{key} {rule}"));
        }
    }

    /// Requires a count of at most `most`.
    pub fn at_most(&mut self, key: &str, value: usize, most: usize) {
        self.require(
            value <= most,
            key,
            &format!("must be at most {most}, got {value}"),
        );
    }

    /// Requires that as many bytes as the product of `factors` fit into memory.
    pub fn fits(&mut self, key: &str, factors: &[usize]) {
        if let Some(bytes) = memory::excess(factors) {
            let available = memory::available();
            self.0.push(format!(
                "{key} would take {bytes} bytes, and there are {available}"
            ));
        }
    }

    /// Requires a finite value above 0.
    pub fn positive(&mut self, key: &str, value: f64) {
        let holds = value > 0.0 && value.is_finite();
        self.require(holds, key, &format!("must be above 0, got {value}"));
    }

    /// Requires a finite value of at least 0.
    pub fn not_negative(&mut self, key: &str, value: f64) {
        let holds = value >= 0.0 && value.is_finite();
        self.require(holds, key, &format!("must not be negative, got {value}"));
    }

    /// Requires a value in `[0, 1)`.
    pub fn fraction(&mut self, key: &str, value: f64) {
        let holds = (0.0..1.0).contains(&value);
        self.require(holds, key, &format!("must be in [0, 1), got {value}"));
    }
}
