//! Names of tokenizer classes in transformers 5.23, and the class of each `model_type`.

use super::class::Class;

/// Name of the class that takes `tokenizer.json` as it is.
pub(super) const BACKEND: &str = "TokenizersBackend";
/// Name of the class for Mistral's own files, for which the former stands in.
pub(super) const MISTRAL: &str = "MistralCommonBackend";

/// Classes that are followed: class, its names without `Fast`, values of `model_type`.
const FOLLOWED: [(Class, &str, &str); 13] = [
    (
        Class::Backend,
        "TokenizersBackend PreTrainedTokenizer PreTrainedTokenizerFast PythonBackend BloomTokenizer",
        "EvollaModel aria beam bigbird_pegasus canary flex_olmo glm glm4 glm4_moe glm4_moe_lite glm4v \
         glm4v_moe glm_image glmasr got_ocr2 gpt_bigcode gradium_phonon_tts granite granitemoe \
         granitemoehybrid granitemoeshared kimi_k25 kimi_linear kosmos-2 mimo_v2_flash minicpm_ocr \
         minicpmv4_6 minicpmv4_7 nemo_speechlm nystromformer olmo2 olmo3 olmo_hybrid pegasus_x \
         persimmon pix2struct pocket_tts stablelm umt5 xlm-roberta-xl vipllava hyperclovax h2ovl_chat \
         phi3_v fuyu internlm3 nvfp4 jamba ernie4_5 arctic smolvlm minicpmv modernbert phi3 \
         modernbert-decoder phimoe nemotron cohere_asr hyperclovax_vlm molmo paddleocr_vl llava_next \
         openvla step3_vl iquestcoder opencua ernie4_5_moe internlm2 camembertv2-base llava minicpm3 \
         molmo2 chatlm minimax_m2",
    ),
    (
        Class::Bert,
        "BertTokenizer ElectraTokenizer LayoutLMTokenizer LxmertTokenizer MobileBertTokenizer \
         SqueezeBertTokenizer",
        "align bark bert blip bros chinese_clip convbert distilbert electra ernie flava git \
         grounding-dino layoutlm megatron-bert mm-grounding-dino nezha nomic_bert qdqbert realm \
         retribert squeezebert tvp vilt visual_bert lxmert mobilebert",
    ),
    (Class::Camembert, "CamembertTokenizer", "camembert"),
    (Class::CodeGen, "CodeGenTokenizer", ""),
    (Class::DistilBert, "DistilBertTokenizer", ""),
    (
        Class::Gemma,
        "GemmaTokenizer",
        "diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma \
         shieldgemma2 t5gemma zaya",
    ),
    (
        Class::Gpt2,
        "GPT2Tokenizer",
        "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip \
         instructblipvideo jais2 opt phi starcoder2",
    ),
    (
        Class::GptNeoX,
        "GPTNeoXTokenizer",
        "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm",
    ),
    (
        Class::Llama,
        "LlamaTokenizer Phi3Tokenizer",
        "idefics idefics2",
    ),
    (Class::MpNet, "MPNetTokenizer", "mpnet"),
    (
        Class::Qwen2,
        "Qwen2Tokenizer",
        "audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl \
         moss_transcribe_diarize ovis2 qianfan_ocr qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio \
         qwen2_moe qwen2_vl qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe \
         lighton_ocr vibevoice",
    ),
    (
        Class::Roberta,
        "RobertaTokenizer BartTokenizer LEDTokenizer LongformerTokenizer MvpTokenizer",
        "bart bridgetower clap data2vec-text ibert lilt longformer mega mra roberta \
         roberta-prelayernorm florence2 led mvp",
    ),
    (
        Class::XlmRoberta,
        "XLMRobertaTokenizer",
        "gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod",
    ),
];

