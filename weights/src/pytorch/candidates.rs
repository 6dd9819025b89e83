//! The dicts of tensors in a file.

use super::element::is_float;
use super::value::{Node, Pickle, Value};

/// Keys under which training scripts save the state dict, in the order in which they are preferred:
/// PyTorch's ImageNet example, timm and Lightning, PyTorch's tutorials, torchvision and nanoGPT,
/// pytorch-cifar.
const USUAL: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];
/// Maximum number of dicts that are looked at.
const MAX_DICTS: usize = 1 << 10;

/// True for a key under which training scripts save the weights that they train.
pub(crate) fn is_usual(key: &str) -> bool {
    USUAL.contains(&key)
}

/// Dicts with float tensors and their dotted keys, the most likely one first: those under the usual
/// keys, those under others, the file itself. The file comes last, because a training script may
/// save a tensor of its own beside the state dict. Dicts two levels below are taken if there are no
/// others. An optimizer's tensors are deeper.
pub(super) fn find<'a>(pickle: &Pickle<'a>) -> Vec<(String, Value<'a>)> {
    let children = children(pickle, "", pickle.root);
    let mut found: Vec<_> = with_tensors(pickle, children.clone());
    let place = |key: &str| USUAL.iter().position(|usual| *usual == key);
    found.sort_by_key(|(key, _)| place(key).unwrap_or(USUAL.len()));
    found.extend(with_tensors(pickle, vec![(String::new(), pickle.root)]));
    if found.is_empty() {
        let below = children
            .into_iter()
            .flat_map(|(key, dict)| self::children(pickle, &format!("{key}."), dict));
        found = with_tensors(pickle, below.take(MAX_DICTS).collect());
    }
    let mut seen = Vec::new();
    found.retain(|(_, dict)| match dict {
        Value::Node(index) if seen.contains(index) => false,
        Value::Node(index) => {
            seen.push(*index);
            true
        }
        _ => false,
    });
    found
}

fn children<'a>(pickle: &Pickle<'a>, prefix: &str, dict: Value<'a>) -> Vec<(String, Value<'a>)> {
    let items = pickle.items(dict).unwrap_or_default().iter().rev();
    let mut children: Vec<(String, Value<'a>)> = Vec::new();
    for (key, value) in items.take(MAX_DICTS) {
        // As in Python, the last value of a key counts.
        if let (Value::Text(key), Some(_)) = (key, pickle.items(*value)) {
            let key = format!("{prefix}{key}");
            if children.iter().all(|(other, _)| *other != key) {
                children.push((key, *value));
            }
        }
    }
    children.reverse();
    children
}

fn with_tensors<'a>(
    pickle: &Pickle<'a>,
    dicts: Vec<(String, Value<'a>)>,
) -> Vec<(String, Value<'a>)> {
    let has_tensors = |dict: &Value<'a>| {
        let items = pickle.items(*dict).unwrap_or_default();
        let mut values = items.iter().map(|(_, value)| pickle.node(*value));
        values.any(|node| matches!(node, Some(Node::Tensor(tensor)) if is_float(tensor.class)))
    };
    let has_other_tensors = |dict: &Value<'a>| {
        let items = pickle.items(*dict).unwrap_or_default();
        let mut values = items.iter().map(|(_, value)| pickle.node(*value));
        values.any(|node| matches!(node, Some(Node::Tensor(_))))
    };
    let (floats, others): (Vec<_>, Vec<_>) =
        dicts.into_iter().partition(|(_, dict)| has_tensors(dict));
    if floats.is_empty() {
        return others
            .into_iter()
            .filter(|(_, dict)| has_other_tensors(dict))
            .collect();
    }
    floats
}

/// The reason why there is no state dict.
pub(super) fn none(pickle: &Pickle) -> String {
    const SAVE: &str = "in PyTorch, save `model.state_dict()`";
    match pickle.node(pickle.root) {
        Some(Node::Map {
            class: Some(class),
            items,
        }) if items.is_empty() => {
            format!("it is an object of class {class}, not a state dict; {SAVE}")
        }
        Some(Node::Map { items, .. }) => {
            for (key, value) in items {
                if let (Value::Text(key), Some(Node::Map { class, items })) =
                    (key, pickle.node(*value))
                    && let (Some(class), true) = (class, items.is_empty())
                    && is_usual(key)
                {
                    return format!(
                        "`{key}` is an object of class {class}, not a state dict; {SAVE}"
                    );
                }
            }
            let name = |key: &Value<'_>| match key {
                Value::Text(name) => Some((*name).to_string()),
                _ => None,
            };
            let names = items.iter().filter_map(|(key, _)| name(key)).take(10);
            let names: Vec<String> = names.collect();
            format!(
                "it has no dict of tensors: neither at its top level, which has the keys [{}], nor below; {SAVE}",
                names.join(", ")
            )
        }
        _ => "it has no dict of tensors".to_string(),
    }
}
