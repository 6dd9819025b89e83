//! A network to use: of a run, or of a weights file.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use clap::{ArgAction, Args};
use tinderbox_model_cnn::ImageClassifier;
use tinderbox_model_cnn::registry::{self, InputInfo};
use tinderbox_model_cnn::weights::{LoadOptions, StateDict, known};
use tinderbox_train::kinds::image_classification::ImageBundle;
use tinderbox_train::kinds::image_classification::data;
use tinderbox_train::kinds::image_classification::pretrained as outside;
use tinderbox_train::pretrained::not_loaded;
use tinderbox_train::recipe::nearest;
use tinderbox_train::run::{Bundle, RunDir, Which};

use crate::shared::with_data;

/// Weights of a run.
#[derive(Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct WeightsArgs {
    /// Checkpoint of the run: best, latest, or a step number.
    #[arg(long, default_value = "best", value_name = "WHICH")]
    checkpoint: Checkpoint,
    /// Use the raw weights instead of their moving average (EMA).
    ///
    /// By default the moving average is used if the run kept one.
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

/// Weights from a file, in place of a run's own or without a run.
#[derive(Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct OutsideArgs {
    /// Image weights to use instead of a checkpoint's.
    ///
    /// A file (safetensors or PyTorch) or a name from `tinderbox models --weights`. Model, classes
    /// and preprocessing are still the run's.
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["checkpoint", "live"])]
    weights: Option<String>,
    /// Require every weight to match the model.
    ///
    /// With false, weights that do not match are skipped and listed.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    strict: bool,
    /// Architecture of a weights file that is given in place of RUN.
    ///
    /// `tinderbox models` lists the names.
    #[arg(long, value_name = "NAME", conflicts_with = "weights")]
    model: Option<String>,
    /// Class names of such a file: a text file, one name per line.
    #[arg(long, value_name = "FILE", conflicts_with = "weights")]
    labels: Option<PathBuf>,
}

/// A trained classifier, ready for use.
pub(crate) struct Trained {
    /// Without one, the weights stand for themselves.
    run: Option<RunDir>,
    pub(crate) classifier: ImageBundle,
    pub(crate) model: ImageClassifier,
    /// As in "step 1880 (moving average)".
    pub(crate) origin: String,
}

impl Trained {
    /// The run directory.
    pub(crate) fn run(&self) -> anyhow::Result<&RunDir> {
        let none = "a weights file says nothing about data: give the directory of a run, and the file with --weights";
        self.run.as_ref().context(none)
    }

    /// What a class is called: its label or, without one, its index.
    pub(crate) fn label(&self, class: usize) -> String {
        match self.classifier.labels.get(class) {
            Some(label) => label.clone(),
            None => class.to_string(),
        }
    }
}

impl WeightsArgs {
    /// The classifier of a run with the weights asked for, its own or those from `outside`.
    pub(crate) fn open(
        &self,
        outside: &OutsideArgs,
        run: &Path,
        device: &Device,
    ) -> anyhow::Result<Trained> {
        if outside.model.is_some() || run.is_file() || known::find(&run.to_string_lossy()).is_some()
        {
            return outside.standalone(&run.to_string_lossy(), device);
        }
        ensure!(
            outside.labels.is_none(),
            "--labels is for a weights file in place of a run; a run has its own"
        );
        ensure!(
            outside.strict || outside.weights.is_some(),
            "--strict false is for weights from outside: give them with --weights"
        );
        let run = RunDir::open(run)?;
        let classifier = ImageBundle::read(&run)?;
        if let Some(name) = &outside.weights {
            let model = run.recipe(&[])?.model.name;
            return outside.open(Some(run), classifier, &model, name, device);
        }
        let weights = run.weights(self.checkpoint.0, self.live)?;
        let origin = weights.origin();
        let model = weights.load_into(classifier.config.init(device)?)?;
        Ok(Trained {
            run: Some(run),
            classifier,
            model,
            origin,
        })
    }

