//! Python's pickle, read as data.
//!
//! A pickle is a program for a machine with a stack and a memo. One of its instructions calls
//! functions, so a file can do whatever Python can. Here nothing is called: the few calls that make
//! tensors and dicts are recognised by name, and any other results in an opaque object. So
//! checkpoints may contain anything beside their weights.
//!
//! Opcodes are those of <https://docs.python.org/3/library/pickletools.html>, protocols 0 to 5.

mod torch;

use std::collections::HashMap;

use super::super::error::Refusal;
use super::input::Input;
use super::value::{Global, Node, Pickle, Storage, Value};

/// Maximum number of instructions and copied entries: about a hundred times that of the largest
/// public checkpoints. Each may cost about 200 bytes of memory, however short it is in the file.
const MAX_STEPS: usize = 1 << 20;

/// Reads one pickle from `input`, up to its end.
///
/// # Errors
/// The pickle is damaged, has instructions that `torch.save` never writes, or names a function that
/// only malicious files name.
pub(super) fn read<'a>(input: &mut Input<'a>) -> Result<Pickle<'a>, Refusal> {
    let mut machine = Machine::default();
    loop {
        machine.charge(1)?;
        let opcode = input.number(1)? as u8;
        if opcode == b'.' {
            break;
        }
        machine.step(opcode, input)?;
    }
    Ok(Pickle {
        root: machine.pop()?,
        nodes: machine.nodes,
        storages: machine.storages,
    })
}

#[derive(Default)]
struct Machine<'a> {
    stack: Vec<Value<'a>>,
    /// Stack heights at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u64, Value<'a>>,
    nodes: Vec<Node<'a>>,
    storages: Vec<Storage<'a>>,
    steps: usize,
    /// Depth of the tensors that are being rebuilt.
    nested: usize,
}

