//! What else tensors of encoders are called in files on the hub, and which of them a model reads.

use std::collections::BTreeSet;

use super::names::is_same;
use crate::TextEncoder;
use crate::weights::{StateDict, WeightsError, parameter_names};

/// What a backbone consists of, when it has no prefix.
const BACKBONE: [&str; 4] = ["embeddings.", "encoder.", "transformer.", "pooler."];
/// Norms of the first checkpoints, which TensorFlow wrote.
const NORMS: [(&str, &str); 2] = [(".gamma", ".weight"), (".beta", ".bias")];
/// Numbers from 0 on, and zeros, that older versions stored.
const CONSTANTS: [&str; 2] = ["embeddings.position_ids", "embeddings.token_type_ids"];
/// Whether one text follows the other: a head beside the one for masked tokens, which no one asks for.
const NEXT_SENTENCE: &str = "cls.seq_relationship.";

/// How a file spells what a model has.
pub(super) struct Spelling {
    /// What is put before the backbone's names: the prefix of the family, if the file has none.
    missing_prefix: Option<&'static str>,
    /// Second copies of tied tensors.
    copies: BTreeSet<&'static str>,
    /// A tied tensor that is there under its second name alone, and its first one.
    alias: Option<(&'static str, &'static str)>,
}

impl Spelling {
    pub(super) fn of(dict: &StateDict, model: &TextEncoder) -> Self {
        let prefix = model.prefix();
        let has_prefix = dict.names().any(|name| name.starts_with(prefix));
        let tied = Tied::of(model);
        // If the two differ, it is another model: the second one stays and does not fit.
        let is_copy = |copy: &str, original: &str| {
            let unprefixed = original.strip_prefix(prefix).unwrap_or(original);
            is_same(dict, copy, original) || is_same(dict, copy, unprefixed)
        };
        let mut copies = BTreeSet::new();
        let mut alias = None;
        if is_copy(tied.table_copy, tied.table) {
            copies.insert(tied.table_copy);
        }
        if let Some((copy, original)) = tied.bias {
            match (dict.shape(copy), dict.shape(original)) {
                (Some(_), None) => alias = Some((copy, original)),
                _ if is_copy(copy, original) => _ = copies.insert(copy),
                _ => {}
            }
        }
        Self {
            missing_prefix: (!has_prefix).then_some(prefix),
            copies,
            alias,
        }
    }

    /// The tensors of `dict` under the names that a model of the family has.
    pub(super) fn normalise(&self, dict: StateDict) -> Result<StateDict, WeightsError> {
        dict.rename(|name| self.name(name))
    }

    fn name(&self, name: &str) -> Option<String> {
        let is_constant = CONSTANTS.iter().any(|constant| name.ends_with(constant));
        if is_constant || self.copies.contains(name) {
            return None;
        }
        if let Some((_, original)) = self.alias.filter(|(copy, _)| *copy == name) {
            return Some(original.into());
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

/// The tensors that a masked-language-model head shares, as PyTorch calls them a second time.
struct Tied {
    table: &'static str,
    table_copy: &'static str,
    /// The second name of the bias, and the first.
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
            TextEncoder::Roberta(_) => Self {
                table: "roberta.embeddings.word_embeddings.weight",
                table_copy: "lm_head.decoder.weight",
                bias: Some(("lm_head.decoder.bias", "lm_head.bias")),
            },
        }
    }
}

/// The parameters of a model, and which of them are its head and its pooler.
pub(super) struct KnownNames {
    parameters: BTreeSet<String>,
    /// All modules that heads of the family consist of.
    head_modules: &'static [&'static str],
    /// Those that this model has.
    own_head: BTreeSet<String>,
    pooler: String,
}

/// The modules of heads whose size follows from what is asked, one in each head.
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

    /// Whether the parameter of this name may keep the values that it has, where a new head is asked for.
    pub(super) fn may_be_new(&self, name: &str) -> bool {
        self.is_any_head(name) || name.starts_with(&self.pooler)
    }

    /// The module of the model's head that gives the logits.
    pub(super) fn output(&self) -> Option<&'static str> {
        OUTPUTS
            .into_iter()
            .find(|name| self.own_head.contains(*name))
    }

    /// What the model is to read of `dict`, and the names of what it is not to read.
    pub(super) fn select(&self, dict: StateDict) -> Result<(StateDict, Vec<String>), WeightsError> {
        let mut left_out = Vec::new();
        let dict = dict.rename(|name| {
            if self.is_left_out(name) {
                left_out.push(name.to_string());
                return None;
            }
            Some(name.to_string())
        })?;
        Ok((dict, left_out))
    }

    fn is_left_out(&self, name: &str) -> bool {
        let is_other_head = self.is_any_head(name) && !self.own_head.contains(module(name));
        let is_spare_pooler = name.starts_with(&self.pooler) && !self.parameters.contains(name);
        is_other_head || is_spare_pooler || name.starts_with(NEXT_SENTENCE)
    }

    /// Whether the file has no pooler, and no head of the model is there to ask for it.
    pub(super) fn can_do_without_pooler(&self, dict: &StateDict) -> bool {
        let has_pooler = dict.names().any(|name| name.starts_with(&self.pooler));
        self.own_head.is_empty() && !has_pooler
    }

    fn is_any_head(&self, name: &str) -> bool {
        self.head_modules.contains(&module(name))
    }
}

/// The outermost module that a parameter is in.
fn module(parameter: &str) -> &str {
    parameter.split('.').next().unwrap_or(parameter)
}
