//! A convolution and its gradient, by the kernel and by its composition of Burn's operations.
//!
//! ```sh
//! cargo run -p tinderbox-kernels --features flex --example kernel_and_composition
//! ```
#![allow(clippy::print_stdout, reason = "a program")]

use std::error::Error;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor};
use tinderbox_kernels::compose_only;
use tinderbox_kernels::conv::{Conv2dOptions, conv2d_relu};

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let normal = Distribution::Normal(0.0, 1.0);
    let x = Tensor::<4>::random([8, 32, 28, 28], normal, &device);
    let weight = Tensor::<4>::random([64, 32, 3, 3], normal, &device).require_grad();
    let options = Conv2dOptions::default().with_padding([1, 1]);

    let run = || -> Result<(Tensor<4>, Tensor<4>, Duration), Box<dyn Error>> {
        let start = Instant::now();
        let y = conv2d_relu(x.clone(), weight.clone(), None, options);
        let gradients = y.clone().sum().backward();
        let gradient = weight
            .grad(&gradients)
            .ok_or("the weight has no gradient")?;
        Ok((y.inner(), gradient, start.elapsed()))
    };

    let (y, gradient, kernel_time) = run()?;
    println!(
        "output {:?}, gradient of the weight {:?}",
        y.dims(),
        gradient.dims()
    );

    compose_only(true);
    let (y_composed, gradient_composed, composed_time) = run()?;
    compose_only(false);

    println!("kernel {kernel_time:.1?}, composition {composed_time:.1?}");
    for (name, a, b) in [
        ("output", y, y_composed),
        ("gradient", gradient, gradient_composed),
    ] {
        let scale = b.clone().abs().max().into_scalar::<f32>();
        let difference = (a - b).abs().max().into_scalar::<f32>() / scale;
        println!("{name}: largest relative difference {difference:.1e}");
        assert!(difference < 1e-5, "kernel and composition disagree");
    }
    Ok(())
}
