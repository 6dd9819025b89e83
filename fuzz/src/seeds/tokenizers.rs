//! Tokenizers in every layout.

use serde_json::Value;

use super::{Maker, Seed};
use crate::error::FuzzError;

fn commands(maker: &Maker<'_>, seed: Seed, path: &str) -> Result<Seed, FuzzError> {
    maker.text()?;
    let tiny = "--set model.n_layer=1 --set model.n_head=2 --set model.n_embd=12 --set train.batch_size=4 \
                --set data.sequence_length=8";
    let data = format!(
        "--set data.source=text --set data.unit=tokenizer --set data.tokenizer={path} --data {{s}}/text.txt"
    );
    Ok(seed
        .command(&format!("data tokens --tokenizer {path} --train {{s}}/text.txt --validation {{s}}/text.txt --output {{o}}"))
        .command(&format!("data info transformer {data}"))
        .command(&format!("train transformer {data} {tiny} --dry-run --ui quiet")))
}

pub(super) fn bpe(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    file(maker, "bpe")
}

pub(super) fn words(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    file(maker, "words")
}

fn file(maker: &Maker<'_>, kind: &str) -> Result<Seed, FuzzError> {
    let path = maker.tokenizer(kind, 320)?;
    let bytes = std::fs::read(&path).map_err(FuzzError::io(&path))?;
    commands(
        maker,
        Seed::default().target("tokenizer.json", bytes),
        "{f}",
    )
}

pub(super) fn wordpiece(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    Ok(file(maker, "wordpiece")?.command(
        "data info bert --set data.train_size=20 --set data.val_size=4 --set data.tokenizer={f}",
    ))
}

/// `vocab.json` and `merges.txt`, with the files beside them.
pub(super) fn gpt2(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.bpe()?;
    let json: Value = serde_json::from_slice(&maker.read("bpe.json")?).unwrap_or_default();
    let merges: Vec<String> = json["model"]["merges"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|merge| match merge {
            Value::Array(pair) => pair
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" "),
            other => other.as_str().unwrap_or_default().to_string(),
        })
        .collect();
    let seed = Seed::default()
        .target("vocab.json", json["model"]["vocab"].to_string())
        .target("merges.txt", format!("#version: 0.2\n{}\n", merges.join("\n")))
        .target("tokenizer_config.json", r#"{"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": false, "model_max_length": 64}"#);
    commands(maker, seed, "{c}")
}

/// `vocab.txt`, with the files beside it.
pub(super) fn bert(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.tokenizer("wordpiece", 320)?;
    let json: Value = serde_json::from_slice(&maker.read("wordpiece.json")?).unwrap_or_default();
    let mut vocab: Vec<(u64, String)> = json["model"]["vocab"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(token, id)| Some((id.as_u64()?, token.clone())))
        .collect();
    vocab.sort();
    let lines: Vec<String> = vocab.into_iter().map(|(_, token)| token).collect();
    let config = r#"{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "model_max_length": 32,
  "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}"#;
    let map = r#"{"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": {"content": "[SEP]", "lstrip": false}}"#;
    let seed = Seed::default()
        .target("vocab.txt", lines.join("\n") + "\n")
        .target("tokenizer_config.json", config)
        .target("special_tokens_map.json", map);
    Ok(commands(maker, seed, "{c}")?.command(
        "data info bert --set data.train_size=20 --set data.val_size=4 --set data.tokenizer={c}",
    ))
}

pub(super) fn llama2c(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let seed = Seed::default().target("tokenizer.bin", pieces());
    commands(maker, seed, "{f}")
}

/// Three special pieces, 256 bytes, and a few pieces of text.
pub(super) fn pieces() -> Vec<u8> {
    let mut pieces: Vec<String> = ["<unk>", "\n<s>\n", "\n</s>\n"].map(str::to_string).into();
    pieces.extend((0..=255u8).map(|byte| format!("<0x{byte:02X}>")));
    pieces.extend((b'a'..=b'z').map(|letter| char::from(letter).to_string()));
    pieces.extend([" ", " t", "he", " the", "in"].map(str::to_string));
    let mut bytes = 8i32.to_le_bytes().to_vec();
    for (number, piece) in pieces.iter().enumerate() {
        bytes.extend((-(number as f32)).to_le_bytes());
        bytes.extend((piece.len() as i32).to_le_bytes());
        bytes.extend(piece.as_bytes());
    }
    bytes
}
