//! Tokenizers of model folders, built from all their files as `AutoTokenizer` of transformers 5.23
//! builds them.
//!
//! Which file counts depends on the tokenizer's class: `BertTokenizer` takes only vocabulary and
//! added tokens from `tokenizer.json` and everything else from `tokenizer_config.json`, while
//! `PreTrainedTokenizerFast` takes `tokenizer.json` as it is. A class that is not followed here is
//! refused by its name.

mod added;
mod beside;
mod class;
mod names;
mod skeleton;
mod special;

use super::Kind;
use super::hugging_face::HuggingFace;
use super::settings::{Side, TokenizerSettings};
use super::{guard, json};
use crate::error::DataError;
use added::Added;
use beside::Beside;
use class::Class;
use serde_json::{Map, Value, json};
use skeleton::Files;
use special::{Special, SpecialMap};
use std::path::Path;
use tokenizers::Tokenizer;

type Object = Map<String, Value>;

pub(super) use beside::has_settings;

/// Opens the tokenizer of a folder, or what belongs to the `file` of it. `None` if the folder has
/// no file of the class's vocabulary.
///
/// # Errors
/// If a file is damaged, or the tokenizer is of a class that cannot be followed.
pub(super) fn open(folder: &Path, file: Option<&str>) -> Result<Option<Kind>, DataError> {
    let beside = Beside::read(folder, file)?;
    let class = class::resolve(&beside)?;
    let Some(files) = Files::read(&beside, class)? else {
        return Ok(None);
    };
    if class == Class::Backend
        && let Some(kind) = files.tokenizer.as_ref().and_then(json::ours)
    {
        return Ok(Some(kind));
    }
    let special = beside.special_tokens(class, files.tokenizer.as_ref())?;
    let path = files.path.clone();
    let wrong = |reason: String| DataError::file(&path, reason);
    let mut tokenizer = skeleton::build(&beside, class, &special, files)?;
    add_tokens(&mut tokenizer, class, &special).map_err(wrong)?;
    frame(&mut tokenizer, &beside, class, &special).map_err(wrong)?;
    let settings = settings(&beside, class, &special, &tokenizer)?;
    HuggingFace::with_settings(tokenizer, settings, &path)
        .map(|tokenizer| Some(Kind::HuggingFace(Box::new(tokenizer))))
}

/// Adds the tokens that the files name, in the order of transformers: by id, named special tokens,
/// additional ones.
fn add_tokens(tokenizer: &mut Tokenizer, class: Class, special: &SpecialMap) -> Result<(), String> {
    let added = tokenizer.get_added_tokens_decoder();
    let mut known: Vec<&str> = added.values().map(|token| token.content.as_str()).collect();
    known.extend(special.added.values().map(|token| token.content.as_str()));
    let mut tokens: Vec<Special> = special
        .added
        .values()
        .cloned()
        .map(Special::Token)
        .collect();
    let named = special.named.iter().map(|(_, token)| token);
    for token in named.chain(&special.more) {
        if !known.contains(&token.content()) && !tokens.contains(token) {
            tokens.push(token.clone());
        }
    }
    let is_named = |content: &str| {
        let mut named = special.named.iter();
        named.any(|(_, token)| token.content() == content)
    };
    let tokens: Vec<tokenizers::AddedToken> = tokens
        .into_iter()
        .map(|token| match token {
            Special::Text(content) => Added::special(content).into(),
            Special::Token(mut token) => {
                token.special |= is_named(&token.content);
                token.into()
            }
        })
        .collect();
    guard::attempt(|| tokenizer.add_tokens(tokens))?;
    if class == Class::Qwen2 {
        // This class adds its special tokens once more, without their properties.
        let all = special
            .named
            .iter()
            .map(|(_, token)| token)
            .chain(&special.more);
        let all: Vec<_> = all
            .map(|token| Added::special(token.content().to_owned()).into())
            .collect();
        guard::attempt(|| tokenizer.add_tokens(all))?;
    }
    Ok(())
}

