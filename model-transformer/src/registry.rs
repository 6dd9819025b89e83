//! Named models, with their size and their paper.

use tinderbox_model::registry;

use crate::{
    BertConfig, CausalLmConfig, DistilBertConfig, GptConfig, LlamaConfig, RobertaConfig,
    TextEncoderConfig,
};
use CausalLmConfig::{Gpt, Llama};
use TextEncoderConfig::{Bert, DistilBert, Roberta};

/// A named causal language model.
pub type ModelInfo = registry::ModelInfo<CausalLmConfig>;
/// A named text encoder. The number of parameters is that without a head, with the pooler if the
/// family has one.
pub type EncoderInfo = registry::ModelInfo<TextEncoderConfig>;

const GPT2: &str = "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf";
const GPT3: &str = "https://arxiv.org/abs/2005.14165";
const LLAMA2: &str = "https://arxiv.org/abs/2307.09288";
const LLAMA3: &str = "https://arxiv.org/abs/2407.21783";
const TINYLLAMA: &str = "https://arxiv.org/abs/2401.02385";

/// All named causal language models, alphabetically. Vocabularies are the original ones; the small
/// models have a vocabulary of bytes until [`with_vocab_size`](CausalLmConfig::with_vocab_size)
/// sets another.
///
/// The GPT-3 paper prints two widths that are not `heads * head_dim`: XL is taken to have 16 heads,
/// and 13B a width of 5120.
pub const MODELS: &[ModelInfo] = &[
    ModelInfo::new("gpt2", 124_439_808, || Gpt(GptConfig::default()))
        .summary("12 layers of width 768")
        .paper(GPT2),
    ModelInfo::new("gpt2_large", 774_030_080, || {
        Gpt(GptConfig::new(36, 20, 1280))
    })
    .summary("36 layers of width 1280")
    .paper(GPT2),
    ModelInfo::new("gpt2_medium", 354_823_168, || {
        Gpt(GptConfig::new(24, 16, 1024))
    })
    .summary("24 layers of width 1024")
    .paper(GPT2),
    ModelInfo::new("gpt2_xl", 1_557_611_200, || {
        Gpt(GptConfig::new(48, 25, 1600))
    })
    .summary("48 layers of width 1600")
    .paper(GPT2),
    ModelInfo::new("gpt3_13b", 12_853_386_240, || {
        Gpt(GptConfig::gpt3(40, 40, 5120))
    })
    .summary("40 layers of width 5120")
    .paper(GPT3),
    ModelInfo::new("gpt3_175b", 174_604_259_328, || {
        Gpt(GptConfig::gpt3(96, 96, 12288))
    })
    .summary("96 layers of width 12288")
    .paper(GPT3),
    ModelInfo::new("gpt3_2_7b", 2_651_553_280, || {
        Gpt(GptConfig::gpt3(32, 32, 2560))
    })
    .summary("32 layers of width 2560")
    .paper(GPT3),
    ModelInfo::new("gpt3_6_7b", 6_658_404_352, || {
        Gpt(GptConfig::gpt3(32, 32, 4096))
    })
    .summary("32 layers of width 4096")
    .paper(GPT3),
    ModelInfo::new("gpt3_large", 760_300_032, || {
        Gpt(GptConfig::gpt3(24, 16, 1536))
    })
    .summary("24 layers of width 1536")
    .paper(GPT3),
    ModelInfo::new("gpt3_medium", 355_871_744, || {
        Gpt(GptConfig::gpt3(24, 16, 1024))
    })
    .summary("24 layers of width 1024")
    .paper(GPT3),
    ModelInfo::new("gpt3_small", 125_226_240, || {
        Gpt(GptConfig::gpt3(12, 12, 768))
    })
    .summary("12 layers of width 768")
    .paper(GPT3),
    ModelInfo::new("gpt3_xl", 1_315_723_264, || {
        Gpt(GptConfig::gpt3(24, 16, 2048))
    })
    .summary("24 layers of width 2048")
    .paper(GPT3),
    ModelInfo::new("gpt_cpu", 10_818_432, || {
        Gpt(GptConfig::small(6, 6, 384, 256))
    })
    .summary("GPT for a CPU, 6 layers of width 384")
    .paper(GPT2),
    ModelInfo::new("gpt_mini", 473_952, || Gpt(GptConfig::small(4, 4, 96, 64)))
        .summary("GPT for quick tests, 4 layers of width 96")
        .paper(GPT2),
    ModelInfo::new("llama2_7b", 6_738_415_616, || {
        Llama(LlamaConfig::llama2_7b())
    })
    .summary("32 layers of width 4096")
    .paper(LLAMA2),
    ModelInfo::new("llama3_8b", 8_030_261_248, || {
        Llama(LlamaConfig::llama3_8b())
    })
    .summary("32 layers of width 4096, grouped-query attention")
    .paper(LLAMA3),
    ModelInfo::new("llama_mini", 623_744, || Llama(LlamaConfig::mini()))
        .summary("Llama for quick tests, 4 layers of width 128")
        .paper(LLAMA2),
    ModelInfo::new("tinyllama_1_1b", 1_100_048_384, || {
        Llama(LlamaConfig::tinyllama_1_1b())
    })
    .summary("22 layers of width 2048, grouped-query attention")
    .paper(TINYLLAMA),
];

