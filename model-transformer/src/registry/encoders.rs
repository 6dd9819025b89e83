use crate::{BertConfig, DistilBertConfig, RobertaConfig, TextEncoderConfig};

/// One named encoder.
#[derive(Clone, Copy, Debug)]
pub struct EncoderInfo {
    /// The name it is asked for by.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// The paper, as a link.
    pub paper: &'static str,
    /// Number of parameters with the default options, without a head and with the pooler, if the family has one.
    pub parameters: usize,
    /// Its configuration with the default options and no head.
    pub config: fn() -> TextEncoderConfig,
}

const BERT: &str = "https://arxiv.org/abs/1810.04805";
const DISTILBERT: &str = "https://arxiv.org/abs/1910.01108";
const MINILM: &str = "https://arxiv.org/abs/2002.10957";
const ROBERTA: &str = "https://arxiv.org/abs/1907.11692";
const WELL_READ: &str = "https://arxiv.org/abs/1908.08962";

use TextEncoderConfig::{Bert, DistilBert, Roberta};

/// All named encoders, alphabetically. Vocabularies are the original ones; `bert_nano`, which is no one's original, has a
/// stand-in until [`with_vocab_size`](TextEncoderConfig::with_vocab_size) gives it its data's.
#[rustfmt::skip]
pub const ENCODERS: &[EncoderInfo] = &[
    encoder("bert_base", "12 layers of width 768", || Bert(BertConfig::default()), 109_482_240, BERT),
    encoder("bert_large", "24 layers of width 1024", || Bert(BertConfig::new(24, 16, 1024)), 335_141_888, BERT),
    encoder("bert_medium", "8 layers of width 512", || Bert(BertConfig::new(8, 8, 512)), 41_373_184, WELL_READ),
    encoder("bert_mini", "4 layers of width 256", || Bert(BertConfig::new(4, 4, 256)), 11_170_560, WELL_READ),
    encoder("bert_nano", "2 layers of width 64, for sentences of a few words", || Bert(BertConfig::nano()), 141_248, BERT),
    encoder("bert_small", "4 layers of width 512", || Bert(BertConfig::new(4, 8, 512)), 28_763_648, WELL_READ),
    encoder("bert_tiny", "2 layers of width 128", || Bert(BertConfig::new(2, 2, 128)), 4_385_920, WELL_READ),
    encoder("distilbert_base", "6 layers of width 768", || DistilBert(DistilBertConfig::default()), 66_362_880, DISTILBERT),
    encoder("minilm_l6", "BERT with 6 layers of width 384 and 12 heads", || Bert(BertConfig::new(6, 12, 384)), 22_713_216, MINILM),
    encoder("roberta_base", "12 layers of width 768", || Roberta(RobertaConfig::default()), 124_645_632, ROBERTA),
    encoder("roberta_large", "24 layers of width 1024", || Roberta(RobertaConfig::new(24, 16, 1024)), 355_359_744, ROBERTA),
];

const fn encoder(
    name: &'static str,
    summary: &'static str,
    config: fn() -> TextEncoderConfig,
    parameters: usize,
    paper: &'static str,
) -> EncoderInfo {
    EncoderInfo {
        name,
        summary,
        paper,
        parameters,
        config,
    }
}

/// The encoder called `name`.
pub fn find_encoder(name: &str) -> Option<&'static EncoderInfo> {
    ENCODERS.iter().find(|encoder| encoder.name == name)
}
