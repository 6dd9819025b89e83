//! Language models through the command: training, evaluation, generation, errors.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod published;

use std::fs;
use std::path::{Path, PathBuf};

use common::{assert_one_line_error, tinderbox, train_tiny_text};
use serde_json::Value;
use tempfile::TempDir;

/// A trained run of the recipe, in a folder that is removed with the first value.
fn run(recipe: &str, more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_tiny_text(recipe, &run, more).assert().success();
    (folder, run)
}

fn json_lines(output: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(output.to_vec()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn generated(run: &Path, more: &[&str]) -> Vec<Value> {
    let mut command = tinderbox();
    command.arg("generate").arg(run).arg("--json").args(more);
    json_lines(&command.assert().success().get_output().stdout)
}

/// Words of the grammar's sentences.
const TEXT: &str = "the dog sees a cat\n";

#[test]
fn both_architectures_generate_and_are_evaluated() {
    for recipe in ["rnn", "transformer"] {
        let (folder, run) = run(recipe, &[]);
        assert!(run.join("tokenizer.json").is_file());
        let shown = tinderbox()
            .arg("generate")
            .arg(&run)
            .args(["--max-tokens", "30", "--prompt", "the"])
            .assert()
            .success();
        let text = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
        assert!(text.starts_with("the "), "{text}");
        assert!(text.split_whitespace().count() > 10, "{text}");
        let speed = String::from_utf8(shown.get_output().stderr.clone()).unwrap();
        assert!(speed.starts_with("30 tokens, "), "{speed}");

        for split in ["train", "validation", "test"] {
            let shown = tinderbox()
                .arg("eval")
                .arg(&run)
                .args(["--split", split, "--json"])
                .assert()
                .success();
            let report: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
            let perplexity = report["perplexity"].as_f64().unwrap();
            assert!((2.0..60.0).contains(&perplexity), "{report}");
            assert!(report["bits_per_character"].as_f64().unwrap() > 0.0);
            assert!(run.join(format!("eval-{split}.json")).is_file());
        }
        let text = folder.path().join("text.txt");
        // CRLF line ends, and none after the last line.
        fs::write(&text, TEXT.trim_end().to_owned() + "\r\n" + TEXT.trim_end()).unwrap();
        let shown = tinderbox()
            .arg("eval")
            .arg(&run)
            .arg("--text")
            .arg(&text)
            .arg("--json")
            .assert()
            .success();
        let report: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
        // Twice five words and the end of the line; the first word is predicted from an end of
        // text.
        assert_eq!(report["tokens"], 12);
    }
}

/// Every token counts once, whatever the windows or streams of an evaluation.
#[test]
fn every_token_is_evaluated_once_however_the_text_is_cut() {
    for (recipe, sets) in [
        ("transformer", ["data.eval_stride=12", "data.eval_stride=5"]),
        ("rnn", ["data.eval_streams=1", "data.eval_streams=7"]),
    ] {
        let mut counts = Vec::new();
        for set in sets {
            let (_folder, run) = run(recipe, &["train.max_steps=2", set]);
            tinderbox().arg("eval").arg(&run).assert().success();
            let report = fs::read(run.join("eval-validation.json")).unwrap();
            let report: Value = serde_json::from_slice(&report).unwrap();
            counts.push(report["tokens"].as_u64().unwrap());
        }
        assert_eq!(counts[0], counts[1]);
        assert!(counts[0] >= 400);
    }
}

#[test]
fn a_text_is_a_function_of_prompt_settings_and_seed() {
    let (_folder, run) = run("transformer", &["train.max_steps=30"]);
    let text = |more: &[&str]| {
        let more = [&["--prompt", "the", "--max-tokens", "20"], more].concat();
        generated(&run, &more)[0]["text"].to_string()
    };
    assert_eq!(text(&[]), text(&[]));
    assert_ne!(text(&[]), text(&["--seed", "1"]));
    assert_eq!(
        text(&["--temperature", "0"]),
        text(&["--temperature", "0", "--seed", "1"])
    );
    assert_eq!(
        text(&["--temperature", "0"]),
        text(&["--top-k", "1", "--seed", "3"])
    );
    let samples = generated(&run, &["--num-samples", "3", "--max-tokens", "20"]);
    assert_eq!(samples.len(), 3);
    assert_ne!(samples[0]["text"], samples[1]["text"]);
}

#[test]
fn prompts_from_a_file_stop_strings_and_log_probabilities() {
    let (folder, run) = run("rnn", &["train.max_steps=60"]);
    let prompts = folder.path().join("prompts.txt");
    fs::write(&prompts, "the\na\n").unwrap();
    let prompts = prompts.to_str().unwrap();
    let texts = generated(
        &run,
        &["--prompts", prompts, "--max-tokens", "400", "--stop", "\n"],
    );
    assert_eq!(texts.len(), 2);
    for (text, prompt) in texts.iter().zip(["the", "a"]) {
        assert_eq!(text["prompt"], prompt);
        // Sentences of the grammar have at most 25 words.
        assert_eq!(text["finish_reason"], "stop");
        assert!(!text["text"].as_str().unwrap().contains('\n'));
        for token in text["tokens"].as_array().unwrap() {
            assert!(token["log_prob"].as_f64().unwrap() <= 0.0, "{token}");
        }
    }
    let length = generated(&run, &["--max-tokens", "3"]);
    assert_eq!(length[0]["finish_reason"], "length");
    assert_eq!(length[0]["tokens"].as_array().unwrap().len(), 3);
}

/// A run exported as a Hugging Face folder generates the same text.
#[test]
fn an_exported_folder_is_the_same_model() {
    let (folder, run) = run("transformer", &["train.max_steps=20"]);
    let exported = folder.path().join("exported");
    let export = || {
        let mut command = tinderbox();
        command.arg("export").arg(&run).arg(&exported);
        command.args(["--format", "huggingface"]);
        command
    };
    export().assert().success();
    assert_one_line_error(&mut export(), 1, &["exists", "--overwrite"]);
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        assert!(exported.join(name).is_file(), "{name}");
    }
    let settings = fs::read(exported.join("tokenizer_config.json")).unwrap();
    let settings: Value = serde_json::from_slice(&settings).unwrap();
    assert_eq!(settings["tokenizer_class"], "PreTrainedTokenizerFast");
    assert_eq!(settings["eos_token"], "<eos>");
    let greedy = [
        "--prompt",
        "the",
        "--temperature",
        "0",
        "--max-tokens",
        "30",
    ];
    assert_eq!(generated(&run, &greedy), generated(&exported, &greedy));
}

/// An attention model continues when its context is full.
#[test]
fn a_text_can_be_longer_than_the_context_and_a_prompt_cannot() {
    let (_folder, run) = run(
        "transformer",
        &["train.max_steps=2", "model.n_positions=12"],
    );
    let long = generated(&run, &["--max-tokens", "40"]);
    assert_eq!(long[0]["tokens"].as_array().unwrap().len(), 40);
    let prompt = "the ".repeat(13);
    assert_one_line_error(
        tinderbox()
            .arg("generate")
            .arg(&run)
            .args(["--prompt", &prompt]),
        1,
        &["13 tokens", "context length of 12"],
    );
}

#[test]
fn wrong_options_are_errors() {
    let (folder, run) = run("rnn", &["train.max_steps=2"]);
    let generate = |more: &[&str]| {
        let mut command = tinderbox();
        command.arg("generate").arg(&run).args(more);
        command
    };
    for (more, words) in [
        (
            &["--prompt", "the xylophone"][..],
            &["xylophone", "column 5"][..],
        ),
        (&["--temperature", "-1"], &["temperature", "-1"]),
        (&["--top-p", "1.5"], &["top_p", "1.5"]),
        (&["--stop", ""], &["--stop"]),
        (&["--tokenizer", "x"], &["--tokenizer"]),
    ] {
        assert_one_line_error(&mut generate(more), 1, words);
    }
    let prompts = folder.path().join("none.txt");
    fs::write(&prompts, "").unwrap();
    assert_one_line_error(
        generate(&[]).arg("--prompts").arg(&prompts),
        1,
        &["no prompts"],
    );
    // Verbs for images on a language model, and the other way round.
    for (verb, words) in [
        ("predict", ["language model", "tinderbox generate"]),
        ("explain", ["language model", "images"]),
    ] {
        assert_one_line_error(tinderbox().arg(verb).arg(&run).arg("x.png"), 1, &words);
    }
    let images = folder.path().join("images");
    common::train_tiny(&images, &["train.max_steps=1"])
        .assert()
        .success();
    assert_one_line_error(
        tinderbox().arg("generate").arg(&images),
        1,
        &["images", "not for language modelling", "`shapes`"],
    );
    assert_one_line_error(
        tinderbox()
            .arg("eval")
            .arg(&images)
            .args(["--text", "text.txt"]),
        1,
        &["language models"],
    );
}

#[test]
fn errors_in_text_name_the_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    let train = |unit: &str| {
        let mut command = tinderbox();
        command
            .args(["train", "gpt-shakespeare-char", "--dry-run", "--data"])
            .arg(&text)
            .args(["--set", &format!("data.unit={unit}")]);
        command
    };
    fs::write(&text, "").unwrap();
    assert_one_line_error(&mut train("characters"), 1, &["text.txt"]);
    fs::write(&text, b"one line\nand \xff another").unwrap();
    assert_one_line_error(&mut train("characters"), 1, &["line 2", "0xFF", "UTF-8"]);
    fs::write(&text, "too short").unwrap();
    assert_one_line_error(&mut train("characters"), 1, &["64", "window"]);
    let missing = folder.path().join("missing");
    let mut command = tinderbox();
    command
        .args(["train", "lstm-ptb-small", "--dry-run", "--data"])
        .arg(&missing);
    assert_one_line_error(&mut command, 1, &["missing"]);
    fs::create_dir(&missing).unwrap();
    fs::write(missing.join("ptb.train.txt"), " a b c \n".repeat(50)).unwrap();
    fs::write(missing.join("ptb.valid.txt"), " a b \n a d \n").unwrap();
    fs::write(missing.join("ptb.test.txt"), " a b \n").unwrap();
    assert_one_line_error(&mut command, 1, &["ptb.valid.txt", "line 2", "\"d\""]);
}

