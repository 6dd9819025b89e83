//! `tinderbox explain` of images: heat maps.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use serde::Serialize;
use tinderbox_data::image::{Image, contact_sheet, write_png};
use tinderbox_model_cnn::explain::SmoothGrad;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::ClassProbability;
use tinderbox_train::kinds::image_classification::{
    ImageExplainMethod, ImageExplanation, LoadedImageClassifier, PreparedImage,
};

use super::{Args, class_index, refuse_others};
use crate::exit::{CliResult, one_line};
use crate::pictures::overlay::{enlarged, overlay, without_outliers};
use crate::table::{add_classes, table};

/// Smaller images are enlarged to about this width and height, in pixels.
const VIEWABLE: usize = 224;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ImageMethod {
    /// Images: regions of a layer's feature map that raise the class's logit.
    GradCam,
    /// Images: gradient of the logit with respect to the pixels.
    InputGradient,
    /// Images: input-gradient averaged over noisy copies.
    SmoothGrad,
}

impl ImageMethod {
    /// Name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::GradCam => "grad-cam",
            Self::InputGradient => "input-gradient",
            Self::SmoothGrad => "smooth-grad",
        }
    }
}

#[derive(Serialize)]
struct Explanation {
    image: String,
    classes: Vec<ClassProbability>,
    /// Name of the explained class.
    explained: String,
    method: ImageMethod,
    layer: Option<String>,
    picture: PathBuf,
    /// True if there is no evidence for the class at all.
    #[serde(rename = "empty")]
    is_empty: bool,
}

pub(super) fn run(args: &Args) -> CliResult {
    let method = args.image_method()?;
    let settings = settings(args, method)?;
    let device = args.device.open()?;
    let model = args
        .weights_file
        .open(&args.run, &args.checkpoint, &device)?;
    if args.layers {
        return list_layers(&model, args.json);
    }
    let (labels, classes) = (&model.bundle.labels, model.bundle.config.num_classes());
    let class = match &args.class {
        Some(class) => Some(class_index(labels, classes, class)?),
        None => None,
    };
    let pictures = pictures(args, method)?;
    let mut table = table(["image", "class", "probability"], &[2]);
    let mut written = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for (path, picture) in args.images.iter().zip(pictures) {
        let image = match model.prepare(path) {
            Ok(image) => image,
            Err(error) => {
                eprintln!("error: {}", one_line(&error.into()));
                code = ExitCode::FAILURE;
                continue;
            }
        };
        let explained = explain(&model, &image, class, &settings)?;
        let is_empty = draw(&image.image, &explained, method, &picture)?;
        let mut classes = explained.classes;
        classes.truncate(args.top_k);
        let explanation = Explanation {
            image: path.display().to_string(),
            classes,
            explained: model.label(explained.class),
            method,
            layer: explained.layer,
            picture,
            is_empty,
        };
        if args.json {
            println!("{}", serde_json::to_string(&explanation)?);
            continue;
        }
        add_classes(&mut table, &explanation.image, &explanation.classes);
        written.push(explanation);
    }
    if !args.json && !table.is_empty() {
        println!("{table}\n");
    }
    for explanation in written {
        println!("{}", explanation.line());
    }
    Ok(code)
}

impl Explanation {
    /// A line such as `photo.grad-cam.png: evidence for star in layer4`.
    fn line(&self) -> String {
        let (picture, class) = (self.picture.display(), &self.explained);
        let place = match &self.layer {
            Some(layer) => format!(" in {layer}"),
            None => String::new(),
        };
        let no = if self.is_empty { "no " } else { "" };
        format!("{picture}: {no}evidence for {class}{place}")
    }
}

/// Method with its settings; fails if settings of another method are given.
fn settings(args: &Args, method: ImageMethod) -> anyhow::Result<ImageExplainMethod> {
    let of_others = |given: bool, option: &str, owner: ImageMethod| {
        refuse_others(given, option, owner.name(), method.name())
    };
    of_others(args.layer.is_some(), "layer", ImageMethod::GradCam)?;
    of_others(args.samples.is_some(), "samples", ImageMethod::SmoothGrad)?;
    of_others(args.noise.is_some(), "noise", ImageMethod::SmoothGrad)?;
    of_others(args.seed.is_some(), "seed", ImageMethod::SmoothGrad)?;
    Ok(match method {
        ImageMethod::GradCam => ImageExplainMethod::GradCam {
            layer: args.layer.clone(),
        },
        ImageMethod::InputGradient => ImageExplainMethod::InputGradient,
        ImageMethod::SmoothGrad => {
            let default = SmoothGrad::default();
            let settings = SmoothGrad {
                samples: args.samples.unwrap_or(default.samples),
                noise: args.noise.unwrap_or(default.noise),
                seed: args.seed.unwrap_or(default.seed),
            };
            settings.validate().map_err(|e| anyhow::anyhow!("--{e}"))?;
            ImageExplainMethod::SmoothGrad(settings)
        }
    })
}

