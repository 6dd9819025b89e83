//! Reader of the part of MATLAB's MAT-file format, level 5, that the devkit's `meta.mat` uses: an
//! array of structs of numbers and strings
//! (<https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf>).

use flate2::read::ZlibDecoder;
use std::collections::HashMap;
use std::io::Read;

/// Types of data elements.
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const SINGLE: u32 = 7;
const DOUBLE: u32 = 9;
const INT64: u32 = 12;
const UINT64: u32 = 13;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
const UTF8: u32 = 16;
const UTF16: u32 = 17;
/// Classes of arrays.
const STRUCT: u8 = 2;
const CHAR: u8 = 4;

const HEADER: usize = 128;
/// Limit of the unpacked size, above the largest devkit's, as a file may claim any size.
const MAX_UNPACKED: u64 = 1 << 26;

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// The first number of an array.
    Number(f64),
    Text(String),
    /// An empty value, or one of an unsupported kind.
    Other,
}

/// Reads the structs of the array variable called `name`, each as its fields by name.
pub(super) fn structs(bytes: &[u8], name: &str) -> Result<Vec<HashMap<String, Value>>, String> {
    let header = bytes
        .get(..HEADER)
        .ok_or("is not a MAT-file: it is too short")?;
    if header[124..128] != *b"\x00\x01IM" {
        return Err("is not a MAT-file of MATLAB 5 to 7 with little-endian numbers".to_owned());
    }
    let mut elements = Elements(&bytes[HEADER..]);
    while !elements.0.is_empty() {
        let (kind, data) = elements.next()?;
        let unpacked;
        let data = match kind {
            MATRIX => data,
            COMPRESSED => {
                unpacked = unpack(data)?;
                Elements(&unpacked).expect(MATRIX)?
            }
            _ => continue,
        };
        let array = Array::read(data)?;
        if array.name == name.as_bytes() && array.class == STRUCT {
            return array.structs();
        }
    }
    Err(format!("has no array of structs called {name}"))
}

fn unpack(data: &[u8]) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let mut decoder = ZlibDecoder::new(data).take(MAX_UNPACKED);
    let read = decoder.read_to_end(&mut unpacked);
    read.map_err(|error| format!("is damaged: {error}"))?;
    Ok(unpacked)
}

/// Consecutive data elements: a type, a length, and that many bytes.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Result<(u32, &'a [u8]), String> {
        let word = |at: usize| {
            let bytes = self.0.get(at..at + 4)?;
            bytes.try_into().ok().map(u32::from_le_bytes)
        };
        let (tag, length) = word(0).zip(word(4)).ok_or("ends too early")?;
        // Up to four bytes may be packed into eight with their type and length.
        let small = tag >> 16;
        let (kind, start, length, end) = match small {
            0 => {
                let length = length as usize;
                // Only compressed data are not padded to eight bytes.
                let filled = if tag == COMPRESSED {
                    length
                } else {
                    length.next_multiple_of(8)
                };
                (tag, 8, length, filled.saturating_add(8))
            }
            _ => (tag & 0xFFFF, 4, small as usize, 8),
        };
        let data = self.0.get(start..).and_then(|rest| rest.get(..length));
        let data = data.ok_or("ends too early")?;
        self.0 = self.0.get(end..).unwrap_or_default();
        Ok((kind, data))
    }

    fn expect(&mut self, expected: u32) -> Result<&'a [u8], String> {
        match self.next()? {
            (kind, data) if kind == expected => Ok(data),
            (kind, _) => Err(format!("has data of type {kind} instead of {expected}")),
        }
    }
}

/// An array: its class, name, number of values and data elements.
struct Array<'a> {
    class: u8,
    len: usize,
    name: &'a [u8],
    rest: Elements<'a>,
}

impl<'a> Array<'a> {
    fn read(data: &'a [u8]) -> Result<Self, String> {
        let mut rest = Elements(data);
        let class = *rest
            .expect(UINT32)?
            .first()
            .ok_or("has an array without a class")?;
        let sizes = rest.expect(INT32)?.chunks_exact(4);
        let len = sizes.map(|size| number(INT32, size).unwrap_or(0.0) as usize);
        let len = len.fold(1, usize::saturating_mul);
        let name = rest.expect(INT8)?;
        Ok(Self {
            class,
            len,
            name,
            rest,
        })
    }

