//! Class labels and their ids.

use std::collections::{BTreeSet, HashMap};

/// Label ids by name.
pub(super) struct Labels<'a>(HashMap<&'a str, u32>);

/// Maximum number of labels listed in a message.
const MAX_LISTED: usize = 20;

impl<'a> Labels<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        Self(names.iter().map(String::as_str).zip(0..).collect())
    }

    pub(super) fn id(&self, label: &str) -> Option<u32> {
        self.0.get(label).copied()
    }

    /// Message for an unknown label.
    pub(super) fn unknown(&self, label: &str) -> String {
        let mut known: Vec<(&str, u32)> = self.0.iter().map(|(name, id)| (*name, *id)).collect();
        known.sort_by_key(|(_, number)| *number);
        let more = match known.len().checked_sub(MAX_LISTED) {
            None | Some(0) => String::new(),
            Some(more) => format!(" and {more} more"),
        };
        let listed = known.into_iter().take(MAX_LISTED).map(|(name, _)| name);
        format!(
            "unknown label {label:?}; the training texts have {}{more}",
            quoted(listed)
        )
    }
}

/// Distinct labels in order: by value if all are numbers, otherwise by code point.
pub(super) fn names<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<String> {
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

/// Formats names as `"a", "b"` for messages.
pub(super) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
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
    fn a_message_lists_only_the_first_of_many_labels() {
        let names: Vec<String> = (0..30).map(|name| format!("c{name}")).collect();
        let reason = Labels::new(&names).unknown("x");
        assert!(
            reason.contains("\"x\"") && reason.contains("\"c19\" and 10 more"),
            "{reason}"
        );
        assert!(!reason.contains("c20"));
    }
}
