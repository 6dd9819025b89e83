//! The fields of a sample, of which one is its image and one its class.
//!
//! WebDataset leaves the choice to the program, which names a field (`to_tuple("jpg;png", "cls")`).
//! Here the field is found by its last extension; one without a further name (`jpg`) is preferred
//! to one with (`seg.jpg`), and a choice between equals is refused.

use super::index::Sample;
use super::scan::MOST_CLASSES;
use crate::files;
use crate::image::PassedOver;
use crate::image::decode;
use serde_json::Value;
use std::fs::File;
use std::path::Path;

/// Maximum length of a .cls file, with spaces and a line break.
const LONGEST_LABEL: u64 = 64;
/// Maximum length of a JSON file with a class.
const LONGEST_JSON: u64 = 1 << 20;
/// Keys of the class in a JSON object.
const JSON_KEYS: [&str; 2] = ["label", "cls"];

/// A range of bytes in the shard.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// The members of a sample.
#[derive(Default)]
pub(super) struct Fields(Vec<Field>);

struct Field {
    /// Name of the member after the key, in lower case as in WebDataset: `jpg`, `image.jpg`.
    field: Box<str>,
    /// Name of the member.
    name: Box<str>,
    place: Place,
}

impl Field {
    /// The part after the last dot.
    fn extension(&self) -> &str {
        self.field.rsplit('.').next().unwrap_or_default()
    }

    fn is_image(&self) -> bool {
        decode::EXTENSIONS.contains(&self.extension())
    }

    fn read(&self, shard: &File, limit: u64) -> Result<Vec<u8>, String> {
        let Place { offset, length } = self.place;
        let mut bytes = vec![0; length.min(limit) as usize];
        files::read_exact_at(shard, &mut bytes, offset)
            .map_err(|error| format!("{} cannot be read: {error}", self.name))?;
        Ok(bytes)
    }
}

impl Fields {
    pub(super) fn add(&mut self, field: &str, name: &str, place: Place) {
        self.0.push(Field {
            field: field.to_lowercase().into(),
            name: name.into(),
            place,
        });
    }

    /// The image of the sample `key` and its class; `None` if it has neither.
    ///
    /// # Errors
    /// If it has only one of them, there is more than one choice, or the class is not a number.
    pub(super) fn sample(&self, key: &str, shard: &File) -> Result<Option<Sample>, String> {
        let image = self.choose(key, "image", Field::is_image)?;
        let class = self.choose(key, "class", |field| field.extension() == "cls")?;
        let (image, label) = match (image, class) {
            (Some(image), Some(class)) => (image, class_label(class, shard)?),
            (Some(image), None) => (image, self.json_label(key, &image.name, shard)?),
            (None, Some(class)) => {
                let missing = format!("{key}.jpg or {key}.png is missing");
                return Err(format!(
                    "{} has no image: {missing}{}",
                    class.name,
                    self.others(class)
                ));
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Sample {
            name: image.name.clone(),
            offset: image.place.offset,
            length: image.place.length,
            label,
        }))
    }

    /// Counts the members of a sample that has neither an image nor a class.
    pub(super) fn pass_over(&self, passed_over: &mut PassedOver) {
        for field in &self.0 {
            passed_over.add_file(Path::new(&*field.name));
        }
    }

    /// The only field of a kind without a further name, or else the only one with.
    fn choose(
        &self,
        key: &str,
        kind: &str,
        is_of_kind: impl Fn(&Field) -> bool,
    ) -> Result<Option<&Field>, String> {
        let (named, plain): (Vec<&Field>, Vec<&Field>) = self
            .0
            .iter()
            .filter(|field| is_of_kind(field))
            .partition(|field| field.field.contains('.'));
        match if plain.is_empty() { &named } else { &plain }[..] {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            [first, second, ..] => Err(format!(
                "{} is the second {kind} of the sample {key}, after {}; leave one of each kind",
                second.name, first.name
            )),
        }
    }

