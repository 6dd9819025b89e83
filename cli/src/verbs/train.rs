//! `tinderbox train`

use std::io::Write;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use burn::train::Interrupter;
use clap::ValueEnum;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::{EncoderDataRecipe, EncoderDataSource};
use tinderbox_train::kinds::{self, Kind};
use tinderbox_train::recipe::{Recipe, RecipeError, RecipeToml};
use tinderbox_train::report::ViewInfo;
use tinderbox_train::report::dashboard::Dashboard;
use tinderbox_train::report::plain::{Plain, format_duration, thousands};
use tinderbox_train::report::{self, View};
use tinderbox_train::run::RunDir;
use tinderbox_train::session::{SessionContext, StartMode};
use tinderbox_train::trainer::{End, Outcome};

use crate::args::{DeviceArgs, RecipeArgs, quoted};
use crate::download::with_data;
use crate::exit::CliResult;
use crate::shell;

/// Train a model from a recipe, or resume a run.
///
/// The run directory holds everything that later commands need: the resolved recipe, the model's
/// config, checkpoints, metrics and curves. Ctrl-C finishes the step and writes a checkpoint.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox train cnn
  tinderbox train cnn-cifar10 --download --workers 2
  tinderbox train cnn --set optimizer.learning_rate=0.1 --run-dir runs/fast
  tinderbox train cnn-folder --data path/to/images --weights pretrained.pth
  tinderbox train lstm-ptb-small --data path/to/penn-treebank
  tinderbox train sst2 --data path/to/sst-2 --weights path/to/bert
  tinderbox train transformer --data text.txt --weights path/to/gpt2
  tinderbox train cnn --resume")]
pub(crate) struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Data loader threads; short for --set train.workers=N.
    #[arg(long, value_name = "N", help_heading = "Data")]
    workers: Option<usize>,
    /// Skip up to N unreadable images; short for --set train.skip_bad=N.
    #[arg(long, value_name = "N", help_heading = "Data")]
    skip_bad: Option<usize>,
    /// Pretrained weights to start from (--set model.weights=WEIGHTS)
    ///
    /// A file (safetensors or PyTorch), a name from `tinderbox models --weights` or, for text, a
    /// Hugging Face model folder, whose network and tokenizer are then used. A head for another
    /// number of classes is initialised anew.
    #[arg(
        long,
        value_name = "NAME|FILE|FOLDER",
        conflicts_with = "resume",
        help_heading = "Model"
    )]
    weights: Option<String>,
    /// Key of the weights in a file that has several.
    ///
    /// Such as model_ema. Short for --set model.weights_key=KEY.
    #[arg(
        long,
        value_name = "KEY",
        conflicts_with = "resume",
        help_heading = "Model"
    )]
    weights_key: Option<String>,
    /// Require every pretrained weight to match the model.
    ///
    /// With false, weights that do not match are skipped and listed. Short for --set
    /// model.strict=BOOL.
    #[arg(
        long,
        value_name = "BOOL",
        conflicts_with = "resume",
        help_heading = "Model"
    )]
    strict: Option<bool>,
    /// Run directory [default: runs/NAME, the recipe's name].
    #[arg(long, value_name = "FOLDER", help_heading = "Run")]
    run_dir: Option<PathBuf>,
    /// Resume the run from its latest checkpoint, or the one at STEP.
    ///
    /// The recorded recipe is used; --set can still change how long it trains and how often it
    /// evaluates, logs and saves.
    #[arg(
        long, value_name = "STEP", num_args = 0..=1, require_equals = true, default_missing_value = "latest",
        conflicts_with_all = ["overwrite", "dry_run"], help_heading = "Run"
    )]
    resume: Option<ResumeFrom>,
    /// Replace an existing run.
    #[arg(long, help_heading = "Run")]
    overwrite: bool,
    /// Run two steps and a short evaluation; write nothing.
    #[arg(long, help_heading = "Run")]
    dry_run: bool,
    /// Progress display.
    #[arg(long, value_enum, default_value_t = Ui::Auto, help_heading = "Run")]
    ui: Ui,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Args {
    /// The run that is resumed, or recipe, data and weights.
    pub(crate) fn subject(&self) -> String {
        match (&self.resume, &self.run_dir) {
            (Some(_), Some(run)) => run.display().to_string(),
            _ => {
                let weights = self.weights.iter().cloned();
                let parts: Vec<String> = iter::once(self.recipe.subject()).chain(weights).collect();
                parts.join(", ")
            }
        }
    }
}

