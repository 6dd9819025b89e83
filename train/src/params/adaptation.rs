//! Fine-tuning of a part of an encoder: freezing, LoRA, layer-wise learning rates.

use std::collections::BTreeMap;

use burn::module::{Lora, Module, ParamGroup};
use burn::tensor::Device;
use tinderbox_model_transformer::TextEncoder;

use crate::recipe::{LoraRecipe, ModelRecipe};
use crate::{TrainError, params};

/// Names of the two LoRA factors that Burn adds below the name of a matrix.
const FACTORS: [&str; 2] = ["lora.a", "lora.b"];

/// True for the name of a LoRA factor.
pub fn is_factor(parameter: &str) -> bool {
    FACTORS.iter().any(|factor| parameter.ends_with(factor))
}

/// Freezes parameters and attaches LoRA as the recipe says. LoRA factors are drawn on `device` from
/// `seed`.
///
/// # Errors
/// More layers to freeze than the model has; as [`attach`].
pub fn adapt(
    model: TextEncoder,
    recipe: &ModelRecipe,
    seed: u64,
    device: &Device,
) -> Result<TextEncoder, TrainError> {
    if let Some(lora) = &recipe.lora {
        return attach(model, lora, seed, device);
    }
    let frozen = match recipe.freeze_layers {
        Some(layers) if layers > model.num_layers() => {
            return Err(TrainError::Mismatch(format!(
                "model.freeze_layers is {layers}, but the model has {} layers",
                model.num_layers()
            )));
        }
        frozen => frozen,
    };
    let probe = model.clone();
    Ok(match (recipe.freeze_backbone, frozen) {
        (true, _) => params::set_trainable(model, |name| probe.is_head(name)),
        (false, Some(layers)) => params::set_trainable(model, |name| probe.layer_of(name) > layers),
        (false, None) => model,
    })
}

/// Attaches LoRA to the matrices of `lora.targets`. Only the factors and the head are trainable.
///
/// # Errors
/// A name of `lora.targets` matches no matrix, or the rank exceeds that of a matrix.
pub fn attach(
    model: TextEncoder,
    lora: &LoraRecipe,
    seed: u64,
    device: &Device,
) -> Result<TextEncoder, TrainError> {
    let ends: Vec<String> = match &lora.targets {
        Some(targets) => targets.clone(),
        None => {
            let usual = model.lora_targets().iter();
            usual.map(ToString::to_string).collect()
        }
    };
    let targets = matrices(&model, &ends, lora.rank)?;
    device.seed(tinderbox_data::random::seed(seed, "lora", 0));
    let probe = model.clone();
    // Burn prepends the name of an enum's variant to the path, so these are matched as substrings.
    let group = ParamGroup::from_any_predicates(targets);
    let lora = Lora::new(lora.rank, lora.alpha).set_param_group(group);
    Ok(params::set_trainable(model.apply_lora(lora), |name| {
        is_factor(name) || probe.is_head(name)
    }))
}

/// Names of the matrices of `model` whose module's name ends in one of `ends`, with or without
/// `.weight`.
fn matrices(model: &TextEncoder, ends: &[String], rank: usize) -> Result<Vec<String>, TrainError> {
    let shapes = params::shapes(model);
    let mut found = Vec::new();
    for end in ends {
        let plain = end.strip_suffix(".weight").unwrap_or(end);
        let is_called = |name: &str| {
            let module = name.strip_suffix(".weight").unwrap_or(name);
            let before = module.strip_suffix(plain);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        let all = shapes
            .iter()
            .filter(|(name, shape)| is_called(name) && shape.len() == 2);
        let known = found.len();
        for (name, shape) in all {
            let most = shape.iter().copied().min().unwrap_or(0);
            if rank > most {
                return Err(TrainError::Mismatch(format!(
                    "model.lora.rank is {rank}, but {name} has rank {most} at most"
                )));
            }
            found.push(name.clone());
        }
        if found.len() == known {
            return Err(TrainError::Mismatch(format!(
                "model.lora.targets: no matrix of the model is named {end}"
            )));
        }
    }
    Ok(found)
}

/// Layer-wise learning rate decay: the factor of each parameter's rate, `decay^(layers above)`,
/// with the head on top and the embeddings at the bottom (Clark et al. 2020,
/// <https://arxiv.org/abs/2003.10555>, appendix).
pub fn rate_scales(model: &TextEncoder, decay: f64) -> BTreeMap<String, f64> {
    if decay == 1.0 {
        return BTreeMap::new();
    }
    let top = model.num_layers() + 1;
    let scale = |name: String| {
        let above = top.saturating_sub(model.layer_of(&name));
        let above = i32::try_from(above).unwrap_or(i32::MAX);
        (name, decay.powi(above))
    };
    params::values(model).into_keys().map(scale).collect()
}
