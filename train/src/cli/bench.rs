//! `tinderbox bench`

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use ::data::random;
use ::train::TrainError;
use ::train::params;
use ::train::recipe::{OptimizerRecipe, Recipe};
use ::train::report::View;
use ::train::report::plain::thousands;
use ::train::session::{self, Begin, Surroundings, init_model};
use ::train::task::image::ImageTask;
use ::train::trainer::StepTimes;
use ::train::trainer::optimizer::Optimizer;
use anyhow::{Context, ensure};
use burn::tensor::{Device, Distribution, Int, Tensor};
use burn::train::Interrupter;
use model_cnn::{ImageClassifier, ImageClassifierConfig, SimpleCnnConfig};
use serde::Deserialize;
use serde_json::json;

use super::Done;
use super::shared::{DeviceArgs, with_data};

/// Steps before anything is measured, on both sides.
const WARM_UP: usize = 10;

/// Measure training speed of the article's network, alone or against PyTorch.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox bench
  tinderbox bench --peer \"python3 bench/simple_cnn.py\"

Two measurements. A real run (loader, metrics, logging, everything but evaluation) gives images/s and the share of a step
spent outside the model. Bare steps on one fixed batch, in blocks that alternate with the same steps in the peer process,
give the ratio to it; the medians over the blocks are printed. Compare ratios, not times: machines differ and are noisy.")]
pub(super) struct Args {
    /// The command that starts the peer.
    #[arg(long, value_name = "COMMAND")]
    peer: Option<String>,
    /// Images per batch.
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    /// Blocks of bare steps on each side.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Steps per block.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Steps of the real run.
    #[arg(long, default_value_t = 300)]
    run_steps: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

pub(super) fn run(args: &Args) -> Done {
    ensure!(
        args.batch_size > 0 && args.rounds > 0 && args.steps > 0 && args.run_steps > 0,
        "all counts must be at least 1"
    );
    let device = args.device.open()?;
    let times = real_run(args, &device)?;
    let (ours, theirs) = bare_steps(args, &device)?;
    print(args, &times, ours, theirs)?;
    Ok(ExitCode::SUCCESS)
}

/// The recipe `cnn` as it is, for some steps, in a folder that is thrown away.
fn real_run(args: &Args, device: &Device) -> anyhow::Result<StepTimes> {
    let sets = [
        format!("train.max_steps={}", args.run_steps),
        format!("train.batch_size={}", args.batch_size),
    ];
    let recipe = Recipe::load("cnn", &sets).map_err(TrainError::from)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    let begin = Begin::New {
        path: &path,
        overwrite: false,
    };
    with_data(|access| {
        let surroundings = Surroundings {
            device: device.clone(),
            access,
            view: &mut |_| View::Quiet,
            note: &mut |_| (),
            interrupter: Interrupter::new(),
        };
        Ok(session::train(&recipe, &begin, surroundings)?.times)
    })
}

/// Median seconds of a bare step, ours and the peer's.
fn bare_steps(args: &Args, device: &Device) -> anyhow::Result<(f64, Option<f64>)> {
    let mut peer = match &args.peer {
        Some(command) => Some(Peer::start(command, args.batch_size)?),
        None => None,
    };
    let mut bare = BareStep::new(args.batch_size, device)?;
    bare.take(WARM_UP)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let start = Instant::now();
        bare.take(args.steps)?;
        ours.push(start.elapsed().as_secs_f64() / args.steps as f64);
        if let Some(peer) = &mut peer {
            theirs.push(peer.take(args.steps)? / args.steps as f64);
        }
    }
    let theirs = peer.is_some().then(|| median(theirs));
    Ok((median(ours), theirs))
}

/// Training steps on one fixed random batch: SGD 0.001, momentum 0.9, cross-entropy.
struct BareStep {
    model: ImageClassifier,
    optimizer: Optimizer,
    task: ImageTask,
    images: Tensor<4>,
    targets: Tensor<1, Int>,
}