/// Sets the post-processor of classes that have one of their own, and of tokenizers without one.
fn frame(
    tokenizer: &mut Tokenizer,
    beside: &Beside,
    class: Class,
    special: &SpecialMap,
) -> Result<(), String> {
    let id = |name: &str| {
        let of = |content: &str| tokenizer.token_to_id(content);
        let content = special.content(name)?;
        of(content).or_else(|| of(special.content("unk_token")?))
    };
    let needed = |name: &str| {
        let content = special.content(name);
        let content = content.ok_or_else(|| format!("has no {name}, which stands around texts"))?;
        let id = id(name).ok_or_else(|| format!("{name} {content:?} is not in the vocabulary"))?;
        Ok::<_, String>((content.to_owned(), id))
    };
    let processor = match class {
        // The class's own defaults for a token that is set to null.
        Class::Bert | Class::DistilBert => {
            let or = |name: &str, id: u32| needed(name).unwrap_or_else(|_| ("None".to_owned(), id));
            let (cls, sep) = (or("cls_token", 2), or("sep_token", 3));
            template(
                &[token(&cls, 0), text("A", 0), token(&sep, 0)],
                &[
                    token(&cls, 0),
                    text("A", 0),
                    token(&sep, 0),
                    text("B", 1),
                    token(&sep, 1),
                ],
                &[cls, sep],
            )
        }
        Class::Roberta => roberta(
            &needed("sep_token")?,
            &needed("cls_token")?,
            beside.flag("trim_offsets", true)?,
            beside.flag("add_prefix_space", false)?,
        ),
        Class::MpNet => roberta(&needed("sep_token")?, &needed("cls_token")?, true, false),
        Class::XlmRoberta | Class::Camembert => {
            let (bos, eos) = (needed("bos_token")?, needed("eos_token")?);
            template(
                &[token(&bos, 0), text("A", 0), token(&eos, 0)],
                &[
                    token(&bos, 0),
                    text("A", 0),
                    token(&eos, 0),
                    token(&eos, 0),
                    text("B", 0),
                    token(&eos, 0),
                ],
                &[bos, eos],
            )
        }
        _ => {
            let asked = beside.has("add_bos_token") || beside.has("add_eos_token");
            let own = class == Class::GptNeoX || asked;
            if !own && tokenizer.get_post_processor().is_some() {
                return Ok(());
            }
            let wanted = |flag: &str, name: &str| -> Result<_, String> {
                let wanted = beside.flag(flag, false)? && special.content(name).is_some();
                wanted.then(|| needed(name)).transpose()
            };
            let bos = wanted("add_bos_token", "bos_token")?;
            let eos = wanted("add_eos_token", "eos_token")?;
            continuing(bos.as_ref(), eos.as_ref())
        }
    };
    let processor: tokenizers::PostProcessorWrapper =
        serde_json::from_value(processor).map_err(|error| error.to_string())?;
    tokenizer.with_post_processor(Some(processor));
    Ok(())
}

/// The template that `update_post_processor` makes of the tokens to add.
fn continuing(bos: Option<&(String, u32)>, eos: Option<&(String, u32)>) -> Value {
    let around = |id: &str, type_id: u32| {
        let begin = bos.map(|bos| token(bos, type_id));
        let end = eos.map(|eos| token(eos, type_id));
        let pieces = begin.into_iter().chain([text(id, type_id)]).chain(end);
        pieces.collect::<Vec<_>>()
    };
    let special: Vec<(String, u32)> = bos.into_iter().chain(eos).cloned().collect();
    let pair = [around("A", 0), around("B", 1)].concat();
    template(&around("A", 0), &pair, &special)
}

fn token((content, _): &(String, u32), type_id: u32) -> Value {
    json!({"SpecialToken": {"id": content, "type_id": type_id}})
}

fn text(id: &str, type_id: u32) -> Value {
    json!({"Sequence": {"id": id, "type_id": type_id}})
}

fn template(single: &[Value], pair: &[Value], special: &[(String, u32)]) -> Value {
    let entry = |(content, id): &(String, u32)| {
        let token = json!({"id": content, "ids": [id], "tokens": [content]});
        (content.clone(), token)
    };
    let special: Object = special.iter().map(entry).collect();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special})
}

fn roberta(sep: &(String, u32), cls: &(String, u32), trim: bool, prefix: bool) -> Value {
    json!({
        "type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": trim,
        "add_prefix_space": prefix,
    })
}

fn settings(
    beside: &Beside,
    class: Class,
    special: &SpecialMap,
    tokenizer: &Tokenizer,
) -> Result<TokenizerSettings, DataError> {
    let wrong = |reason: String| DataError::file(&beside.config_path(), reason);
    let side = |key: &str, default: Side, of_json: Option<Side>| match beside.config.get(key) {
        None => Ok(of_json.unwrap_or(default)),
        Some(value) => Side::of(value).ok_or_else(|| {
            wrong(format!(
                "{key} is {value}; it must be \"left\" or \"right\""
            ))
        }),
    };
    let truncation = tokenizer
        .get_truncation()
        .map(|truncation| match truncation.direction {
            tokenizers::TruncationDirection::Left => Side::Left,
            tokenizers::TruncationDirection::Right => Side::Right,
        });
    let padding = tokenizer
        .get_padding()
        .map(|padding| match padding.direction {
            tokenizers::PaddingDirection::Left => Side::Left,
            tokenizers::PaddingDirection::Right => Side::Right,
        });
    let padding_side = match class {
        Class::Llama | Class::Gemma => Side::Left,
        _ => Side::Right,
    };
    Ok(TokenizerSettings {
        max_length: beside.max_length().map_err(wrong)?,
        truncation_side: side("truncation_side", Side::Right, truncation)?,
        padding_side: side("padding_side", padding_side, padding)?,
        // A tokenizer.json by itself may be for any model.
        token_type_ids: beside.is_bare() || beside.token_type_ids(class).map_err(wrong)?,
        split_special_tokens: beside.flag("split_special_tokens", false).map_err(wrong)?,
        special: special
            .named
            .iter()
            .map(|(name, token)| (name.clone(), token.content().to_owned()))
            .collect(),
        more_special: special
            .more
            .iter()
            .map(|token| token.content().to_owned())
            .collect(),
        chat_templates: beside.chat_templates()?,
    })
}
