//! Export of adapters to Hugging Face's PEFT.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use tinderbox_model_transformer::{Head, TextEncoder};

use crate::TrainError;
use crate::recipe::LoraRecipe;

/// Names of the two LoRA factors here, in PEFT, and in PEFT for embeddings.
const FACTORS: [(&str, &str, &str); 2] = [
    (".weight.lora.a", ".lora_A.weight", ".lora_embedding_A"),
    (".weight.lora.b", ".lora_B.weight", ".lora_embedding_B"),
];
/// Last steps of the names of embeddings.
const EMBEDDINGS: [&str; 4] = [
    "word_embeddings",
    "position_embeddings",
    "token_type_embeddings",
    "relative_attention_bias",
];
/// Table of word embeddings, which the decoder of a masked-language-model head is tied to.
const WORDS: &str = "word_embeddings.weight";
/// Name of a pooler's module.
const POOLER: &str = "pooler";

/// Shape and bytes of a float32 array.
type Array = (Vec<usize>, Vec<u8>);

/// Converts the weights of a LoRA run to PEFT's `adapter_config.json` and
/// `adapter_model.safetensors`. `bytes` holds all weights of the run. PEFT keeps both factors
/// transposed, as PyTorch does for all matrices.
///
/// The head is in the file, and so is a pooler, which the pretrained weights may lack. PEFT adapts
/// word embeddings without the decoder that is tied to them, and wants every weight of a module that
/// is saved, so that the decoder is in the file as well.
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
    let mut arrays: BTreeMap<String, Array> = BTreeMap::new();
    let (mut matrices, mut saved) = (BTreeSet::new(), BTreeSet::new());
    for (name, array) in file.iter() {
        if let (Some((matrix, theirs)), &[rows, columns]) = (factor(name), array.shape()) {
            let values = transposed(array.data(), rows, columns);
            arrays.insert(format!("{matrix}{theirs}"), (vec![columns, rows], values));
            matrices.insert(matrix.to_string());
        } else if let Some(module) = saved_module(name, model) {
            let copy = (array.shape().to_vec(), array.data().to_vec());
            arrays.insert(name.to_string(), copy);
            saved.insert(module);
        }
    }
    if head == Head::MaskedLm {
        let (weight, biases) = decoder(model);
        if let Some(table) = merged_table(&file, lora) {
            arrays.insert(weight.into(), table);
        }
        if let Some((bias, copy)) = biases
            && let Some(values) = arrays.get(bias).cloned()
        {
            arrays.insert(copy.into(), values);
        }
    }
    let mut views = Vec::new();
    for (name, (shape, bytes)) in &arrays {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(encode)?;
        views.push((format!("base_model.model.{name}"), view));
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
        "target_modules": matrices, "modules_to_save": saved,
    });
    Ok((format!("{config:#}\n"), adapters))
}

/// The module to save that a parameter belongs to: one of the head, or the pooler.
fn saved_module<'a>(name: &'a str, model: &TextEncoder) -> Option<&'a str> {
    if model.is_head(name) {
        return name.split('.').next();
    }
    name.split('.').find(|step| *step == POOLER)
}

/// Name of the adapted matrix, and PEFT's name of the factor.
fn factor(name: &str) -> Option<(&str, &'static str)> {
    let of = |(ours, linear, embedding): &(&str, &'static str, &'static str)| {
        let matrix = name.strip_suffix(*ours)?;
        let is_embedding = EMBEDDINGS.iter().any(|end| matrix.ends_with(end));
        Some((matrix, if is_embedding { *embedding } else { *linear }))
    };
    FACTORS.iter().find_map(of)
}

/// Weight of the decoder that is tied to the word embeddings; the head's bias and its second name.
fn decoder(model: &TextEncoder) -> (&'static str, Option<(&'static str, &'static str)>) {
    match model {
        TextEncoder::Bert(_) => (
            "cls.predictions.decoder.weight",
            Some(("cls.predictions.bias", "cls.predictions.decoder.bias")),
        ),
        TextEncoder::DistilBert(_) => ("vocab_projector.weight", None),
        TextEncoder::MpNet(_) | TextEncoder::Roberta(_) => (
            "lm_head.decoder.weight",
            Some(("lm_head.bias", "lm_head.decoder.bias")),
        ),
    }
}

/// The word embeddings, with their adapters merged if they have any: `table + alpha / rank * a b`.
fn merged_table(file: &SafeTensors, lora: &LoraRecipe) -> Option<Array> {
    let [a_end, b_end] = FACTORS.map(|(ours, ..)| ours);
    let find = |end: &str| file.iter().find(|(name, _)| name.ends_with(end));
    let (_, table) = find(WORDS)?;
    let a = find(&format!("word_embeddings{a_end}"));
    let b = find(&format!("word_embeddings{b_end}"));
    let (Some((_, a)), Some((_, b))) = (a, b) else {
        return Some((table.shape().to_vec(), table.data().to_vec()));
    };
    let (&[rows, rank], &[_, width]) = (a.shape(), b.shape()) else {
        return None;
    };
    let [a, b, mut table] = [&a, &b, &table].map(|array| floats(array.data()));
    let scale = (lora.alpha / lora.rank as f64) as f32;
    for row in 0..rows {
        for k in 0..rank {
            let factor = scale * a.get(row * rank + k)?;
            let from = b.get(k * width..(k + 1) * width)?;
            let to = table.get_mut(row * width..(row + 1) * width)?;
            for (to, from) in to.iter_mut().zip(from) {
                *to += factor * from;
            }
        }
    }
    let bytes = table.iter().flat_map(|value| value.to_le_bytes()).collect();
    Some((vec![rows, width], bytes))
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let numbers = bytes.chunks_exact(size_of::<f32>());
    numbers
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
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
