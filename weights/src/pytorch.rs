//! Files of `torch.save`: a pickle that describes the tensors, and storages with their elements.

mod container;
mod input;
mod pickle;
mod value;

use std::collections::BTreeMap;

use burn::tensor::DType;

use super::error::Refusal;
use super::view::View;
use container::Container;
use value::{Global, Node, Pickle, Tensor, Value};

/// Keys under which training scripts save the state dict, in the order in which they are tried:
/// PyTorch's ImageNet example and timm, PyTorch's tutorials, torchvision, pytorch-cifar.
const NESTED: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// The tensors of the state dict in the file.
///
/// # Errors
/// The file was not written by `torch.save`, is damaged, or has no state dict.
pub(super) fn views(bytes: &[u8]) -> Result<BTreeMap<String, View>, Refusal> {
    let Container { pickle, storages } = container::open(bytes)?;
    let mut views = BTreeMap::new();
    for (name, value) in pickle.items(state_dict(&pickle)?).unwrap_or_default() {
        let Value::Text(name) = name else {
            continue;
        };
        let view = match pickle.node(*value) {
            Some(Node::Tensor(tensor)) => tensor_view(tensor, &storages)
                .map_err(|reason| Refusal::format(format!("tensor {name}: {reason}")))?,
            // Sparse, quantized and other tensors that are not plain arrays.
            Some(Node::Map {
                class: Some(class), ..
            }) if is_rebuilt(*class) => View::other(class.to_string(), Vec::new()),
            _ => continue,
        };
        views.insert((*name).to_string(), view);
    }
    Ok(views)
}

fn is_rebuilt(class: Global) -> bool {
    class.module.starts_with("torch.") && class.name.starts_with("_rebuild")
}

/// The state dict: the first nested dict with tensors, or else the root. In this order, because a
/// training script may save a tensor of its own beside the state dict.
fn state_dict<'a>(pickle: &Pickle<'a>) -> Result<Value<'a>, Refusal> {
    let has_tensors = |dict: &Value<'a>| {
        let items = pickle.items(*dict).unwrap_or_default();
        let mut values = items.iter().map(|(_, value)| pickle.node(*value));
        values.any(|node| matches!(node, Some(Node::Tensor(_))))
    };
    let nested = NESTED
        .into_iter()
        .filter_map(|key| pickle.get(pickle.root, key));
    if let Some(dict) = nested.chain([pickle.root]).find(has_tensors) {
        return Ok(dict);
    }
    let reason = match pickle.node(pickle.root) {
        Some(Node::Map {
            class: Some(class),
            items,
        }) if items.is_empty() => format!(
            "it is an object of class {class}, not a state dict; in PyTorch, save `model.state_dict()`"
        ),
        Some(Node::Map { items, .. }) => {
            let name = |key: &Value<'a>| match key {
                Value::Text(name) => Some(*name),
                _ => None,
            };
            let names: Vec<&str> = items
                .iter()
                .filter_map(|(key, _)| name(key))
                .take(10)
                .collect();
            format!(
                "it has no tensors at its top level, which has the keys [{}], nor under {}",
                names.join(", "),
                NESTED.join(", ")
            )
        }
        _ => "it has no dict of tensors".to_string(),
    };
    Err(Refusal::format(reason))
}

fn tensor_view(tensor: &Tensor, storages: &container::Storages) -> Result<View, String> {
    let (shape, strides) = (tensor.shape.clone(), tensor.strides.clone());
    let storage = &tensor.storage;
    let dtype = match storage.class {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        other => return Ok(View::other(other, shape)),
    };
    let range = storages
        .get(storage.key)
        .ok_or_else(|| format!("its storage {} is not in the file", storage.key))?;
    View::new(dtype, shape, strides, tensor.offset, range)
}
