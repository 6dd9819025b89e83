//! Class labels and their ids.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Label ids by name.
pub(super) struct Labels<'a> {
    names: HashMap<&'a str, u32>,
    /// Ids by value, if all names have one.
    values: HashMap<LabelValue, u32>,
}

/// Value of a label in a table, as pandas reads a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum LabelValue {
    Boolean(bool),
    Integer(i128),
    /// The bits of a number with a fraction.
    Float(u64),
}

impl LabelValue {
    fn number(label: &str) -> Option<Self> {
        if let Ok(integer) = label.parse() {
            return Some(Self::Integer(integer));
        }
        let number: f64 = label
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())?;
        // Integers below 2^53 are exact.
        let is_integer = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
        Some(if is_integer {
            Self::Integer(number as i128)
        } else {
            Self::Float(number.to_bits())
        })
    }

    fn boolean(label: &str) -> Option<Self> {
        match label {
            "true" | "True" | "TRUE" => Some(Self::Boolean(true)),
            "false" | "False" | "FALSE" => Some(Self::Boolean(false)),
            _ => None,
        }
    }

    /// The values of labels that are all numbers, or all booleans.
    fn all<'a>(labels: impl Iterator<Item = &'a str> + Clone) -> Option<Vec<Self>> {
        let numbers: Option<Vec<Self>> = labels.clone().map(Self::number).collect();
        numbers.or_else(|| labels.map(Self::boolean).collect())
    }
}

/// Maximum number of labels listed in a message.
const MAX_LISTED: usize = 20;

impl<'a> Labels<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        Self {
            names: names.iter().map(String::as_str).zip(0..).collect(),
            values: HashMap::new(),
        }
    }

    /// As [`new`](Self::new), where numbers of the same value are the same label.
    pub(super) fn by_value(names: &'a [String]) -> Self {
        let values = LabelValue::all(names.iter().map(String::as_str));
        Self {
            values: values.into_iter().flatten().zip(0..).collect(),
            ..Self::new(names)
        }
    }

    pub(super) fn id(&self, label: &str) -> Option<u32> {
        let by_value = || {
            let value = LabelValue::number(label).or_else(|| LabelValue::boolean(label));
            self.values.get(&value?)
        };
        self.names.get(label).or_else(by_value).copied()
    }

    /// Message for an unknown label.
    pub(super) fn unknown(&self, label: &str) -> String {
        let mut known: Vec<(&str, u32)> =
            self.names.iter().map(|(name, id)| (*name, *id)).collect();
        known.sort_by_key(|(_, number)| *number);
        let known = known.into_iter().map(|(name, _)| name);
        format!(
            "unknown label {label:?}; the training texts have {}",
            quoted(known)
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

/// Distinct labels in the order of [`names`], where those of the same value are one: the shortest
/// of them, `1` of `1` and `1.0`.
pub(super) fn different_values<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<String> {
    let different: BTreeSet<&str> = labels.collect();
    let Some(values) = LabelValue::all(different.iter().copied()) else {
        return names(different.into_iter());
    };
    let mut shortest: BTreeMap<LabelValue, &str> = BTreeMap::new();
    for (value, label) in values.into_iter().zip(different) {
        let rank = |label: &str| (label.len(), Reverse(label.to_owned()));
        let before = shortest.entry(value).or_insert(label);
        if rank(label) < rank(before) {
            *before = label;
        }
    }
    names(shortest.into_values())
}

/// Formats names as `"a", "b"` for messages, the first few of many.
pub(super) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    names.truncate(MAX_LISTED);
    match (names.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
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
    fn numbers_of_the_same_value_are_one_label() {
        let of = |labels: &[&str]| different_values(labels.iter().copied());
        assert_eq!(of(&["1.0", "0", "1", "01", "0.5"]), ["0", "0.5", "1"]);
        assert_eq!(of(&["1.0", "0.0"]), ["0.0", "1.0"]);
        assert_eq!(of(&["1", "1.0", "b"]), ["1", "1.0", "b"]);
        assert_eq!(of(&["True", "FALSE", "true"]), ["FALSE", "true"]);
        assert_eq!(of(&["9007199254740993", "9007199254740992"]).len(), 2);
        let names = ["0", "1", "2.5"].map(str::to_owned);
        let labels = Labels::by_value(&names);
        assert_eq!(labels.id("1.0"), Some(1));
        assert_eq!(labels.id("2.50"), Some(2));
        assert_eq!((labels.id("true"), labels.id("x")), (None, None));
        assert_eq!(Labels::new(&names).id("1.0"), None);
        let names = ["no", "1"].map(str::to_owned);
        assert_eq!(Labels::by_value(&names).id("1.0"), None);
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
