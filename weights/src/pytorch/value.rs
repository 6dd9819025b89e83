//! Values of a pickle, as far as weights need them.

use super::super::error::Refusal;

/// A value, small enough to be copied. Containers are in [`Pickle::nodes`], so that two references
/// share one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// A value irrelevant to weights: `None`, a float, bytes, a huge integer.
    Other,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    /// An index into [`Pickle::nodes`].
    Node(usize),
}

/// A value with parts.
#[derive(Debug)]
pub(super) enum Node<'a> {
    /// A list, tuple or set.
    Sequence(Vec<Value<'a>>),
    /// A dict, or an object of the named class with the entries set on it as on a dict.
    Map {
        class: Option<Global<'a>>,
        items: Vec<(Value<'a>, Value<'a>)>,
    },
    Global(Global<'a>),
    Storage(Storage<'a>),
    Tensor(Tensor<'a>),
}

/// Name of a class or function, which is never called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Global<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
}

/// Storage of the elements of tensors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage<'a> {
    /// Class in `torch`, such as `FloatStorage`.
    pub(super) class: &'a str,
    /// Key in the container.
    pub(super) key: &'a str,
    /// Number of elements.
    pub(super) length: usize,
    /// First element of this view; the first PyTorch versions had views of storages.
    pub(super) offset: usize,
}

/// Arguments of `torch._utils._rebuild_tensor_v2`, unchecked.
#[derive(Debug)]
pub(super) struct Tensor<'a> {
    pub(super) storage: Storage<'a>,
    /// Class of the storage, or name of the element type if the storage has none.
    pub(super) class: &'a str,
    /// First element in the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Modules whose functions run commands, load code, or access files and networks. The list cannot
/// be complete and need not be, since no function is ever called: it decides only which files are
/// reported as malicious. Names that somebody's own package could have (`code`) are not in it.
const CODE_MODULES: [&str; 12] = [
    "os",
    "posix",
    "nt",
    "subprocess",
    "sys",
    "shutil",
    "socket",
    "runpy",
    "pty",
    "importlib",
    "ctypes",
    "webbrowser",
];
/// Python's built-in functions of that kind.
const CODE_BUILTINS: [&str; 9] = [
    "eval",
    "exec",
    "execfile",
    "compile",
    "open",
    "input",
    "apply",
    "breakpoint",
    "__import__",
];

impl<'a> Global<'a> {
    /// A class or function that a pickle names.
    ///
    /// # Errors
    /// [`Refusal::RunsCode`] for one that only malicious files name.
    pub(super) fn new(module: &'a str, name: &'a str) -> Result<Self, Refusal> {
        let package = module.split('.').next().unwrap_or(module);
        let runs_code = match package {
            "builtins" | "__builtin__" => CODE_BUILTINS.contains(&name),
            _ => CODE_MODULES.contains(&package),
        };
        if runs_code {
            return Err(Refusal::RunsCode(format!("{module}.{name}")));
        }
        Ok(Self { module, name })
    }
}

impl std::fmt::Display for Global<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// A pickle as data.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// The value that was pickled.
    pub(super) root: Value<'a>,
    /// Storages of all tensors, in no particular order and possibly repeated.
    pub(super) storages: Vec<Storage<'a>>,
}

impl<'a> Pickle<'a> {
    pub(super) fn node(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Node(index) => self.nodes.get(index),
            _ => None,
        }
    }

    /// Entries of a dict or of an object like one.
    pub(super) fn items(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match self.node(value)? {
            Node::Map { items, .. } => Some(items),
            _ => None,
        }
    }

    /// Value of a key in a dict. As in Python, the last one set counts.
    pub(super) fn get(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        let mut items = self.items(dict)?.iter().rev();
        let found = items.find(|(name, _)| matches!(name, Value::Text(text) if *text == key));
        found.map(|(_, value)| *value)
    }
}
