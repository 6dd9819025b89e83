//! What several verbs need.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use ::train::TrainError;
use ::train::device::{self, DeviceName};
use ::train::recipe::Recipe;
use ::train::run::{Classifier, RunDir, Which};
use ::train::task::image_data::DataAccess;
use ::train::weights as outside;
use anyhow::Context;
use burn::tensor::Device;
use clap::{ArgAction, Args};
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use model_cnn::ImageClassifier;
use model_cnn::weights::{self, LoadOptions};

/// `--device`.
#[derive(Args)]
pub(super) struct DeviceArgs {
    /// The backend to run on, as NAME or NAME:INDEX (cuda:1, wgpu:software); `tinderbox devices` lists them. Without it
    /// the CPU is used: flex, or the first backend of a build without it.
    #[arg(long, value_name = "NAME[:INDEX]")]
    device: Option<DeviceName>,
}

impl DeviceArgs {
    pub(super) fn open(&self) -> anyhow::Result<Device> {
        let name = match &self.device {
            Some(name) => name.clone(),
            None => device::default_name().context("this build has no backend at all")?,
        };
        Ok(device::open(&name)?)
    }

    /// As it would have to be written again, with a leading space.
    pub(super) fn repeated(&self) -> String {
        match &self.device {
            Some(name) => format!(" --device {name}"),
            None => String::new(),
        }
    }
}

/// A recipe and what is changed in it.
#[derive(Args)]
pub(super) struct RecipeArgs {
    /// A built-in recipe (`tinderbox recipes` lists them) or the path of a TOML file.
    pub(super) recipe: String,
    /// Change one entry of the recipe, as in `--set train.epochs=3`. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// The folder the data lie in; short for `--set data.path=FOLDER`.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Download the data set into the cache folder if it is not there.
    #[arg(long)]
    download: bool,
}

impl RecipeArgs {
    /// All changes as `key=value`.
    pub(super) fn sets(&self) -> Vec<String> {
        let mut sets = self.sets.clone();
        if let Some(path) = &self.data {
            // A literal string, which takes backslashes as they are.
            sets.push(format!("data.path='{}'", path.display()));
        }
        if self.download {
            sets.push("data.download=true".into());
        }
        sets
    }

    pub(super) fn load(&self) -> Result<Recipe, TrainError> {
        Ok(Recipe::load(&self.recipe, &self.sets())?)
    }
}

/// Which weights of a run.
#[derive(Args)]
pub(super) struct WeightsArgs {
    /// Which checkpoint: best, latest, or a step.
    #[arg(long, default_value = "best", value_name = "WHICH")]
    checkpoint: Checkpoint,
    /// Use the weights as they are rather than their moving average, if the run kept one.
    #[arg(long)]
    live: bool,
}

#[derive(Clone, Copy)]
struct Checkpoint(Which);

impl FromStr for Checkpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "best" => Ok(Self(Which::Best)),
            "latest" => Ok(Self(Which::Latest)),
            step => match step.parse() {
                Ok(step) => Ok(Self(Which::Step(step))),
                Err(_) => Err("give best, latest, or the number of a step".into()),
            },
        }
    }
}

/// Weights that are not the run's own.
#[derive(Args)]
pub(super) struct OutsideArgs {
    /// Use these weights instead of a checkpoint's: a file (safetensors or PyTorch's), or a name that `tinderbox models
    /// --weights` lists. Model, classes and preprocessing are still the run's.
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["checkpoint", "live"])]
    weights: Option<String>,
    /// Whether all weights must fit; with false, those that fit are used.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, requires = "weights")]
    strict: bool,
}

/// A trained classifier, ready for use.
pub(super) struct Trained {
    pub(super) run: RunDir,
    pub(super) classifier: Classifier,
    pub(super) model: ImageClassifier,
    /// As in "step 1880 (moving average)".
    pub(super) origin: String,
}

impl WeightsArgs {
    /// The classifier of a run with the weights asked for, its own or those from `outside`.
    pub(super) fn open(
        &self,
        outside: &OutsideArgs,
        run: &Path,
        device: &Device,
    ) -> anyhow::Result<Trained> {
        let run = RunDir::open(run)?;
        let classifier = run.classifier()?;
        if let Some(name) = &outside.weights {
            return outside.open(run, classifier, name, device);
        }
        let weights = run.weights(self.checkpoint.0, self.live)?;
        let average = if weights.averaged {
            " (moving average)"
        } else {
            ""
        };
        let origin = format!("step {}{average}", weights.step);
        let model = weights.load_into(classifier.config.init(device)?)?;
        Ok(Trained {
            run,
            classifier,
            model,
            origin,
        })
    }

    pub(super) fn which(&self) -> (Which, bool) {
        (self.checkpoint.0, self.live)
    }
}

impl OutsideArgs {
    fn open(
        &self,
        run: RunDir,
        classifier: Classifier,
        name: &str,
        device: &Device,
    ) -> anyhow::Result<Trained> {
        let model = run.recipe(&[])?.model.name;
        let path = with_data(|mut access| Ok(outside::locate(name, &model, &mut access)?))?;
        let options = LoadOptions {
            strict: self.strict,
            ..LoadOptions::default()
        };
        let model = classifier.config.init(device)?;
        let (model, left) = weights::load_with(model, &path, &options)?;
        if !left.is_empty() {
            eprintln!("{}: {}", path.display(), outside::not_loaded(&left));
        }
        Ok(Trained {
            run,
            classifier,
            model,
            origin: path.display().to_string(),
        })
    }
}

/// Where downloaded data sets are kept.
pub(super) fn cache_folder() -> anyhow::Result<PathBuf> {
    let cache = dirs::cache_dir().context("this system names no cache folder; set HOME")?;
    Ok(cache.join("tinderbox"))
}

/// Runs `work` with access to data sets, showing a bar while one is downloaded.
pub(super) fn with_data<T>(
    work: impl FnOnce(DataAccess) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut bar: Option<ProgressBar> = None;
    let mut progress = |done: u64, total: Option<u64>| {
        let bar = bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(
                "downloading {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            );
            let bar = ProgressBar::new(total.unwrap_or(0));
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        bar.set_length(total.unwrap_or(done));
        bar.set_position(done);
    };
    let result = work(DataAccess {
        cache: cache_folder()?,
        progress: &mut progress,
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}

/// A table without lines; the columns in `right` hold numbers.
pub(super) fn table<const N: usize>(header: [&str; N], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A fraction as a percentage, right-aligned in a column.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:6.2} %", fraction * 100.0)
}
