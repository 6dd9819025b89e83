//! The machine that a pickle is a program for, with a stack and a memo.

use super::array::{Array, little_endian};
use super::{Node, Pickle, Value};
use std::collections::HashMap;

/// Maximum number of instructions: several times that of CIFAR-100's largest file.
const MOST_STEPS: usize = 1 << 21;

/// Number of values in the state of a NumPy type or array, or more.
const LONGEST_STATE: usize = 12;

pub(super) fn run(bytes: &[u8]) -> Result<Pickle<'_>, String> {
    let mut machine = Machine {
        input: bytes,
        copies_left: bytes.len(),
        ..Machine::default()
    };
    for _ in 0..MOST_STEPS {
        let opcode = machine.take(1)?[0];
        if opcode == b'.' {
            let root = machine.pop()?;
            return Ok(Pickle {
                nodes: machine.nodes,
                root,
            });
        }
        machine.step(opcode)?;
    }
    Err(format!("it has more than {MOST_STEPS} instructions"))
}

#[derive(Default)]
struct Machine<'a> {
    /// The rest of the file.
    input: &'a [u8],
    stack: Vec<Value<'a>>,
    /// Stack heights at the open marks.
    marks: Vec<usize>,
    memo: HashMap<usize, Value<'a>>,
    nodes: Vec<Node<'a>>,
    /// Bytes that may still be copied, so that a short file cannot take much memory.
    copies_left: usize,
}

impl<'a> Machine<'a> {
    fn step(&mut self, opcode: u8) -> Result<(), String> {
        match opcode {
            // Protocol and frame are irrelevant.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),

            b'N' => self.stack.push(Value::Other),
            0x88 | 0x89 => self.stack.push(Value::Int(i64::from(opcode == 0x88))),
            b'J' => self.integer(4)?,
            b'K' => self.unsigned(1)?,
            b'M' => self.unsigned(2)?,
            0x8a => {
                let bytes = self.counted(1)?;
                self.stack.push(match bytes.len() {
                    0..=8 => Value::Int(little_endian(bytes, true)),
                    _ => Value::Other,
                });
            }
            b'G' => {
                self.take(8)?;
                self.stack.push(Value::Other);
            }

            b'U' | 0x8c | b'C' => self.string(1)?,
            b'T' | b'X' | b'B' => self.string(4)?,
            0x8d | 0x8e | 0x96 => self.string(8)?,

            b')' | b']' | 0x8f => self.make(Node::Sequence(Vec::new())),
            b'}' => self.make(Node::Map(Vec::new())),
            b't' | b'l' | 0x91 => {
                let values = self.pop_mark()?;
                self.make(Node::Sequence(values));
            }
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let mut values = Vec::with_capacity(count);
                for _ in 0..count {
                    values.push(self.pop()?);
                }
                values.reverse();
                self.make(Node::Sequence(values));
            }
            b'd' => {
                let values = self.pop_mark()?;
                self.make(Node::Map(pairs(&values)?));
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' | 0x90 => {
                let values = self.pop_mark()?;
                self.append(values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![(key, value)])?;
            }
            b'u' => {
                let values = self.pop_mark()?;
                self.set(pairs(&values)?)?;
            }

            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }

            b'q' => self.put(1)?,
            b'r' => self.put(4)?,
            0x94 => {
                let top = self.top()?;
                self.memo.insert(self.memo.len(), top);
            }
            b'h' => self.get(1)?,
            b'j' => self.get(4)?,

