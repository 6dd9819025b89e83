//! `tinderbox data`

mod shards;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::data::image::{Image, ImageDataset, Preprocess, Split, contact_sheet, write_png};
use ::data::random;
use ::train::TrainError;
use ::train::report::plain::thousands;
use ::train::task::image_data::{ImageRun, open_dataset};
use clap::Subcommand;
use serde_json::json;

use super::Done;
use super::shared::{RecipeArgs, table, with_data};

/// Look at the data of a recipe.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox data info cnn
  tinderbox data preview cnn-cifar10 --data path/to/cifar-10-batches-bin --output sheet.png
  tinderbox data shards cnn-folder --data path/to/images --output path/to/shards")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count images and classes.
    Info {
        #[command(flatten)]
        source: RecipeArgs,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
        /// Of shards: read every byte and compare it with the checksums in shards.json.
        #[arg(long)]
        verify: bool,
    },
    /// Draw training images as the network sees them: a row a class, augmented and cropped, in a PNG file.
    Preview {
        #[command(flatten)]
        source: RecipeArgs,
        /// The PNG file.
        #[arg(long, short, default_value = "preview.png")]
        output: PathBuf,
        /// Images of each class.
        #[arg(long, default_value_t = 10)]
        columns: usize,
        /// The epoch whose augmentation is drawn.
        #[arg(long, default_value_t = 0)]
        epoch: u64,
    },
    Shards(shards::Args),
}

pub(super) fn run(args: &Args) -> Done {
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
    }
}

fn info(source: &RecipeArgs, as_json: bool, verify: bool) -> Done {
    let recipe = source.load()?;
    if verify {
        shards::verify(&recipe.data)?;
    }
    let (train, validation) = with_data(|mut access| {
        let mut open = |split| open_dataset(&recipe.data, recipe.seed, split, &mut access);
        Ok((open(Split::Train)?, open(Split::Validation)?))
    })?;
    let counts = [train.class_counts(), validation.class_counts()];
    if as_json {
        let value = json!({
            "classes": train.classes(), "train": counts[0], "validation": counts[1],
            "image_size": train.image_size(),
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["class", "training", "validation"], &[1, 2]);
    let count =
        |counts: &[usize], class: usize| thousands(counts.get(class).copied().unwrap_or(0) as u64);
    for (class, name) in train.classes().iter().enumerate() {
        let row = [
            name.clone(),
            count(&counts[0], class),
            count(&counts[1], class),
        ];
        table.add_row(row);
    }
    let total = |dataset: &ImageDataset| thousands(dataset.len() as u64);
    table.add_row(["total".to_string(), total(&train), total(&validation)]);
    println!("{table}");
    match train.image_size() {
        Some((width, height)) => println!("images are {width}x{height}"),
        None => println!("images have any size"),
    }
    Ok(ExitCode::SUCCESS)
}

fn preview(source: &RecipeArgs, output: &Path, columns: usize, epoch: u64) -> Done {
    anyhow::ensure!(columns > 0, "--columns must be at least 1");
    let recipe = source.load()?;
    let run = with_data(|mut access| Ok(ImageRun::open(&recipe, &mut access)?))?;
    let source = run.train.source();
    let rows = rows(
        source.dataset(),
        source.preprocess(),
        recipe.seed,
        columns,
        epoch,
    )?;
    let largest = rows.iter().flatten().map(|image| image.width).max();
    // Small images are enlarged until a tile is about as large as a thumbnail.
    let scale = (96 / largest.unwrap_or(96)).max(1);
    write_png(output, &contact_sheet(&rows, scale)).map_err(TrainError::from)?;
    println!(
        "{}: {columns} training images of each class, one class a row, from the top: {}",
        output.display(),
        source.dataset().classes().join(", ")
    );
    Ok(ExitCode::SUCCESS)
}

/// The first images of each class, as the loader would give them in `epoch`.
fn rows(
    dataset: &ImageDataset,
    preprocess: &Preprocess,
    seed: u64,
    columns: usize,
    epoch: u64,
) -> Result<Vec<Vec<Image>>, TrainError> {
    let mut rows = vec![Vec::new(); dataset.classes().len()];
    for index in 0..dataset.len() {
        let row = &mut rows[dataset.label(index)];
        if row.len() < columns {
            let mut rng = random::rng(seed, "augment", epoch, index as u64);
            row.push(preprocess.image(dataset.decode(index)?, &mut rng)?);
        }
    }
    Ok(rows)
}
