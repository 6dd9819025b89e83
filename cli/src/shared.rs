//! What several verbs need.

use std::path::PathBuf;

use anyhow::Context;
use burn::tensor::Device;
use clap::Args;
use clap::builder::Styles;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use tinderbox_train::TrainError;
use tinderbox_train::device::{self, DeviceName};
use tinderbox_train::pretrained::DataAccess;
use tinderbox_train::recipe::Recipe;

/// `--device`.
#[derive(Args, Default)]
#[command(next_help_heading = "Device")]
pub struct DeviceArgs {
    /// Device to run on [default: the CPU].
    ///
    /// NAME or NAME:INDEX, as in cuda:1 or wgpu:software; `tinderbox devices` lists the names. The
    /// default is flex, the CPU, or the first backend of a build without it.
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

/// A recipe and overrides of its entries.
#[derive(Args)]
pub struct RecipeArgs {
    /// Built-in recipe (see `tinderbox recipes`) or TOML file.
    pub(crate) recipe: String,
    /// Override an entry, as in --set train.epochs=3 (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Recipe")]
    sets: Vec<String>,
    /// Data folder; short for --set data.path=FOLDER.
    #[arg(long, value_name = "FOLDER", help_heading = "Data")]
    data: Option<PathBuf>,
    /// Download the data set into the cache folder if missing.
    #[arg(long, help_heading = "Data")]
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

/// A table without lines; the columns in `right` hold numbers. Long cells are wrapped to the width
/// of the terminal; without a terminal they stay as they are, for other programs to read.
pub fn table<const N: usize>(header: [&str; N], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if header.iter().any(|name| !name.is_empty()) {
        table.set_header(header);
    }
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(width) = terminal_width() {
        wrap(&mut table, width);
    }
    table
}

/// A table to read rather than to process: without a terminal it is wrapped at 80 columns.
pub(crate) fn listing<const N: usize>(header: [&str; N], right: &[usize]) -> Table {
    let mut table = table(header, right);
    wrap(&mut table, terminal_width().unwrap_or(80));
    table
}

fn wrap(table: &mut Table, width: u16) {
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
}

fn terminal_width() -> Option<u16> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0)
}

/// A heading in the style of `--help`, plain where there are no colours.
pub(crate) fn heading(text: &str) -> String {
    let style = *Styles::default().get_header();
    if anstream::AutoStream::choice(&std::io::stdout()) == anstream::ColorChoice::Never {
        format!("{text}:")
    } else {
        format!("{style}{text}:{style:#}")
    }
}

/// A fraction as a percentage, right-aligned in a column.
pub fn percent(fraction: f64) -> String {
    format!("{:6.2} %", fraction * 100.0)
}
