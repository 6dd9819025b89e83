//! Calls that build tensors.

use super::super::super::error::Refusal;
use super::super::value::{Global, Node, Storage, Tensor, Value};
use super::{Machine, dict};

/// Maximum depth of rebuilt tensors within each other.
const MAX_NESTED: usize = 4;

impl<'a> Machine<'a> {
    /// Persistent id `('storage', class, key, device, length)`, in old files with `(key, offset,
    /// length)` of a view.
    pub(super) fn storage(&mut self) -> Result<(), Refusal> {
        let id = self.pop()?;
        let storage = self.as_sequence(id).and_then(|fields| {
            let [
                Value::Text("storage"),
                class,
                Value::Text(key),
                _,
                length,
                part @ ..,
            ] = fields
            else {
                return None;
            };
            let part = part.first().and_then(|part| self.as_sequence(*part));
            Some(Storage {
                class: self.as_global(*class)?.name,
                key,
                length: unsigned(length)?,
                offset: match part {
                    Some([_, offset, _]) => unsigned(offset)?,
                    _ => 0,
                },
            })
        });
        let storage =
            storage.ok_or_else(|| Refusal::format("a storage in it has no description"))?;
        self.storages.push(storage);
        self.make(Node::Storage(storage));
        Ok(())
    }

    /// A function call, whose result depends on the name of the function only.
    pub(super) fn call(
        &mut self,
        function: Value<'a>,
        arguments: Value<'a>,
    ) -> Result<(), Refusal> {
        let class = self.as_global(function);
        let arguments = self.as_sequence(arguments).unwrap_or_default();
        match class.map(|global| (global.module, global.name)) {
            Some(("collections", "OrderedDict")) => {
                let entries = arguments.first().and_then(|list| self.as_sequence(*list));
                let entries = entries.unwrap_or_default();
                let pair = |entry: &Value<'a>| match self.as_sequence(*entry) {
                    Some([key, value]) => Some((*key, *value)),
                    _ => None,
                };
                let items: Vec<_> = entries.iter().filter_map(pair).collect();
                self.charge(items.len())?;
                self.make(dict(items));
            }
            Some((
                "torch._utils",
                "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3",
            )) => {
                let tensor = self.tensor(arguments);
                let tensor = tensor
                    .ok_or_else(|| Refusal::format("a tensor in it has no proper description"))?;
                self.charge(tensor.shape.len() + tensor.strides.len())?;
                self.make(Node::Tensor(tensor));
            }
            // A tensor with attributes: the function that rebuilds it, its class, the function's
            // arguments, the attributes.
            Some(("torch._tensor", "_rebuild_from_type_v2")) => match *arguments {
                [function, class, inner, ..]
                    if self.as_global(class).is_some_and(is_plain) && self.nested < MAX_NESTED =>
                {
                    self.nested += 1;
                    self.call(function, inner)?;
                    self.nested -= 1;
                }
                _ => self.object(class),
            },
            Some(("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")) => {
                let tensor = arguments.first().copied().unwrap_or(Value::Other);
                self.push(tensor);
            }
            _ => self.object(class),
        }
        Ok(())
    }

    /// Tensor from the arguments `storage, offset, shape, strides, ..`, and of the third version
    /// `requires_grad, hooks, dtype`.
    fn tensor(&self, arguments: &[Value<'a>]) -> Option<Tensor<'a>> {
        let [Value::Node(storage), offset, shape, strides, rest @ ..] = arguments else {
            return None;
        };
        let Node::Storage(storage) = self.nodes.get(*storage)? else {
            return None;
        };
        let numbers = |value: &Value<'a>| -> Option<Vec<usize>> {
            let values = self.as_sequence(*value)?;
            values.iter().map(unsigned).collect()
        };
        let dtype = rest.get(2).and_then(|dtype| self.as_global(*dtype));
        let dtype = dtype.filter(|dtype| dtype.module == "torch");
        Some(Tensor {
            class: dtype.map_or(storage.class, |dtype| dtype.name),
            storage: *storage,
            offset: storage.offset.checked_add(unsigned(offset)?)?,
            shape: numbers(shape)?,
            strides: numbers(strides)?,
        })
    }
}

/// True for classes whose tensors are their elements.
fn is_plain(class: Global) -> bool {
    matches!(
        (class.module, class.name),
        ("torch", "Tensor") | ("torch.nn.parameter", "Parameter" | "Buffer")
    )
}

fn unsigned(value: &Value) -> Option<usize> {
    match value {
        Value::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}
