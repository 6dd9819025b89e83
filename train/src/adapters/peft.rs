//! Adapters as Hugging Face's PEFT has them.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use crate::TrainError;
use crate::recipe::{LoraRecipe, SequenceDataSource};

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
