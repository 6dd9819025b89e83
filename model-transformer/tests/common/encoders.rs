//! Thin encoders, with reference values from Hugging Face written by `golden/make_encoders.py`.

use std::path::{Path, PathBuf};

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use safetensors::tensor::TensorView;
use tinderbox_model_transformer::registry::EncoderInfo;
use tinderbox_model_transformer::{
    BertConfig, DistilBertConfig, EncoderInput, Head, MpNetConfig, RobertaConfig, TextEncoder,
    TextEncoderConfig, weights,
};

use super::{Fixture, fixture_folder, values};

pub const HEADS: [(&str, Head); 5] = [
    ("none", Head::None),
    ("masked_lm", Head::MaskedLm),
    ("sequence", Head::SequenceClassification),
    ("token", Head::TokenClassification),
    ("span", Head::QuestionAnswering),
];

pub struct ThinEncoder {
    pub name: &'static str,
    pub config: TextEncoderConfig,
    pub fixture: Fixture,
}

pub fn bert() -> ThinEncoder {
    ThinEncoder {
        name: "bert",
        config: TextEncoderConfig::Bert(
            BertConfig::new(2, 2, 8)
                .with_vocab_size(50)
                .with_intermediate_size(12)
                .with_max_position_embeddings(24)
                .with_hidden_dropout_prob(0.0)
                .with_attention_probs_dropout_prob(0.0),
        ),
        fixture: Fixture::new(include_bytes!("../fixtures/bert.safetensors")),
    }
}

pub fn distilbert() -> ThinEncoder {
    ThinEncoder {
        name: "distilbert",
        config: TextEncoderConfig::DistilBert(
            DistilBertConfig::default()
                .with_vocab_size(50)
                .with_max_position_embeddings(24)
                .with_n_layers(2)
                .with_n_heads(2)
                .with_dim(8)
                .with_hidden_dim(12)
                .with_dropout(0.0)
                .with_attention_dropout(0.0)
                .with_qa_dropout(0.0)
                .with_seq_classif_dropout(0.0),
        ),
        fixture: Fixture::new(include_bytes!("../fixtures/distilbert.safetensors")),
    }
}

pub fn mpnet() -> ThinEncoder {
    ThinEncoder {
        name: "mpnet",
        config: TextEncoderConfig::MpNet(
            MpNetConfig::default()
                .with_vocab_size(50)
                .with_num_hidden_layers(2)
                .with_num_attention_heads(2)
                .with_hidden_size(8)
                .with_intermediate_size(12)
                .with_max_position_embeddings(24)
                .with_hidden_dropout_prob(0.0)
                .with_attention_probs_dropout_prob(0.0),
        ),
        fixture: Fixture::new(include_bytes!("../fixtures/mpnet.safetensors")),
    }
}

pub fn roberta() -> ThinEncoder {
    ThinEncoder {
        name: "roberta",
        config: TextEncoderConfig::Roberta(
            RobertaConfig::new(2, 2, 8)
                .with_vocab_size(50)
                .with_intermediate_size(12)
                .with_max_position_embeddings(24)
                .with_hidden_dropout_prob(0.0)
                .with_attention_probs_dropout_prob(0.0),
        ),
        fixture: Fixture::new(include_bytes!("../fixtures/roberta.safetensors")),
    }
}

/// A folder written by `save_pretrained`.
pub fn fixture_of(name: &str) -> PathBuf {
    fixture_folder().join("huggingface").join(name)
}

pub fn thin_encoders() -> [ThinEncoder; 4] {
    [bert(), distilbert(), mpnet(), roberta()]
}

impl ThinEncoder {
    pub fn config(&self, head: Head) -> TextEncoderConfig {
        self.config.clone().with_head(head, 3)
    }

    /// The model with this head and the fixture's weights.
    pub fn model(&self, head: Head, device: &Device) -> TextEncoder {
        let model = self.config(head).init(device).unwrap();
        // The file has the weights of all heads.
        let names = weights::parameter_names(&model);
        let own: Vec<(String, TensorView)> = names
            .into_iter()
            .map(|name| {
                let view = self.fixture.0.tensor(&format!("init.{name}")).unwrap();
                (name, view)
            })
            .collect();
        let bytes = safetensors::serialize(own, None).unwrap();
        weights::load_bytes(model, bytes, Path::new("fixture")).unwrap()
    }

