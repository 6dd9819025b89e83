//! Model folders of text encoders.

use std::path::Path;

use super::{Maker, Seed};
use crate::error::FuzzError;

pub(super) fn classifier_folder(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.bert()?;
    maker.text()?;
    Ok(folder(maker, "bert-folder", &run)?
        .command("predict {c} --text the~film~was~not~bad")
        .command("predict {c} --file {s}/text.txt --json")
        .command("explain {c} --text not~bad --steps 2")
        .command("explain {c} --text not~bad --method attention")
        .command("embed {c} --text not~bad")
        .command("data info bert --set model.weights={c} --set model.name=pretrained"))
}

pub(super) fn masked_lm_folder(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.masked_lm()?;
    Ok(folder(maker, "mlm-folder", &run)?
        .command("fill-mask {c} the~[MASK]~man")
        .command("embed {c} --text not~bad --pooling cls")
        .command("train bert --set data.train_size=20 --set data.val_size=8 --set data.max_length=16 --set model.name=pretrained --weights {c} --dry-run --ui quiet"))
}

/// A folder of sentence-transformers.
pub(super) fn sentence_folder(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.masked_lm()?;
    maker.text()?;
    let modules = r#"[
  {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
  {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
  {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
]"#;
    let pooling = r#"{"word_embedding_dimension": 16, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true,
  "pooling_mode_max_tokens": false, "pooling_mode_mean_sqrt_len_tokens": false}"#;
    Ok(folder(maker, "mlm-folder", &run)?
        .target("modules.json", modules)
        .target("1_Pooling/config.json", pooling)
        .target(
            "sentence_bert_config.json",
            r#"{"max_seq_length": 12, "do_lower_case": false}"#,
        )
        .target(
            "config_sentence_transformers.json",
            r#"{"prompts": {}, "default_prompt_name": null}"#,
        )
        .command("embed {c} --text not~bad")
        .command("embed {c} --file {s}/text.txt --output {o}.npy"))
}

fn folder(maker: &Maker<'_>, name: &str, run: &Path) -> Result<Seed, FuzzError> {
    let folder = maker.once(name, |path| {
        maker.call(&format!(
            "export {} {} --format huggingface",
            run.display(),
            path.display()
        ))
    })?;
    Seed::default().folder(&folder, "")
}
