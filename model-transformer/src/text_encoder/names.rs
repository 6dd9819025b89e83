//! Properties of a parameter that follow from its name: its depth, and whether it is the head's.
//!
//! Names are paths such as `bert.encoder.layer.0.output.dense.weight`; a prefix, such as the name
//! of an enum variant, does not matter.

use super::TextEncoder;

impl TextEncoder {
    /// Depth of a parameter: 0 for embeddings, 1 to n for the n layers, n + 1 for a pooler and the
    /// head.
    pub fn layer_of(&self, parameter: &str) -> usize {
        let mut steps = parameter.split('.');
        while let Some(step) = steps.next() {
            match step {
                "embeddings" | "relative_attention_bias" => return 0,
                "layer" => {
                    let layer = steps.next().and_then(|number| number.parse::<usize>().ok());
                    return layer.map_or(self.num_layers(), |layer| layer + 1);
                }
                _ => {}
            }
        }
        self.num_layers() + 1
    }

    /// True for parameters of a head. A pooler is not one: models without a head have it, too.
    pub fn is_head(&self, parameter: &str) -> bool {
        let heads = self.head_names();
        parameter.split('.').any(|step| heads.contains(&step))
    }

    /// Modules of all heads of this family, whether or not this model has them.
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
            Self::MpNet(_) | Self::Roberta(_) => &["lm_head", "classifier", "qa_outputs"],
        }
    }

    /// Name endings of the query and value projections, the usual targets of LoRA. Hu et al. 2021,
    /// <https://arxiv.org/abs/2106.09685>, section 4.2.
    pub fn lora_targets(&self) -> &'static [&'static str] {
        match self {
            Self::Bert(_) | Self::Roberta(_) => &["query.weight", "value.weight"],
            Self::DistilBert(_) => &["q_lin.weight", "v_lin.weight"],
            Self::MpNet(_) => &["attn.q.weight", "attn.v.weight"],
        }
    }

    /// Prefix of the names of everything below the head.
    pub(crate) fn prefix(&self) -> &'static str {
        match self {
            Self::Bert(_) => "bert.",
            Self::DistilBert(_) => "distilbert.",
            Self::MpNet(_) => "mpnet.",
            Self::Roberta(_) => "roberta.",
        }
    }
}
