//! Errors of recipes.

use std::path::PathBuf;

use super::builtin::builtin_names;

/// Error of reading a recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Neither a built-in name nor a file.
    #[error("there is no recipe `{name}`, built in or as a file{}", hint(.nearest))]
    Unknown {
        /// Requested name.
        name: String,
        /// Most similar built-in name.
        nearest: Option<String>,
    },
    /// Unreadable file.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Not TOML, or a value too large for TOML.
    #[error("{origin}: {reason}")]
    Syntax {
        /// File or built-in name.
        origin: String,
        /// Message of the parser.
        reason: String,
    },
    /// `--set` without `=`.
    #[error("--set takes key=value, such as --set optimizer.learning_rate=0.1; got `{0}`")]
    BadSet(String),
    /// `--set` with a list or table that is not TOML.
    #[error(
        "--set {key}: {reason}, in the value `{text}`; write it as in a recipe, such as `[{{ resize = {{ size = 28 }} }}]`"
    )]
    BadSetValue {
        /// Key.
        key: String,
        /// Value as given.
        text: String,
        /// Message of the parser.
        reason: String,
    },
    /// Unknown keys and values out of range, all at once.
    #[error("{origin}: {}", join(.problems))]
    Problems {
        /// File or built-in name.
        origin: String,
        /// A sentence each, beginning with the key.
        problems: Vec<String>,
    },
}

fn hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!(
            "; built in: {}",
            builtin_names().collect::<Vec<_>>().join(", ")
        ),
    }
}

fn join(problems: &[String]) -> String {
    /// Maximum number of problems in a message.
    const LISTED: usize = 20;
    let first = problems[..problems.len().min(LISTED)].join("; ");
    match problems.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}