#[derive(Clone, Copy)]
enum ResumeFrom {
    Latest,
    Step(u64),
}

impl std::str::FromStr for ResumeFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            step => match step.parse() {
                Ok(step) => Ok(Self::Step(step)),
                Err(_) => {
                    Err("expected a step number, or nothing for the latest checkpoint".into())
                }
            },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ui {
    /// Dashboard on a terminal, plain lines elsewhere.
    Auto,
    /// One line every few seconds.
    Plain,
    /// Full-screen terminal dashboard.
    Dashboard,
    /// Only the summary.
    Quiet,
}

pub(crate) fn run(args: &Args) -> CliResult {
    let (recipe, run_dir) = recipe_and_folder(args)?;
    let device = args.device.open()?;
    let interrupter = Interrupter::new();
    stop_on_ctrl_c(&interrupter)?;
    let begin = match args.resume {
        _ if args.dry_run => StartMode::DryRun,
        Some(from) => StartMode::Resume {
            path: &run_dir,
            step: match from {
                ResumeFrom::Latest => None,
                ResumeFrom::Step(step) => Some(step),
            },
        },
        None => StartMode::New {
            path: &run_dir,
            overwrite: args.overwrite,
        },
    };
    let start = Instant::now();
    let outcome = with_data(|access| {
        let context = SessionContext::new(device, access)
            .with_view(|info| view(args.ui, info, &interrupter))
            .with_note(|text| println!("{text}"))
            .with_interrupter(interrupter.clone());
        Ok(kinds::train(&recipe, &begin, context)?)
    })?;
    if args.dry_run {
        println!("dry run: two steps and an evaluation succeeded, nothing was written");
        return Ok(ExitCode::SUCCESS);
    }
    summary(args, &recipe, &run_dir, &outcome, start.elapsed())?;
    Ok(match outcome.end {
        End::Interrupted => ExitCode::from(130),
        End::Finished | End::EarlyStopped => ExitCode::SUCCESS,
    })
}

/// Recipe and run directory. A new run follows its recipe, a resumed one the recipe that it
/// recorded.
fn recipe_and_folder(args: &Args) -> anyhow::Result<(Recipe, PathBuf)> {
    let mut sets = args.recipe.sets();
    sets.extend(args.workers.map(|n| format!("train.workers={n}")));
    sets.extend(args.skip_bad.map(|n| format!("train.skip_bad={n}")));
    let weights = |name: &String| format!("model.weights={}", quoted(name));
    sets.extend(args.weights.iter().map(weights));
    let key = |key: &String| format!("model.weights_key={}", quoted(key));
    sets.extend(args.weights_key.iter().map(key));
    sets.extend(args.strict.map(|strict| format!("model.strict={strict}")));
    let named = Recipe::load(&args.recipe.recipe, &sets).map_err(TrainError::from)?;
    let folder = match &args.run_dir {
        Some(folder) => folder.clone(),
        None => Path::new("runs").join(&named.name),
    };
    if args.resume.is_none() {
        return Ok((named, folder));
    }
    let run = RunDir::open(&folder)?;
    let recorded = run.recipe(&[])?;
    let recipe = run.recipe(&sets)?;
    let conflicts = recorded.conflicts(&recipe);
    if !conflicts.is_empty() {
        return Err(TrainError::from(RecipeError::Problems {
            origin: format!("{} cannot resume with another recipe", folder.display()),
            problems: conflicts,
        })
        .into());
    }
    let unlike = unlike(&args.recipe.recipe, &recipe, &named)?;
    if !unlike.is_empty() {
        println!(
            "note: resuming with the recipe recorded in {}; `{}` has now: {}",
            folder.display(),
            args.recipe.recipe,
            unlike.join("; ")
        );
    }
    Ok((recipe, folder))
}

