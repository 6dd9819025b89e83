//! GPT generation by greedy decoding.

use anyhow::Context;
use burn::tensor::Device;
use tinderbox_generate::{Sampler, Sampling, generate};
use tinderbox_train::init_model;
use tinderbox_train::kinds::language_modeling::Predictor;

use super::{Step, language};
use crate::workload::{PROMPT, Shape};

/// Context length, extended for longer texts.
const POSITIONS: usize = 256;

/// Generates `batch` texts of `size` tokens, one after the other.
pub(super) fn step(shape: Shape, device: &Device) -> anyhow::Result<Step> {
    let config = language::gpt(POSITIONS.max(PROMPT + shape.size));
    let model = init_model(0, device, || config.init(device))?;
    let sampler = Sampler::new(Sampling::greedy(), 0)?;
    let prompt: Vec<u32> = (0..PROMPT as u32).collect();
    Ok(Box::new(move || {
        for _ in 0..shape.batch {
            let predictor = Predictor::new(&model);
            let text = generate(predictor, &prompt, sampler.clone()).take(shape.size);
            text.last().context("no tokens")??;
        }
        Ok(())
    }))
}