impl BareStep {
    fn new(batch_size: usize, device: &Device) -> anyhow::Result<Self> {
        let device = device.clone().autodiff();
        let config = ImageClassifierConfig::SimpleCnn(SimpleCnnConfig::default());
        let targets: Vec<i64> = (0..batch_size).map(|i| (i % 10) as i64).collect();
        device.seed(random::seed(0, "bench", 0));
        Ok(Self {
            model: init_model(0, &device, || Ok(config.init(&device)?))?,
            optimizer: Optimizer::new(OptimizerRecipe {
                learning_rate: 0.001,
                ..OptimizerRecipe::default()
            }),
            task: ImageTask::new(10, 0.0, &device),
            images: Tensor::random([batch_size, 3, 24, 24], Distribution::Default, &device),
            targets: Tensor::from_ints(targets.as_slice(), &device),
        })
    }

    fn take(&mut self, steps: usize) -> anyhow::Result<()> {
        for _ in 0..steps {
            let logits = self.model.forward(self.images.clone());
            let loss = self.task.loss(logits, self.targets.clone());
            let mut gradients = params::gradients(&self.model, loss.backward());
            let model = self.model.clone();
            self.model = self.optimizer.step(model, &mut gradients, 0.001);
            // The loss is read after every step, as the trainer does.
            let loss = loss.inner().try_into_scalar::<f32>();
            ensure!(
                loss.map_err(|e| anyhow::anyhow!("{e}"))?.is_finite(),
                "the loss is not finite"
            );
        }
        Ok(())
    }
}

/// A process that takes steps on request: see `bench/simple_cnn.py`.
struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Block {
    seconds: f64,
}

impl Peer {
    fn start(command: &str, batch_size: usize) -> anyhow::Result<Self> {
        let mut words = command.split_whitespace();
        let program = words.next().context("--peer is empty")?;
        let threads = std::thread::available_parallelism()?;
        let mut process = Command::new(program)
            .args(words)
            .args(["--batch", &batch_size.to_string()])
            .args(["--threads", &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the peer `{command}`"))?;
        let input = process.stdin.take().context("the peer has no input")?;
        let output = process.stdout.take().context("the peer has no output")?;
        let mut peer = Self {
            process,
            input,
            output: BufReader::new(output),
        };
        peer.read_line()?;
        Ok(peer)
    }

    fn take(&mut self, steps: usize) -> anyhow::Result<f64> {
        writeln!(self.input, "train {steps}")?;
        let line = self.read_line()?;
        let block: Block =
            serde_json::from_str(&line).with_context(|| format!("the peer said {line:?}"))?;
        Ok(block.seconds)
    }

    fn read_line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(
            !line.is_empty(),
            "the peer ended without an answer; is PyTorch installed for it?"
        );
        Ok(line)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself already; either way it is to be gone.
        let _ = writeln!(self.input, "quit");
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

fn print(args: &Args, times: &StepTimes, ours: f64, theirs: Option<f64>) -> anyhow::Result<()> {
    let model = times.model.as_secs_f64();
    let loading = times.loading.as_secs_f64();
    let rest = times.rest.as_secs_f64();
    let total = model + loading + rest;
    let images_per_second = times.items as f64 / total;
    let (loading, rest) = (loading / total, rest / total);
    let batch = args.batch_size as f64;
    if args.json {
        let value = json!({
            "batch_size": args.batch_size,
            "run": {
                "images_per_second": images_per_second,
                "share_waiting_for_loader": loading,
                "share_metrics_and_logging": rest,
            },
            "step": {
                "milliseconds": ours * 1e3,
                "peer_milliseconds": theirs.map(|s| s * 1e3),
                "ratio_to_peer": theirs.map(|s| ours / s),
            },
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    println!("article CNN, batch {}, float32", args.batch_size);
    println!(
        "  a real run    {:>8} images/s   outside the model {:.1} % (loader {:.1} %, metrics and logging {:.1} %)",
        thousands(images_per_second as u64),
        (loading + rest) * 100.0,
        loading * 100.0,
        rest * 100.0,
    );
    let line = |name: &str, seconds: f64| {
        let images = thousands((batch / seconds) as u64);
        println!(
            "  {name:13} {images:>8} images/s   {:.2} ms a step",
            seconds * 1e3
        );
    };
    line("bare steps", ours);
    if let Some(theirs) = theirs {
        line("the peer's", theirs);
        println!("  ours / peer's time: {:.2}", ours / theirs);
    }
    Ok(())
}
