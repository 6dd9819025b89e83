//! `tinderbox devices`

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::{Device, Int, Tensor};
use tinderbox_model_cnn::{ImageClassifierConfig, SimpleCnnConfig};
use tinderbox_train::device::{self, BACKENDS, DeviceName};
use tinderbox_train::kinds::image_classification::ImageClassificationTask;
use tinderbox_train::params;
use tinderbox_train::recipe::OptimizerRecipe;
use tinderbox_train::trainer::optimizer::Optimizer;

use crate::exit::CliResult;

/// Test every compiled-in backend with a training step.
///
/// The first step on a GPU backend compiles its kernels, which can take a minute or more.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox devices
  tinderbox devices wgpu:software")]
pub(crate) struct Args {
    /// Test this device only, as NAME or NAME:INDEX.
    device: Option<DeviceName>,
}

pub(crate) fn run(args: &Args) -> CliResult {
    let names = match &args.device {
        Some(name) => vec![name.clone()],
        None => BACKENDS
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()?,
    };
    let mut all_work = true;
    for name in names {
        let is_compiled = device::compiled().any(|backend| backend == name.backend());
        if !is_compiled && args.device.is_none() {
            println!("{name:10} not compiled in (cargo feature `{name}`)");
            continue;
        }
        print!("{name:10} ");
        std::io::stdout().flush()?;
        let start = Instant::now();
        match test(&name) {
            Ok(adapter) => {
                let seconds = start.elapsed().as_secs_f64();
                println!("works: {adapter}; first training step after {seconds:.1} s");
            }
            Err(reason) => {
                all_work = false;
                println!("does not work: {reason}");
            }
        }
    }
    Ok(if all_work {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn test(name: &DeviceName) -> Result<String, String> {
    let device = device::open(name).map_err(|e| e.to_string())?;
    device::catch_panic(|| step(&device)).and_then(|done| done)?;
    Ok(device::adapter_name(&device))
}

/// One training step of a tiny network: convolution, pooling, linear, loss, backward, update.
fn step(device: &Device) -> Result<(), String> {
    let device = device.clone().autodiff();
    let config = ImageClassifierConfig::SimpleCnn(
        SimpleCnnConfig::new(2)
            .with_image_size(8)
            .with_channels([4, 4])
            .with_hidden(8),
    );
    let model = config.init(&device).map_err(|e| e.to_string())?;
    let task = ImageClassificationTask::new(2, 0.0);
    let images = Tensor::ones([2, 3, 8, 8], &device);
    let targets = Tensor::<1, Int>::from_ints([0, 1], &device);
    let loss = task.loss(model.forward(images), targets);
    let mut gradients = params::gradients(&model, loss.backward());
    let model = Optimizer::new(OptimizerRecipe::default()).step(model, &mut gradients, 0.1);
    let bias = params::values(&model)
        .remove("fc2.bias")
        .ok_or("no parameters")?;
    let values = bias.try_into_data().map_err(|e| e.to_string())?;
    if values.iter::<f32>().all(f32::is_finite) {
        Ok(())
    } else {
        Err("a training step gave numbers that are not finite".into())
    }
}
