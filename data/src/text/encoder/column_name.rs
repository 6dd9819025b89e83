//! Names of columns in recipes.

use serde::{Deserialize, Deserializer};

/// A name, or the number of a column in a file that does not name them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a column's name or number")]
enum NameOrNumber {
    Name(String),
    Number(u32),
}

impl From<NameOrNumber> for String {
    fn from(column: NameOrNumber) -> Self {
        match column {
            NameOrNumber::Name(name) => name,
            NameOrNumber::Number(number) => number.to_string(),
        }
    }
}

pub(super) fn one<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    NameOrNumber::deserialize(from).map(String::from)
}

pub(super) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<NameOrNumber>::deserialize(from).map(|column| column.map(String::from))
}

pub(super) fn several<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let columns = Vec::<NameOrNumber>::deserialize(from)?;
    Ok(columns.into_iter().map(String::from).collect())
}
