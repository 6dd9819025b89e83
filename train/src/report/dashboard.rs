//! The terminal dashboard: burn-train's, fed by a training loop that is not burn-train's.
//!
//! It draws on a thread of its own, ten times a second, whatever the training loop does, and takes the keyboard:
//!
//! - `q` asks. `s` then sets the [`Interrupter`], which the loop polls with `should_stop()` and ends in its own time.
//!   `k` kills: the terminal is restored, and the next call of any method here, or the drop, panics on the calling
//!   thread, silently (the renderer's hook sees to that). The run loses what it would lose to any kill.
//! - The arrows choose the metric that is plotted, and how: its whole history, its newest values, bars of its means.
//! - Ctrl-C does nothing: a terminal in raw mode sends no signal for it. A signal from elsewhere arrives as always.
//!
//! While it is open nothing else may write to the terminal, and what it showed is gone once it is closed.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use burn::train::Interrupter;
use burn::train::logger::TrainingProgressLogger;
use burn::train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};

/// Values beyond this are shown as numbers and left out of the plots: the renderer's axes, and its bars, whose heights
/// are integers, cannot hold them.
const LARGEST_PLOTTED: f64 = 1e12;

/// A metric as the dashboard shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricSpec {
    /// Its name; metrics are told apart by it.
    pub name: &'static str,
    /// What stands behind its values, such as `%`. It scales nothing: values are shown as they are given.
    pub unit: Option<&'static str>,
    /// Whether larger is better.
    pub higher_is_better: bool,
}

/// An open dashboard. [`close`](Self::close), or dropping it, restores the terminal.
pub struct Dashboard {
    renderer: TuiMetricsRendererWrapper,
    label: String,
    metrics: Vec<MetricSpec>,
    total_epochs: usize,
    first_epoch: usize,
    epoch: usize,
    items_per_epoch: Option<usize>,
    /// The split whose progress is shown, and its items.
    split: (Split, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    Train,
    Validation,
}

impl Dashboard {
    /// Whether there is a terminal to draw on and a keyboard to listen to. Without them nothing is to be
    /// [started](Self::start): the drawing thread would panic.
    pub fn is_possible() -> bool {
        io::stdout().is_terminal() && io::stdin().is_terminal()
    }

    /// Takes over the terminal.
    ///
    /// Epochs are counted from 1. `first_epoch` is the one that training begins or goes on with; the time left is
    /// estimated from there. Values of a metric that is not in `metrics` will not be shown.
    pub fn start(
        interrupter: Interrupter,
        label: &str,
        total_epochs: usize,
        first_epoch: usize,
        metrics: &[MetricSpec],
    ) -> Self {
        // The renderer subtracts these from one another, and they are unsigned.
        let first_epoch = first_epoch.max(1);
        let total_epochs = total_epochs.max(first_epoch);
        let mut renderer = TuiMetricsRendererWrapper::new(interrupter, Some(first_epoch - 1));
        for metric in metrics {
            renderer.register_metric(definition(metric));
        }
        TrainingProgressLogger::start(&mut renderer, total_epochs, first_epoch, None, Some(label));

        let mut dashboard = Self {
            renderer,
            label: label.to_owned(),
            metrics: metrics.to_vec(),
            total_epochs,
            first_epoch,
            epoch: first_epoch,
            items_per_epoch: None,
            split: (Split::Validation, 0),
        };
        // Of validation's points the renderer plots fewer by the ratio of the two splits' first totals, down to none.
        // These make the ratio 1; also, the status is then seen before the first step is done.
        for split in [Split::Train, Split::Validation, Split::Train] {
            dashboard.progress(split, first_epoch, 0, 1);
        }
        dashboard
    }

    /// Shows how far an epoch's training is, and values measured in it.
    ///
    /// An epoch has as many items as the first call says: the time left is estimated from them.
    pub fn train_step(
        &mut self,
        epoch: usize,
        items_done: usize,
        items_total: usize,
        values: &[(&str, f64)],
    ) {
        let items_total = *self.items_per_epoch.get_or_insert(items_total);
        self.progress(Split::Train, epoch, items_done, items_total);
        for state in self.states(values) {
            self.renderer.update_train(state);
        }
    }

