//! Tokenizers by published file formats.

use super::Kind;
use super::check::check_merge;
use super::folder;
use super::hugging_face::HuggingFace;
use super::json;
use super::llama2c::Llama2c;
use crate::error::DataError;
use crate::text::chunks::read_text;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedToken, ModelWrapper};

/// Files searched for in a folder, in this order.
const IN_A_FOLDER: [&str; 5] = [
    "tokenizer.json",
    "vocab.json",
    "encoder.json",
    "vocab.txt",
    "tokenizer.bin",
];
/// File name suffixes of a byte-level BPE.
const PAIRS: [(&str, &str); 2] = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];
/// GPT-2's only special token.
pub(super) const END_OF_TEXT: &str = "<|endoftext|>";
/// BERT's special tokens, in the order that training assigns.
pub(in crate::text) const BERT_SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// RoBERTa's special tokens, in fairseq's order.
pub(super) const ROBERTA_SPECIAL: [&str; 5] = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

/// Those of them that transformers does not read, so that its settings do not matter.
const UNKNOWN_TO_TRANSFORMERS: [&str; 2] = ["encoder.json", "tokenizer.bin"];
/// Names of files that belong to the folder they are in.
const OF_A_FOLDER: [&str; 4] = ["tokenizer.json", "vocab.txt", "vocab.json", "merges.txt"];

/// Opens the tokenizer at `path`, a file or a folder.
pub(super) fn open(path: &Path) -> Result<Kind, DataError> {
    if path.is_dir() {
        return in_folder(path);
    }
    if !path.is_file() {
        return Err(DataError::file(path, "no such file"));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let folder = path
        .parent()
        .filter(|_| name.is_some_and(|name| OF_A_FOLDER.contains(&name)));
    if let Some(folder) = folder
        && folder::has_settings(folder)
        && let Some(kind) = folder::open(folder, name)?
    {
        return Ok(kind);
    }
    alone(path)
}

/// Opens a file by itself.
fn alone(file: &Path) -> Result<Kind, DataError> {
    if let Some((vocab, merges)) = pair(file) {
        return byte_level_bpe(&vocab, &merges);
    }
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => json::read(&read_text(file)?, file),
        Some("txt") => word_piece(file),
        Some("bin") => Ok(Kind::Llama2c(Llama2c::open(file)?)),
        _ => Err(DataError::file(
            file,
            "unknown tokenizer format: expected .json, .txt (WordPiece), .bin (llama2.c), or a folder",
        )),
    }
}

/// Opens the tokenizer of a folder: as its settings say or, without any, the first file that it
/// has.
fn in_folder(folder: &Path) -> Result<Kind, DataError> {
    let mut names = &IN_A_FOLDER[..];
    if folder::has_settings(folder) || folder.join("tokenizer.json").is_file() {
        if let Some(kind) = folder::open(folder, None)? {
            return Ok(kind);
        }
        names = &UNKNOWN_TO_TRANSFORMERS;
    }
    let mut files = names.iter().map(|name| folder.join(name));
    let file = files.find(|file| file.is_file()).ok_or_else(|| {
        let pieces = ["tokenizer.model", "sentencepiece.bpe.model", "spiece.model"];
        let reason = match pieces.iter().find(|name| folder.join(name).is_file()) {
            Some(name) => format!(
                "has its tokenizer only as {name}; save it with transformers, which writes a tokenizer.json"
            ),
            None => format!("has no tokenizer: none of {}", IN_A_FOLDER.join(", ")),
        };
        DataError::file(folder, reason)
    })?;
    alone(&file)
}

/// Paths of vocabulary and merges, if `file` is named like one of the two.
fn pair(file: &Path) -> Option<(PathBuf, PathBuf)> {
    let name = file.file_name()?.to_str()?;
    PAIRS.iter().find_map(|(vocab, merges)| {
        let stem = name
            .strip_suffix(vocab)
            .or_else(|| name.strip_suffix(merges))?;
        let sibling = |end: &str| file.with_file_name(format!("{stem}{end}"));
        Some((sibling(vocab), sibling(merges)))
    })
}

