//! Differences between a file and a model.

use std::fmt;

/// Maximum number of names in a message.
const LISTED: usize = 10;

/// Differences between a file and a model, by PyTorch's parameter names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// In the model, not in the file.
    pub missing: Vec<String>,
    /// In the file, not in the model.
    pub unexpected: Vec<String>,
    /// In both, but of another shape or type: one sentence each, starting with the name.
    pub different: Vec<String>,
}

impl Mismatch {
    /// True if file and model agree.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.different.is_empty()
    }

    /// Splits into the differences in the layer called `prefix`, and the rest.
    pub fn split(self, prefix: &str) -> (Self, Self) {
        let split = |names: Vec<String>| -> (Vec<String>, Vec<String>) {
            // A sentence of `different` ends its name with a colon.
            let is_inside =
                |name: &String| is_under(name.split(':').next().unwrap_or(name), prefix);
            names.into_iter().partition(is_inside)
        };
        let (missing_inside, missing) = split(self.missing);
        let (unexpected_inside, unexpected) = split(self.unexpected);
        let (different_inside, different) = split(self.different);
        let inside = Self {
            missing: missing_inside,
            unexpected: unexpected_inside,
            different: different_inside,
        };
        let outside = Self {
            missing,
            unexpected,
            different,
        };
        (inside, outside)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("different", &self.different),
        ];
        let mut separator = "";
        for (what, names) in parts.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{separator}{} {what} ({})", names.len(), listed(names))?;
            separator = "; ";
        }
        Ok(())
    }
}

/// The first names, separated by commas.
pub(super) fn listed(names: &[String]) -> String {
    let first = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED {
        format!("{first}, ...")
    } else {
        first
    }
}

/// True if the parameter `name` belongs to the layer called `prefix`.
pub(super) fn is_under(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ten_names_are_listed_and_all_are_counted() {
        let mismatch = Mismatch {
            missing: (0..12).map(|n| format!("layer{n}")).collect(),
            ..Mismatch::default()
        };
        assert_eq!(
            mismatch.to_string(),
            "12 missing (layer0, layer1, layer2, layer3, layer4, layer5, layer6, layer7, layer8, layer9, ...)"
        );
    }

    #[test]
    fn a_layer_is_a_whole_name() {
        assert!(is_under("fc.weight", "fc") && is_under("fc", "fc"));
        assert!(!is_under("fc2.weight", "fc") && !is_under("layer.fc.weight", "fc"));
        let mismatch = Mismatch {
            different: vec!["fc.weight: is round".into(), "fc2.weight: is square".into()],
            ..Mismatch::default()
        };
        let (inside, outside) = mismatch.split("fc");
        assert_eq!(inside.different, ["fc.weight: is round"]);
        assert_eq!(outside.different, ["fc2.weight: is square"]);
    }
}
