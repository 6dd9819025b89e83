//! burn-train's terminal dashboard, driven by our training loop.
//!
//! It draws on its own thread, ten times a second, and takes over the keyboard:
//!
//! - `q` asks. `s` then sets the [`Interrupter`], which the loop polls with `should_stop()` and
//!   ends in its own time. `k` kills: the terminal is restored, and the next call of any method
//!   here, or the drop, panics on the calling thread, silently (the renderer's hook sees to that).
//!   The run loses what it would lose to any kill.
//! - The arrows choose the metric that is plotted, and how: its whole history, its newest values,
//!   bars of its means.
//! - Ctrl-C does nothing: a terminal in raw mode sends no signal for it. A signal from elsewhere
//!   arrives as always.
//!
//! Nothing else may write to the terminal while it is open, and its contents are gone once it is
//! closed.

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

/// Values beyond this are shown as numbers but not plotted: the renderer's axes, and its bars with
/// integer heights, cannot hold them.
const LARGEST_PLOTTED: f64 = 1e12;

/// A metric of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricSpec {
    /// Unique name.
    pub name: &'static str,
    /// Unit shown after the values, such as `%`. Values are not scaled.
    pub unit: Option<&'static str>,
    /// True if larger is better.
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
    /// Split whose progress is shown, and its number of items.
    split: (Split, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    Train,
    Validation,
}

impl Dashboard {
    /// True if there is a terminal to draw on and a keyboard to read. Otherwise
    /// [`start`](Self::start) must not be called: the drawing thread would panic.
    pub fn is_possible() -> bool {
        io::stdout().is_terminal() && io::stdin().is_terminal()
    }

    /// Takes over the terminal.
    ///
    /// Epochs are counted from 1. `first_epoch` is the one that training starts or resumes with;
    /// the remaining time is estimated from there. Metrics that are not in `metrics` are not shown.
    pub fn start(
        interrupter: Interrupter,
        label: &str,
        total_epochs: usize,
        first_epoch: usize,
        metrics: &[MetricSpec],
    ) -> Self {
        // The renderer subtracts these unsigned numbers from one another.
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
        // The renderer thins the validation points by the ratio of the two splits' first totals,
        // down to none. These totals make the ratio 1 and show the status before the first step is
        // done.
        for split in [Split::Train, Split::Validation, Split::Train] {
            dashboard.progress(split, first_epoch, 0, 1);
        }
        dashboard
    }

    /// Shows the progress of an epoch and metrics measured in it.
    ///
    /// The first call fixes the number of items per epoch, from which the remaining time is
    /// estimated.
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

    /// Shows the progress of an evaluation and its metrics so far.
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

    /// Shows the end of an epoch.
    pub fn epoch_end(&mut self, epoch: usize) {
        let items = self.items_per_epoch.unwrap_or(1);
        self.progress(Split::Train, epoch, items, items);
        self.renderer.end_split();
    }

    /// Shows a short text in place of the label until the next one; an empty text restores the
    /// label. A terminal of 80 columns has room for about 25 characters.
    pub fn message(&mut self, text: &str) {
        let title = if text.is_empty() {
            self.label.as_str()
        } else {
            text
        };
        // The only way to set a title; the other settings stay the same.
        let (total, epoch) = (self.total_epochs, self.epoch);
        TrainingProgressLogger::start(&mut self.renderer, total, epoch, None, Some(title));
    }

    /// Restores the terminal, without printing or waiting.
    pub fn close(self) {
        // The renderer's `Drop` does it.
        drop(self);
    }

    fn progress(&mut self, split: Split, epoch: usize, items_done: usize, items_total: usize) {
        let epoch = epoch.clamp(self.first_epoch, self.total_epochs);
        if epoch != self.epoch {
            self.epoch = epoch;
            // The renderer expects the epoch that ended and counts on from it.
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

    /// Metrics in the renderer's form.
    fn states(&self, values: &[(&str, f64)]) -> Vec<MetricState> {
        let state = |&(name, value): &(&str, f64)| {
            // The renderer panics on an unregistered metric.
            let metric = self.metrics.iter().find(|metric| metric.name == name)?;
            let text = shown(value, metric.unit);
            let entry = MetricEntry::new(
                id(metric.name),
                SerializedEntry::new(text, value.to_string()),
            );
            // Not `Numeric` for a non-finite value: the axes of the plot could not be computed.
            Some(if value.abs() <= LARGEST_PLOTTED {
                MetricState::Numeric(entry, Some(NumericEntry::Value(value)))
            } else {
                MetricState::Generic(entry)
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

/// Formats a value with four digits and its unit: `0.3712`, `91.25 %`, `3.000e-4`.
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