    /// Shows how far the validation after or within an epoch is, and values measured in it, if there are any yet.
    pub fn validation(
        &mut self,
        epoch: usize,
        items_done: usize,
        items_total: usize,
        values: &[(&str, f64)],
    ) {
        self.progress(Split::Validation, epoch, items_done, items_total);
        for state in self.states(values) {
            self.renderer.update_valid(state);
        }
    }

    /// Shows that an epoch is over.
    pub fn epoch_end(&mut self, epoch: usize) {
        let items = self.items_per_epoch.unwrap_or(1);
        self.progress(Split::Train, epoch, items, items);
        self.renderer.end_split();
    }

    /// Shows a short text in place of the label, until the next one; an empty one brings the label back. There is room
    /// for about 25 characters on a terminal 80 wide.
    pub fn message(&mut self, text: &str) {
        let title = if text.is_empty() {
            self.label.as_str()
        } else {
            text
        };
        // The one way to a new title; the rest of what it sets is as it was.
        let (total, epoch) = (self.total_epochs, self.epoch);
        TrainingProgressLogger::start(&mut self.renderer, total, epoch, None, Some(title));
    }

    /// Restores the terminal. Nothing is printed, and nothing is waited for.
    pub fn close(self) {
        // The renderer's `Drop` does it, and `drop` says so.
        drop(self);
    }

    fn progress(&mut self, split: Split, epoch: usize, items_done: usize, items_total: usize) {
        let epoch = epoch.clamp(self.first_epoch, self.total_epochs);
        if epoch != self.epoch {
            self.epoch = epoch;
            // Meant to be told of the epoch that ended: it counts on from there.
            self.renderer.update_epoch(epoch - 1);
        }
        let items_total = items_total.max(1);
        if self.split != (split, items_total) {
            self.split = (split, items_total);
            let name = match split {
                Split::Train => "train",
                Split::Validation => "valid",
            };
            self.renderer.start_split(name, items_total);
        }
        self.renderer.update_split(items_done.min(items_total));
    }

    /// What the renderer is told of `values`.
    fn states(&self, values: &[(&str, f64)]) -> Vec<MetricState> {
        let state = |&(name, value): &(&str, f64)| {
            // The renderer panics on a metric that was not registered.
            let metric = self.metrics.iter().find(|metric| metric.name == name)?;
            let text = shown(value, metric.unit);
            let entry = MetricEntry::new(
                id(metric.name),
                SerializedEntry::new(text, value.to_string()),
            );
            // Not `Numeric` without a number: the plot's axes would be taken from nothing.
            Some(match value.abs() <= LARGEST_PLOTTED {
                true => MetricState::Numeric(entry, Some(NumericEntry::Value(value))),
                false => MetricState::Generic(entry),
            })
        };
        values.iter().filter_map(state).collect()
    }
}

fn definition(metric: &MetricSpec) -> MetricDefinition {
    MetricDefinition {
        metric_id: id(metric.name),
        name: Arc::new(metric.name.to_owned()),
        description: None,
        attributes: MetricAttributes::Numeric(NumericAttributes {
            unit: metric.unit.map(str::to_owned),
            higher_is_better: metric.higher_is_better,
        }),
    }
}

fn id(name: &str) -> MetricId {
    MetricId::new(Arc::new(name.to_owned()))
}

/// Four digits and the unit: `0.3712`, `91.25 %`, `3.000e-4`.
fn shown(value: f64, unit: Option<&str>) -> String {
    let number = match value.abs() {
        0.0 => "0".to_owned(),
        size if (0.01..1.0).contains(&size) => format!("{value:.4}"),
        size if (1.0..10.0).contains(&size) => format!("{value:.3}"),
        size if (10.0..100.0).contains(&size) => format!("{value:.2}"),
        size if (100.0..1e6).contains(&size) => format!("{value:.1}"),
        size if size.is_finite() => format!("{value:.3e}"),
        _ => value.to_string(),
    };
    match unit {
        Some(unit) => format!("{number} {unit}"),
        None => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let values = [0.0, 0.37123, -1.5, 91.254, 1234.56, 3e-4, f64::NAN];
        let texts = [
            "0", "0.3712", "-1.500", "91.25", "1234.6", "3.000e-4", "NaN",
        ];
        assert_eq!(values.map(|value| shown(value, None)), texts);
        assert_eq!(shown(12.5, Some("%")), "12.50 %");
    }
}
