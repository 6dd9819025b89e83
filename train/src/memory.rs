//! Memory that a run certainly needs, compared with the memory there is, before any is taken.
//!
//! An allocation that fails ends the program without a message, and on Linux often long after it
//! seemed to succeed. Only sizes that are known beforehand are checked: weights and their
//! gradients, generated data, the logits of a batch.

use std::fs;
use std::sync::OnceLock;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use tinderbox_model::num_parameters;

use crate::TrainError;
use crate::recipe::{OptimizerName, OptimizerRecipe};

/// Limit where none can be found out: no machine has more.
const UNKNOWN: u64 = 1 << 46;

/// Requires that the weights of `model` fit into memory. Weights that are not yet initialised take
/// none.
///
/// # Errors
/// They do not fit; the message has the number of bytes.
pub fn require_weights<M: Module>(model: &M) -> Result<(), TrainError> {
    let factors = [num_parameters(model), size_of::<f32>()];
    require("the weights of the model", &factors)
}

/// Requires that the weights of `model`, the gradients of those that are trained and the state of
/// their optimizer fit into memory.
///
/// # Errors
/// They do not fit; the message has the number of bytes.
pub fn require_training<M: Module>(
    model: &M,
    optimizer: &OptimizerRecipe,
) -> Result<(), TrainError> {
    let state = match optimizer.name {
        OptimizerName::Sgd => usize::from(optimizer.momentum > 0.0),
        OptimizerName::Adam | OptimizerName::AdamW => 2,
    };
    let trained = num_trained(model).saturating_mul(1 + state);
    let numbers = num_parameters(model).saturating_add(trained);
    let what = "weights, gradients and the state of the optimizer";
    require(what, &[numbers, size_of::<f32>()])
}

/// Number of parameters that are not frozen.
fn num_trained<M: Module>(model: &M) -> usize {
    struct Count(usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                let shape = param.lazy_shape();
                let elements = shape.iter().copied().fold(1, usize::saturating_mul);
                self.0 = self.0.saturating_add(elements);
            }
        }
    }
    let mut count = Count(0);
    model.visit(&mut count);
    count.0
}

/// Requires that as many bytes as the product of `factors` fit into memory. `what` takes them.
///
/// # Errors
/// They do not fit; the message has the number of bytes.
pub fn require(what: &str, factors: &[usize]) -> Result<(), TrainError> {
    match excess(factors) {
        None => Ok(()),
        Some(bytes) => Err(TrainError::Memory {
            what: what.into(),
            bytes,
            available: available(),
        }),
    }
}

/// The product of `factors`, if as many bytes do not fit into memory.
pub(crate) fn excess(factors: &[usize]) -> Option<u128> {
    let bytes = factors.iter().fold(1u128, |product, factor| {
        product.saturating_mul(*factor as u128)
    });
    (bytes > u128::from(available())).then_some(bytes)
}

/// Bytes of memory that this process can have at most: the machine's, swap included, or less if the
/// process or its control group is limited.
pub fn available() -> u64 {
    static AVAILABLE: OnceLock<u64> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        [machine(), address_space(), control_group()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(UNKNOWN)
    })
}

/// Linux: main memory and swap.
fn machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let total = kibibytes("MemTotal:")? + kibibytes("SwapTotal:").unwrap_or(0);
    total.checked_mul(1024)
}

/// Linux: the limit that `ulimit -v` sets.
fn address_space() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find(|line| line.starts_with("Max address space"))?;
    // "Max address space   SOFT   HARD   bytes"
    line.split_whitespace().nth(3)?.parse().ok()
}

/// Linux: the limit of a container.
fn control_group() -> Option<u64> {
    let text = fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_its_size_and_nothing_wraps_around() {
        assert!(require("a cup of tea", &[1000, 4]).is_ok());
        let error = require("a library", &[1 << 30, 1 << 30, 4]).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("a library would take 4611686018427387904 bytes"),
            "{message}"
        );
        assert!(require("a universe", &[usize::MAX; 4]).is_err());
    }
}
