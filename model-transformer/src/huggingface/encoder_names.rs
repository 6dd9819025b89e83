//! Tensor names of encoder files on the hub, and the selection of those that a model reads.

use std::collections::BTreeSet;

use super::names::is_same;
use crate::TextEncoder;
use crate::weights::{StateDict, WeightsError, parameter_names};

/// Modules of a backbone without a prefix.
const BACKBONE: [&str; 4] = ["embeddings.", "encoder.", "transformer.", "pooler."];
/// Norm parameters of early checkpoints, converted from TensorFlow.
const NORMS: [(&str, &str); 2] = [(".gamma", ".weight"), (".beta", ".bias")];
/// Constant buffers that older versions stored.
const CONSTANTS: [&str; 2] = ["embeddings.position_ids", "embeddings.token_type_ids"];
/// BERT's next sentence prediction head, beside the masked-language-model head; not supported.
const NEXT_SENTENCE: &str = "cls.seq_relationship.";

/// Naming scheme of a file.
pub(super) struct Spelling {
    /// Prefix to add to the backbone's names: that of the family, if the file has none.
    missing_prefix: Option<&'static str>,
    /// Redundant copies of tied tensors.
    copies: BTreeSet<&'static str>,
    /// Tied tensors stored under their second names only, and their first names.
    aliases: Vec<(&'static str, &'static str)>,
}

impl Spelling {
    pub(super) fn of(dict: &StateDict, model: &TextEncoder) -> Self {
        let prefix = model.prefix();
        let has_prefix = dict.names().any(|name| name.starts_with(prefix));
        let tied = Tied::of(model);
        // Copies that differ belong to an untied model: both are kept, and one will not fit.
        let is_copy = |copy: &str, original: &str| {
            let unprefixed = original.strip_prefix(prefix).unwrap_or(original);
            is_same(dict, copy, original) || is_same(dict, copy, unprefixed)
        };
        let mut copies = BTreeSet::new();
        let mut aliases = Vec::new();
        let has = |name: &str| {
            let unprefixed = name.strip_prefix(prefix).unwrap_or(name);
            dict.shape(name).or(dict.shape(unprefixed)).is_some()
        };
        let table = Some((tied.table_copy, tied.table));
        for (copy, original) in table.into_iter().chain(tied.bias) {
            if has(copy) && !has(original) {
                aliases.push((copy, original));
            } else if is_copy(copy, original) {
                copies.insert(copy);
            }
        }
        Self {
            missing_prefix: (!has_prefix).then_some(prefix),
            copies,
            aliases,
        }
    }

    /// Renames the tensors of `dict` to the model's names.
    pub(super) fn normalise(&self, dict: StateDict) -> Result<StateDict, WeightsError> {
        dict.rename(|name| self.name(name))
    }

    fn name(&self, name: &str) -> Option<String> {
        let is_constant = CONSTANTS.iter().any(|constant| name.ends_with(constant));
        if is_constant || self.copies.contains(name) {
            return None;
        }
        if let Some((_, original)) = self.aliases.iter().find(|(copy, _)| *copy == name) {
            return Some((*original).into());
        }
        let mut new = name.to_string();
        for (old_end, new_end) in NORMS {
            if let Some(start) = new.strip_suffix(old_end) {
                new = format!("{start}{new_end}");
            }
        }
        let is_backbone = BACKBONE.iter().any(|part| new.starts_with(part));
        match self.missing_prefix.filter(|_| is_backbone) {
            Some(prefix) => Some(format!("{prefix}{new}")),
            None => Some(new),
        }
    }
}

/// Names of the tied tensors of a masked-language-model head in PyTorch.
struct Tied {
    table: &'static str,
    table_copy: &'static str,
    /// Second and first name of the bias.
    bias: Option<(&'static str, &'static str)>,
}

