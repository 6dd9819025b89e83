//! Reports of a run: lines or a dashboard while it trains; `metrics.jsonl`, TensorBoard events and
//! curves on disk.

pub mod curves;
pub mod dashboard;
pub mod history;
pub mod plain;
mod records;
pub mod tensorboard;

use std::path::PathBuf;

use burn::train::Interrupter;

use crate::TrainError;
use crate::metrics::{MetricInfo, Values};
use dashboard::{Dashboard, MetricSpec};
use history::History;
use plain::Plain;

pub use records::{EvaluationReport, Speed, StepReport, ViewInfo};
use tensorboard::EventWriter;

/// Live display of a run.
pub enum View {
    /// One line every few seconds.
    Plain(Plain),
    /// burn-train's terminal dashboard.
    Dashboard(Box<Dashboard>),
    /// No display.
    Quiet,
}

/// Reports progress to a view and to the files of a run.
pub struct Reporter {
    view: View,
    metrics: Vec<MetricInfo>,
    files: Option<RunFiles>,
    speed: Speed,
}

/// Paths of the files that a run is recorded in.
#[derive(Clone, Debug)]
pub struct ReportFiles {
    /// `metrics.jsonl`.
    pub metrics: PathBuf,
    /// `curves.svg`.
    pub curves: PathBuf,
    /// Folder of TensorBoard's events.
    pub tensorboard: PathBuf,
}

struct RunFiles {
    history: History,
    events: EventWriter,
    events_path: PathBuf,
    curves: PathBuf,
}

impl Reporter {
    /// A reporter to `view` only.
    pub fn without_files(view: View, metrics: &[MetricInfo]) -> Self {
        Self {
            view,
            metrics: metrics.to_vec(),
            files: None,
            speed: Speed::default(),
        }
    }

    /// A reporter to `view` and to files. Keeps the first `metrics_bytes` of `metrics.jsonl`, those
    /// of the checkpoint at `step` that the run resumes from, and cuts off what was written after
    /// it.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn new(
        view: View,
        metrics: &[MetricInfo],
        paths: ReportFiles,
        step: u64,
        metrics_bytes: u64,
    ) -> Result<Self, TrainError> {
        let events_path = paths.tensorboard;
        // From this step on TensorBoard discards the events of a killed run.
        let first_step = if step == 0 { 0 } else { step + 1 };
        let history = History::open(paths.metrics, metrics_bytes)?;
        let events = EventWriter::create(&events_path, first_step)
            .map_err(|e| TrainError::io(&events_path, e))?;
        let files = RunFiles {
            history,
            events,
            events_path,
            curves: paths.curves,
        };
        Ok(Self {
            files: Some(files),
            ..Self::without_files(view, metrics)
        })
    }

    /// Reports an optimizer step.
    ///
    /// # Errors
    /// A record cannot be written.
    pub fn step(&mut self, report: &StepReport) -> Result<(), TrainError> {
        self.speed.add(report.items);
        match &mut self.view {
            View::Plain(plain) => plain.step(report, &self.metrics, &self.speed),
            View::Dashboard(dashboard) => {
                dashboard_step(dashboard, report, &self.metrics, &self.speed);
            }
            View::Quiet => {}
        }
        if !report.is_record {
            return Ok(());
        }
        let mut values = report.values.clone();
        values.insert("learning_rate".into(), report.learning_rate);
        values.extend(report.norm.map(|norm| ("gradient_norm".into(), norm)));
        let speed = self.speed.items_per_second();
        if let Some(files) = &mut self.files {
            files.record("train", report.step, report.epoch + 1, &values)?;
            // Speed is not a function of the seed, so it is kept out of the files that are compared
            // byte for byte.
            files.scalar("speed/items_per_second", report.step, speed)?;
        }
        Ok(())
    }

    /// Reports the end of an epoch, with the metrics over all of its training items.
    ///
    /// # Errors
    /// A record cannot be written.
    pub fn epoch(&mut self, epoch: u64, step: u64, values: &Values) -> Result<(), TrainError> {
        match &mut self.view {
            View::Plain(plain) => plain.epoch(epoch, step, values, &self.metrics),
            View::Dashboard(dashboard) => dashboard.epoch_end(epoch as usize),
            View::Quiet => {}
        }
        match &mut self.files {
            Some(files) => files.record("epoch", step, epoch, values),
            None => Ok(()),
        }
    }

    /// Reports an evaluation.
    ///
    /// # Errors
    /// A record or the curves cannot be written.
    pub fn evaluation(&mut self, report: &EvaluationReport) -> Result<(), TrainError> {
        match &mut self.view {
            View::Plain(plain) => plain.evaluation(report, &self.metrics),
            View::Dashboard(dashboard) => {
                let values = shown(report.values, &self.metrics);
                dashboard.validation(report.epoch.max(1) as usize, 1, 1, &values);
            }
            View::Quiet => {}
        }
        self.speed.pause();
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        files.record("validation", report.step, report.epoch, report.values)?;
        files.history.draw(&files.curves, &self.metrics)
    }

    /// Syncs all records to disk and returns the length of `metrics.jsonl`.
    ///
    /// # Errors
    /// The disk is full.
    pub fn sync(&mut self) -> Result<u64, TrainError> {
        self.speed.pause();
        let Some(files) = &mut self.files else {
            return Ok(0);
        };
        files
            .events
            .flush()
            .map_err(|e| TrainError::io(&files.events_path, e))?;
        files.history.sync()
    }

    /// Closes the dashboard and draws the final curves.
    ///
    /// # Errors
    /// The curves cannot be written.
    pub fn finish(self) -> Result<(), TrainError> {
        if let View::Dashboard(dashboard) = self.view {
            dashboard.close();
        }
        match self.files {
            Some(mut files) => {
                files.history.sync()?;
                files.history.draw(&files.curves, &self.metrics)
            }
            None => Ok(()),
        }
    }
}