impl<'a> Machine<'a> {
    fn step(&mut self, opcode: u8, input: &mut Input<'a>) -> Result<(), Refusal> {
        match opcode {
            // Protocol and frame are irrelevant.
            0x80 => drop(input.take(1)?),
            0x95 => drop(input.take(8)?),

            b'N' => self.push(Value::Other),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' => self.push(Value::Int(i64::from(input.number(4)? as u32 as i32))),
            b'K' => self.push(Value::Int(input.number(1)? as i64)),
            b'M' => self.push(Value::Int(input.number(2)? as i64)),
            0x8a => self.push(integer(input.counted(1)?)),
            0x8b => self.push(integer(input.counted(4)?)),
            b'I' | b'L' => self.push(decimal(input.line()?)),
            b'F' => {
                input.line()?;
                self.push(Value::Other);
            }
            b'G' => {
                input.take(8)?;
                self.push(Value::Other);
            }

            b'U' | 0x8c => self.push(text(input.counted(1)?)),
            b'T' | b'X' => self.push(text(input.counted(4)?)),
            0x8d => self.push(text(input.counted(8)?)),
            // Escapes are kept as they are: parameter names have none.
            b'S' => self.push(Value::Text(input.line()?.trim_matches(['\'', '"']))),
            b'V' => self.push(Value::Text(input.line()?)),
            b'C' => self.bytes(input, 1)?,
            b'B' => self.bytes(input, 4)?,
            0x8e | 0x96 => self.bytes(input, 8)?,

            b')' | b']' | 0x8f => self.make(Node::Sequence(Vec::new())),
            b'}' => self.make(dict(Vec::new())),
            b't' | b'l' | 0x91 => {
                let values = self.pop_mark()?;
                self.make(Node::Sequence(values));
            }
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b'd' => {
                let values = self.pop_mark()?;
                self.make(dict(pairs(&values)?));
            }
            b'a' => {
                let value = self.pop()?;
                self.append(&[value])?;
            }
            b'e' | 0x90 => {
                let values = self.pop_mark()?;
                self.append(&values)?;
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
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.push(top);
            }

            b'p' => self.put(index(input.line()?)?)?,
            b'q' => self.put(input.number(1)?)?,
            b'r' => self.put(input.number(4)?)?,
            0x94 => self.put(self.memo.len() as u64)?,
            b'g' => self.get(index(input.line()?)?)?,
            b'h' => self.get(input.number(1)?)?,
            b'j' => self.get(input.number(4)?)?,

            b'c' => self.global(input.line()?, input.line()?)?,
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.global(module, name)?,
                _ => return Err(Refusal::format("a class in it has no name")),
            },
            b'Q' => self.storage()?,
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)?;
            }
            // Four ways to make an object of a class.
            b'i' => {
                let class = Global::new(input.line()?, input.line()?)?;
                self.pop_mark()?;
                self.object(Some(class));
            }
            b'o' => {
                let values = self.pop_mark()?;
                let class = values.first().and_then(|class| self.as_global(*class));
                self.object(class);
            }
            0x81 => {
                let (_, class) = (self.pop()?, self.pop()?);
                self.object(self.as_global(class));
            }
            0x92 => {
                let (_, _, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.object(self.as_global(class));
            }
            // Attributes of an object, which stays on the stack. Attributes hold no weights.
            b'b' => {
                self.pop()?;
                self.top()?;
            }
            _ => {
                return Err(Refusal::format(format!(
                    "byte {} of its pickle is 0x{opcode:02x}, which torch.save does not write",
                    input.position() - 1
                )));
            }
        }
        Ok(())
    }

    /// Counts work done, so that a short file cannot cause much of it.
    fn charge(&mut self, steps: usize) -> Result<(), Refusal> {
        self.steps += steps;
        if self.steps > MAX_STEPS {
            return Err(Refusal::format(format!(
                "its pickle has more than {MAX_STEPS} instructions; in PyTorch, save the state dict alone"
            )));
        }
        Ok(())
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(value);
    }

    fn make(&mut self, node: Node<'a>) {
        self.push(Value::Node(self.nodes.len()));
        self.nodes.push(node);
    }

    fn object(&mut self, class: Option<Global<'a>>) {
        let items = Vec::new();
        self.make(Node::Map { class, items });
    }

    fn bytes(&mut self, input: &mut Input<'a>, size: u64) -> Result<(), Refusal> {
        input.counted(size)?;
        self.push(Value::Other);
        Ok(())
    }

    fn top(&self) -> Result<Value<'a>, Refusal> {
        let above_mark = self.stack.len() > self.marks.last().copied().unwrap_or(0);
        let top = self.stack.last().filter(|_| above_mark);
        top.copied()
            .ok_or_else(|| Refusal::format("its pickle pops more values than it has"))
    }

    fn pop(&mut self) -> Result<Value<'a>, Refusal> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// Pops the values above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, Refusal> {
        let mark = self.marks.pop();
        let mark = mark.ok_or_else(|| Refusal::format("its pickle lacks a mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, length: usize) -> Result<(), Refusal> {
        let mut values = Vec::with_capacity(length);
        for _ in 0..length {
            values.push(self.pop()?);
        }
        values.reverse();
        self.make(Node::Sequence(values));
        Ok(())
    }

    fn append(&mut self, values: &[Value<'a>]) -> Result<(), Refusal> {
        let top = self.top()?;
        // List subclasses are opaque objects; their elements are ignored.
        if let Some(Node::Sequence(list)) = self.node_mut(top) {
            list.extend_from_slice(values);
        }
        Ok(())
    }

    fn set(&mut self, entries: Vec<(Value<'a>, Value<'a>)>) -> Result<(), Refusal> {
        let top = self.top()?;
        if let Some(Node::Map { items, .. }) = self.node_mut(top) {
            items.extend(entries);
        }
        Ok(())
    }

    fn node_mut(&mut self, value: Value<'a>) -> Option<&mut Node<'a>> {
        match value {
            Value::Node(index) => self.nodes.get_mut(index),
            _ => None,
        }
    }

    fn put(&mut self, index: u64) -> Result<(), Refusal> {
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn get(&mut self, index: u64) -> Result<(), Refusal> {
        let missing = || {
            Refusal::format(format!(
                "its pickle refers to value {index}, which it does not have"
            ))
        };
        let value = *self.memo.get(&index).ok_or_else(missing)?;
        self.push(value);
        Ok(())
    }

    fn global(&mut self, module: &'a str, name: &'a str) -> Result<(), Refusal> {
        let global = Global::new(module, name)?;
        self.make(Node::Global(global));
        Ok(())
    }

    fn as_global(&self, value: Value<'a>) -> Option<Global<'a>> {
        match value {
            Value::Node(index) => match self.nodes.get(index)? {
                Node::Global(global) => Some(*global),
                _ => None,
            },
            _ => None,
        }
    }

    fn as_sequence(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Node(index) => match self.nodes.get(index)? {
                Node::Sequence(values) => Some(values),
                _ => None,
            },
            _ => None,
        }
    }
}

fn dict<'a>(items: Vec<(Value<'a>, Value<'a>)>) -> Node<'a> {
    Node::Map { class: None, items }
}

fn pairs<'a>(values: &[Value<'a>]) -> Result<Vec<(Value<'a>, Value<'a>)>, Refusal> {
    let (pairs, rest) = values.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err(Refusal::format("a dict in it has a key without a value")),
    }
}

/// Python 2 strings may be any bytes.
fn text(bytes: &[u8]) -> Value<'_> {
    std::str::from_utf8(bytes).map_or(Value::Other, Value::Text)
}

/// Little-endian two's complement of any length.
fn integer(bytes: &[u8]) -> Value<'static> {
    if bytes.len() > size_of::<i64>() {
        return Value::Other;
    }
    let sign = bytes.last().map_or(0, |last| i64::from(*last as i8 >> 7));
    let bytes = bytes.iter().rev();
    Value::Int(bytes.fold(sign, |number, byte| number << 8 | i64::from(*byte)))
}

/// A number of protocol 0: `00` and `01` are booleans, and a long ends in `L`.
fn decimal(line: &str) -> Value<'static> {
    match line {
        "00" => Value::Bool(false),
        "01" => Value::Bool(true),
        _ => line
            .trim_end_matches('L')
            .parse()
            .map_or(Value::Other, Value::Int),
    }
}

fn index(line: &str) -> Result<u64, Refusal> {
    let wrong = |_| Refusal::format(format!("its pickle refers to value `{line}`"));
    line.parse().map_err(wrong)
}

#[cfg(test)]
mod tests;