    fn structs(mut self) -> Result<Vec<HashMap<String, Value>>, String> {
        let width = number(INT32, self.rest.expect(INT32)?).unwrap_or(0.0) as usize;
        if width == 0 {
            return Err("has structs whose fields have no names".to_owned());
        }
        let names = self.rest.expect(INT8)?.chunks_exact(width);
        let names: Vec<String> = names.map(|name| latin1(until_zero(name))).collect();
        let mut structs = Vec::new();
        for _ in 0..self.len {
            let mut fields = HashMap::new();
            for name in &names {
                fields.insert(name.clone(), value(self.rest.expect(MATRIX)?)?);
            }
            structs.push(fields);
        }
        Ok(structs)
    }
}

fn value(data: &[u8]) -> Result<Value, String> {
    if data.is_empty() {
        return Ok(Value::Other);
    }
    let mut array = Array::read(data)?;
    // Strings are rows of characters; numbers of any class may be stored as any type that holds
    // them.
    let value = match array.class {
        CHAR if array.len > 0 => {
            let (kind, data) = array.rest.next()?;
            text(kind, data).map(Value::Text)
        }
        6..=15 if array.len > 0 => {
            let (kind, data) = array.rest.next()?;
            number(kind, data).map(Value::Number)
        }
        _ => None,
    };
    Ok(value.unwrap_or(Value::Other))
}

fn number(kind: u32, data: &[u8]) -> Option<f64> {
    macro_rules! first {
        ($type:ty) => {
            data.first_chunk()
                .map(|bytes| <$type>::from_le_bytes(*bytes) as f64)
        };
    }
    match kind {
        INT8 => first!(i8),
        UINT8 => first!(u8),
        INT16 => first!(i16),
        UINT16 => first!(u16),
        INT32 => first!(i32),
        UINT32 => first!(u32),
        SINGLE => first!(f32),
        DOUBLE => first!(f64),
        INT64 => first!(i64),
        UINT64 => first!(u64),
        _ => None,
    }
}

fn text(kind: u32, data: &[u8]) -> Option<String> {
    match kind {
        INT8 | UINT8 => Some(latin1(data)),
        UTF8 => Some(String::from_utf8_lossy(data).into_owned()),
        UINT16 | UTF16 => {
            let units = data
                .chunks_exact(2)
                .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            Some(
                char::decode_utf16(units)
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
            )
        }
        _ => None,
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by `golden/make_meta_mat.py` with SciPy, in the structure of the devkit's.
    const META: &[u8] = include_bytes!("../../../tests/fixtures/meta.mat");

    #[test]
    fn reads_numbers_and_strings() {
        let structs = structs(META, "synsets").unwrap();
        assert_eq!(structs.len(), 4);
        let field = |index: usize, name: &str| structs[index][name].clone();
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(field(0, "ILSVRC2012_ID"), Value::Number(1.0));
        assert_eq!(field(0, "WNID"), text("n02979186"));
        assert_eq!(field(1, "words"), text("tench, Tinca tinca"));
        assert_eq!(field(2, "words"), text("café"));
        assert_eq!(field(0, "children"), Value::Other);
        assert_eq!(field(3, "children"), Value::Number(1.0));
    }

    #[test]
    fn errors_describe_the_problem() {
        assert!(structs(META, "nets").unwrap_err().contains("called nets"));
        assert!(
            structs(&META[..99], "synsets")
                .unwrap_err()
                .contains("too short")
        );
        assert!(
            structs(&[7; 200], "synsets")
                .unwrap_err()
                .contains("is not a MAT-file")
        );
    }

    proptest! {
        /// Damage must not panic or loop forever.
        #[test]
        fn damage_is_an_error_or_harmless(at in 0..META.len(), byte: u8, length in 0..META.len()) {
            let mut bytes = META.to_vec();
            bytes[at] = byte;
            let _ = structs(&bytes, "synsets");
            bytes.truncate(length);
            prop_assert!(structs(&bytes, "synsets").is_err());
        }
    }
}