/// GPT-2's tokenizer (Radford et al., 2019) with a given vocabulary.
fn byte_level_bpe(vocab: &Path, merges: &Path) -> Result<Kind, DataError> {
    for (path, other) in [(vocab, merges), (merges, vocab)] {
        if !path.is_file() {
            let reason = format!("no such file; it belongs to {}", other.display());
            return Err(DataError::file(path, reason));
        }
    }
    let ids = read_vocab(vocab)?;
    let pairs = read_merges(merges, &ids)?;
    let has_end = ids.contains_key(END_OF_TEXT);
    let roberta = roberta(&ids);
    let bpe = BPE::builder()
        .vocab_and_merges(
            ids.into_iter().collect::<tokenizers::models::bpe::Vocab>(),
            pairs,
        )
        .build()
        .map_err(|error| DataError::file(merges, error.to_string()))?;
    let mut tokenizer = bpe_tokenizer(bpe);
    let special: &[&str] = if let Some(processor) = roberta {
        tokenizer.with_post_processor(Some(processor));
        &ROBERTA_SPECIAL
    } else if has_end {
        &[END_OF_TEXT]
    } else {
        &[]
    };
    hugging_face(tokenizer, special, vocab)
}

/// Reads a map of tokens to ids.
pub(super) fn read_vocab(path: &Path) -> Result<HashMap<String, u32>, DataError> {
    let wrong = |reason: String| DataError::file(path, reason);
    let ids: HashMap<String, u32> = serde_json::from_str(&read_text(path)?)
        .map_err(|error| wrong(format!("is not a map of tokens to ids: {error}")))?;
    let mut seen = HashSet::with_capacity(ids.len());
    if let Some((token, id)) = ids.iter().find(|(_, id)| !seen.insert(**id)) {
        return Err(wrong(format!(
            "two tokens have the same id: {token:?} has the id {id} of another"
        )));
    }
    Ok(ids)
}

/// Post-processor that makes it RoBERTa's tokenizer (Liu et al., 2019), if the vocabulary has all
/// its special tokens.
fn roberta(ids: &HashMap<String, u32>) -> Option<RobertaProcessing> {
    let [begin, _, end, _, _] = ROBERTA_SPECIAL;
    if !ROBERTA_SPECIAL.iter().all(|token| ids.contains_key(*token)) {
        return None;
    }
    let special = |token: &str| Some((token.to_owned(), *ids.get(token)?));
    Some(RobertaProcessing::new(special(end)?, special(begin)?).add_prefix_space(false))
}

/// GPT-2's tokenizer around a BPE model: no normalisation, no prefix space.
pub(super) fn bpe_tokenizer(bpe: BPE) -> tokenizers::Tokenizer {
    let mut tokenizer = tokenizers::Tokenizer::new(bpe);
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
    tokenizer.with_decoder(Some(ByteLevel::new(false, true, true)));
    tokenizer.with_post_processor(Some(ByteLevel::new(false, false, true)));
    tokenizer
}

/// Reads one merge per line, best first, as two tokens separated by a space; the first line may be
/// a version comment.
pub(super) fn read_merges(
    path: &Path,
    vocab: &HashMap<String, u32>,
) -> Result<Vec<(String, String)>, DataError> {
    let text = read_text(path)?;
    let lines = (1..).zip(text.split('\n'));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("#version"));
    lines
        .map(|(number, line)| {
            let wrong = |reason: String| DataError::file(path, format!("line {number}: {reason}"));
            let (a, b) = line
                .split_once(' ')
                .ok_or_else(|| wrong(format!("{line:?} is not two tokens")))?;
            check_merge(a, b, "", |token| vocab.contains_key(token)).map_err(wrong)?;
            Ok((a.to_owned(), b.to_owned()))
        })
        .collect()
}