/// Differences of the recipe called `name` from the one that was recorded: those of what it says
/// itself. Options that were given when the run began need not be repeated.
fn unlike(name: &str, recorded: &Recipe, named: &Recipe) -> Result<Vec<String>, TrainError> {
    if recorded.name != named.name {
        let (recorded, named) = (&recorded.name, &named.name);
        return Ok(vec![format!(
            "another name, `{named}` instead of `{recorded}`"
        )]);
    }
    // A built-in recipe is the same as when the run began.
    if !Path::new(name).is_file() {
        return Ok(Vec::new());
    }
    let written = RecipeToml::open(name, &[]).map_err(TrainError::from)?;
    let mut differences = recorded.conflicts(named);
    differences.retain(|difference| {
        let key = difference.split(' ').next().unwrap_or_default();
        written.has(key)
    });
    Ok(differences)
}

/// The first Ctrl-C finishes the step and writes a checkpoint, a second one ends the process.
fn stop_on_ctrl_c(interrupter: &Interrupter) -> anyhow::Result<()> {
    let interrupter = interrupter.clone();
    let asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        let _ = writeln!(
            std::io::stderr(),
            "\nstopping after this step, with a checkpoint; press Ctrl-C again to stop at once"
        );
        interrupter.stop(Some("Ctrl-C"));
    })?;
    Ok(())
}

fn view(ui: Ui, info: &ViewInfo, interrupter: &Interrupter) -> View {
    match ui {
        Ui::Quiet => View::Quiet,
        Ui::Auto | Ui::Dashboard if Dashboard::is_possible() => {
            report::dashboard(info, interrupter.clone())
        }
        // No terminal, no dashboard.
        Ui::Auto | Ui::Dashboard | Ui::Plain => {
            View::Plain(Plain::start(Box::new(std::io::stdout()), info))
        }
    }
}

fn summary(
    args: &Args,
    recipe: &Recipe,
    run_dir: &Path,
    outcome: &Outcome,
    elapsed: Duration,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let how = match outcome.end {
        End::Finished => "finished",
        End::EarlyStopped => "stopped early, without improvement",
        End::Interrupted => "interrupted",
    };
    let speed = outcome.times.items as f64 / training_seconds(outcome).max(1e-9);
    writeln!(
        out,
        "\n{how} after {} steps, {} in this session ({} {}/s while training)",
        thousands(outcome.steps),
        format_duration(elapsed),
        thousands(speed.round() as u64),
        outcome.items,
    )?;
    if let Some((value, step)) = outcome.best {
        let metric = &recipe.train.best_metric;
        writeln!(out, "  best {metric}  {value:.4} at step {step}")?;
    }
    if !outcome.skipped.is_empty() {
        writeln!(
            out,
            "  left out     {} unreadable {}:",
            outcome.skipped.len(),
            outcome.items,
        )?;
        for name in &outcome.skipped {
            writeln!(out, "               {name}")?;
        }
    }
    let folder = run_dir.display();
    writeln!(out, "  curves       {folder}/curves.svg")?;
    writeln!(out, "  metrics      {folder}/metrics.jsonl")?;
    writeln!(out, "  checkpoints  {folder}/checkpoints")?;
    if outcome.end == End::Interrupted {
        writeln!(out, "to resume:\n  {}", resume_command(args))?;
    } else {
        let folder = shell::path(run_dir);
        let use_it = match Kind::of(recipe)? {
            Kind::ImageClassification => format!("tinderbox predict {folder} IMAGE..."),
            Kind::LanguageModeling => format!("tinderbox generate {folder}"),
            Kind::Encoder => match recipe.typed::<EncoderDataRecipe>()?.data.source {
                EncoderDataSource::Masked => {
                    format!("tinderbox fill-mask {folder} \"a text with a [MASK] in it\"")
                }
                EncoderDataSource::Squad => {
                    format!("tinderbox predict {folder} --question \"...\" --text \"...\"")
                }
                _ => format!("tinderbox predict {folder} --text \"...\""),
            },
        };
        writeln!(out, "next:\n  tinderbox eval {folder}\n  {use_it}")?;
    }
    Ok(())
}

fn training_seconds(outcome: &Outcome) -> f64 {
    let times = outcome.times;
    (times.loading + times.model + times.rest).as_secs_f64()
}

fn resume_command(args: &Args) -> String {
    let run_dir = match &args.run_dir {
        Some(folder) => format!(" --run-dir {}", shell::path(folder)),
        None => String::new(),
    };
    format!(
        "tinderbox train {}{run_dir} --resume{}",
        shell::word(&args.recipe.recipe),
        args.device.repeated()
    )
}
