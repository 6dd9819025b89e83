//! Export of adapters to Hugging Face's PEFT.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use tinderbox_model_transformer::{Head, TextEncoder};

use crate::TrainError;
use crate::recipe::LoraRecipe;

/// Names of the two LoRA factors, here and in PEFT.
const FACTORS: [(&str, &str); 2] = [
    (".weight.lora.a", ".lora_A.weight"),
    (".weight.lora.b", ".lora_B.weight"),
];
/// Converts the weights of a LoRA run to PEFT's `adapter_config.json` and
/// `adapter_model.safetensors`. `bytes` holds all weights of the run. PEFT keeps both factors
/// transposed, as PyTorch does for all matrices.
///
/// # Errors
/// `bytes` is not a safetensors file.
pub fn to_peft(
    bytes: &[u8],
    lora: &LoraRecipe,
    model: &TextEncoder,
    head: Head,
) -> Result<(String, Vec<u8>), TrainError> {
    let encode = |e: safetensors::SafeTensorError| TrainError::Execution(e.to_string());
    let file = SafeTensors::deserialize(bytes).map_err(encode)?;
    let (mut arrays, mut matrices, mut heads) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for (name, array) in file.iter() {
        if let (Some((matrix, theirs)), &[rows, columns]) = (factor(name), array.shape()) {
            let values = transposed(array.data(), rows, columns);
            arrays.insert(
                format!("base_model.model.{matrix}{theirs}"),
                (vec![columns, rows], values),
            );
            matrices.insert(matrix);
        } else if model.is_head(name) {
            let copy = (array.shape().to_vec(), array.data().to_vec());
            arrays.insert(format!("base_model.model.{name}"), copy);
            heads.insert(name.split('.').next().unwrap_or_default());
        }
    }
    let mut views = Vec::new();
    for (name, (shape, bytes)) in &arrays {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(encode)?;
        views.push((name.as_str(), view));
    }
    let format = [("format".to_string(), "pt".to_string())].into();
    let adapters = safetensors::serialize(views, Some(format)).map_err(encode)?;
    let kind = match head {
        Head::SequenceClassification => Some("SEQ_CLS"),
        Head::TokenClassification => Some("TOKEN_CLS"),
        Head::QuestionAnswering => Some("QUESTION_ANS"),
        Head::MaskedLm | Head::None => None,
    };
    let config = json!({
        "peft_type": "LORA", "task_type": kind, "r": lora.rank, "lora_alpha": lora.alpha,
        "lora_dropout": 0.0, "bias": "none", "inference_mode": true,
        "target_modules": matrices, "modules_to_save": heads,
    });
    Ok((format!("{config:#}\n"), adapters))
}

/// Name of the adapted matrix, and PEFT's name of the factor.
fn factor(name: &str) -> Option<(&str, &'static str)> {
    let of = |(ours, theirs): &(&str, &'static str)| Some((name.strip_suffix(*ours)?, *theirs));
    FACTORS.iter().find_map(of)
}

/// Transposes a row-major float32 matrix from `[rows, columns]` to `[columns, rows]`.
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
