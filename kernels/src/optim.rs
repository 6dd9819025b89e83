//! Steps of optimizers on flat tensors, in one pass over memory, and in place where nobody else has a tensor.

use burn::tensor::Tensor;

#[cfg(feature = "flex")]
mod fast;

/// What a step of [`sgd`] depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub rate: f64,
    /// What the buffer is multiplied by before the gradient is added; with 0 there is no buffer.
    pub momentum: f64,
    /// Whether the step looks ahead along the buffer.
    pub nesterov: bool,
    /// What the parameter is multiplied by and added to the gradient.
    pub weight_decay: f64,
}

/// `d = g + decay * p; b = momentum * b + d; p -= rate * b`, with Nesterov `p -= rate * (d + momentum * b)`; without a
/// buffer, `b = d`. Gives the parameter and the buffer, if there is momentum.
/// <https://pytorch.org/docs/stable/generated/torch.optim.SGD.html>, dampening 0.
pub fn sgd(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    momentum_buffer: Option<Tensor<1>>,
    options: &Sgd,
) -> (Tensor<1>, Option<Tensor<1>>) {
    #[cfg(feature = "flex")]
    if fast::works_on([Some(&parameter), Some(&gradient), momentum_buffer.as_ref()]) {
        return fast::sgd(parameter, gradient, momentum_buffer, options);
    }
    let gradient = with_decay(gradient, &parameter, options.weight_decay);
    if options.momentum == 0.0 {
        return (parameter - gradient * options.rate, None);
    }
    let buffer = match momentum_buffer {
        Some(buffer) => buffer * options.momentum + gradient.clone(),
        None => gradient.clone(),
    };
    let direction = if options.nesterov {
        gradient + buffer.clone() * options.momentum
    } else {
        buffer.clone()
    };
    (parameter - direction * options.rate, Some(buffer))
}

/// What a step of [`adam`] depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate.
    pub rate: f64,
    /// How much of the running averages of the gradient and its square stays.
    pub betas: [f64; 2],
    /// What is added to the root of the average square.
    pub eps: f64,
    /// How strongly the parameter is drawn towards zero.
    pub weight_decay: f64,
    /// Whether it is drawn by itself, as in AdamW, instead of through the gradient.
    pub decoupled: bool,
    /// The number of this step, the first being 1.
    pub step: u64,
}

impl Adam {
    /// `1 - beta^step` of the two averages: how much of what they should average they have seen.
    fn corrections(&self) -> [f64; 2] {
        let step = i32::try_from(self.step).unwrap_or(i32::MAX);
        self.betas.map(|beta| 1.0 - beta.powi(step))
    }
}

/// `m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; p -= rate m' / (sqrt(v') + eps)` with the bias-corrected
/// `m' = m / (1 - b1^t)`, `v' = v / (1 - b2^t)`; averages that are not there begin at zero. Gives `p`, `m`, `v`. The decay
/// is `g += decay * p`, or `p *= 1 - rate * decay` if decoupled. Kingma & Ba 2015, <https://arxiv.org/abs/1412.6980>;
/// Loshchilov & Hutter 2019, <https://arxiv.org/abs/1711.05101>.
pub fn adam(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    exp_avg: Option<Tensor<1>>,
    exp_avg_sq: Option<Tensor<1>>,
    options: &Adam,
) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
    #[cfg(feature = "flex")]
    if fast::works_on([
        Some(&parameter),
        Some(&gradient),
        exp_avg.as_ref(),
        exp_avg_sq.as_ref(),
    ]) {
        return fast::adam(parameter, gradient, exp_avg, exp_avg_sq, options);
    }
    let decay = options.weight_decay;
    let (parameter, gradient) = match options.decoupled {
        true if decay > 0.0 => (parameter * (1.0 - options.rate * decay), gradient),
        true => (parameter, gradient),
        false => {
            let gradient = with_decay(gradient, &parameter, decay);
            (parameter, gradient)
        }
    };
    let [correction1, correction2] = options.corrections();
    let square = gradient.clone().square();
    let first = moment(exp_avg, gradient, options.betas[0]);
    let second = moment(exp_avg_sq, square, options.betas[1]);
    let denominator = second.clone().sqrt() / correction2.sqrt() + options.eps;
    let step = first.clone() / denominator * (options.rate / correction1);
    (parameter - step, first, second)
}

/// The sum of the squares of all numbers, `[1]`.
pub fn sum_of_squares(x: Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "flex")]
    if let Some(sum) = fast::sum_of_squares(&x) {
        return sum;
    }
    x.square().sum()
}

fn with_decay(gradient: Tensor<1>, value: &Tensor<1>, decay: f64) -> Tensor<1> {
    if decay > 0.0 {
        gradient + value.clone() * decay
    } else {
        gradient
    }
}

/// The running average `beta * average + (1 - beta) * now`.
fn moment(average: Option<Tensor<1>>, now: Tensor<1>, beta: f64) -> Tensor<1> {
    let now = now * (1.0 - beta);
    match average {
        Some(average) => average * beta + now,
        None => now,
    }
}
