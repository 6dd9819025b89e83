//! Tables of named models.
//!
//! A model crate has one table per kind of model, a `const` slice sorted by name. Each entry is a
//! [`ModelInfo`], written with its `const` setters:
//!
//! ```
//! # use tinderbox_model::registry::ModelInfo;
//! # #[derive(Default)]
//! # struct GptConfig;
//! const GPT2: &str = "https://openai.com/index/better-language-models/";
//!
//! pub const MODELS: &[ModelInfo<GptConfig>] = &[
//!     ModelInfo::new("gpt2", 124_439_808, GptConfig::default)
//!         .summary("12 layers of width 768")
//!         .paper(GPT2),
//! ];
//! ```

/// A named model. `C` is its configuration, `I` describes the input that it expects where that is
/// more than the configuration says (image preprocessing, for example).
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo<C, I = ()> {
    /// Name to look it up by.
    pub name: &'static str,
    /// A few words on what it is.
    pub summary: &'static str,
    /// Link to the paper.
    pub paper: &'static str,
    /// Number of parameters with the default options.
    pub parameters: usize,
    /// Builds the configuration with the default options.
    pub config: fn() -> C,
    /// Expected input.
    pub input: I,
}

impl<C> ModelInfo<C> {
    /// A model without a summary and a paper.
    pub const fn new(name: &'static str, parameters: usize, config: fn() -> C) -> Self {
        Self {
            name,
            summary: "",
            paper: "",
            parameters,
            config,
            input: (),
        }
    }

    /// Sets the expected input.
    pub const fn input<I>(self, input: I) -> ModelInfo<C, I> {
        ModelInfo {
            name: self.name,
            summary: self.summary,
            paper: self.paper,
            parameters: self.parameters,
            config: self.config,
            input,
        }
    }

    /// Sets the summary: a few words on what it is.
    pub const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Sets the link to the paper.
    pub const fn paper(mut self, paper: &'static str) -> Self {
        self.paper = paper;
        self
    }
}

/// The model called `name`.
pub fn find<'a, C, I>(models: &'a [ModelInfo<C, I>], name: &str) -> Option<&'a ModelInfo<C, I>> {
    models.iter().find(|model| model.name == name)
}

/// The most similar of `names`, to suggest when [`find`] has no model called `name`; `None` if none
/// is similar.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Similarity, within 0 to 1, above which a name is taken for a misspelling.
    const SIMILAR: f64 = 0.7;
    names
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODELS: &[ModelInfo<usize, &str>] = &[
        ModelInfo::new("large", 10, || 2)
            .summary("big")
            .input("images"),
        ModelInfo::new("small", 5, || 1).paper("link").input("text"),
    ];

    #[test]
    fn models_are_found_by_name() {
        let small = find(MODELS, "small").map(|info| (info.parameters, info.paper, info.input));
        assert_eq!(small, Some((5, "link", "text")));
        assert!(find(MODELS, "medium").is_none());
    }

    #[test]
    fn the_nearest_name_is_suggested_unless_none_is_similar() {
        let names = || MODELS.iter().map(|info| info.name);
        assert_eq!(nearest("lagre", names()), Some("large"));
        assert_eq!(nearest("xyz", names()), None);
    }
}
