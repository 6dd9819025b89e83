//! Adapters apart from what they adapt.
//!
//! Of a run with low-rank adaptation most weights never change. They are written once, as `base.safetensors` in the run
//! directory; a checkpoint has what learns, as `adapters.safetensors`: the factors of the additions, and the head.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use burn::module::Module;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use weights::StateDict;

use crate::TrainError;
use crate::adaptation::is_factor;
use crate::files::write_atomically;
use crate::params;
use crate::recipe::{LoraRecipe, SequenceDataSource};
use crate::trainer::checkpoint::{Files, sha256};

/// What a checkpoint calls the weights that learn.
pub const ADAPTERS: &str = "adapters.safetensors";
/// What a run directory calls the others.
pub const BASE: &str = "base.safetensors";
/// The checksum of that file, as `sha256sum` writes it.
const BASE_SUM: &str = "base.safetensors.sha256";

/// How the two factors of a matrix are called here and in PEFT.
const FACTORS: [(&str, &str); 2] = [
    (".weight.lora.a", ".lora_A.weight"),
    (".weight.lora.b", ".lora_B.weight"),
];
/// What the modules of heads are called in Hugging Face's models.
const HEADS: [&str; 8] = [
    "classifier",
    "pre_classifier",
    "qa_outputs",
    "cls",
    "lm_head",
    "vocab_transform",
    "vocab_layer_norm",
    "vocab_projector",
];

/// The names of what learns, if `model` has additions.
pub fn learning<M: Module>(model: &M) -> Option<BTreeSet<String>> {
    let learning: BTreeSet<String> = params::values(model).into_keys().collect();
    learning
        .iter()
        .any(|name| is_factor(name))
        .then_some(learning)
}

/// The weights of a safetensors file whose names `wanted` is true for, as a safetensors file.
///
/// # Errors
/// It is no such file.
pub fn part(bytes: Vec<u8>, wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, TrainError> {
    let dict = StateDict::from_bytes(bytes, Path::new(ADAPTERS))?;
    let dict = dict.rename(|name| wanted(name).then(|| name.to_string()))?;
    Ok(dict.to_safetensors()?)
}

/// Writes what does not learn in `model`, which has additions, into the run directory `run`.
///
/// # Errors
/// The device cannot be read, or the folder cannot be written to.
pub fn write_base<M: Module>(run: &Path, model: &M) -> Result<(), TrainError> {
    let learning = learning(model).unwrap_or_default();
    let base = part(weights::to_bytes(model)?, |name| !learning.contains(name))?;
    let sum = format!("{}  {BASE}\n", sha256(&base));
    for (name, bytes) in [(BASE, base.as_slice()), (BASE_SUM, sum.as_bytes())] {
        let path = run.join(name);
        write_atomically(&path, bytes).map_err(|e| TrainError::io(&path, e))?;
    }
    Ok(())
}

/// The files of a checkpoint of `run`, with what does not learn added to those that have only what does.
///
/// # Errors
/// `base.safetensors` is missing or is not what was written.
pub fn complete(mut files: Files, run: &Path) -> Result<Files, TrainError> {
    let Some(adapters) = files.remove(ADAPTERS) else {
        return Ok(files);
    };
    let path = run.join(BASE);
    let base = fs::read(&path).map_err(|e| TrainError::io(&path, e))?;
    let sum_path = run.join(BASE_SUM);
    let sum = fs::read_to_string(&sum_path).map_err(|e| TrainError::io(&sum_path, e))?;
    if sum.split_whitespace().next() != Some(sha256(&base).as_str()) {
        let reason = format!("it is not what was written: {BASE_SUM} has another checksum");
        return Err(TrainError::corrupt(&path, reason));
    }
    let whole = |adapters: Vec<u8>| -> Result<Vec<u8>, TrainError> {
        let base = StateDict::from_bytes(base.clone(), &path)?;
        let adapters = StateDict::from_bytes(adapters, Path::new(ADAPTERS))?;
        Ok(base.join(adapters)?.to_safetensors()?)
    };
    let model = whole(adapters)?;
    if let Some(average) = files.remove("ema.safetensors") {
        files.insert("ema.safetensors".into(), whole(average)?);
    }
    files.insert("model.safetensors".into(), model);
    Ok(files)
}

/// What Hugging Face's PEFT opens: `adapter_config.json`, and `adapter_model.safetensors` of the weights in `bytes`, which
/// are all of a run's. PEFT keeps both factors transposed, as PyTorch does matrices.
///
/// # Errors
/// `bytes` are no such file.
pub fn to_peft(
    bytes: &[u8],
    lora: &LoraRecipe,
    source: SequenceDataSource,
) -> Result<(String, Vec<u8>), TrainError> {
    let encode = |e: safetensors::SafeTensorError| TrainError::Execution(e.to_string());
    let file = SafeTensors::deserialize(bytes).map_err(encode)?;
    let factor = |name: &str| {
        FACTORS.iter().find_map(|(ours, theirs)| {
            let matrix = name.strip_suffix(ours)?;
            Some((matrix.to_string(), *theirs))
        })
    };
    let mut arrays = BTreeMap::new();
    let mut matrices = BTreeSet::new();
    for (name, array) in file.iter() {
        let Some((matrix, theirs)) = factor(name) else {
            continue;
        };
        let &[rows, columns] = array.shape() else {
            continue;
        };
        let values = transposed(array.data(), rows, columns);
        arrays.insert(
            format!("base_model.model.{matrix}{theirs}"),
            (vec![columns, rows], values),
        );
        matrices.insert(matrix);
    }
    let mut heads = BTreeSet::new();
    for (name, array) in file.iter() {
        let top = name.split('.').next().unwrap_or_default();
        if HEADS.contains(&top) {
            heads.insert(top);
            let copy = (array.shape().to_vec(), array.data().to_vec());
            arrays.insert(format!("base_model.model.{name}"), copy);
        }
    }
    let views: Result<Vec<_>, _> = arrays
        .iter()
        .map(|(name, (shape, bytes))| {
            Ok((
                name.as_str(),
                TensorView::new(Dtype::F32, shape.clone(), bytes)?,
            ))
        })
        .collect();
    let format = [("format".to_string(), "pt".to_string())].into();
    let adapters = safetensors::serialize(views.map_err(encode)?, Some(format)).map_err(encode)?;
    let kind = match source {
        SequenceDataSource::Tagged => json!("TOKEN_CLS"),
        SequenceDataSource::Squad => json!("QUESTION_ANS"),
        SequenceDataSource::Masked => json!(null),
        _ => json!("SEQ_CLS"),
    };
    let config = json!({
        "peft_type": "LORA", "task_type": kind, "r": lora.rank, "lora_alpha": lora.alpha,
        "lora_dropout": 0.0, "bias": "none", "inference_mode": true,
        "target_modules": matrices, "modules_to_save": heads,
    });
    Ok((format!("{config:#}\n"), adapters))
}

/// A row-major matrix of float32, `[rows, columns]`, as `[columns, rows]`.
fn transposed(bytes: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    let mut turned = Vec::with_capacity(bytes.len());
    for column in 0..columns {
        for row in 0..rows {
            let at = (row * columns + column) * size_of::<f32>();
            turned.extend_from_slice(&bytes[at..at + size_of::<f32>()]);
        }
    }
    turned
}
