//! Built-in recipes: the files under `recipes/`, compiled in.

// `BUILTIN`, name and text of every file under `recipes/`, written by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/builtin_recipes.rs"));

/// Names of the built-in recipes, in alphabetical order.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}

/// Text of the built-in recipe `name`.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTIN
        .iter()
        .find(|(builtin, _)| *builtin == name)
        .map(|(_, text)| *text)
}
