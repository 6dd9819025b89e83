//! What several verbs need.

use std::path::PathBuf;

use anyhow::Context;
use burn::tensor::Device;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use tinderbox_train::TrainError;
use tinderbox_train::device::{self, DeviceName};
use tinderbox_train::pretrained::DataAccess;
use tinderbox_train::recipe::Recipe;

/// `--device`.
#[derive(Args, Default)]
pub struct DeviceArgs {
    /// The backend to run on, as NAME or NAME:INDEX (cuda:1, wgpu:software); `tinderbox devices` lists them. Without it
    /// the CPU is used: flex, or the first backend of a build without it.
    #[arg(long, value_name = "NAME[:INDEX]")]
    device: Option<DeviceName>,
}

impl DeviceArgs {
    /// The chosen device, or the default one.
    pub fn open(&self) -> anyhow::Result<Device> {
        let name = match &self.device {
            Some(name) => name.clone(),
            None => device::default_name().context("this build has no backend at all")?,
        };
        Ok(device::open(&name)?)
    }

    /// As it would have to be written again, with a leading space.
    pub fn repeated(&self) -> String {
        match &self.device {
            Some(name) => format!(" --device {name}"),
            None => String::new(),
        }
    }
}

/// A recipe and what is changed in it.
#[derive(Args)]
pub struct RecipeArgs {
    /// A built-in recipe (`tinderbox recipes` lists them) or the path of a TOML file.
    pub(crate) recipe: String,
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
    pub fn sets(&self) -> Vec<String> {
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

    /// Reads the recipe and applies the changes.
    pub fn load(&self) -> Result<Recipe, TrainError> {
        Ok(Recipe::load(&self.recipe, &self.sets())?)
    }
}

/// Where downloaded data sets are kept.
pub fn cache_folder() -> anyhow::Result<PathBuf> {
    let cache = dirs::cache_dir().context("this system names no cache folder; set HOME")?;
    Ok(cache.join("tinderbox"))
}

/// Runs `work` with access to data sets, showing a bar while one is downloaded.
pub fn with_data<T>(work: impl FnOnce(DataAccess) -> anyhow::Result<T>) -> anyhow::Result<T> {
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
pub fn table<const N: usize>(header: [&str; N], right: &[usize]) -> Table {
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
pub fn percent(fraction: f64) -> String {
    format!("{:6.2} %", fraction * 100.0)
}