    /// The class in a JSON field: a number, or the entry "label" or "cls" of an object.
    fn json_label(&self, key: &str, image: &str, shard: &File) -> Result<usize, String> {
        let is_json = |field: &&Field| matches!(field.extension(), "json" | "jsn");
        let mut fields: Vec<&Field> = self.0.iter().filter(is_json).collect();
        fields.sort_by_key(|field| field.field.contains('.'));
        let mut found: Option<(&Field, usize)> = None;
        for field in fields {
            let Some(label) = json_class(field, shard)? else {
                continue;
            };
            match found {
                None => found = Some((field, label)),
                Some((first, _)) if !first.field.contains('.') => break,
                Some((first, _)) => {
                    return Err(format!(
                        "{} is the second class of the sample {key}, after {}; leave one of each kind",
                        field.name, first.name
                    ));
                }
            }
        }
        found.map(|(_, label)| label).ok_or_else(|| {
            let image = self.0.iter().find(|field| &*field.name == image);
            let others = image.map_or(String::new(), |image| self.others(image));
            let name = image.map_or(key, |image| &image.name);
            format!("{name} has no class: {key}.cls is missing{others}")
        })
    }

    /// "; the sample has also a.txt, a.json", for messages.
    fn others(&self, one: &Field) -> String {
        const SHOWN: usize = 4;
        let others = self.0.iter().filter(|field| field.name != one.name);
        let names: Vec<&str> = others.map(|field| &*field.name).take(SHOWN).collect();
        if names.is_empty() {
            return String::new();
        }
        format!("; the sample has also {}", names.join(", "))
    }
}

fn class_label(field: &Field, shard: &File) -> Result<usize, String> {
    let text = field.read(shard, LONGEST_LABEL)?;
    let text = String::from_utf8_lossy(&text);
    let label = text
        .trim()
        .parse()
        .ok()
        .filter(|&label| label < MOST_CLASSES);
    label.ok_or_else(|| not_a_class(&field.name, &format!("{:?}", text.trim())))
}

/// The class in a JSON member, if there is one.
fn json_class(field: &Field, shard: &File) -> Result<Option<usize>, String> {
    if field.place.length > LONGEST_JSON {
        return Err(format!(
            "{} has {} bytes; up to {LONGEST_JSON} are read for a class",
            field.name, field.place.length
        ));
    }
    let bytes = field.read(shard, LONGEST_JSON)?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| format!("{} is not valid JSON: {error}", field.name))?;
    let Value::Object(object) = &value else {
        let bare = value.is_number().then_some(&value);
        return bare.map(|value| number(field, "", value)).transpose();
    };
    let mut found = None;
    for key in JSON_KEYS {
        let Some(value) = object.get(key) else {
            continue;
        };
        let label = number(field, &format!("{key:?}: "), value)?;
        if found.is_some_and(|found| found != label) {
            let [first, second] = JSON_KEYS;
            return Err(format!(
                "{} has two classes: {first:?}: {}, {second:?}: {}",
                field.name, object[first], object[second]
            ));
        }
        found = Some(label);
    }
    Ok(found)
}

fn number(field: &Field, key: &str, value: &Value) -> Result<usize, String> {
    // Tables that were read as floating-point numbers have 7.0 for 7.
    let integer = value.as_u64().or_else(|| {
        let whole = value.as_f64().filter(|value| value.fract() == 0.0);
        whole
            .filter(|value| (0.0..MOST_CLASSES as f64).contains(value))
            .map(|value| value as u64)
    });
    let label = integer.filter(|&label| label < MOST_CLASSES as u64);
    let text: String = value
        .to_string()
        .chars()
        .take(LONGEST_LABEL as usize)
        .collect();
    label
        .map(|label| label as usize)
        .ok_or_else(|| not_a_class(&field.name, &format!("{key}{text}")))
}

fn not_a_class(name: &str, found: &str) -> String {
    format!("{name} says {found}, which is not the number of a class")
}
