//! What the name of a parameter tells: how deep it lies, and whether it is the head's.
//!
//! Names are paths as `bert.encoder.layer.0.output.dense.weight`; what may stand before them, as the name of an enum's
//! variant, does no harm.

use super::TextEncoder;

impl TextEncoder {
    /// How deep the parameter of this name lies: 0 for embeddings, 1 to n for the n layers, n + 1 for a pooler and the head.
    pub fn layer_of(&self, parameter: &str) -> usize {
        let mut steps = parameter.split('.');
        while let Some(step) = steps.next() {
            match step {
                "embeddings" => return 0,
                "layer" => {
                    let layer = steps.next().and_then(|number| number.parse::<usize>().ok());
                    return layer.map_or(self.num_layers(), |layer| layer + 1);
                }
                _ => {}
            }
        }
        self.num_layers() + 1
    }

    /// Whether the parameter of this name belongs to a head. A pooler's does not: it is part of a headless model, too.
    pub fn is_head(&self, parameter: &str) -> bool {
        let heads = self.head_names();
        parameter.split('.').any(|step| heads.contains(&step))
    }

    /// The modules that heads of this family consist of, whether or not this model has them.
    pub fn head_names(&self) -> &'static [&'static str] {
        match self {
            Self::Bert(_) => &["cls", "classifier", "qa_outputs"],
            Self::DistilBert(_) => &[
                "vocab_transform",
                "vocab_layer_norm",
                "vocab_projector",
                "pre_classifier",
                "classifier",
                "qa_outputs",
            ],
            Self::Roberta(_) => &["lm_head", "classifier", "qa_outputs"],
        }
    }

    /// How the names of the projections to queries and values end, which low-rank adapters are put on. Hu et al. 2021,
    /// <https://arxiv.org/abs/2106.09685>, section 4.2.
    pub fn lora_targets(&self) -> &'static [&'static str] {
        match self {
            Self::Bert(_) | Self::Roberta(_) => &["query.weight", "value.weight"],
            Self::DistilBert(_) => &["q_lin.weight", "v_lin.weight"],
        }
    }

    /// What stands before the names of everything below the head.
    pub(crate) fn prefix(&self) -> &'static str {
        match self {
            Self::Bert(_) => "bert.",
            Self::DistilBert(_) => "distilbert.",
            Self::Roberta(_) => "roberta.",
        }
    }
}
