//! What a pickle is made of, as far as weights need it.

use super::super::error::Refusal;

/// A value, small enough to be copied. Containers lie in [`Pickle::nodes`], so that one that is referred to twice is one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// Nothing that weights are made of: `None`, a float, bytes, a huge integer.
    Other,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    /// An index into [`Pickle::nodes`].
    Node(usize),
}

/// A value that has parts.
#[derive(Debug)]
pub(super) enum Node<'a> {
    /// A list, tuple or set.
    Sequence(Vec<Value<'a>>),
    /// A dict, or an object of the class named, with those entries that are set as if it were a dict.
    Map {
        class: Option<Global<'a>>,
        items: Vec<(Value<'a>, Value<'a>)>,
    },
    Global(Global<'a>),
    Storage(Storage<'a>),
    Tensor(Tensor<'a>),
}

/// A class or function, by name. It is never anything more than its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Global<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
}

/// Where tensors have their elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage<'a> {
    /// The class in `torch`, as in `FloatStorage`.
    pub(super) class: &'a str,
    /// What the container calls it.
    pub(super) key: &'a str,
    /// Its number of elements.
    pub(super) length: usize,
    /// Where this part of it begins, in elements; files of the first PyTorch versions have parts.
    pub(super) offset: usize,
}

/// A tensor, as `torch._utils._rebuild_tensor_v2` would be called for it. Nothing about it is checked yet.
#[derive(Debug)]
pub(super) struct Tensor<'a> {
    pub(super) storage: Storage<'a>,
    /// Its first element in the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Modules whose functions run commands, load code or reach files and networks. Such a list cannot be complete and need
/// not be, since no function is called, whatever it is: it only decides which files are called by their name. Modules that
/// somebody's own package could be called after (`code`) are not in it.
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
/// The same among Python's built-in functions.
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
    /// [`Refusal::RunsCode`] for one that only an attack names.
    pub(super) fn new(module: &'a str, name: &'a str) -> Result<Self, Refusal> {
        let package = module.split('.').next().unwrap_or(module);
        let runs_code = match package {
            "builtins" | "__builtin__" => CODE_BUILTINS.contains(&name),
            _ => CODE_MODULES.contains(&package),
        };
        match runs_code {
            true => Err(Refusal::RunsCode(format!("{module}.{name}"))),
            false => Ok(Self { module, name }),
        }
    }
}

impl std::fmt::Display for Global<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// A pickle, read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// The value that was pickled.
    pub(super) root: Value<'a>,
    /// All storages that tensors refer to, in no order; some several times.
    pub(super) storages: Vec<Storage<'a>>,
}

impl<'a> Pickle<'a> {
    pub(super) fn node(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Node(index) => self.nodes.get(index),
            _ => None,
        }
    }

    /// The entries of a dict, or of an object like one.
    pub(super) fn items(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match self.node(value)? {
            Node::Map { items, .. } => Some(items),
            _ => None,
        }
    }

    /// The value of a dict under a text. As in Python, the last one set counts.
    pub(super) fn get(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        let mut items = self.items(dict)?.iter().rev();
        let found = items.find(|(name, _)| matches!(name, Value::Text(text) if *text == key));
        found.map(|(_, value)| *value)
    }
}
