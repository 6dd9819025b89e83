//! Python's pickle with NumPy arrays, read as data: nothing is called.
//!
//! The opcodes are those of <https://docs.python.org/3/library/pickletools.html>, protocols 2 to 5,
//! as Python 2 and 3 write dicts, lists, numbers, strings and NumPy arrays. Whatever else a file
//! has becomes an opaque value. (The crate for weights reads pickles as well: of tensors, whose
//! elements are beside the pickle; its values drop the strings that arrays are made of.)

mod array;
mod machine;

use array::Array;

/// Maximum length of all texts of a list together.
const MOST_TEXT: usize = 1 << 20;

/// A value, small enough to be copied. Containers are in [`Pickle::nodes`], so that two references
/// share one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// A value irrelevant to data sets: `None`, a float, a huge integer.
    Other,
    Int(i64),
    /// A string of Python 2, bytes, or text in UTF-8.
    Bytes(&'a [u8]),
    /// An index into [`Pickle::nodes`].
    Node(usize),
}

/// A value with parts.
#[derive(Debug)]
enum Node<'a> {
    /// A list, tuple or set.
    Sequence(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// Name of a function or class, as in `numpy.dtype`.
    Global(String),
    /// Bytes that protocols below 3 write as text.
    Latin1(Vec<u8>),
    /// A NumPy type: "u1" and, once it is known, its byte order.
    Type {
        code: &'a [u8],
        order: &'a [u8],
    },
    Array(Array<'a>),
    /// An object of another class.
    Opaque,
}

/// A pickle as data.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    root: Value<'a>,
}

impl<'a> Pickle<'a> {
    /// Reads one pickle.
    ///
    /// # Errors
    /// If it is damaged, or its instructions are not those of these protocols.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        machine::run(bytes).map_err(|reason| format!("is not a whole pickle: {reason}"))
    }

    /// The value of `key` in the dict that was pickled. As in Python, the last one set counts.
    ///
    /// # Errors
    /// If no dict was pickled.
    pub(super) fn get(&self, key: &str) -> Result<Option<Value<'a>>, String> {
        let Some(Node::Map(items)) = self.node(self.root) else {
            return Err("is a pickle, but not of a dict: not a file of this data set".to_owned());
        };
        let found = items.iter().rev();
        let mut found = found.filter(|(name, _)| self.bytes(*name) == Some(key.as_bytes()));
        Ok(found.next().map(|(_, value)| *value))
    }

    /// The integers of a list or a NumPy array.
    pub(super) fn integers(&self, value: Value<'a>) -> Result<Vec<i64>, String> {
        match self.node(value) {
            Some(Node::Sequence(values)) => values
                .iter()
                .map(|value| match value {
                    Value::Int(number) => Ok(*number),
                    _ => Err("are not all integers".to_owned()),
                })
                .collect(),
            Some(Node::Array(array)) => array.integers(self),
            _ => Err("are neither a list nor an array".to_owned()),
        }
    }

    /// The strings of a list; those of Python 2 are Latin 1 if they are not UTF-8.
    pub(super) fn texts(&self, value: Value<'a>) -> Result<Vec<String>, String> {
        let Some(Node::Sequence(values)) = self.node(value) else {
            return Err("are not a list".to_owned());
        };
        let mut left = MOST_TEXT;
        let text = |value: &Value<'a>| {
            let bytes = self.bytes(*value).ok_or("are not all strings")?;
            left = left.checked_sub(bytes.len()).ok_or("are too long")?;
            Ok(match str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
            })
        };
        values.iter().map(text).collect()
    }

    /// The bytes of a NumPy array of type `uint8`, in C order.
    pub(super) fn bytes_of_array(&self, value: Value<'a>) -> Result<Vec<u8>, String> {
        match self.node(value) {
            Some(Node::Array(array)) => array.bytes(self),
            _ => Err("are not a NumPy array".to_owned()),
        }
    }

    fn node(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Node(index) => self.nodes.get(index),
            _ => None,
        }
    }

    fn bytes(&self, value: Value<'a>) -> Option<&[u8]> {
        match (value, self.node(value)) {
            (Value::Bytes(bytes), _) => Some(bytes),
            (_, Some(Node::Latin1(bytes))) => Some(bytes),
            _ => None,
        }
    }

    fn sequence(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match self.node(value)? {
            Node::Sequence(values) => Some(values),
            _ => None,
        }
    }
}