    /// Output of the model for the fixture's plain batch.
    pub fn answer(&self, model: &TextEncoder, head: Head) -> Vec<f32> {
        let input = self.input("plain", &Device::flex());
        match head {
            Head::None => values(model.forward_features(&input)),
            Head::MaskedLm => values(model.forward_masked_lm(&input).unwrap()),
            Head::SequenceClassification => {
                values(model.forward_sequence_classification(&input).unwrap())
            }
            Head::TokenClassification => {
                values(model.forward_token_classification(&input).unwrap())
            }
            Head::QuestionAnswering => model
                .forward_question_answering(&input)
                .unwrap()
                .map(values)
                .concat(),
        }
    }

    pub fn input(&self, case: &str, device: &Device) -> EncoderInput {
        let key = |what: &str| format!("{case}.{what}");
        let has = |what: &str| self.fixture.0.tensor(&key(what)).is_ok();
        let integers = |what: &str| self.fixture.int_tensor::<2>(&key(what), device);
        EncoderInput {
            tokens: integers("tokens"),
            token_type_ids: has("segments").then(|| integers("segments")),
            attention_mask: has("real").then(|| self.attention_mask(case, device)),
        }
    }

    fn attention_mask(&self, case: &str, device: &Device) -> Tensor<2, Bool> {
        let view = self.fixture.0.tensor(&format!("{case}.real")).unwrap();
        let bits: Vec<bool> = view.data().iter().map(|&byte| byte > 0).collect();
        Tensor::from_data(TensorData::new(bits, view.shape()), device)
    }
}

/// `count` rows of the given lengths, padded with `pad` to `time`, at the end or at the beginning.
pub fn input_of(rows: &[Vec<i64>], time: usize, pad: i64, is_left: bool) -> EncoderInput {
    let device = Device::flex();
    let shape = [rows.len(), time];
    let (mut tokens, mut token_types, mut mask) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let padding = || vec![pad; time - row.len()].into_iter();
        let padded: Vec<i64> = if is_left {
            padding().chain(row.iter().copied()).collect()
        } else {
            row.iter().copied().chain(padding()).collect()
        };
        let start = if is_left { time - row.len() } else { 0 };
        for (position, token) in padded.into_iter().enumerate() {
            let is_token = (start..start + row.len()).contains(&position);
            tokens.push(token);
            token_types.push(i64::from(is_token && position >= start + row.len() / 2));
            mask.push(is_token);
        }
    }
    let integers = |values: Vec<i64>| -> Tensor<2, Int> {
        Tensor::from_data(TensorData::new(values, shape), &device)
    };
    EncoderInput {
        tokens: integers(tokens),
        token_type_ids: Some(integers(token_types)),
        attention_mask: Some(Tensor::from_data(TensorData::new(mask, shape), &device)),
    }
}

/// A model of the registry, narrow and with a small vocabulary.
pub fn thin(info: &EncoderInfo) -> TextEncoderConfig {
    let mut config = (info.config)().with_vocab_size(31);
    match &mut config {
        TextEncoderConfig::Bert(config) => {
            config.hidden_size = 2 * config.num_attention_heads;
            config.intermediate_size = config.num_attention_heads;
            config.max_position_embeddings = 12;
        }
        TextEncoderConfig::DistilBert(config) => {
            config.dim = 2 * config.n_heads;
            config.hidden_dim = config.n_heads;
            config.max_position_embeddings = 12;
        }
        TextEncoderConfig::MpNet(config) => {
            config.hidden_size = 2 * config.num_attention_heads;
            config.intermediate_size = config.num_attention_heads;
            config.max_position_embeddings = 14;
        }
        TextEncoderConfig::Roberta(config) => {
            config.hidden_size = 2 * config.num_attention_heads;
            config.intermediate_size = config.num_attention_heads;
            config.max_position_embeddings = 14;
        }
    }
    config
}

/// Limits the number of layers, for speed.
pub fn shallow(mut config: TextEncoderConfig) -> TextEncoderConfig {
    let layers = match &mut config {
        TextEncoderConfig::Bert(config) => &mut config.num_hidden_layers,
        TextEncoderConfig::DistilBert(config) => &mut config.n_layers,
        TextEncoderConfig::MpNet(config) => &mut config.num_hidden_layers,
        TextEncoderConfig::Roberta(config) => &mut config.num_hidden_layers,
    };
    *layers = (*layers).min(3);
    config
}