    /// The model at `path` has no checkpoints.
    pub(crate) fn refuse(&self, path: &Path) -> anyhow::Result<()> {
        ensure!(
            self.which() == (Which::Best, false),
            "--checkpoint and --live are for runs, and {} is none",
            path.display()
        );
        Ok(())
    }

    pub(crate) fn which(&self) -> (Which, bool) {
        (self.checkpoint.0, self.live)
    }
}

impl OutsideArgs {
    /// Weights from outside are for images; the model at `path` is of text.
    pub(crate) fn refuse(&self, path: &Path) -> anyhow::Result<()> {
        let given = [
            ("weights", self.weights.is_some()),
            ("strict", !self.strict),
            ("model", self.model.is_some()),
            ("labels", self.labels.is_some()),
        ];
        let given = given.iter().find(|(_, is_given)| *is_given);
        match given {
            Some((option, _)) => bail!(
                "--{option} is for images, and {} is of text",
                path.display()
            ),
            None => Ok(()),
        }
    }

    fn open(
        &self,
        run: Option<RunDir>,
        classifier: ImageBundle,
        model: &str,
        name: &str,
        device: &Device,
    ) -> anyhow::Result<Trained> {
        let path = with_data(|mut access| Ok(outside::locate(name, model, &mut access)?))?;
        let options = LoadOptions {
            strict: self.strict,
            ..LoadOptions::default()
        };
        let model = classifier.config.init(device)?;
        let (model, left) = tinderbox_weights::load_with(model, &path, &options)?;
        if !left.is_empty() {
            eprintln!("{}: {}", path.display(), not_loaded(&left));
        }
        Ok(Trained {
            run,
            classifier,
            model,
            origin: path.display().to_string(),
        })
    }

    /// The network of weights that have no run: its model's own preprocessing, as many classes as the file has.
    fn standalone(&self, name: &str, device: &Device) -> anyhow::Result<Trained> {
        let known = known::find(name);
        let model = self.model.as_deref().or(known.map(|known| known.model));
        let model = model.with_context(|| {
            format!("{name} is no run directory; of a weights file, say with --model what network it is of")
        })?;
        let info = registry::find(model).with_context(|| unknown_model(model))?;
        let path = with_data(|mut access| Ok(outside::locate(name, info.name, &mut access)?))?;
        let mut config = (info.config)();
        if let Some(classes) = classes(&path, config.init(device)?.head_name())? {
            config = config.with_num_classes(classes);
        }
        // Published weights were measured with a resize and crop of their own.
        let input = InputInfo {
            resize_size: known.map_or(info.input.resize_size, |known| known.resize),
            crop_size: known.map_or(info.input.crop_size, |known| known.crop),
            ..info.input
        };
        let classifier = ImageBundle {
            labels: self.labels(config.num_classes())?,
            preprocess: data::preprocess(&input, &config),
            config,
        };
        self.open(None, classifier, info.name, name, device)
    }

    fn labels(&self, classes: usize) -> anyhow::Result<Vec<String>> {
        let Some(path) = &self.labels else {
            return Ok(Vec::new());
        };
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| name.to_string())?;
        let labels: Vec<String> = text.lines().map(|line| line.trim().to_string()).collect();
        ensure!(
            labels.len() == classes,
            "{name} has {} lines, the network {classes} classes",
            labels.len()
        );
        Ok(labels)
    }
}

fn unknown_model(name: &str) -> String {
    let names = registry::MODELS.iter().map(|model| model.name);
    match nearest(name, names) {
        Some(nearest) => format!("there is no model `{name}`; did you mean `{nearest}`?"),
        None => format!("there is no model `{name}`; `tinderbox models` lists them"),
    }
}

/// How many classes the head of a weights file has.
fn classes(path: &Path, head: &str) -> anyhow::Result<Option<usize>> {
    let weights = StateDict::read(path)?;
    let bias = weights.shape(&format!("{head}.bias"));
    Ok(bias.and_then(|shape| shape.first().copied()))
}