/// The causal language model called `name`.
pub fn find(name: &str) -> Option<&'static ModelInfo> {
    registry::find(MODELS, name)
}

const BERT: &str = "https://arxiv.org/abs/1810.04805";
const DISTILBERT: &str = "https://arxiv.org/abs/1910.01108";
const MINILM: &str = "https://arxiv.org/abs/2002.10957";
const ROBERTA: &str = "https://arxiv.org/abs/1907.11692";
const SMALL_BERT: &str = "https://arxiv.org/abs/1908.08962";

/// All named text encoders, alphabetically. Vocabularies are the original ones; that of
/// `bert_nano`, which was never published, is a placeholder until
/// [`with_vocab_size`](TextEncoderConfig::with_vocab_size) sets the tokenizer's.
pub const ENCODERS: &[EncoderInfo] = &[
    EncoderInfo::new("bert_base", 109_482_240, || Bert(BertConfig::default()))
        .summary("12 layers of width 768")
        .paper(BERT),
    EncoderInfo::new("bert_large", 335_141_888, || {
        Bert(BertConfig::new(24, 16, 1024))
    })
    .summary("24 layers of width 1024")
    .paper(BERT),
    EncoderInfo::new("bert_medium", 41_373_184, || {
        Bert(BertConfig::new(8, 8, 512))
    })
    .summary("8 layers of width 512")
    .paper(SMALL_BERT),
    EncoderInfo::new("bert_mini", 11_170_560, || Bert(BertConfig::new(4, 4, 256)))
        .summary("4 layers of width 256")
        .paper(SMALL_BERT),
    EncoderInfo::new("bert_nano", 141_248, || Bert(BertConfig::nano()))
        .summary("2 layers of width 64, for short sentences")
        .paper(BERT),
    EncoderInfo::new("bert_small", 28_763_648, || {
        Bert(BertConfig::new(4, 8, 512))
    })
    .summary("4 layers of width 512")
    .paper(SMALL_BERT),
    EncoderInfo::new("bert_tiny", 4_385_920, || Bert(BertConfig::new(2, 2, 128)))
        .summary("2 layers of width 128")
        .paper(SMALL_BERT),
    EncoderInfo::new("distilbert_base", 66_362_880, || {
        DistilBert(DistilBertConfig::default())
    })
    .summary("6 layers of width 768")
    .paper(DISTILBERT),
    EncoderInfo::new("minilm_l6", 22_713_216, || {
        Bert(BertConfig::new(6, 12, 384))
    })
    .summary("BERT with 6 layers of width 384 and 12 heads")
    .paper(MINILM),
    EncoderInfo::new("roberta_base", 124_645_632, || {
        Roberta(RobertaConfig::default())
    })
    .summary("12 layers of width 768")
    .paper(ROBERTA),
    EncoderInfo::new("roberta_large", 355_359_744, || {
        Roberta(RobertaConfig::new(24, 16, 1024))
    })
    .summary("24 layers of width 1024")
    .paper(ROBERTA),
];

/// The text encoder called `name`.
pub fn find_encoder(name: &str) -> Option<&'static EncoderInfo> {
    registry::find(ENCODERS, name)
}