/// BERT's settings beside its vocabulary; the defaults are those of BERT uncased.
#[derive(Deserialize)]
#[serde(default)]
struct BertSettings {
    do_lower_case: bool,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: bool,
}

impl Default for BertSettings {
    fn default() -> Self {
        Self {
            do_lower_case: true,
            strip_accents: None,
            tokenize_chinese_chars: true,
        }
    }
}

/// BERT's tokenizer (Devlin et al., 2018) with the vocabulary of `path`, one token per line.
fn word_piece(path: &Path) -> Result<Kind, DataError> {
    let text = read_text(path)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let settings = bert_settings(&path.with_file_name("tokenizer_config.json"))?;
    let normalizer = BertNormalizer::new(
        true,
        settings.tokenize_chinese_chars,
        settings.strip_accents,
        settings.do_lower_case,
    );
    word_piece_of(text.split('\n').map(str::to_owned), normalizer, path)
}

/// BERT uncased with this vocabulary.
pub(super) fn word_pieces(list: Vec<String>) -> Result<Kind, DataError> {
    let normalizer = BertNormalizer::new(true, true, None, true);
    word_piece_of(list.into_iter(), normalizer, Path::new("vocabulary"))
}

fn word_piece_of(
    list: impl Iterator<Item = String>,
    normalizer: BertNormalizer,
    path: &Path,
) -> Result<Kind, DataError> {
    let ids: HashMap<String, u32> = list.zip(0..).collect();
    if !ids.contains_key("[UNK]") {
        let reason = "is not a WordPiece vocabulary (one token per line): [UNK] is missing";
        return Err(DataError::file(path, reason));
    }
    let special: Vec<&str> = BERT_SPECIAL
        .into_iter()
        .filter(|token| ids.contains_key(*token))
        .collect();
    let model = WordPiece::builder()
        .vocab(ids.into_iter().collect::<tokenizers::models::bpe::Vocab>())
        .build()
        .map_err(|error| DataError::file(path, error.to_string()))?;
    hugging_face(bert_tokenizer(model, normalizer, path)?, &special, path)
}

fn bert_settings(path: &Path) -> Result<BertSettings, DataError> {
    if !path.is_file() {
        return Ok(BertSettings::default());
    }
    serde_json::from_str(&read_text(path)?)
        .map_err(|error| DataError::file(path, format!("is not a tokenizer's settings: {error}")))
}

/// BERT's tokenizer around a WordPiece model.
pub(super) fn bert_tokenizer(
    model: WordPiece,
    normalizer: BertNormalizer,
    path: &Path,
) -> Result<tokenizers::Tokenizer, DataError> {
    let mut tokenizer = tokenizers::Tokenizer::new(ModelWrapper::WordPiece(model));
    tokenizer
        .with_normalizer(Some(normalizer))
        .map_err(|error| DataError::file(path, error.to_string()))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_decoder(Some(WordPieceDecoder::new("##".to_owned(), true)));
    // Unused here, where special tokens are never requested, but needed by Python when it opens our
    // tokenizer.json.
    let special = |token: &str| Some((token.to_owned(), tokenizer.token_to_id(token)?));
    if let (Some(end), Some(begin)) = (special("[SEP]"), special("[CLS]")) {
        tokenizer.with_post_processor(Some(BertProcessing::new(end, begin)));
    }
    Ok(tokenizer)
}

/// Adds special tokens, which are matched before the text is split.
pub(super) fn hugging_face(
    mut tokenizer: tokenizers::Tokenizer,
    special: &[&str],
    path: &Path,
) -> Result<Kind, DataError> {
    // RoBERTa's `<mask>` includes the space before it, as its words do.
    let special = special
        .iter()
        .map(|token| AddedToken::from(*token, true).lstrip(*token == "<mask>"));
    tokenizer
        .add_special_tokens(special)
        .map_err(|error| DataError::file(path, error.to_string()))?;
    Ok(Kind::HuggingFace(Box::new(HuggingFace::new(
        tokenizer, path,
    )?)))
}
