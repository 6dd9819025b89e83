//! Texts for language models, and their model folders.

use super::maker::text;
use super::{Maker, Seed};
use crate::error::FuzzError;

const TINY: &str = "--set model.n_layer=1 --set model.n_head=2 --set model.n_embd=12 --set train.batch_size=4 \
                    --set data.sequence_length=8";

fn commands(seed: Seed, data: &str) -> Seed {
    let recipe = format!("transformer {data}");
    seed.command(&format!("data info {recipe}"))
        .command(&format!("data stats {recipe}"))
        .command(&format!("train {recipe} {TINY} --dry-run --ui quiet"))
}

pub(super) fn plain(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.bpe()?;
    maker.gpt_bpe()?;
    let seed = Seed::default().target("corpus.txt", text(60));
    let data = "--set data.source=text --data {f}";
    let seed = commands(seed, &format!("{data} --set data.unit=characters"));
    let seed = commands(
        seed,
        &format!("{data} --set data.unit=words --set data.vocab_size=20"),
    );
    let seed = commands(
        seed,
        &format!("{data} --set data.unit=tokenizer --set data.tokenizer={{s}}/bpe.json"),
    );
    Ok(seed
        .command("eval {s}/gpt-bpe --text {f}")
        .command("data tokenizer {f} --output {o}.json --vocab-size 300")
        .command("data tokenizer {f} --output {o}.json --kind wordpiece --vocab-size 100")
        .command("data tokens --tokenizer {s}/bpe.json --train {f} --validation {s}/text.txt --output {o}"))
}

pub(super) fn penn_treebank(_: &Maker<'_>) -> Result<Seed, FuzzError> {
    let lines = "the man saw <unk> N times\n<unk> man <unk> the N\n".repeat(20);
    let seed = Seed::default()
        .target("ptb.train.txt", lines.clone())
        .target("ptb.valid.txt", lines.clone())
        .target("ptb.test.txt", lines);
    Ok(commands(seed, "--set data.source=penn_treebank --data {c}"))
}

pub(super) fn treebank(_: &Maker<'_>) -> Result<Seed, FuzzError> {
    let tree = "( (S (NP-SBJ (NNP Mr.) (NNP Smith) (, ,)) (VP (VBD paid)\n (NP ($ $) (CD 1,200.50) (-NONE- *U*))) (. .)) )\n\
                ( (S (NP (CD 1\\/2) (NN year) (-LRB- -LRB-) (NN smith) (-RRB- -RRB-))) )\n";
    let mut seed = Seed::default();
    for name in ["00/wsj_0001", "21/wsj_2101", "23/wsj_2301"] {
        seed = seed.target(&format!("wsj/{name}.mrg"), tree);
    }
    Ok(commands(seed, "--set data.source=treebank --data {c}"))
}

pub(super) fn tokens(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let (text, tokenizer) = (maker.text()?, maker.bpe()?);
    let folder = maker.once("tokens", |path| {
        let (text, tokenizer, path) = (text.display(), tokenizer.display(), path.display());
        maker.call(&format!(
            "data tokens --tokenizer {tokenizer} --train {text} --validation {text} --output {path}"
        ))
    })?;
    let seed = Seed::default().folder(&folder, "")?;
    let data = "--set data.source=tokens --data {c}";
    Ok(commands(seed, data).command(&format!("data info transformer {data} --verify")))
}

/// Texts given with `--file` and `--prompts`.
pub(super) fn prompts(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.gpt_bpe()?;
    maker.bert()?;
    maker.masked_lm()?;
    let seed = Seed::default().target("texts.txt", text(8));
    Ok(seed
        .command("generate {s}/gpt-bpe --prompts {f} --max-tokens 4")
        .command("predict {s}/bert --file {f}")
        .command("embed {s}/mlm --file {f} --output {o}.npy"))
}

/// Masked language modelling on lines of text.
pub(super) fn masked(_: &Maker<'_>) -> Result<Seed, FuzzError> {
    let tiny = "--set model.hidden_size=16 --set model.num_attention_heads=2 --set model.num_hidden_layers=1 \
                --set train.batch_size=4 --set data.max_length=16";
    let seed = Seed::default().target("lines.txt", text(40));
    Ok(seed.command("data info mlm --data {f}").command(&format!(
        "train mlm --data {{f}} {tiny} --dry-run --ui quiet"
    )))
}

pub(super) fn gpt2_folder(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.gpt_bpe()?;
    model_folder(maker, "gpt2-folder", &run)
}

pub(super) fn llama_folder(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let run = maker.llama()?;
    model_folder(maker, "llama-folder", &run)
}

fn model_folder(maker: &Maker<'_>, name: &str, run: &std::path::Path) -> Result<Seed, FuzzError> {
    maker.text()?;
    let folder = maker.once(name, |path| {
        maker.call(&format!(
            "export {} {} --format huggingface",
            run.display(),
            path.display()
        ))
    })?;
    Ok(Seed::default()
        .folder(&folder, "")?
        .command("generate {c} --prompt the~old --max-tokens 4")
        .command("generate {c} --max-tokens 4 --temperature 0 --json")
        .command("eval {c} --text {s}/text.txt"))
}
