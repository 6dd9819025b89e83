//! Labels and the numbers of their classes.

use super::columns::quoted;
use std::collections::{BTreeSet, HashMap};

/// The classes by name.
pub(in crate::text) struct Labels<'a>(HashMap<&'a str, u32>);

/// At most so many classes are told in a message.
const TOLD: usize = 20;

impl<'a> Labels<'a> {
    pub(in crate::text) fn new(names: &'a [String]) -> Self {
        Self(names.iter().map(String::as_str).zip(0..).collect())
    }

    pub(in crate::text) fn number(&self, label: &str) -> Option<u32> {
        self.0.get(label).copied()
    }

    /// Why a label has no number.
    pub(in crate::text) fn unknown(&self, label: &str) -> String {
        let mut known: Vec<(&str, u32)> = self.0.iter().map(|(name, id)| (*name, *id)).collect();
        known.sort_by_key(|(_, number)| *number);
        let more = match known.len().checked_sub(TOLD) {
            None | Some(0) => String::new(),
            Some(more) => format!(" and {more} more"),
        };
        let told = known.into_iter().take(TOLD).map(|(name, _)| name);
        format!(
            "the label {label:?} is none of those of the training texts, which are {}{more}",
            quoted(told)
        )
    }
}

/// All different labels, in order: numbers by value if all are numbers, otherwise by code point.
pub(in crate::text) fn names<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<String> {
    let different: BTreeSet<&str> = labels.collect();
    let numbers: Option<Vec<(f64, &str)>> = different
        .iter()
        .map(|label| Some((label.parse().ok().filter(|n: &f64| n.is_finite())?, *label)))
        .collect();
    let Some(mut numbers) = numbers else {
        return different.into_iter().map(str::to_owned).collect();
    };
    numbers.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let sorted = numbers.into_iter().map(|(_, label)| label.to_owned());
    sorted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_value_and_all_else_by_code_point() {
        let of = |labels: &[&str]| names(labels.iter().copied());
        assert_eq!(of(&["10", "9", "-1", "9"]), ["-1", "9", "10"]);
        assert_eq!(of(&["10", "9", "b"]), ["10", "9", "b"]);
        assert_eq!(of(&["nan", "inf"]), ["inf", "nan"]);
    }

    #[test]
    fn a_message_tells_some_of_many_classes() {
        let names: Vec<String> = (0..30).map(|name| format!("c{name}")).collect();
        let reason = Labels::new(&names).unknown("x");
        assert!(
            reason.contains("\"x\"") && reason.contains("\"c19\" and 10 more"),
            "{reason}"
        );
        assert!(!reason.contains("c20"));
    }
}
