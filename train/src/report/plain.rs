//! Progress as one line every few seconds, for logs and for terminals without a dashboard.

use std::io::Write;
use std::time::{Duration, Instant};

use super::records::{EvaluationReport, Speed, StepReport, ViewInfo};
use crate::metrics::{MetricInfo, Values};

/// Interval between lines.
const EVERY: Duration = Duration::from_secs(3);

/// Progress lines written to `output`.
pub struct Plain {
    output: Box<dyn Write + Send>,
    last: Option<Instant>,
    items: &'static str,
}

impl Plain {
    /// Writes a first line with model and data.
    pub fn start(output: Box<dyn Write + Send>, info: &ViewInfo) -> Self {
        let mut plain = Self {
            output,
            last: None,
            items: info.items,
        };
        let [train, validation] = info.sizes.map(|size| thousands(size as u64));
        let begin = match info.step {
            0 => String::new(),
            step => format!(", resuming after step {step}"),
        };
        plain.line(&format!(
            "{}: {} ({} parameters), {train} training and {validation} validation {}{begin}",
            info.name,
            info.model,
            thousands(info.parameters as u64),
            info.items,
        ));
        plain
    }

    pub(super) fn step(&mut self, report: &StepReport, metrics: &[MetricInfo], speed: &Speed) {
        // The first step only starts the clock: it includes compilation by the backend.
        let last = *self.last.get_or_insert_with(Instant::now);
        if last.elapsed() < EVERY || report.values.is_empty() {
            return;
        }
        self.last = Some(Instant::now());
        let rate = speed.items_per_second();
        let left = report.total_steps.saturating_sub(report.step) as f64;
        let items_per_step = report.items as f64 / report.step as f64;
        let left = Duration::from_secs_f64(left * items_per_step / rate.max(1e-9));
        let memory = memory_stats::memory_stats().map_or(0, |m| m.physical_mem) >> 20;
        self.line(&format!(
            "epoch {}/{}  step {}/{}  {}  lr {}  {} {}/s  {} MiB  {} left",
            report.epoch + 1,
            report.epochs,
            report.step,
            report.total_steps,
            format_values(&report.values, metrics),
            format_rate(report.learning_rate),
            thousands(rate.round() as u64),
            self.items,
            thousands(memory as u64),
            format_duration(left),
        ));
    }

    pub(super) fn epoch(&mut self, epoch: u64, step: u64, values: &Values, metrics: &[MetricInfo]) {
        self.line(&format!(
            "epoch {epoch}  step {step}  training    {}",
            format_values(values, metrics)
        ));
    }

    pub(super) fn evaluation(&mut self, report: &EvaluationReport, metrics: &[MetricInfo]) {
        self.line(&format!(
            "epoch {}  step {}  validation  {}{}",
            report.epoch,
            report.step,
            format_values(report.values, metrics),
            if report.is_best {
                "  (best so far)"
            } else {
                ""
            },
        ));
        self.last = Some(Instant::now());
    }

    fn line(&mut self, text: &str) {
        // A closed pipe (`| head`) must not end a training run.
        let _ = writeln!(self.output, "{text}");
        let _ = self.output.flush();
    }
}

/// Formats metrics in order, fractions as percentages: `loss 1.2345  accuracy 56.7 %`.
pub fn format_values(values: &Values, metrics: &[MetricInfo]) -> String {
    let mut parts = Vec::new();
    for info in metrics {
        let Some(value) = values.get(info.name) else {
            continue;
        };
        let name = info.name.replace('_', " ");
        parts.push(if info.is_fraction {
            format!("{name} {:.2} %", value * 100.0)
        } else {
            format!("{name} {value:.4}")
        });
    }
    parts.join("  ")
}

/// Formats a learning rate: `0.05`, `3.2e-5`.
fn format_rate(rate: f64) -> String {
    if rate == 0.0 || rate >= 1e-3 {
        format!("{rate:.4}")
    } else {
        format!("{rate:.2e}")
    }
}

/// Formats a duration: `42 s`, `3 min 05 s`, `2 h 03 min`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Formats a number with thousands separators: `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(1234), "1,234");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(format_duration(Duration::from_secs(185)), "3 min 05 s");
        assert_eq!(format_duration(Duration::from_secs(7380)), "2 h 03 min");
        assert_eq!(format_rate(3.21e-5), "3.21e-5");
    }
}
