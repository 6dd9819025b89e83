//! `tinderbox data shards`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::value_parser;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::thread;
use tinderbox_data::Split;
use tinderbox_data::image::{
    ImageDataset, ShardOptions, ShardSize, WrittenShards, verify_shards, write_shards,
};
use tinderbox_train::TrainError;
use tinderbox_train::kinds::image_classification::data::open_dataset;
use tinderbox_train::kinds::image_classification::{ImageDataRecipe, ImageDataSource, ImageRecipe};
use tinderbox_train::report::plain::thousands;

use super::encoder;
use crate::args::RecipeArgs;
use crate::download::with_data;
use crate::exit::CliResult;
use crate::shell;
use crate::table::table;

/// Write a recipe's images as tar shards.
///
/// Slow disks and network file systems read a few large files much faster than millions of small
/// ones. The layout is WebDataset's: train-000000.tar and so on, with KEY.jpg (or KEY.png) and
/// KEY.cls, the class index. Training images are shuffled before they are written; image files are
/// copied unchanged unless --max-side makes them smaller. An interrupted conversion starts over
/// when it is run again.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox data shards cnn-folder --data path/to/images -o path/to/shards
  tinderbox data shards cnn-folder --data images --output shards --max-side 500
  tinderbox train cnn-folder --set data.source=shards --data path/to/shards")]
pub(super) struct Args {
    #[command(flatten)]
    source: RecipeArgs,
    /// Output folder: new, empty, or of an interrupted conversion.
    #[arg(long, short, value_name = "FOLDER", help_heading = "Output")]
    output: PathBuf,
    /// Maximum size of a shard in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = value_parser!(u64).range(1..), help_heading = "Output")]
    shard_size: u64,
    /// Number of images per shard, instead of a size.
    #[arg(
        long,
        value_name = "IMAGES",
        conflicts_with = "shard_size",
        help_heading = "Output"
    )]
    per_shard: Option<usize>,
    /// Scale down images whose longer side exceeds this.
    #[arg(long, value_name = "PIXELS", help_heading = "Output")]
    max_side: Option<usize>,
    /// JPEG quality of scaled images, 1 to 100.
    #[arg(long, default_value_t = 90, value_parser = value_parser!(u8).range(1..=100), help_heading = "Output")]
    quality: u8,
    /// Threads that read, check and scale [default: all processors].
    ///
    /// The shards are the same for any number.
    #[arg(long, value_name = "THREADS", help_heading = "Data")]
    workers: Option<usize>,
    /// Skip up to this many images that cannot be decoded.
    #[arg(
        long,
        value_name = "IMAGES",
        default_value_t = 0,
        help_heading = "Data"
    )]
    skip_bad: usize,
}

impl Args {
    pub(super) fn subject(&self) -> String {
        self.source.subject()
    }

    fn options(&self, seed: u64) -> ShardOptions {
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        let bytes = self.shard_size.saturating_mul(1 << 20);
        let size = self
            .per_shard
            .map_or(ShardSize::Bytes(bytes), ShardSize::Images);
        ShardOptions::default()
            .with_size(size)
            .with_max_side(self.max_side)
            .with_quality(self.quality)
            .with_workers(self.workers.unwrap_or_else(processors))
            .with_seed(seed)
            .with_skip_bad(self.skip_bad)
    }
}

pub(super) fn run(args: &Args) -> CliResult {
    let recipe = args.source.load()?;
    encoder::refuse(&recipe, "shards are for images")?;
    let recipe: ImageRecipe = recipe.typed()?;
    let (train, validation) = with_data(|mut access| {
        let mut open = |split| -> Result<Arc<ImageDataset>, TrainError> {
            let dataset = open_dataset(&recipe.data, recipe.seed, split, &mut access)?;
            Ok(Arc::new(dataset))
        };
        Ok((open(Split::Train)?, open(Split::Validation)?))
    })?;
    let mut passed_over = train.passed_over();
    passed_over.merge(&validation.passed_over());
    let bar = bar("writing {bar:30} {human_pos}/{human_len} images {per_sec} {eta} left");
    let options = args.options(recipe.seed);
    let written = write_shards(
        &args.output,
        train,
        validation,
        &options,
        &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        },
    );
    bar.finish_and_clear();
    let written = written.map_err(TrainError::from)?;
    print(&written);
    if !passed_over.is_empty() {
        println!("passed over {passed_over}");
    }
    println!(
        "{} is written; train on it with --set data.source=shards --data {}",
        args.output.display(),
        shell::path(&args.output)
    );
    Ok(ExitCode::SUCCESS)
}

fn print(written: &WrittenShards) {
    let mut table = table(["split", "images", "shards", "MiB"], &[1, 2, 3]);
    for (name, split) in [
        ("training", written.train),
        ("validation", written.validation),
    ] {
        table.add_row([
            name.to_string(),
            thousands(split.images as u64),
            thousands(split.shards as u64),
            format!("{:.1}", split.bytes as f64 / f64::from(1 << 20)),
        ]);
    }
    println!("{table}");
    if !written.skipped.is_empty() {
        println!("{} unreadable images were left out:", written.skipped.len());
        for reason in &written.skipped {
            println!("  {reason}");
        }
    }
}

/// Compares a recipe's shards with their checksums.
pub(super) fn verify(recipe: &ImageDataRecipe) -> anyhow::Result<()> {
    anyhow::ensure!(
        recipe.source == ImageDataSource::Shards,
        "--verify: only shards have checksums; give it with --set data.source=shards"
    );
    let path = recipe.path.as_deref().context("data.path is not given")?;
    let bar = bar("verifying {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left");
    let verified = verify_shards(path, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    Ok(verified.map_err(TrainError::from)?)
}

pub(super) fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
