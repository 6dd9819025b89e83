//! `tinderbox explain`

mod encoder;
mod encoder_output;
mod image;

use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use tinderbox_train::kinds::Kind;

use crate::args::text::not_for_images;
use crate::args::{CheckpointArgs, DeviceArgs, TextArgs, WeightsFileArgs};
use crate::exit::CliResult;
use encoder::TextMethod;
use image::ImageMethod;

/// Show which pixels or words support a class.
///
/// For each image a PNG file is written: on the left what the network saw, on the right the same
/// under a heat map. An image that cannot be read is reported and the others are still explained;
/// the exit code is then 1.
///
/// A text is printed with the words that support its class in green and those against it in red;
/// without colours, as a table.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox explain runs/cnn photo.jpg
  tinderbox explain runs/cnn photo.jpg --class star --method smooth-grad
  tinderbox explain runs/cnn --layers
  tinderbox explain runs/bert --text \"the film was not bad\" --output why.html
  tinderbox explain runs/bert --text \"not bad\" --method attention --layer 1
  tinderbox explain runs/squad --question \"Who wrote it?\" --file book.txt")]
pub(crate) struct Args {
    /// Run directory or, for text, a Hugging Face model folder.
    pub(crate) run: PathBuf,
    /// Image files.
    images: Vec<PathBuf>,
    #[command(flatten)]
    texts: TextArgs,
    /// Second text of a pair.
    #[arg(long, value_name = "TEXT", help_heading = "Input")]
    pair: Option<String>,
    /// Question about the text.
    #[arg(long, value_name = "TEXT", help_heading = "Input")]
    question: Option<String>,
    /// Explanation method.
    ///
    /// The default is grad-cam for images and integrated-gradients for text.
    #[arg(long, value_enum, help_heading = "Method")]
    method: Option<Method>,
    /// Class to explain [default: the most probable one].
    #[arg(long, value_name = "NAME|INDEX", help_heading = "Method")]
    class: Option<String>,
    /// Layer to look at, by name (grad-cam) or number (attention).
    ///
    /// grad-cam: a layer that --layers lists, by default the last convolution's. attention: a layer
    /// counted from 0, by default the mean of all.
    #[arg(long, value_name = "NAME|N", help_heading = "Method")]
    layer: Option<String>,
    /// List the model's layers instead.
    #[arg(long, conflicts_with = "images", help_heading = "Method")]
    layers: bool,
    /// Attention head, counted from 0 [default: the mean of all].
    #[arg(long, value_name = "N", help_heading = "Method")]
    head: Option<usize>,
    /// Noisy copies that smooth-grad averages over [default: 25].
    #[arg(long, value_name = "N", help_heading = "Method")]
    samples: Option<usize>,
    /// Noise of smooth-grad, as a share of the range [default: 0.15].
    #[arg(long, value_name = "SHARE", help_heading = "Method")]
    noise: Option<f64>,
    /// Seed of smooth-grad's noise [default: 0].
    #[arg(long, help_heading = "Method")]
    seed: Option<u64>,
    /// Integration steps of integrated-gradients [default: 50].
    #[arg(long, value_name = "N", help_heading = "Method")]
    steps: Option<usize>,
    /// Where to write pictures.
    ///
    /// Images: a folder, or FILE.png for a single image, by default the current folder. Texts:
    /// FILE.html or FILE.svg, written in addition to the printed text.
    #[arg(long, short, value_name = "FOLDER|FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Classes to list for each image or text.
    #[arg(long, default_value_t = 5, value_name = "K", help_heading = "Output")]
    top_k: usize,
    /// Print one JSON object per line instead of tables.
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    weights_file: WeightsFileArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Explanation method, for images or for text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Image(ImageMethod),
    Text(TextMethod),
}

/// Refuses an option of another method, rather than ignoring it.
fn refuse_others(is_given: bool, option: &str, owner: &str, method: &str) -> anyhow::Result<()> {
    ensure!(
        !is_given || method == owner,
        "--{option} is for --method {owner}, not for {method}"
    );
    Ok(())
}

impl ValueEnum for Method {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Image(ImageMethod::GradCam),
            Self::Image(ImageMethod::InputGradient),
            Self::Image(ImageMethod::SmoothGrad),
            Self::Text(TextMethod::IntegratedGradients),
            Self::Text(TextMethod::Attention),
            Self::Text(TextMethod::Rollout),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Image(method) => method.to_possible_value(),
            Self::Text(method) => method.to_possible_value(),
        }
    }
}

pub(crate) fn run(args: &Args) -> CliResult {
    ensure!(args.top_k > 0, "--top-k must be at least 1");
    let name = args.run.display();
    match Kind::detect(&args.run)? {
        None | Some(Kind::ImageClassification) => image::run(args),
        Some(Kind::Encoder) => encoder::run(args),
        Some(Kind::LanguageModeling) => bail!(
            "{name} is a language model; only predictions about images and those of text encoders can be explained"
        ),
    }
}

impl Args {
    /// Method for images; fails if options for text are given.
    fn image_method(&self) -> anyhow::Result<ImageMethod> {
        let name = self.run.display();
        let of_text = [
            ("text", self.texts.is_given()),
            ("pair", self.pair.is_some()),
            ("question", self.question.is_some()),
            ("head", self.head.is_some()),
            ("steps", self.steps.is_some()),
        ];
        if let Some((option, _)) = of_text.iter().find(|(_, is_given)| *is_given) {
            let message = format!("--{option} is for text, and {name} is an image model");
            return Err(not_for_images(&self.run, message));
        }
        ensure!(
            self.layers || !self.images.is_empty(),
            "give one or more image files"
        );
        match self.method {
            None => Ok(ImageMethod::GradCam),
            Some(Method::Image(method)) => Ok(method),
            Some(Method::Text(method)) => bail!(
                "--method {} is for text, and {name} is an image model",
                method.name()
            ),
        }
    }

    /// Method for a text; fails if options for images are given.
    fn text_method(&self) -> anyhow::Result<TextMethod> {
        let name = self.run.display();
        let of_images = [
            ("layers", self.layers),
            ("samples", self.samples.is_some()),
            ("noise", self.noise.is_some()),
            ("seed", self.seed.is_some()),
        ];
        if let Some((option, _)) = of_images.iter().find(|(_, is_given)| *is_given) {
            bail!("--{option} is for images, and {name} is a text model");
        }
        ensure!(
            self.images.is_empty(),
            "{name} is a text model: give it a text with --text or --file"
        );
        self.weights_file.refuse(&self.run)?;
        match self.method {
            None => Ok(TextMethod::IntegratedGradients),
            Some(Method::Text(method)) => Ok(method),
            Some(Method::Image(method)) => bail!(
                "--method {} is for images, and {name} is a text model",
                method.name()
            ),
        }
    }
}

/// Index of a class given by its name or, if no class has that name, by its index.
fn class_index(labels: &[String], classes: usize, given: &str) -> anyhow::Result<usize> {
    if let Some(class) = labels.iter().position(|label| label == given) {
        return Ok(class);
    }
    if let Ok(class) = given.parse::<usize>() {
        ensure!(
            class < classes,
            "--class {class}: the model has {classes} classes, counted from 0"
        );
        return Ok(class);
    }
    let mut similar: Vec<&str> = labels.iter().map(String::as_str).collect();
    similar
        .sort_by(|a, b| strsim::jaro_winkler(given, b).total_cmp(&strsim::jaro_winkler(given, a)));
    similar.truncate(5);
    bail!(
        "--class {given}: no class has this name; the most similar ones are {}",
        similar.join(", ")
    )
}