impl Tied {
    fn of(model: &TextEncoder) -> Self {
        match model {
            TextEncoder::Bert(_) => Self {
                table: "bert.embeddings.word_embeddings.weight",
                table_copy: "cls.predictions.decoder.weight",
                bias: Some(("cls.predictions.decoder.bias", "cls.predictions.bias")),
            },
            TextEncoder::DistilBert(_) => Self {
                table: "distilbert.embeddings.word_embeddings.weight",
                table_copy: "vocab_projector.weight",
                bias: None,
            },
            TextEncoder::MpNet(_) => Self {
                table: "mpnet.embeddings.word_embeddings.weight",
                table_copy: "lm_head.decoder.weight",
                bias: Some(("lm_head.decoder.bias", "lm_head.bias")),
            },
            TextEncoder::Roberta(_) => Self {
                table: "roberta.embeddings.word_embeddings.weight",
                table_copy: "lm_head.decoder.weight",
                bias: Some(("lm_head.decoder.bias", "lm_head.bias")),
            },
        }
    }
}

/// True if the names of the file are those of another family than the model's.
pub(super) fn is_of_another_family(dict: &StateDict, model: &TextEncoder) -> bool {
    let own = model.prefix().trim_end_matches('.');
    let is_other = |part: &str| part != own && BASES.contains(&part);
    dict.names().any(|name| name.split('.').any(is_other))
}

/// Names of the backbone in the families of encoders.
const BASES: [&str; 8] = [
    "albert",
    "bert",
    "deberta",
    "distilbert",
    "electra",
    "mpnet",
    "roberta",
    "xlm",
];

/// Parameter names of a model, with those of its head and its pooler.
pub(super) struct KnownNames {
    parameters: BTreeSet<String>,
    /// Modules of all heads of the family.
    head_modules: &'static [&'static str],
    /// Modules of this model's head.
    own_head: BTreeSet<String>,
    pooler: String,
}

/// Output layer of each head, whose size depends on the task.
const OUTPUTS: [&str; 5] = [
    "classifier",
    "qa_outputs",
    "cls",
    "lm_head",
    "vocab_projector",
];

impl KnownNames {
    pub(super) fn of(model: &TextEncoder) -> Self {
        let parameters: BTreeSet<String> = parameter_names(model).into_iter().collect();
        let head = |name: &&String| model.is_head(name);
        let own_head = parameters.iter().filter(head).map(|n| module(n).into());
        Self {
            own_head: own_head.collect(),
            head_modules: model.head_names(),
            pooler: format!("{}pooler.", model.prefix()),
            parameters,
        }
    }

    /// Number of parameters.
    pub(super) fn len(&self) -> usize {
        self.parameters.len()
    }

    /// True if a file may have a parameter under this name or, given the backbone's `prefix`,
    /// without it.
    pub(super) fn has(&self, name: &str, prefix: Option<&str>) -> bool {
        let prefixed = prefix.map(|prefix| format!("{prefix}{name}"));
        self.parameters.contains(name) || prefixed.is_some_and(|n| self.parameters.contains(&n))
    }

    /// True if the parameter may keep its initial values when a new head is trained.
    pub(super) fn may_be_new(&self, name: &str) -> bool {
        self.is_any_head(name) || name.starts_with(&self.pooler)
    }

    /// Output layer of the model's head.
    pub(super) fn output(&self) -> Option<&'static str> {
        OUTPUTS
            .into_iter()
            .find(|name| self.own_head.contains(*name))
    }

    /// Tensors of `dict` to load, and the names of those that are ignored.
    pub(super) fn select(&self, dict: StateDict) -> Result<(StateDict, Vec<String>), WeightsError> {
        let mut ignored = Vec::new();
        let dict = dict.rename(|name| {
            if self.is_ignored(name) {
                ignored.push(name.to_string());
                return None;
            }
            Some(name.to_string())
        })?;
        Ok((dict, ignored))
    }

    fn is_ignored(&self, name: &str) -> bool {
        let is_other_head = self.is_any_head(name) && !self.own_head.contains(module(name));
        let is_spare_pooler = name.starts_with(&self.pooler) && !self.parameters.contains(name);
        is_other_head || is_spare_pooler || name.starts_with(NEXT_SENTENCE)
    }

    /// True if the file has no pooler and the model has no head that needs one.
    pub(super) fn can_do_without_pooler(&self, dict: &StateDict) -> bool {
        let has_pooler = dict.names().any(|name| name.starts_with(&self.pooler));
        self.own_head.is_empty() && !has_pooler
    }

    fn is_any_head(&self, name: &str) -> bool {
        self.head_modules.contains(&module(name))
    }
}

/// Outermost module of a parameter.
fn module(parameter: &str) -> &str {
    parameter.split('.').next().unwrap_or(parameter)
}
