//! Run directories and recipes.

use std::path::Path;

use image::ImageFormat;

use super::images::{encode, images_folder};
use super::maker::IMAGE_RECIPE;
use super::{Maker, Seed, tables};
use crate::error::FuzzError;

/// A run directory of which every file is damaged, and the commands that all runs understand.
fn seed(run: &Path, recipe: &str, more: &str) -> Result<Seed, FuzzError> {
    let is_read =
        |name: &str| !name.starts_with("tensorboard") && name != "curves.svg" && name != ".lock";
    Ok(Seed::default()
        .folder(run, "")?
        .only(is_read)
        .command("eval {c}")
        .command("export {c} {o}.safetensors")
        .command(&format!(
            "train {recipe} --resume --run-dir {{c}} --ui quiet {more}"
        ))
        .command(&format!(
            "train {recipe} --resume --run-dir {{c}} --ui quiet"
        )))
}

pub(super) fn cnn(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.cnn()?;
    maker.file("image.png", encode(50, "png", ImageFormat::Png)?)?;
    Ok(seed(&run, "cnn", "--set train.epochs=3")?
        .command("predict {c} {s}/image.png")
        .command("explain {c} {s}/image.png --output {o}")
        .command("explain {c} --layers"))
}

pub(super) fn image_folder(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let data = images_folder(maker)?;
    let run = maker.image_folder(&data)?;
    maker.file("image.png", encode(50, "png", ImageFormat::Png)?)?;
    let recipe = "{s}/image.toml --data {s}/images";
    Ok(seed(&run, recipe, "--set train.epochs=3")?.command("predict {c} {s}/image.png"))
}

pub(super) fn rnn(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.rnn()?;
    Ok(seed(&run, "rnn", "--set train.max_steps=8")?
        .command("generate {c} --prompt the~old --max-tokens 4")
        .command("generate {c} --max-tokens 4 --json"))
}

pub(super) fn gpt(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.gpt_bpe()?;
    Ok(seed(&run, "transformer", "--set train.max_steps=8")?
        .command("generate {c} --prompt the~old --max-tokens 4")
        .command("generate {c} --max-tokens 4 --json")
        .command("export {c} {o} --format huggingface"))
}

pub(super) fn classifier(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.bert()?;
    Ok(encoder(&run, "bert")?
        .command("predict {c} --text not~bad")
        .command("explain {c} --text not~bad --steps 2"))
}

pub(super) fn lora(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.lora()?;
    Ok(encoder(&run, "bert")?
        .command("predict {c} --text not~bad")
        .command("export {c} {o} --format peft"))
}

pub(super) fn tagger(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = tables::tagger(maker)?;
    Ok(encoder(&run, "bert")?.command("predict {c} --text Ada~saw~Paris"))
}

pub(super) fn squad(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = tables::answerer(maker)?;
    Ok(encoder(&run, "bert")?.command("predict {c} --question Who? --text Ada~met~the~others"))
}

pub(super) fn masked_lm(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.masked_lm()?;
    Ok(encoder(&run, "mlm")?
        .command("fill-mask {c} the~[MASK]~man")
        .command("embed {c} --text not~bad"))
}

fn encoder(run: &Path, recipe: &str) -> Result<Seed, FuzzError> {
    Ok(
        seed(run, recipe, "--set train.max_steps=8")?
            .command("export {c} {o} --format huggingface"),
    )
}

pub(super) fn image_recipe(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let data = images_folder(maker)?;
    let shapes = IMAGE_RECIPE.replace(
        "source = \"folder\"",
        "source = \"shapes\"\ntrain_size = 20\nval_size = 10\nimage_size = 12",
    );
    let images = format!("--set data.source=folder --data {}", data.display());
    Ok(Seed::default()
        .target("recipe.toml", shapes)
        .command("data info {f}")
        .command("data preview {f} --output {o}.png --columns 2")
        .command("train {f} --dry-run --ui quiet")
        .command("data shards {f} --output {o}")
        .command(&format!("data info {{f}} {images}"))
        .command(&format!("train {{f}} {images} --dry-run --ui quiet")))
}

pub(super) fn language_recipe(_: &Maker<'_>) -> Result<Seed, FuzzError> {
    let recipe = |model: &str| {
        format!(
            "name = \"language\"\n\n[model]\n{model}\n\n[data]\nsource = \"grammar\"\ntrain_size = 2000\n\
             val_size = 200\nsequence_length = 8\neval_streams = 2\n\n[optimizer]\nname = \"adamw\"\n\
             learning_rate = 0.004\nbetas = [0.9, 0.99]\n\n[schedule]\nname = \"cosine\"\nwarmup_steps = 5\n\n\
             [train]\nepochs = 1\nbatch_size = 4\ngradient_accumulation = 1\nclip_norm = 1.0\n"
        )
    };
    let gpt = "name = \"gpt_mini\"\nn_layer = 1\nn_head = 2\nn_embd = 12\nn_positions = 16";
    let lstm =
        "name = \"lstm_lm\"\nembedding_size = 12\nhidden_size = 12\nnum_layers = 1\ndropout = 0.1";
    Ok(Seed::default()
        .target("gpt.toml", recipe(gpt))
        .target("lstm.toml", recipe(lstm))
        .command("data info {f}")
        .command("data stats {f}")
        .command("train {f} --dry-run --ui quiet"))
}

pub(super) fn encoder_recipe(_: &Maker<'_>) -> Result<Seed, FuzzError> {
    let recipe = "name = \"encoder\"\n\n[model]\nname = \"bert_nano\"\nhidden_size = 16\nnum_hidden_layers = 1\n\
                  num_attention_heads = 2\nintermediate_size = 24\nmax_position_embeddings = 32\n\
                  lora = { rank = 2, alpha = 4.0 }\n\n[data]\nsource = \"sentiment\"\ntrain_size = 40\n\
                  val_size = 10\nmax_length = 24\nvocab_size = 200\n\n[optimizer]\nname = \"adamw\"\n\
                  learning_rate = 0.001\n\n[schedule]\nname = \"linear\"\nwarmup_steps = 5\n\n[train]\nepochs = 1\n\
                  batch_size = 8\n";
    Ok(Seed::default()
        .target("recipe.toml", recipe)
        .command("data info {f}")
        .command("train {f} --dry-run --ui quiet"))
}