fn explain(
    model: &LoadedImageClassifier,
    image: &PreparedImage,
    class: Option<usize>,
    settings: &ImageExplainMethod,
) -> anyhow::Result<ImageExplanation> {
    let explained = model.explain(image, class, settings);
    match settings {
        ImageExplainMethod::GradCam { .. } => {
            explained.context("--layer (`tinderbox explain RUN --layers` lists all)")
        }
        ImageExplainMethod::InputGradient | ImageExplainMethod::SmoothGrad(_) => Ok(explained?),
    }
}

fn list_layers(model: &LoadedImageClassifier, json: bool) -> CliResult {
    let layers = model.layers();
    if json {
        let names: Vec<&String> = layers.iter().map(|layer| &layer.name).collect();
        println!("{}", serde_json::to_string(&names)?);
        return Ok(ExitCode::SUCCESS);
    }
    for layer in layers {
        let mark = if layer.is_default { " (default)" } else { "" };
        println!("{}{mark}", layer.name);
    }
    Ok(ExitCode::SUCCESS)
}

/// Path of the picture of each image: in a folder, or the one file given.
fn pictures(args: &Args, method: ImageMethod) -> anyhow::Result<Vec<PathBuf>> {
    let here = PathBuf::from(".");
    let output = args.output.as_ref().unwrap_or(&here);
    let is_file = output
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("png"));
    let pictures: Vec<PathBuf> = if is_file && !output.is_dir() {
        ensure!(
            args.images.len() == 1,
            "--output {}: one file for {} images; give a folder",
            output.display(),
            args.images.len()
        );
        vec![output.clone()]
    } else {
        fs::create_dir_all(output).map_err(|e| TrainError::io(output, e))?;
        // `photo.png` reads better than `./photo.png`.
        let folder = output.strip_prefix(".").unwrap_or(output);
        let name = |image: &PathBuf| {
            let stem = image.file_stem().unwrap_or_default().to_string_lossy();
            folder.join(format!("{stem}.{}.png", method.name()))
        };
        args.images.iter().map(name).collect()
    };
    let mut taken: HashMap<&Path, &Path> = HashMap::new();
    for (image, picture) in args.images.iter().zip(&pictures) {
        if let Some(other) = taken.insert(picture, image) {
            bail!(
                "{} and {} would both be explained in {}; explain them one by one with different --output",
                other.display(),
                image.display(),
                picture.display()
            );
        }
        let same = |image: &PathBuf| {
            let whole = |path: &Path| path.canonicalize().ok();
            whole(image).is_some_and(|image| whole(picture) == Some(image))
        };
        ensure!(
            !args.images.iter().any(same),
            "--output {}: it would overwrite an image to explain",
            picture.display()
        );
    }
    Ok(pictures)
}

/// Writes the image as the network saw it and, beside it, under the heat map. Returns true if the
/// map is zero everywhere.
fn draw(
    seen: &Image,
    explanation: &ImageExplanation,
    method: ImageMethod,
    picture: &Path,
) -> anyhow::Result<bool> {
    let scale = (VIEWABLE / seen.width.max(seen.height)).max(1);
    let heat = explanation.resized([seen.height * scale, seen.width * scale])?;
    let is_empty = heat.iter().all(|&x| x == 0.0);
    let heat = match method {
        ImageMethod::GradCam => heat,
        // Single pixels can outshine all the others.
        ImageMethod::InputGradient | ImageMethod::SmoothGrad => without_outliers(heat),
    };
    let seen = enlarged(seen, scale);
    let over = overlay(&seen, &heat);
    let sheet = contact_sheet(&[vec![seen, over]], 1).map_err(TrainError::from)?;
    write_png(picture, &sheet).map_err(TrainError::from)?;
    Ok(is_empty)
}
