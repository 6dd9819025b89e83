//! `tinderbox data`

mod encoder;
mod images;
mod language;
mod shards;
mod tokenizer;
mod tokens;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use tinderbox_data::image::{Image, ImageBatch, ImageSource, Preprocess, contact_sheet, write_png};
use tinderbox_data::loader::{Loader, Source};
use tinderbox_train::TrainError;
use tinderbox_train::kinds::Kind;
use tinderbox_train::kinds::image_classification::ImageRecipe;
use tinderbox_train::kinds::image_classification::data::ImageRun;

use crate::args::RecipeArgs;
use crate::download::with_data;
use crate::exit::CliResult;

/// Inspect, preview and convert data sets.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox data info cnn
  tinderbox data preview cnn-folder --data path/to/images --output sheet.png
  tinderbox data shards cnn-folder --data path/to/images --output path/to/shards
  tinderbox data stats lstm-ptb-small --data path/to/penn-treebank
  tinderbox data tokenizer corpus.txt --vocab-size 8000")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count images per class, tokens, labelled texts or questions.
    #[command(after_help = "\
Examples:
  tinderbox data info cnn
  tinderbox data info sst2 --data path/to/sst-2")]
    Info {
        #[command(flatten)]
        source: RecipeArgs,
        /// Check every byte of shards against their checksums.
        #[arg(long, help_heading = "Data")]
        verify: bool,
        /// Print JSON instead of a table.
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Draw training images as the network sees them.
    ///
    /// The PNG file shows augmented and cropped images, one class per row; if the recipe mixes
    /// images (mixup, CutMix), the first batches of the epoch.
    #[command(after_help = "\
Examples:
  tinderbox data preview cnn-cifar10 --download --output sheet.png
  tinderbox data preview cnn --set data.mixup_alpha=0.2
  tinderbox data preview cnn \\
    --set 'data.train_transforms=[{ random_resized_crop = { size = 24 } }]'")]
    Preview {
        #[command(flatten)]
        source: RecipeArgs,
        /// PNG file to write.
        #[arg(
            long,
            short,
            value_name = "FILE",
            default_value = "preview.png",
            help_heading = "Output"
        )]
        output: PathBuf,
        /// Images per row.
        #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
        columns: usize,
        /// Epoch whose augmentation is drawn.
        #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Data")]
        epoch: u64,
    },
    Shards(shards::Args),
    /// Print n-gram perplexities of a text.
    ///
    /// They are exact functions of the text, so two programs can be compared by them.
    #[command(after_help = "\
Example:
  tinderbox data stats lstm-ptb-small --data path/to/penn-treebank")]
    Stats {
        #[command(flatten)]
        source: RecipeArgs,
        /// Print JSON instead of a table.
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    Tokenizer(tokenizer::Args),
    Tokens(tokens::Args),
}

impl Args {
    /// Recipe and data, of the verbs that read a recipe.
    pub(crate) fn subject(&self) -> Option<String> {
        match &self.command {
            Command::Info { source, .. }
            | Command::Preview { source, .. }
            | Command::Stats { source, .. } => Some(source.subject()),
            Command::Shards(args) => Some(args.subject()),
            Command::Tokenizer(_) | Command::Tokens(_) => None,
        }
    }
}

pub(crate) fn run(args: &Args) -> CliResult {
    match &args.command {
        Command::Info {
            source,
            json,
            verify,
        } => info(source, *json, *verify),
        Command::Preview {
            source,
            output,
            columns,
            epoch,
        } => preview(source, output, *columns, *epoch),
        Command::Shards(args) => shards::run(args),
        Command::Stats { source, json } => language::stats(source, *json),
        Command::Tokenizer(args) => tokenizer::run(args),
        Command::Tokens(args) => tokens::run(args),
    }
}

fn info(source: &RecipeArgs, as_json: bool, verify: bool) -> CliResult {
    let recipe = source.load()?;
    match Kind::of(&recipe)? {
        Kind::ImageClassification => {}
        Kind::LanguageModeling => return language::info(&recipe.typed()?, as_json, verify),
        Kind::Encoder => return encoder::info(&recipe.typed()?, as_json, verify),
    }
    let recipe: ImageRecipe = recipe.typed()?;
    if verify {
        shards::verify(&recipe.data)?;
    }
    images::info(&recipe, as_json)
}

