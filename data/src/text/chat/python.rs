//! Values as Python's `json.dumps` writes them.

use minijinja::Value;
use minijinja::value::ValueKind;
use std::fmt::Write;

/// Options of `json.dumps`.
pub(super) struct Options {
    pub(super) ensure_ascii: bool,
    pub(super) indent: Option<usize>,
    /// Between items, and between key and value.
    pub(super) separators: Option<Vec<String>>,
    pub(super) sort_keys: bool,
}

/// Writes a value.
pub(super) fn to_json(value: &Value, options: &Options) -> Result<String, String> {
    let (item, key) = match options.separators.as_deref() {
        None if options.indent.is_some() => (",", ": "),
        None => (", ", ": "),
        Some([item, key]) => (item.as_str(), key.as_str()),
        Some(_) => return Err("tojson: separators are two strings".into()),
    };
    let mut writer = Writer {
        out: String::new(),
        options,
        item,
        key,
    };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    options: &'a Options,
    item: &'a str,
    key: &'a str,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, level: usize) -> Result<(), String> {
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self
                .out
                .push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => self.out.push_str(&value.to_string()),
            ValueKind::Number => {
                let number = f64::try_from(value.clone()).map_err(|error| error.to_string())?;
                self.out.push_str(&float(number));
            }
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => self.list(value, level)?,
            ValueKind::Map => self.map(value, level)?,
            kind => return Err(format!("tojson: {kind} is not serializable as JSON")),
        }
        Ok(())
    }

    fn list(&mut self, value: &Value, level: usize) -> Result<(), String> {
        let items: Vec<Value> = value
            .try_iter()
            .map_err(|error| error.to_string())?
            .collect();
        self.out.push('[');
        for (number, item) in items.iter().enumerate() {
            self.begin_item(number, level + 1);
            self.value(item, level + 1)?;
        }
        self.end(items.len(), level, ']');
        Ok(())
    }

    fn map(&mut self, value: &Value, level: usize) -> Result<(), String> {
        let keys = value.try_iter().map_err(|error| error.to_string())?;
        let mut entries = Vec::new();
        for key in keys {
            let item = value.get_item(&key).map_err(|error| error.to_string())?;
            let name = match key.kind() {
                ValueKind::None => "null".to_owned(),
                ValueKind::Bool => key.to_string().to_lowercase(),
                _ => key.to_string(),
            };
            entries.push((name, item));
        }
        if self.options.sort_keys {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        self.out.push('{');
        for (number, (key, item)) in entries.iter().enumerate() {
            self.begin_item(number, level + 1);
            self.string(key);
            self.out.push_str(self.key);
            self.value(item, level + 1)?;
        }
        self.end(entries.len(), level, '}');
        Ok(())
    }

    fn begin_item(&mut self, number: usize, level: usize) {
        if number > 0 {
            self.out.push_str(self.item);
        }
        self.new_line(level);
    }

    fn end(&mut self, items: usize, level: usize, bracket: char) {
        if items > 0 {
            self.new_line(level);
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self, level: usize) {
        if let Some(indent) = self.options.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * level));
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || (self.options.ensure_ascii && !(' '..='~').contains(&c)) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing into a string does not fail.
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

/// A number as Python's `repr` writes it: with an exponent from 1e16 on and below 1e-4.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity".into()
        } else {
            "-Infinity".into()
        };
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if number != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = number.to_string();
    if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (number, text) in [
            (1.0, "1.0"),
            (-0.5, "-0.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (0.0, "0.0"),
        ] {
            assert_eq!(float(number), text);
        }
    }
}
