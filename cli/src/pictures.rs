//! Pictures and coloured text: confusion matrices, heat maps over images, scores of words, attention.

pub(crate) mod confusion;
pub(crate) mod overlay;
pub(crate) mod tokens;
