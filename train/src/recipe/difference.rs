//! Comparison of recipes: which changes a resumed run accepts.

use serde::Serialize;
use serde_json::Value;

use super::sections::Recipe;

/// Keys that change the length of a run, its records or its speed, but not the result of a step.
const MAY_CHANGE: &[&str] = &[
    "description",
    "data.path",
    "data.download",
    "train.epochs",
    "train.max_steps",
    "train.eval_every",
    "train.checkpoint_every",
    "train.keep_last",
    "train.patience",
    "train.log_every",
    "train.workers",
    "train.skip_bad",
];

impl<D: Serialize> Recipe<D> {
    /// Differences of `other` from this recipe: a sentence each, beginning with the key.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let (Ok(here), Ok(there)) = (serde_json::to_value(self), serde_json::to_value(other))
        else {
            return found;
        };
        compare("", &here, &there, &mut found);
        found
    }

    /// Those [`differences`](Self::differences) that a resumed run does not accept.
    pub fn conflicts(&self, other: &Self) -> Vec<String> {
        let mut found = self.differences(other);
        found.retain(|difference| {
            let key = difference.split(' ').next().unwrap_or_default();
            !MAY_CHANGE.contains(&key)
        });
        found
    }
}

fn compare(key: &str, here: &Value, there: &Value, found: &mut Vec<String>) {
    match (here, there) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in keys {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                let value = |map: &serde_json::Map<String, Value>| {
                    map.get(name).cloned().unwrap_or(Value::Null)
                };
                compare(&key, &value(a), &value(b), found);
            }
        }
        _ if here != there => found.push(format!("{key} was {here}, is {there}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_may_change_and_the_optimizer_may_not() {
        let old = Recipe::<toml::Table>::default();
        let mut new = old.clone();
        new.train.epochs = 20;
        new.train.max_steps = Some(7);
        assert_eq!(old.differences(&new).len(), 2);
        assert!(old.conflicts(&new).is_empty());
        new.optimizer.learning_rate = 0.5;
        new.model.options.insert("hidden".into(), 3.into());
        assert_eq!(
            old.conflicts(&new),
            [
                "model.hidden was null, is 3",
                "optimizer.learning_rate was 0.01, is 0.5"
            ]
        );
    }
}
