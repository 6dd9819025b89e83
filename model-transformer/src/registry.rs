//! Every model that has a name: what it is called, how large it is, where it comes from.

mod encoders;

use crate::{CausalLmConfig, GptConfig, LlamaConfig};

pub use encoders::{ENCODERS, EncoderInfo, find_encoder};

/// One named language model.
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// The name it is asked for by.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// The paper, as a link.
    pub paper: &'static str,
    /// Number of parameters with the default options.
    pub parameters: usize,
    /// Its configuration with the default options.
    pub config: fn() -> CausalLmConfig,
}

const GPT2: &str = "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf";
const GPT3: &str = "https://arxiv.org/abs/2005.14165";
const LLAMA2: &str = "https://arxiv.org/abs/2307.09288";
const LLAMA3: &str = "https://arxiv.org/abs/2407.21783";
const TINYLLAMA: &str = "https://arxiv.org/abs/2401.02385";

use CausalLmConfig::{Gpt, Llama};

/// All named language models, alphabetically. Vocabularies are the original ones; the small models have one byte a token until
/// [`with_vocab_size`](CausalLmConfig::with_vocab_size) gives them their corpus's.
///
/// The GPT-3 table prints two widths that are not `heads * head_dim`: XL is taken to have 16 heads, and 13B a width of 5120.
#[rustfmt::skip]
pub const MODELS: &[ModelInfo] = &[
    model("gpt2", "12 layers of width 768", || Gpt(GptConfig::default()), 124_439_808, GPT2),
    model("gpt2_large", "36 layers of width 1280", || Gpt(GptConfig::new(36, 20, 1280)), 774_030_080, GPT2),
    model("gpt2_medium", "24 layers of width 1024", || Gpt(GptConfig::new(24, 16, 1024)), 354_823_168, GPT2),
    model("gpt2_xl", "48 layers of width 1600", || Gpt(GptConfig::new(48, 25, 1600)), 1_557_611_200, GPT2),
    model("gpt3_13b", "40 layers of width 5120", || Gpt(GptConfig::gpt3(40, 40, 5120)), 12_853_386_240, GPT3),
    model("gpt3_175b", "96 layers of width 12288", || Gpt(GptConfig::gpt3(96, 96, 12288)), 174_604_259_328, GPT3),
    model("gpt3_2_7b", "32 layers of width 2560", || Gpt(GptConfig::gpt3(32, 32, 2560)), 2_651_553_280, GPT3),
    model("gpt3_6_7b", "32 layers of width 4096", || Gpt(GptConfig::gpt3(32, 32, 4096)), 6_658_404_352, GPT3),
    model("gpt3_large", "24 layers of width 1536", || Gpt(GptConfig::gpt3(24, 16, 1536)), 760_300_032, GPT3),
    model("gpt3_medium", "24 layers of width 1024", || Gpt(GptConfig::gpt3(24, 16, 1024)), 355_871_744, GPT3),
    model("gpt3_small", "12 layers of width 768", || Gpt(GptConfig::gpt3(12, 12, 768)), 125_226_240, GPT3),
    model("gpt3_xl", "24 layers of width 2048", || Gpt(GptConfig::gpt3(24, 16, 2048)), 1_315_723_264, GPT3),
    model("gpt_cpu", "GPT for a processor, 6 layers of width 384", || Gpt(GptConfig::small(6, 6, 384, 256)), 10_818_432, GPT2),
    model("gpt_mini", "GPT for a test drive, 4 layers of width 96", || Gpt(GptConfig::small(4, 4, 96, 64)), 473_952, GPT2),
    model("llama2_7b", "32 layers of width 4096", || Llama(LlamaConfig::llama2_7b()), 6_738_415_616, LLAMA2),
    model("llama3_8b", "32 layers of width 4096, grouped heads", || Llama(LlamaConfig::llama3_8b()), 8_030_261_248, LLAMA3),
    model("llama_mini", "Llama for a test drive, 4 layers of width 128", || Llama(LlamaConfig::mini()), 623_744, LLAMA2),
    model("tinyllama_1_1b", "22 layers of width 2048, grouped heads", || Llama(LlamaConfig::tinyllama_1_1b()), 1_100_048_384, TINYLLAMA),
];

const fn model(
    name: &'static str,
    summary: &'static str,
    config: fn() -> CausalLmConfig,
    parameters: usize,
    paper: &'static str,
) -> ModelInfo {
    ModelInfo {
        name,
        summary,
        paper,
        parameters,
        config,
    }
}

/// The language model called `name`.
pub fn find(name: &str) -> Option<&'static ModelInfo> {
    MODELS.iter().find(|model| model.name == name)
}
