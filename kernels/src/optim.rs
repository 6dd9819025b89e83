//! Optimizer steps on flat tensors: one pass over memory, in place where a tensor is not shared.

#[cfg(feature = "flex")]
mod kernel;

use burn::tensor::Tensor;

/// Hyperparameters of [`sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sgd {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the momentum buffer; without a buffer if 0.
    pub momentum: f64,
    /// Nesterov momentum.
    pub nesterov: bool,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f64,
}

impl Sgd {
    /// Plain gradient descent, without momentum or weight decay.
    pub fn new(learning_rate: f64) -> Self {
        Self {
            learning_rate,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
        }
    }

    /// Sets the momentum.
    #[must_use]
    pub fn with_momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// Turns Nesterov momentum on or off.
    #[must_use]
    pub fn with_nesterov(self, nesterov: bool) -> Self {
        Self { nesterov, ..self }
    }

    /// Sets the weight decay.
    #[must_use]
    pub fn with_weight_decay(self, weight_decay: f64) -> Self {
        Self {
            weight_decay,
            ..self
        }
    }
}

/// One SGD step: `d = g + decay p; b = momentum b + d; p -= rate b`, with Nesterov
/// `p -= rate (d + momentum b)`; a missing buffer starts as `b = d`. Returns the parameter and,
/// with momentum, the buffer. <https://pytorch.org/docs/stable/generated/torch.optim.SGD.html>,
/// dampening 0.
pub fn sgd(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    momentum_buffer: Option<Tensor<1>>,
    options: &Sgd,
) -> (Tensor<1>, Option<Tensor<1>>) {
    try_kernel!(
        kernel::supports([Some(&parameter), Some(&gradient), momentum_buffer.as_ref()])
            => kernel::sgd(parameter, gradient, momentum_buffer, options)
    );
    let gradient = with_decay(gradient, &parameter, options.weight_decay);
    if options.momentum == 0.0 {
        return (parameter - gradient * options.learning_rate, None);
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
    (parameter - direction * options.learning_rate, Some(buffer))
}

/// Hyperparameters of [`adam`], and the number of the step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Adam {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay rates of the running averages of the gradient and of its square.
    pub betas: [f64; 2],
    /// Added to the denominator.
    pub eps: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Decoupled weight decay (AdamW) instead of an L2 penalty in the gradient.
    pub decoupled: bool,
    /// Number of this step, beginning with 1.
    pub step: u64,
}

impl Adam {
    /// PyTorch's defaults (betas 0.9 and 0.999, eps 1e-8, no weight decay) for step `step`, the
    /// first being 1.
    pub fn new(learning_rate: f64, step: u64) -> Self {
        Self {
            learning_rate,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            step,
        }
    }

    /// Sets the decay rates of the running averages.
    #[must_use]
    pub fn with_betas(self, betas: [f64; 2]) -> Self {
        Self { betas, ..self }
    }

    /// Sets the term added to the denominator.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Sets an L2 penalty, or with `decoupled` the weight decay of AdamW.
    #[must_use]
    pub fn with_weight_decay(self, weight_decay: f64, decoupled: bool) -> Self {
        Self {
            weight_decay,
            decoupled,
            ..self
        }
    }

    /// Sets the number of the step, the first being 1.
    #[must_use]
    pub fn with_step(self, step: u64) -> Self {
        Self { step, ..self }
    }

    /// Bias corrections `1 - beta^step` of the two running averages.
    fn corrections(&self) -> [f64; 2] {
        let step = i32::try_from(self.step).unwrap_or(i32::MAX);
        self.betas.map(|beta| 1.0 - beta.powi(step))
    }
}

/// One Adam step: `m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; p -= rate m' / (sqrt(v') + eps)`
/// with the bias-corrected `m' = m / (1 - b1^t)` and `v' = v / (1 - b2^t)`; missing averages start
/// at zero. Weight decay is `g += decay p`, or `p *= 1 - rate decay` if decoupled. Returns `p`, `m`
/// and `v`. Kingma & Ba 2015, <https://arxiv.org/abs/1412.6980>; Loshchilov & Hutter 2019,
/// <https://arxiv.org/abs/1711.05101>.
pub fn adam(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    exp_avg: Option<Tensor<1>>,
    exp_avg_sq: Option<Tensor<1>>,
    options: &Adam,
) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
    try_kernel!(
        kernel::supports([
            Some(&parameter),
            Some(&gradient),
            exp_avg.as_ref(),
            exp_avg_sq.as_ref(),
        ]) => kernel::adam(parameter, gradient, exp_avg, exp_avg_sq, options)
    );
    let decay = options.weight_decay;
    let (parameter, gradient) = if !options.decoupled {
        let gradient = with_decay(gradient, &parameter, decay);
        (parameter, gradient)
    } else if decay > 0.0 {
        (parameter * (1.0 - options.learning_rate * decay), gradient)
    } else {
        (parameter, gradient)
    };
    let [correction1, correction2] = options.corrections();
    let square = gradient.clone().square();
    let first = moment(exp_avg, gradient, options.betas[0]);
    let second = moment(exp_avg_sq, square, options.betas[1]);
    let denominator = second.clone().sqrt() / correction2.sqrt() + options.eps;
    let step = first.clone() / denominator * (options.learning_rate / correction1);
    (parameter - step, first, second)
}

/// Sum of the squares of all elements, `[1]`.
pub fn sum_of_squares(x: Tensor<1>) -> Tensor<1> {
    try_kernel!(kernel::sum_of_squares(&x));
    x.square().sum()
}

fn with_decay(gradient: Tensor<1>, value: &Tensor<1>, decay: f64) -> Tensor<1> {
    if decay > 0.0 {
        gradient + value.clone() * decay
    } else {
        gradient
    }
}

/// Running average `beta average + (1 - beta) now`.
fn moment(average: Option<Tensor<1>>, now: Tensor<1>, beta: f64) -> Tensor<1> {
    let now = now * (1.0 - beta);
    match average {
        Some(average) => average * beta + now,
        None => now,
    }
}
