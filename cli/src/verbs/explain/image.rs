//! Which places of an image speak for a class.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use serde::Serialize;
use tinderbox_data::image::{Image, contact_sheet, write_png};
use tinderbox_model_cnn::explain::{self, SmoothGrad};
use tinderbox_train::TrainError;
use tinderbox_train::kinds::image_classification::{ranked, read_logits};
use tinderbox_train::report::overlay::{enlarged, overlay, without_outliers};

use super::{Args, class_index, refuse_others};
use crate::exit::{Done, one_line};
use crate::shared::table;
use crate::trained::Trained;
use crate::verbs::predict::{ClassProbability, add_rows, most_probable, see};

/// Smaller images are enlarged until they are about as wide and high as this, in pixels.
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
    /// As it is written on the command line.
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
    /// The class asked about.
    explained: String,
    method: ImageMethod,
    layer: Option<String>,
    picture: PathBuf,
    /// Whether nothing at all speaks for the class.
    #[serde(rename = "empty")]
    is_empty: bool,
}

pub(super) fn run(args: &Args) -> Done {
    let method = args.image_method()?;
    let question = Question::new(args, method)?;
    let device = args.device.open()?;
    let trained = args.weights.open(&args.outside, &args.run, &device)?;
    if args.layers {
        return list_layers(&trained, args.json, &device);
    }
    let classifier = &trained.classifier;
    let (labels, classes) = (&classifier.labels, classifier.config.num_classes());
    let class = match &args.class {
        Some(class) => Some(class_index(labels, classes, class)?),
        None => None,
    };
    let pictures = pictures(args, method)?;
    let mut table = table(["image", "class", "probability"], &[2]);
    let mut written = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for (path, picture) in args.images.iter().zip(pictures) {
        let (seen, pixels) = match see(&trained, path, &device) {
            Ok(image) => image,
            Err(error) => {
                eprintln!("error: {}", one_line(&error));
                code = ExitCode::FAILURE;
                continue;
            }
        };
        let logits = read_logits(trained.model.forward(pixels.clone()))?;
        let probable = ranked(&logits).first().map_or(0, |(class, _)| *class);
        let class = class.unwrap_or(probable);
        let map = question.map(&trained, pixels, class)?;
        let is_empty = draw(&seen, map, method, &picture)?;
        let explanation = Explanation {
            image: path.display().to_string(),
            classes: most_probable(&trained, &logits, args.top_k),
            explained: trained.label(class),
            method,
            layer: question.layer(&trained),
            picture,
            is_empty,
        };
        if args.json {
            println!("{}", serde_json::to_string(&explanation)?);
            continue;
        }
        add_rows(&mut table, &explanation.image, &explanation.classes);
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
    /// As in `photo.grad-cam.png: what speaks for star in layer4`.
    fn line(&self) -> String {
        let (picture, class) = (self.picture.display(), &self.explained);
        let place = match &self.layer {
            Some(layer) => format!(" in {layer}"),
            None => String::new(),
        };
        let what = if self.is_empty { "nothing" } else { "what" };
        format!("{picture}: {what} speaks for {class}{place}")
    }
}

/// What is asked about every image.
enum Question {
    GradCam { layer: Option<String> },
    InputGradient,
    SmoothGrad(SmoothGrad),
}

impl Question {
    fn new(args: &Args, method: ImageMethod) -> anyhow::Result<Self> {
        let default = SmoothGrad::default();
        let of_others = |given: bool, option: &str, owner: ImageMethod| {
            refuse_others(given, option, owner.name(), method.name())
        };
        of_others(args.layer.is_some(), "layer", ImageMethod::GradCam)?;
        of_others(args.samples.is_some(), "samples", ImageMethod::SmoothGrad)?;
        of_others(args.noise.is_some(), "noise", ImageMethod::SmoothGrad)?;
        of_others(args.seed.is_some(), "seed", ImageMethod::SmoothGrad)?;
        Ok(match method {
            ImageMethod::GradCam => Self::GradCam {
                layer: args.layer.clone(),
            },
            ImageMethod::InputGradient => Self::InputGradient,
            ImageMethod::SmoothGrad => {
                let settings = SmoothGrad {
                    samples: args.samples.unwrap_or(default.samples),
                    noise: args.noise.unwrap_or(default.noise),
                    seed: args.seed.unwrap_or(default.seed),
                };
                settings.validate().map_err(|e| anyhow::anyhow!("--{e}"))?;
                Self::SmoothGrad(settings)
            }
        })
    }

    /// The layer it looks at, if it is about one.
    fn layer(&self, trained: &Trained) -> Option<String> {
        match self {
            Self::GradCam { layer } => Some(
                layer
                    .clone()
                    .unwrap_or_else(|| trained.model.last_conv_layer()),
            ),
            Self::InputGradient | Self::SmoothGrad(_) => None,
        }
    }

    /// `[1, height, width]` of an image `[1, channels, height, width]`; of the layer's size if it looks at one.
    fn map(&self, trained: &Trained, image: Tensor<4>, class: usize) -> anyhow::Result<Tensor<3>> {
        let model = &trained.model;
        let classes = [class];
        let classes = Some(classes.as_slice());
        Ok(match self {
            Self::GradCam { .. } => {
                let layer = self.layer(trained).unwrap_or_default();
                explain::grad_cam(model, image, &layer, classes)
                    .context("--layer (`tinderbox explain RUN --layers` lists all)")?
            }
            Self::InputGradient => explain::input_gradient(model, image, classes)?,
            Self::SmoothGrad(settings) => explain::smooth_grad(model, image, classes, settings)?,
        })
    }
}

fn list_layers(trained: &Trained, json: bool, device: &Device) -> Done {
    let (config, preprocess) = (&trained.classifier.config, &trained.classifier.preprocess);
    let size = config
        .fixed_image_size()
        .or(preprocess.output_size())
        .unwrap_or(config.min_image_size().max(VIEWABLE));
    let image = Tensor::zeros([1, config.in_channels(), size, size], device);
    let layers = explain::layer_names(&trained.model, image);
    if json {
        println!("{}", serde_json::to_string(&layers)?);
        return Ok(ExitCode::SUCCESS);
    }
    let default = trained.model.last_conv_layer();
    for layer in layers {
        let mark = if layer == default { " (default)" } else { "" };
        println!("{layer}{mark}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where each image's picture goes: into a folder, or into the one file given.
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
                "{} and {} would both be explained in {}; ask for them one by one with another --output",
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
            "--output {}: it would overwrite an image that is to be explained",
            picture.display()
        );
    }
    Ok(pictures)
}

/// Writes what the network saw and, beside it, the same under the map; says whether the map is zero everywhere.
fn draw(seen: &Image, map: Tensor<3>, method: ImageMethod, picture: &Path) -> anyhow::Result<bool> {
    let scale = (VIEWABLE / seen.width.max(seen.height)).max(1);
    let map = explain::upsample(map, [seen.height * scale, seen.width * scale]);
    let heat: Vec<f32> = map
        .try_into_data()
        .map_err(|e| TrainError::Execution(e.to_string()))?
        .iter::<f32>()
        .collect();
    let is_empty = heat.iter().all(|&x| x == 0.0);
    let heat = match method {
        ImageMethod::GradCam => heat,
        // Single pixels can outshine all the others.
        ImageMethod::InputGradient | ImageMethod::SmoothGrad => without_outliers(heat),
    };
    let seen = enlarged(seen, scale);
    let over = overlay(&seen, &heat);
    write_png(picture, &contact_sheet(&[vec![seen, over]], 1)).map_err(TrainError::from)?;
    Ok(is_empty)
}