#[test]
fn recipes_that_do_not_fit_the_model_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    for (recipe, set, words) in [
        ("transformer", "data.sequence_length=65", &["65", "64"][..]),
        ("transformer", "data.vary_length=true", &["recurrent"]),
        ("transformer", "train.tar_beta=1", &["recurrent"]),
        ("rnn", "data.eval_stride=5", &["attention"]),
        ("transformer", "data.eval_stride=65", &["eval_stride"]),
        ("rnn", "model.name=resnet18", &["unknown model", "resnet18"]),
        (
            "rnn",
            "data.mixup_alpha=1",
            &["unknown key `data.mixup_alpha`"],
        ),
        ("rnn", "train.best_metric=accuracy", &["perplexity"]),
        ("rnn", "model.hiden_size=3", &["model.hidden_size"]),
    ] {
        let mut command = train_tiny_text(recipe, &run, &[set]);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        for word in words {
            assert!(error.contains(word), "{set}: no {word:?} in {error}");
        }
    }
}

#[test]
fn token_shards_are_written_trained_from_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let sentence = "the quick brown fox jumps over the lazy dog. ";
    fs::write(path("a.txt"), sentence.repeat(40)).unwrap();
    fs::write(path("b.txt"), sentence.repeat(20)).unwrap();
    tinderbox()
        .args(["data", "tokenizer", "--vocab-size", "280", "--output"])
        .arg(path("tokenizer.json"))
        .arg(path("a.txt"))
        .assert()
        .success();
    let mut tokens = tinderbox();
    tokens
        .args(["data", "tokens", "--per-shard", "300", "--tokenizer"])
        .arg(path("tokenizer.json"))
        .arg("--train")
        .args([path("a.txt"), path("b.txt")])
        .arg("--validation")
        .arg(path("b.txt"))
        .arg("--output")
        .arg(path("tokens"));
    tokens.assert().success();
    let recipe = "name = 'shards'\n[model]\nname = 'gpt_mini'\nn_layer = 1\nn_embd = 12\nn_head = 2\n[data]\n\
                  source = 'tokens'\nsequence_length = 16\n[train]\nmax_steps = 5\nbatch_size = 4\n";
    fs::write(path("recipe.toml"), recipe).unwrap();
    let train = |more: &[&str]| {
        let mut command = tinderbox();
        command
            .arg("train")
            .arg(path("recipe.toml"))
            .arg("--data")
            .arg(path("tokens"))
            .arg("--run-dir")
            .arg(path("run"))
            .args(more);
        command
    };
    train(&[]).assert().success();
    let mut info = tinderbox();
    info.args(["data", "info", "--verify", "--data"])
        .arg(path("tokens"))
        .arg(path("recipe.toml"));
    info.assert().success();

    // Another tokenizer than the run's.
    tinderbox()
        .args(["data", "tokenizer", "--vocab-size", "270", "--output"])
        .arg(path("other.json"))
        .arg(path("a.txt"))
        .assert()
        .success();
    tinderbox()
        .args(["data", "tokens", "--tokenizer"])
        .arg(path("other.json"))
        .arg("--train")
        .arg(path("a.txt"))
        .arg("--validation")
        .arg(path("b.txt"))
        .arg("--output")
        .arg(path("others"))
        .assert()
        .success();
    let mut eval = tinderbox();
    eval.arg("eval")
        .arg(path("run"))
        .arg("--data")
        .arg(path("others"));
    assert_one_line_error(&mut eval, 1, &["other tokens"]);

    // A flipped bit is detected on reading.
    let shard = path("tokens").join("train-00000.tokens");
    let mut bytes = fs::read(&shard).unwrap();
    bytes[150] ^= 4;
    fs::write(&shard, bytes).unwrap();
    assert_one_line_error(&mut info, 1, &["train-00000.tokens"]);
    assert_one_line_error(&mut train(&["--overwrite"]), 1, &["train-00000.tokens"]);
}
