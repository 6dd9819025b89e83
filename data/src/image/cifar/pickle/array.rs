//! NumPy arrays in a pickle: their type, shape and elements.

use super::{Node, Pickle, Value};

/// A NumPy array as pickled, unchecked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Array<'a> {
    pub(super) shape: Value<'a>,
    pub(super) kind: Value<'a>,
    pub(super) fortran: bool,
    pub(super) elements: Value<'a>,
}

impl<'a> Array<'a> {
    /// An array without its state.
    pub(super) const EMPTY: Self = Self {
        shape: Value::Other,
        kind: Value::Other,
        fortran: false,
        elements: Value::Other,
    };

    /// The elements of an array of `uint8`, in C order.
    pub(super) fn bytes(&self, pickle: &Pickle<'a>) -> Result<Vec<u8>, String> {
        let (code, _) = self.kind(pickle)?;
        if code != "u1" {
            return Err(format!("are of NumPy's type {code}, not uint8"));
        }
        self.in_c_order(pickle, 1)
    }

    /// The elements of an array of integers, in C order.
    pub(super) fn integers(&self, pickle: &Pickle<'a>) -> Result<Vec<i64>, String> {
        let (code, order) = self.kind(pickle)?;
        let unread = || format!("are of NumPy's type {order}{code}, which is not read");
        let size = match code.as_str() {
            "u1" | "i1" => 1,
            "u2" | "i2" => 2,
            "u4" | "i4" => 4,
            "i8" | "u8" => 8,
            _ => return Err(unread()),
        };
        if order == ">" {
            return Err(unread());
        }
        let bytes = self.in_c_order(pickle, size)?;
        let signed = code.starts_with('i');
        Ok(bytes
            .chunks_exact(size)
            .map(|bytes| little_endian(bytes, signed))
            .collect())
    }

    /// The letter and size of the type, and its byte order.
    fn kind(&self, pickle: &Pickle<'a>) -> Result<(String, String), String> {
        let Some(Node::Type { code, order }) = pickle.node(self.kind) else {
            return Err("are an array without a type".to_owned());
        };
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        Ok((text(code), text(order)))
    }

    fn in_c_order(&self, pickle: &Pickle<'a>, size: usize) -> Result<Vec<u8>, String> {
        let bytes = pickle.bytes(self.elements);
        let bytes = bytes.ok_or("are an array without elements")?;
        let shape = pickle.sequence(self.shape).unwrap_or_default();
        let length = |value: &Value<'a>| match value {
            Value::Int(length) => usize::try_from(*length).ok(),
            _ => None,
        };
        let shape: Option<Vec<usize>> = shape.iter().map(length).collect();
        let shape = shape.ok_or("are an array without a shape")?;
        let expected = shape
            .iter()
            .try_fold(size, |product, &length| product.checked_mul(length));
        if expected != Some(bytes.len()) {
            return Err(format!(
                "have {} bytes for the shape {shape:?}",
                bytes.len()
            ));
        }
        match (self.fortran, &shape[..]) {
            (false, _) | (true, [_]) => Ok(bytes.to_vec()),
            (true, [rows, columns]) => {
                let at = |row: usize, column: usize| (column * rows + row) * size;
                let element = |(row, column)| &bytes[at(row, column)..][..size];
                let places =
                    (0..*rows).flat_map(|row| (0..*columns).map(move |column| (row, column)));
                Ok(places.flat_map(element).copied().collect())
            }
            (true, _) => Err(format!("are in Fortran's order, of shape {shape:?}")),
        }
    }
}

/// An integer of at most eight bytes.
pub(super) fn little_endian(bytes: &[u8], signed: bool) -> i64 {
    let negative = signed && bytes.last().is_some_and(|last| *last >= 128);
    let start = if negative { -1 } else { 0 };
    let bytes = bytes.iter().rev();
    bytes.fold(start, |number, byte| number << 8 | i64::from(*byte))
}
