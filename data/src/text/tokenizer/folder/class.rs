//! The tokenizer class of a folder, chosen as `AutoTokenizer` chooses it.

use super::added::Added;
use super::beside::Beside;
use super::names;
use super::special::Special;
use crate::error::DataError;
use crate::text::tokenizer::open::{ROBERTA_SPECIAL, read_vocab};

/// Tokenizer classes of transformers that are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `PreTrainedTokenizerFast`: `tokenizer.json` as it is.
    Backend,
    Bert,
    CodeGen,
    Camembert,
    DistilBert,
    Gemma,
    Gpt2,
    GptNeoX,
    Llama,
    MpNet,
    Qwen2,
    Roberta,
    XlmRoberta,
}

/// The class of a folder.
///
/// # Errors
/// If it is not followed.
pub(super) fn resolve(beside: &Beside) -> Result<Class, DataError> {
    let model = beside.model_type.as_deref().unwrap_or_default();
    let registered = names::of_model(model);
    let registered = registered.as_deref();
    let is_misnamed = [Some(model), beside.model_name.as_deref()]
        .into_iter()
        .flatten()
        .any(|model| names::MISNAMED.contains(&model));
    let declared = beside.class.as_deref().or(beside.model_class.as_deref());
    let has_code = beside.has_code();
    if !has_code && let Some(declared) = declared {
        if without_fast(declared) == "LlamaTokenizer"
            && registered != Some(names::MISTRAL)
            && !is_misnamed
            && beside.is_byte_level()?
        {
            return Ok(Class::Backend);
        }
        if let Some(registered) = registered
            && registered != without_fast(declared)
        {
            if [names::BACKEND, names::MISTRAL].contains(&registered) {
                return Ok(Class::Backend);
            }
            return named(beside, if is_misnamed { registered } else { declared });
        }
    }
    if has_code && !is_misnamed && registered.is_none() && !is_local(beside.class.as_deref()) {
        let reason = "auto_map: this tokenizer is a Python program of its own, which is not run";
        return Err(DataError::file(&beside.config_path(), reason));
    }
    match (&beside.class, &beside.model_class) {
        (Some(class), _) => named(beside, without_fast(class)),
        (None, Some(class)) => named(beside, class),
        (None, None) => match registered {
            Some(registered) => named(beside, registered),
            None => Ok(of_files(beside)),
        },
    }
}

/// The class where nothing names one: by the files of a vocabulary that belong to one.
fn of_files(beside: &Beside) -> Class {
    let has = |name: &str| beside.path(name).is_file();
    if beside.json_path.is_some() || beside.model_type.is_some() {
        Class::Backend
    } else if has("vocab.txt") {
        Class::Bert
    } else if has("vocab.json") && has("merges.txt") {
        let vocab = read_vocab(&beside.path("vocab.json")).unwrap_or_default();
        let is_roberta = ROBERTA_SPECIAL
            .iter()
            .all(|token| vocab.contains_key(*token));
        if is_roberta {
            Class::Roberta
        } else {
            Class::Gpt2
        }
    } else {
        Class::Backend
    }
}

fn is_local(class: Option<&str>) -> bool {
    class.is_some_and(|class| names::find(class).is_some())
}

fn without_fast(class: &str) -> &str {
    class.strip_suffix("Fast").unwrap_or(class)
}

/// The class of this name. Names that transformers does not know mean `tokenizer.json` as it is.
fn named(beside: &Beside, name: &str) -> Result<Class, DataError> {
    match names::find(name) {
        None => Ok(Class::Backend),
        Some(Some(class)) => Ok(class),
        Some(None) => {
            let place = if beside.class.is_some() {
                beside.config_path()
            } else {
                beside.path("config.json")
            };
            let reason = format!(
                "the class {name} of the tokenizer is not supported; save it as a \
                 PreTrainedTokenizerFast with a tokenizer.json"
            );
            Err(DataError::file(&place, reason))
        }
    }
}

impl Class {
    /// The token that stands for `name` if the files do not name one.
    pub(super) fn default_of(self, name: &str) -> Option<Special> {
        let fairseq = |name| {
            Some(match name {
                "bos_token" | "cls_token" => "<s>",
                "eos_token" | "sep_token" => "</s>",
                "unk_token" => "<unk>",
                "pad_token" => "<pad>",
                "mask_token" => "<mask>",
                _ => return None,
            })
        };
        let content = match (self, name) {
            (Self::Bert | Self::DistilBert, "unk_token") | (Self::MpNet, "unk_token") => "[UNK]",
            (Self::Bert | Self::DistilBert, "sep_token") => "[SEP]",
            (Self::Bert | Self::DistilBert, "pad_token") => "[PAD]",
            (Self::Bert | Self::DistilBert, "cls_token") => "[CLS]",
            (Self::Bert | Self::DistilBert, "mask_token") => "[MASK]",
            (Self::Roberta | Self::MpNet | Self::XlmRoberta | Self::Camembert, name) => {
                fairseq(name)?
            }
            (Self::Llama, "unk_token" | "bos_token" | "eos_token") => fairseq(name)?,
            (Self::Gemma, "unk_token" | "pad_token" | "mask_token") => fairseq(name)?,
            (Self::Gemma, "bos_token") => "<bos>",
            (Self::Gemma, "eos_token") => "<eos>",
            (Self::GptNeoX, "pad_token") => "<|padding|>",
            (Self::Qwen2, "pad_token" | "unk_token" | "eos_token") => "<|endoftext|>",
            (
                Self::Gpt2 | Self::CodeGen | Self::GptNeoX,
                "unk_token" | "bos_token" | "eos_token",
            ) => "<|endoftext|>",
            _ => return None,
        };
        Some(Special::Text(content.to_owned()))
    }

    /// The token as the class passes it on: MPNet's and CamemBERT's `<mask>` include the space
    /// before it, as their words do.
    pub(super) fn adapted(self, name: &str, token: Special) -> Special {
        let added = |content, special| Special::Token(Added::new(content, special));
        match (self, name, token) {
            (Self::MpNet, "mask_token", Special::Text(content)) => {
                Special::Token(Added::new(content, false).with_lstrip(true))
            }
            (Self::MpNet, _, Special::Text(content)) => added(content, false),
            (Self::Camembert, "mask_token", Special::Text(content)) => {
                Special::Token(Added::new(content, true).with_lstrip(true))
            }
            (_, _, token) => token,
        }
    }

    /// Special tokens without a name that the class adds.
    pub(super) fn default_more(self) -> Vec<Special> {
        let tokens: &[&str] = match self {
            Self::Camembert => &["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"],
            _ => &[],
        };
        let tokens = tokens.iter();
        tokens
            .map(|token| Special::Text((*token).to_owned()))
            .collect()
    }

    /// True if the class names a padding token itself, so that the one of `tokenizer.json`'s
    /// padding does not count.
    pub(super) fn passes_padding(self) -> bool {
        !matches!(self, Self::Backend | Self::Llama)
    }

    /// True if models get token type ids from it by default.
    pub(super) fn has_token_type_ids(self) -> bool {
        self == Self::Bert
    }

    /// True if its model is a WordPiece.
    pub(super) fn is_word_piece(self) -> bool {
        matches!(self, Self::Bert | Self::DistilBert | Self::MpNet)
    }

    /// True if its model is SentencePiece's Unigram.
    pub(super) fn is_unigram(self) -> bool {
        matches!(self, Self::XlmRoberta | Self::Camembert)
    }
}
