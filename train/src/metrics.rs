//! Metrics of a batch, an epoch or an evaluation, as sums.
//!
//! burn-train's metrics do not allow an exact resume: their sums are private, so that the running
//! mean of an epoch could not be saved in the middle of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Sums of named values over items (images, tokens).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Number of items.
    pub count: u64,
    /// Sum over these items, by metric.
    pub sums: BTreeMap<String, f64>,
}

impl Tally {
    /// Sums over `count` items.
    pub fn new<const N: usize>(count: usize, sums: [(&str, f64); N]) -> Self {
        Self {
            count: count as u64,
            sums: sums.map(|(name, sum)| (name.to_string(), sum)).into(),
        }
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        for (name, sum) in &other.sums {
            *self.sums.entry(name.clone()).or_default() += sum;
        }
    }

    /// Mean over the items by metric; empty without items.
    pub fn means(&self) -> Values {
        if self.count == 0 {
            return Values::new();
        }
        let count = self.count as f64;
        let mean = |(name, sum): (&String, &f64)| (name.clone(), sum / count);
        self.sums.iter().map(mean).collect()
    }
}

/// Metrics by name. Accuracies are fractions in `[0, 1]`.
pub type Values = BTreeMap<String, f64>;

/// Metric reported by a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// Name, as in `metrics.jsonl`.
    pub name: &'static str,
    /// True if larger is better.
    pub higher_is_better: bool,
    /// True for a fraction in `[0, 1]`, which is shown as a percentage.
    pub is_fraction: bool,
}

impl MetricInfo {
    /// A metric of which lower is better, such as a loss.
    pub const fn lower(name: &'static str) -> Self {
        Self {
            name,
            higher_is_better: false,
            is_fraction: false,
        }
    }

    /// A metric of which higher is better.
    pub const fn higher(name: &'static str) -> Self {
        Self {
            name,
            higher_is_better: true,
            is_fraction: false,
        }
    }

    /// A fraction of which higher is better, such as accuracy.
    pub const fn fraction(name: &'static str) -> Self {
        Self {
            name,
            higher_is_better: true,
            is_fraction: true,
        }
    }
}

/// Best evaluation so far, by one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its value and optimizer step.
    pub record: Option<(f64, u64)>,
    /// Number of evaluations since.
    pub evaluations_since: u64,
}

impl Best {
    /// Records an evaluation and returns true if it is the best so far. NaN never is.
    pub fn update(&mut self, value: f64, step: u64, higher_is_better: bool) -> bool {
        let better = match self.record {
            None => !value.is_nan(),
            Some((best, _)) if higher_is_better => value > best,
            Some((best, _)) => value < best,
        };
        if better {
            self.record = Some((value, step));
            self.evaluations_since = 0;
        } else {
            self.evaluations_since += 1;
        }
        better
    }

    /// Step of the best evaluation.
    pub fn step(&self) -> Option<u64> {
        self.record.map(|(_, step)| step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_weighted_by_items() {
        let mut tally = Tally::new(3, [("loss", 3.0)]);
        tally.add(&Tally::new(1, [("loss", 5.0)]));
        assert_eq!(tally.means()["loss"], 2.0);
        assert!(Tally::default().means().is_empty());
    }

    #[test]
    fn the_best_follows_the_direction_of_the_metric() {
        let mut best = Best::default();
        assert!(!best.update(f64::NAN, 1, true));
        assert!(best.update(0.5, 2, true));
        assert!(!best.update(0.5, 3, true));
        assert!(best.update(0.6, 4, true));
        assert!(!best.update(0.1, 5, true));
        assert_eq!((best.step(), best.evaluations_since), (Some(4), 1));
        let mut lowest = Best::default();
        assert!(lowest.update(2.0, 1, false) && lowest.update(1.0, 2, false));
    }
}
