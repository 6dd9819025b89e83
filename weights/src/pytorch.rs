//! Files of `torch.save`: a pickle that describes the tensors, and storages with their elements.

mod candidates;
mod container;
mod element;
mod input;
mod pickle;
mod value;

use std::collections::BTreeMap;

use super::Setting;
use super::error::Refusal;
use super::view::View;
pub(crate) use candidates::is_usual;
use container::Container;
use element::element;
use value::{Global, Node, Pickle, Tensor, Value};

/// Content of a file of `torch.save`.
pub(super) struct Saved {
    /// Dicts of tensors, each with its dotted key in the file, the most likely one first. The file
    /// itself has the key "".
    pub(super) dicts: Vec<(String, BTreeMap<String, View>)>,
    /// Numbers and names beside the weights, by dotted key.
    pub(super) settings: BTreeMap<String, Setting>,
}

/// Reads the file.
///
/// # Errors
/// It was not written by `torch.save`, is damaged, or has no state dict.
pub(super) fn read(bytes: &[u8]) -> Result<Saved, Refusal> {
    let Container { pickle, storages } = container::open(bytes)?;
    let found = candidates::find(&pickle);
    if found.is_empty() {
        return Err(Refusal::Format(candidates::none(&pickle)));
    }
    let mut dicts = Vec::new();
    for (key, dict) in found {
        dicts.push((key, views(&pickle, dict, &storages)?));
    }
    Ok(Saved {
        dicts,
        settings: settings(&pickle),
    })
}

/// Reads a pickle without tensors, such as nanoGPT's `meta.pkl`, and returns the strings of its dict
/// `key` by their integer keys.
///
/// # Errors
/// It is damaged, or has no such dict.
pub(super) fn strings(bytes: &[u8], key: &str) -> Result<BTreeMap<i64, String>, Refusal> {
    let pickle = pickle::read(&mut input::Input::new(bytes, 0))?;
    let dict = pickle.get(pickle.root, key);
    let items = dict.and_then(|dict| pickle.items(dict));
    let items = items.ok_or_else(|| Refusal::format(format!("it has no dict `{key}`")))?;
    let entry = |(key, value): &(Value, Value)| match (key, value) {
        (Value::Int(key), Value::Text(text)) => Some((*key, (*text).to_string())),
        _ => None,
    };
    items
        .iter()
        .map(|item| {
            let reason = || Refusal::format(format!("`{key}` does not map numbers to strings"));
            entry(item).ok_or_else(reason)
        })
        .collect()
}

fn views(
    pickle: &Pickle,
    dict: Value,
    storages: &container::Storages,
) -> Result<BTreeMap<String, View>, Refusal> {
    let mut views = BTreeMap::new();
    for (name, value) in pickle.items(dict).unwrap_or_default() {
        let Value::Text(name) = name else {
            continue;
        };
        let view = match pickle.node(*value) {
            Some(Node::Tensor(tensor)) => tensor_view(tensor, storages)
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

fn tensor_view(tensor: &Tensor, storages: &container::Storages) -> Result<View, String> {
    let (shape, strides) = (tensor.shape.clone(), tensor.strides.clone());
    let Some(element) = element(tensor.class) else {
        return Ok(View::other(tensor.class, shape));
    };
    let key = tensor.storage.key;
    let range = storages
        .get(key)
        .ok_or_else(|| format!("its storage {key} is not in the file"))?;
    View::new(element, shape, strides, tensor.offset, range)
}

/// Numbers, names and truth values at the top level, and one level below.
fn settings(pickle: &Pickle) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    let mut add = |prefix: &str, dict: Value| {
        for (key, value) in pickle.items(dict).unwrap_or_default() {
            let Value::Text(key) = key else { continue };
            let value = match value {
                Value::Bool(value) => Setting::Bool(*value),
                Value::Int(value) => Setting::Int(*value),
                Value::Text(value) => Setting::Text((*value).to_string()),
                _ => continue,
            };
            settings.insert(format!("{prefix}{key}"), value);
        }
    };
    add("", pickle.root);
    for (key, value) in pickle.items(pickle.root).unwrap_or_default() {
        if let (Value::Text(key), Some(_)) = (key, pickle.items(*value)) {
            add(&format!("{key}."), *value);
        }
    }
    settings
}
