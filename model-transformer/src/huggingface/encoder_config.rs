//! Conversion between `config.json` and the configurations of encoders.

use serde_json::{Map, Value, json};

use super::config::{Refusal, known_fields, object, require};
use crate::{
    BertConfig, DistilBertConfig, Head, MpNetConfig, ProblemType, RobertaConfig, TextEncoderConfig,
};

/// Supported values of `model_type`. XLM-RoBERTa and CamemBERT are RoBERTa under other names.
pub(super) const FAMILIES: [&str; 6] = [
    "bert",
    "distilbert",
    "mpnet",
    "roberta",
    "xlm-roberta",
    "camembert",
];
/// Vocabulary size of XLM-RoBERTa and CamemBERT in transformers, if the file does not say.
const XLM_VOCABULARY: usize = 30522;
/// Suffixes of Hugging Face's class names.
const CLASSES: [(&str, Head); 6] = [
    ("Model", Head::None),
    ("ForMaskedLM", Head::MaskedLm),
    ("ForPreTraining", Head::MaskedLm),
    ("ForSequenceClassification", Head::SequenceClassification),
    ("ForTokenClassification", Head::TokenClassification),
    ("ForQuestionAnswering", Head::QuestionAnswering),
];
/// Hugging Face's default number of labels.
const LABELS: usize = 2;

/// The configuration and the label names.
pub(super) fn from_json(json: Value) -> Result<(TextEncoderConfig, Vec<String>), Refusal> {
    let Value::Object(mut json) = json else {
        return Err(Refusal::Json("it is not an object".into()));
    };
    let family = json.get("model_type").and_then(Value::as_str);
    let family = family.ok_or_else(|| Refusal::Json("it has no `model_type`".into()))?;
    let family = family.to_string();
    if !FAMILIES.contains(&family.as_str()) {
        let all = FAMILIES.join(", ");
        return Err(Refusal::Unsupported(format!(
            "`model_type` is `{family}`; supported encoders are {all}"
        )));
    }
    let (head, labels) = (head(&json)?, labels(&json)?);
    refuse_unsupported(&json, head)?;
    // Without a padding token no embedding is initialised to zero, which loading overwrites anyway.
    json.retain(|name, value| name != "pad_token_id" || !value.is_null());
    json.remove("num_labels");
    // Decided by the number of labels and their type, in training only.
    let problem_type: ProblemType = match json.remove("problem_type") {
        Some(value) if !value.is_null() && head == Head::SequenceClassification => {
            serde_json::from_value(value)
                .map_err(|e| Refusal::Json(format!("`problem_type`: {e}")))?
        }
        _ => ProblemType::SingleLabel,
    };
    let config = match family.as_str() {
        "bert" => known_fields(&json, &BertConfig::default()).map(TextEncoderConfig::Bert)?,
        "distilbert" => {
            known_fields(&json, &DistilBertConfig::default()).map(TextEncoderConfig::DistilBert)?
        }
        "mpnet" => known_fields(&json, &MpNetConfig::default()).map(TextEncoderConfig::MpNet)?,
        "roberta" => known_fields(&json, &roberta_base()).map(TextEncoderConfig::Roberta)?,
        _ => known_fields(&json, &roberta_base().with_vocab_size(XLM_VOCABULARY))
            .map(TextEncoderConfig::Roberta)?,
    };
    let config = config.with_head(head, labels.len());
    let config = config.with_problem_type(problem_type);
    let labels = if head.has_labels() {
        labels
    } else {
        Vec::new()
    };
    Ok((config, labels))
}

/// Hugging Face's defaults for options absent from a RoBERTa file: BERT's sizes.
fn roberta_base() -> RobertaConfig {
    RobertaConfig {
        max_position_embeddings: 512,
        type_vocab_size: 2,
        layer_norm_eps: 1e-12,
        ..RobertaConfig::default()
    }
}

fn refuse_unsupported(json: &Map<String, Value>, head: Head) -> Result<(), Refusal> {
    require(json, "position_embedding_type", &json!("absolute"))?;
    require(json, "is_decoder", &json!(false))?;
    require(json, "add_cross_attention", &json!(false))?;
    match head {
        Head::MaskedLm => require(json, "tie_word_embeddings", &json!(true)),
        Head::None
        | Head::SequenceClassification
        | Head::TokenClassification
        | Head::QuestionAnswering => Ok(()),
    }
}