            b'c' => {
                let name = [self.line()?, self.line()?];
                self.global(name);
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (module, name) {
                    (Value::Bytes(module), Value::Bytes(name)) => self.global([module, name]),
                    _ => return Err("a class in it has no name".to_owned()),
                }
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let made = self.call(function, arguments);
                if let Node::Latin1(bytes) = &made {
                    let left = self.copies_left.checked_sub(bytes.len());
                    self.copies_left = left.ok_or("it repeats its strings")?;
                }
                self.make(made);
                self.fold_number();
            }
            // State of an object, which stays on the stack.
            b'b' => {
                let state = self.pop()?;
                self.build(state)?;
            }
            _ => {
                return Err(format!(
                    "instruction 0x{opcode:02x} is not one of data sets"
                ));
            }
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .input
            .split_at_checked(count)
            .ok_or("it ends too early")?;
        self.input = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let end = self.input.iter().position(|byte| *byte == b'\n');
        let line = self.take(end.ok_or("it ends too early")?)?;
        self.take(1)?;
        Ok(line)
    }

    /// A little-endian number of `size` bytes.
    fn number(&mut self, size: usize) -> Result<usize, String> {
        let number = little_endian(self.take(size)?, false);
        usize::try_from(number).map_err(|_| "a length in it is impossible".to_owned())
    }

    /// A string behind its length, of which `size` bytes are stored.
    fn counted(&mut self, size: usize) -> Result<&'a [u8], String> {
        let count = self.number(size)?;
        self.take(count)
    }

    fn string(&mut self, size: usize) -> Result<(), String> {
        let bytes = self.counted(size)?;
        self.stack.push(Value::Bytes(bytes));
        Ok(())
    }

    fn unsigned(&mut self, size: usize) -> Result<(), String> {
        let number = little_endian(self.take(size)?, false);
        self.stack.push(Value::Int(number));
        Ok(())
    }

    fn integer(&mut self, size: usize) -> Result<(), String> {
        let number = little_endian(self.take(size)?, true);
        self.stack.push(Value::Int(number));
        Ok(())
    }

    fn make(&mut self, node: Node<'a>) {
        self.stack.push(Value::Node(self.nodes.len()));
        self.nodes.push(node);
    }

    fn top(&self) -> Result<Value<'a>, String> {
        let above_mark = self.stack.len() > self.marks.last().copied().unwrap_or(0);
        let top = self.stack.last().filter(|_| above_mark);
        top.copied()
            .ok_or_else(|| "it pops more values than it has".to_owned())
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// Pops the values above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().ok_or("it lacks a mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, values: Vec<Value<'a>>) -> Result<(), String> {
        if let Some(Node::Sequence(list)) = self.top_node()? {
            list.extend(values);
        }
        Ok(())
    }

    fn set(&mut self, entries: Vec<(Value<'a>, Value<'a>)>) -> Result<(), String> {
        if let Some(Node::Map(items)) = self.top_node()? {
            items.extend(entries);
        }
        Ok(())
    }

    fn top_node(&mut self) -> Result<Option<&mut Node<'a>>, String> {
        Ok(match self.top()? {
            Value::Node(index) => self.nodes.get_mut(index),
            _ => None,
        })
    }

    fn put(&mut self, size: usize) -> Result<(), String> {
        let index = self.number(size)?;
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn get(&mut self, size: usize) -> Result<(), String> {
        let index = self.number(size)?;
        let value = self.memo.get(&index);
        self.stack
            .push(*value.ok_or("it refers to a value that it does not have")?);
        Ok(())
    }

    /// NumPy 2 moved its functions from `numpy.core` to `numpy._core`.
    fn global(&mut self, [module, name]: [&[u8]; 2]) {
        let name = [module, b".", name].concat();
        let name = name.escape_ascii().to_string();
        self.make(Node::Global(name.replace("numpy._core.", "numpy.core.")));
    }

    fn node(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Node(index) => self.nodes.get(index),
            _ => None,
        }
    }

    fn bytes(&self, value: Value<'a>) -> &'a [u8] {
        match value {
            Value::Bytes(bytes) => bytes,
            _ => b"",
        }
    }

    /// The result of the calls that make arrays and their parts; all others are opaque.
    fn call(&self, function: Value<'a>, arguments: Value<'a>) -> Node<'a> {
        let (Some(Node::Global(name)), Some(Node::Sequence(arguments))) =
            (self.node(function), self.node(arguments))
        else {
            return Node::Opaque;
        };
        match (name.as_str(), &arguments[..]) {
            ("numpy.dtype", [code, ..]) => Node::Type {
                code: self.bytes(*code),
                order: b"",
            },
            ("numpy.core.multiarray._reconstruct", _) => Node::Array(Array::EMPTY),
            ("numpy.core.numeric._frombuffer", [elements, kind, shape, order]) => {
                Node::Array(Array {
                    shape: *shape,
                    kind: *kind,
                    fortran: self.bytes(*order) == b"F",
                    elements: *elements,
                })
            }
            ("numpy.core.multiarray.scalar", [kind, elements]) => {
                let shape = Value::Other;
                Node::Array(Array {
                    shape,
                    kind: *kind,
                    fortran: false,
                    elements: *elements,
                })
            }
            ("_codecs.encode", [Value::Bytes(text), Value::Bytes(b"latin1" | b"latin-1")]) => {
                latin1(text).map_or(Node::Opaque, Node::Latin1)
            }
            ("__builtin__.bytearray" | "builtins.bytearray", [Value::Bytes(bytes)]) => {
                Node::Latin1(bytes.to_vec())
            }
            _ => Node::Opaque,
        }
    }

    /// Replaces a NumPy scalar on top of the stack by its value.
    fn fold_number(&mut self) {
        let Some(Value::Node(index)) = self.stack.last().copied() else {
            return;
        };
        let Some(Node::Array(array)) = self.nodes.get(index) else {
            return;
        };
        let Some(Node::Type { code, order }) = self.node(array.kind) else {
            return;
        };
        let bytes = match (array.elements, self.node(array.elements)) {
            (Value::Bytes(bytes), _) => bytes,
            (_, Some(Node::Latin1(bytes))) => bytes,
            _ => return,
        };
        let is_scalar = matches!(array.shape, Value::Other);
        let is_integer = matches!(code.first(), Some(b'i' | b'u')) && bytes.len() <= 8;
        if is_scalar && is_integer && *order != b">" {
            let number = little_endian(bytes, code.first() == Some(&b'i'));
            if let Some(top) = self.stack.last_mut() {
                *top = Value::Int(number);
            }
        }
    }

    /// Sets the state of a type or an array.
    fn build(&mut self, state: Value<'a>) -> Result<(), String> {
        let object = self.top()?;
        let state = match self.node(state) {
            Some(Node::Sequence(values)) if values.len() <= LONGEST_STATE => values.clone(),
            _ => return Ok(()),
        };
        let order = state.get(1).map_or(&b""[..], |value| self.bytes(*value));
        let fortran = matches!(state.get(3), Some(Value::Int(1)));
        let Value::Node(index) = object else {
            return Ok(());
        };
        match (self.nodes.get_mut(index), &state[..]) {
            (Some(Node::Type { order: place, .. }), _) => *place = order,
            (Some(Node::Array(array)), [_, shape, kind, _, elements]) => {
                *array = Array {
                    shape: *shape,
                    kind: *kind,
                    fortran,
                    elements: *elements,
                };
            }
            _ => {}
        }
        Ok(())
    }
}

fn pairs<'a>(values: &[Value<'a>]) -> Result<Vec<(Value<'a>, Value<'a>)>, String> {
    let (pairs, rest) = values.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err("a dict in it has a key without a value".to_owned()),
    }
}

/// The bytes of text whose characters are all below 256.
fn latin1(text: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(text).ok()?;
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}