/// Classes with code of their own that is not followed: names without `Fast`, and after a colon
/// the values of `model_type`.
const OTHERS: &str = "Albert:albert,yoso Auto Barthez:barthez Bartpho:bartpho Basic \
    BertGeneration:bert-generation BertJapanese:bert-japanese Bertweet:bertweet BigBird:big_bird \
    BioGpt:biogpt BlenderbotSmall:blenderbot-small Blenderbot:blenderbot ByT5:byt5 \
    CLIP:aimv2,clip,clipseg,groupvit,omdet-turbo,oneformer,owlv2,owlvit,sam3,sam3_video,xclip CTRL:ctrl \
    Canine:canine Character Clvp:clvp CodeLlama:code_llama Cohere:aya_vision,cohere,cohere2 ConvBert \
    CpmAnt:cpmant Cpm:cpm DPRContextEncoder DPRQuestionEncoder:dpr DPRReader Deberta:deberta \
    DebertaV2:deberta-v2 Dia:dia Esm:esm Esmc:esmc,esmfold2 FNet:fnet FSMT:fsmt FastSpeech2Conformer \
    Flaubert:flaubert Funnel:funnel GPTNeoXJapanese:gpt_neox_japanese GPTSw3:gpt-sw3 Herbert:herbert \
    Lasr:lasr_ctc,lasr_encoder LayoutLMv2:layoutlmv2 LayoutLMv3:layoutlmv3 LayoutXLM:layoutxlm Luke:luke \
    M2M100:m2m_100 MBart50:mbart50 MBart:mbart MLuke:mluke Marian:marian MarkupLM:markuplm Mecab \
    Mgpstr:mgp-str MyT5:myt5 Nllb:nllb,nllb-moe Nougat:nougat,pp_formulanet OpenAIGPT:openai-gpt \
    PLBart:plbart \
    Parakeet:granite_speech5_ctc,nemotron3_5_asr,nemotron_asr_streaming,parakeet_ctc,parakeet_rnnt,parakeet_tdt \
    Pegasus:pegasus Perceiver:perceiver Phobert:phobert Pop2Piano ProphetNet:prophetnet \
    Qwen3_5:qwen3_5,qwen3_5_moe,qwen3_5_moe_text,qwen3_5_text,qwen4_exp Rag:rag Reformer:reformer \
    RemBert:rembert RoCBert:roc_bert RoFormer:roformer SeamlessM4T:seamless_m4t,seamless_m4t_v2 \
    Siglip2:siglip2 Siglip:siglip Speech2Text:speech_to_text SpeechT5:speecht5 Splinter:splinter \
    T5:mt5,musicgen,musicgen_melody,switch_transformers,t5 Tapas:tapas Tipsv2:tipsv2 Udop:udop \
    VideoPrism:videoprism Vits:vits \
    Wav2Vec2CTC:data2vec-audio,hubert,unispeech,unispeech-sat,wav2vec2,wav2vec2-bert,wav2vec2-conformer \
    Wav2Vec2PhonemeCTC:wav2vec2_phoneme Whisper:whisper Wordpiece XGLM:xglm XLM:xlm XLNet:xlnet";

/// Models whose published folders name a wrong class; the registered one counts.
pub(super) const MISNAMED: [&str; 41] = [
    "arctic",
    "camembertv2-base",
    "chatlm",
    "cohere_asr",
    "ernie4_5",
    "ernie4_5_moe",
    "fuyu",
    "h2ovl_chat",
    "hyperclovax",
    "hyperclovax_vision_v2",
    "hyperclovax_vlm",
    "internlm2",
    "internlm3",
    "iquestcoder",
    "jamba",
    "llava",
    "llava_next",
    "minicpm3",
    "minicpmv",
    "minimax_m2",
    "modernbert",
    "modernbert-decoder",
    "molmo",
    "molmo2",
    "nemotron",
    "nvfp4",
    "opencua",
    "openvla",
    "paddleocr_vl",
    "phi3",
    "phi3_v",
    "phimoe",
    "qwen2",
    "qwen3_5",
    "qwen3_5_moe",
    "qwen3_5_moe_text",
    "qwen4_exp",
    "siglip2",
    "smolvlm",
    "step3_vl",
    "vipllava",
];

/// Models that Mistral's class is registered for.
const OF_MISTRAL: &str =
    "ministral ministral3 mistral mistral3 mistral_large4 mixtral pixtral voxtral voxtral_realtime";

/// The class registered for a `model_type`, without `Fast`.
pub(super) fn of_model(model: &str) -> Option<String> {
    if model.is_empty() {
        return None;
    }
    let is = |list: &str, separator: char| list.split(separator).any(|other| other == model);
    if is(OF_MISTRAL, ' ') {
        return Some(MISTRAL.to_owned());
    }
    let followed = FOLLOWED.iter().find(|(_, _, models)| is(models, ' '));
    if let Some((_, names, _)) = followed {
        return names.split(' ').next().map(str::to_owned);
    }
    let mut others = OTHERS.split(' ').filter_map(|entry| entry.split_once(':'));
    let other = others.find(|(_, models)| is(models, ','));
    other.map(|(stem, _)| format!("{stem}Tokenizer"))
}

/// The class of a name: `None` if transformers does not know it, `Some(None)` if it is not
/// followed.
pub(super) fn find(name: &str) -> Option<Option<Class>> {
    let bare = name.strip_suffix("Fast").unwrap_or(name);
    let followed = FOLLOWED.iter().find(|(_, names, _)| {
        let mut names = names.split(' ');
        names.any(|other| other == name || other == bare)
    });
    if let Some((class, _, _)) = followed {
        return Some(Some(*class));
    }
    let stem = bare.strip_suffix("Tokenizer").unwrap_or(bare);
    let mut others = OTHERS
        .split(' ')
        .map(|entry| entry.split(':').next().unwrap_or(entry));
    others
        .any(|other| other == stem || other == bare)
        .then_some(None)
}