fn preview(source: &RecipeArgs, output: &Path, columns: usize, epoch: u64) -> CliResult {
    anyhow::ensure!(columns > 0, "--columns must be at least 1");
    let recipe = source.load()?;
    encoder::refuse(&recipe, "preview draws images")?;
    let recipe: ImageRecipe = recipe.typed()?;
    let run = with_data(|mut access| Ok(ImageRun::open(&recipe, None, &mut access)?))?;
    let source = run.train.source();
    let [_, height, width] = source.shape();
    let (classes, columns) = bounded(source.dataset().classes().len(), columns, height, width);
    let data = &recipe.data;
    let is_mixed = data.mixup_alpha > 0.0 || data.cutmix_alpha > 0.0;
    let rows = if is_mixed {
        first_batches(&run.train, columns, epoch)?
    } else {
        first_of_each_class(source, classes, columns, epoch)?
    };
    // Small images are enlarged to about the size of a thumbnail.
    let scale = (96 / source.shape()[2].max(1)).max(1);
    let sheet = contact_sheet(&rows, scale).map_err(TrainError::from)?;
    write_png(output, &sheet).map_err(TrainError::from)?;
    let output = output.display();
    if is_mixed {
        println!(
            "{output}: the first {} images of the batches of epoch {epoch}, mixed as in training",
            rows.iter().map(Vec::len).sum::<usize>()
        );
    } else {
        let all = source.dataset().classes();
        let of = if all.len() > classes {
            format!("each of the first {classes} of {} classes", all.len())
        } else {
            "each class".to_owned()
        };
        println!(
            "{output}: {columns} training images of {of}, one class a row, from the top: {}",
            all[..classes].join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Rows and columns of a contact sheet for images of this size, within the limits of PNG viewers
/// and memory.
fn bounded(classes: usize, columns: usize, height: usize, width: usize) -> (usize, usize) {
    const MOST_CLASSES: usize = 100;
    const MOST_PIXELS: usize = 1 << 25;
    let images = MOST_PIXELS / (height.max(96) * width.max(96)).max(1);
    let columns = columns.min(images.max(1));
    (
        classes.min(MOST_CLASSES).min((images / columns).max(1)),
        columns,
    )
}

/// First images of each of the first classes, as the loader gives them in `epoch`.
fn first_of_each_class(
    source: &ImageSource,
    classes: usize,
    columns: usize,
    epoch: u64,
) -> Result<Vec<Vec<Image>>, TrainError> {
    let dataset = source.dataset();
    let mut rows = vec![Vec::new(); classes];
    for index in 0..dataset.len() {
        let Some(row) = rows.get_mut(dataset.label(index)) else {
            continue;
        };
        if row.len() < columns {
            let batch = source.collate(epoch, 0, vec![source.item(epoch, index)?]);
            row.extend(images(source.preprocess(), &batch));
        }
    }
    Ok(rows)
}

/// First images that the network sees in `epoch`, in rows.
fn first_batches(
    loader: &Loader<ImageSource>,
    columns: usize,
    epoch: u64,
) -> Result<Vec<Vec<Image>>, TrainError> {
    const ROWS: usize = 8;
    let mut found = Vec::new();
    for batch in loader.epoch(epoch, 0) {
        found.extend(images(loader.source().preprocess(), &batch?));
        if found.len() >= ROWS * columns {
            break;
        }
    }
    found.truncate(ROWS * columns);
    Ok(found.chunks(columns).map(<[Image]>::to_vec).collect())
}

/// Turns a normalised batch back into images.
fn images(preprocess: &Preprocess, batch: &ImageBatch) -> Vec<Image> {
    let [_, channels, height, width] = batch.shape;
    batch
        .pixels
        .chunks_exact(channels * height * width)
        .map(|samples| preprocess.denormalize(samples, width, height))
        .collect()
}
