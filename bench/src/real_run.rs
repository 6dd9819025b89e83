//! A real run, for the share of a step spent outside the model.

use burn::tensor::Device;
use serde_json::{Value, json};
use tinderbox_train::TrainError;
use tinderbox_train::kinds;
use tinderbox_train::recipe::Recipe;
use tinderbox_train::report::plain::thousands;
use tinderbox_train::session::{SessionContext, StartMode};
use tinderbox_train::trainer::StepTimes;

use tinderbox_cli::download::with_data;

/// Shares of a step's time in a real run.
pub(super) struct Shares {
    images_per_second: f64,
    loading: f64,
    rest: f64,
}

impl Shares {
    /// Runs the recipe `cnn` for `steps` steps in a temporary folder.
    pub(super) fn measure(steps: u64, device: &Device) -> anyhow::Result<Self> {
        let sets = [format!("train.max_steps={steps}")];
        let recipe = Recipe::load("cnn", &sets).map_err(TrainError::from)?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("run");
        let begin = StartMode::New {
            path: &path,
            overwrite: false,
        };
        with_data(|access| {
            let context = SessionContext::new(device.clone(), access);
            Ok(Self::of(&kinds::train(&recipe, &begin, context)?.times))
        })
    }

    fn of(times: &StepTimes) -> Self {
        let [model, loading, rest] =
            [times.model, times.loading, times.rest].map(|time| time.as_secs_f64());
        let total = model + loading + rest;
        Self {
            images_per_second: times.items as f64 / total,
            loading: loading / total,
            rest: rest / total,
        }
    }

    pub(super) fn sentence(&self) -> String {
        format!(
            "A real run of the recipe `cnn`: {} images/s, {:.1} % of a step outside the model (loader {:.1} %, metrics and \
             logging {:.1} %).",
            thousands(self.images_per_second as u64),
            (self.loading + self.rest) * 100.0,
            self.loading * 100.0,
            self.rest * 100.0,
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "images_per_second": self.images_per_second,
            "share_waiting_for_loader": self.loading,
            "share_metrics_and_logging": self.rest,
        })
    }
}