/// The head of the first class in `architectures`; without one, no head, as with `AutoModel`.
fn head(json: &Map<String, Value>) -> Result<Head, Refusal> {
    let classes = json.get("architectures").and_then(Value::as_array);
    let Some(class) = classes.and_then(|classes| classes.first()) else {
        return Ok(Head::None);
    };
    let class = class.as_str().unwrap_or_default();
    let known = CLASSES.iter().find(|(end, _)| class.ends_with(end));
    known.map(|(_, head)| *head).ok_or_else(|| {
        Refusal::Unsupported(format!(
            "`architectures` is `{class}`, which is not supported"
        ))
    })
}

/// Label names in order. Hugging Face's `id2label` has numbers as keys, in any order; its names may
/// be numbers, too.
fn labels(json: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let Some(named) = json.get("id2label").and_then(Value::as_object) else {
        let count = json.get("num_labels").and_then(Value::as_u64);
        let count = count.map_or(Ok(LABELS), usize::try_from);
        return match count {
            // More would be refused later, by `validate`, but not before filling the memory.
            Ok(count) if count < 1 << 24 => Ok(unnamed(count)),
            _ => Err(Refusal::Json("`num_labels` is too large".into())),
        };
    };
    let name = |id: usize| match named.get(&id.to_string())? {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        // As Python writes them.
        Value::Bool(true) => Some("True".into()),
        Value::Bool(false) => Some("False".into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let names: Option<Vec<String>> = (0..named.len()).map(name).collect();
    names.ok_or_else(|| {
        let last = named.len().saturating_sub(1);
        Refusal::Json(format!("`id2label` must name each of 0 to {last}"))
    })
}

fn unnamed(count: usize) -> Vec<String> {
    (0..count).map(|id| format!("LABEL_{id}")).collect()
}

/// `config.json`. `pad_token_id` is the tokenizer's; RoBERTa's positions start after the model's
/// own, which is kept.
pub(super) fn to_json(config: &TextEncoderConfig, labels: &[String], pad_token_id: u32) -> Value {
    let pad_token_id = match config {
        TextEncoderConfig::Roberta(config) => config.pad_token_id,
        TextEncoderConfig::Bert(_)
        | TextEncoderConfig::DistilBert(_)
        | TextEncoderConfig::MpNet(_) => pad_token_id as usize,
    };
    let (mut fields, family, class) = match config {
        TextEncoderConfig::Bert(config) => (object(config), "bert", "Bert"),
        TextEncoderConfig::DistilBert(config) => (object(config), "distilbert", "DistilBert"),
        TextEncoderConfig::MpNet(config) => (object(config), "mpnet", "MPNet"),
        TextEncoderConfig::Roberta(config) => (object(config), "roberta", "Roberta"),
    };
    fields.remove("head");
    fields.remove("num_labels");
    fields.remove("problem_type");
    let head = config.head();
    let more = json!({
        "architectures": [format!("{class}{}", class_of(head))],
        "model_type": family,
        "pad_token_id": pad_token_id,
        "bos_token_id": null,
        "eos_token_id": null,
        "torch_dtype": "float32",
    });
    fields.extend(object(&more));
    if head.has_labels() {
        fields.extend(label_fields(config, labels));
    }
    Value::Object(fields)
}

fn class_of(head: Head) -> &'static str {
    match head {
        Head::None => "Model",
        Head::MaskedLm => "ForMaskedLM",
        Head::SequenceClassification => "ForSequenceClassification",
        Head::TokenClassification => "ForTokenClassification",
        Head::QuestionAnswering => "ForQuestionAnswering",
    }
}

fn label_fields(config: &TextEncoderConfig, labels: &[String]) -> Map<String, Value> {
    let labels = match labels {
        [] => unnamed(config.num_labels()),
        _ => labels.to_vec(),
    };
    let named = labels.iter().enumerate();
    let id2label: Map<String, Value> = named
        .clone()
        .map(|(id, label)| (id.to_string(), label.as_str().into()))
        .collect();
    let label2id: Map<String, Value> = named
        .map(|(id, label)| (label.clone(), id.into()))
        .collect();
    let mut fields = object(&json!({"id2label": id2label, "label2id": label2id}));
    if config.head() == Head::SequenceClassification {
        fields.insert("problem_type".into(), json!(config.problem_type()));
    }
    fields
}