/// Opens the dashboard of a run, with its metrics, learning rate and speed.
///
/// It takes over the terminal; see [`Dashboard::is_possible`].
pub fn dashboard(info: &ViewInfo, interrupter: Interrupter) -> View {
    let spec = |name, unit, higher_is_better| MetricSpec {
        name,
        unit,
        higher_is_better,
    };
    let mut specs: Vec<MetricSpec> = info
        .metrics
        .iter()
        .map(|metric| {
            let unit = metric.is_fraction.then_some("%");
            spec(metric.name, unit, metric.higher_is_better)
        })
        .collect();
    specs.push(spec(LEARNING_RATE, None, false));
    specs.push(spec(SPEED, Some("/s"), true));
    let (epochs, next) = (info.epochs as usize, info.epoch as usize + 1);
    View::Dashboard(Box::new(Dashboard::start(
        interrupter,
        info.name,
        epochs,
        next,
        &specs,
    )))
}

const LEARNING_RATE: &str = "learning rate";
const SPEED: &str = "speed";

fn dashboard_step(
    dashboard: &mut Dashboard,
    report: &StepReport,
    metrics: &[MetricInfo],
    speed: &Speed,
) {
    let mut values = shown(&report.values, metrics);
    values.push((LEARNING_RATE, report.learning_rate));
    values.push((SPEED, speed.items_per_second()));
    dashboard.train_step(
        report.epoch as usize + 1,
        report.epoch_items as usize,
        report.items_per_epoch as usize,
        &values,
    );
}

/// Metrics as the dashboard shows them, fractions as percentages.
fn shown(values: &Values, metrics: &[MetricInfo]) -> Vec<(&'static str, f64)> {
    metrics
        .iter()
        .filter_map(|info| {
            let scale = if info.is_fraction { 100.0 } else { 1.0 };
            Some((info.name, values.get(info.name)? * scale))
        })
        .collect()
}

impl RunFiles {
    fn record(
        &mut self,
        split: &str,
        step: u64,
        epoch: u64,
        values: &Values,
    ) -> Result<(), TrainError> {
        self.history.record(split, step, epoch, values)?;
        for (name, value) in values {
            self.scalar(&format!("{name}/{split}"), step, *value)?;
        }
        Ok(())
    }

    fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<(), TrainError> {
        self.events
            .scalar(tag, step, value)
            .map_err(|e| TrainError::io(&self.events_path, e))
    }
}
