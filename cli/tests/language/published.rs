//! Published language models: ends, sampling and chats of a folder, fine-tuning, measuring.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::{Value, json};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::tokenizer::Algorithm;
use tinderbox_model_transformer::{CausalLmConfig, GptConfig, huggingface};

use crate::common::{assert_one_line_error, tinderbox};
use crate::generated;

/// A published GPT-2 whose tokens are characters; its tokenizer has a token more than the network.
fn published(folder: &Path) -> PathBuf {
    let characters = ('a'..='z').chain([' ', '\n', 'Ü']).map(String::from);
    let tokenizer = Tokenizer::from_characters(characters.collect()).unwrap();
    let config = GptConfig::small(2, 2, 16, 64).with_vocab_size(tokenizer.vocab_size() - 1);
    let config = CausalLmConfig::Gpt(config.with_initializer_range(0.5));
    let path = folder.join("gpt");
    let model = config.init(&burn::tensor::Device::flex()).unwrap();
    huggingface::save(&model, &config, &path).unwrap();
    fs::write(path.join("tokenizer.json"), tokenizer.to_json()).unwrap();
    // Not GPT-2's own class, which would cut the text into bytes.
    let class = json!({"tokenizer_class": "PreTrainedTokenizerFast"});
    fs::write(path.join("tokenizer_config.json"), class.to_string()).unwrap();
    path
}

fn greedy(model: &Path, more: &[&str]) -> Value {
    let greedy = [
        "--prompt",
        "the cat",
        "--temperature",
        "0",
        "--max-tokens",
        "8",
    ];
    generated(model, &[&greedy[..], more].concat())[0].clone()
}

#[test]
fn a_folder_says_where_a_text_ends_and_how_it_is_sampled() {
    let folder = tempfile::tempdir().unwrap();
    let model = published(folder.path());
    let set = |settings: Value| {
        fs::write(model.join("generation_config.json"), settings.to_string()).unwrap();
    };
    set(json!({}));
    let whole = greedy(&model, &[]);
    assert_eq!(whole["finish_reason"], "length");
    let id = |n: usize| whole["tokens"][n]["id"].as_u64().unwrap();
    let first = (0..8).position(|n| id(n) == id(3)).unwrap();
    set(json!({"eos_token_id": [id(3)]}));
    let ended = greedy(&model, &[]);
    assert_eq!(ended["finish_reason"], "end_of_text");
    assert_eq!(ended["tokens"].as_array().unwrap().len(), first + 1);
    // The penalty counts for the most probable token, too.
    set(json!({"repetition_penalty": 1.9}));
    let penalised = greedy(&model, &[]);
    set(json!({}));
    assert_eq!(
        penalised["tokens"],
        greedy(&model, &["--repetition-penalty", "1.9"])["tokens"]
    );
    set(json!({"do_sample": false}));
    let prompt = ["--prompt", "the cat", "--max-tokens", "8"];
    assert_eq!(generated(&model, &prompt)[0]["tokens"], whole["tokens"]);
    set(json!({"do_sample": true, "top_k": 1}));
    assert_eq!(generated(&model, &prompt)[0]["tokens"], whole["tokens"]);
    set(json!({"num_beams": 3}));
    let mut beams = tinderbox();
    beams.arg("generate").arg(&model).args(prompt);
    assert_one_line_error(
        &mut beams,
        1,
        &["generation_config.json", "`num_beams` is 3"],
    );
    // A token without a row.
    set(json!({}));
    let prompts = folder.path().join("prompts.txt");
    fs::write(&prompts, "the\nthe Ü\n").unwrap();
    let mut unknown = tinderbox();
    unknown
        .arg("generate")
        .arg(&model)
        .arg("--prompts")
        .arg(&prompts)
        .arg("--json");
    assert_one_line_error(&mut unknown, 1, &["prompts.txt, line 2", "28"]);
}

/// A GPT-2 with a byte-level tokenizer.
fn byte_level(folder: &Path) -> PathBuf {
    let tokenizer =
        Tokenizer::train(Algorithm::Bpe, 270, [Ok("the cat".to_string())].into_iter()).unwrap();
    let config = GptConfig::small(2, 2, 16, 64).with_vocab_size(tokenizer.vocab_size());
    let config = CausalLmConfig::Gpt(config.with_initializer_range(0.5));
    let path = folder.join("gpt");
    let model = config.init(&burn::tensor::Device::flex()).unwrap();
    huggingface::save(&model, &config, &path).unwrap();
    fs::write(path.join("tokenizer.json"), tokenizer.to_json()).unwrap();
    path
}

/// A chat is generated from the prompt that the folder's template makes of it.
#[test]
fn a_chat_continues_the_prompt_of_the_template() {
    let folder = tempfile::tempdir().unwrap();
    let model = byte_level(folder.path());
    let continued = |arguments: &[&str]| {
        let mut all = vec!["--temperature", "0", "--max-tokens", "8"];
        all.extend(arguments);
        generated(&model, &all)[0]["tokens"].clone()
    };
    let mut without = tinderbox();
    without
        .arg("generate")
        .arg(&model)
        .args(["--chat", "--prompt", "hi"]);
    assert_one_line_error(&mut without, 1, &["chat_template"]);

    let template = "{% for message in messages %}\n{{ message.role }} {{ message['content'] }}\n\
                    {% endfor %}\n{% if add_generation_prompt %}bot {% endif %}";
    let settings = json!({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template});
    fs::write(model.join("tokenizer_config.json"), settings.to_string()).unwrap();
    assert_eq!(
        continued(&["--chat", "--prompt", "hi"]),
        continued(&["--prompt", "user hi\nbot "])
    );
    let whole = continued(&["--prompt", "system be brief\nuser hi\nbot "]);
    let asked = ["--chat", "--prompt", "hi", "--system", "be brief"];
    assert_eq!(continued(&asked), whole);
    let messages = folder.path().join("messages.json");
    let two = [("system", "be brief"), ("user", "hi")];
    let two = two.map(|(role, content)| json!({"role": role, "content": content}));
    fs::write(&messages, json!(two).to_string()).unwrap();
    let messages = messages.to_str().unwrap();
    assert_eq!(continued(&["--messages", messages]), whole);
}

fn loss(command: &mut Command) -> f64 {
    let output = command.arg("--json").assert().success();
    let report: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    report["loss"].as_f64().unwrap()
}

#[test]
fn a_folder_is_fine_tuned_with_its_tokenizer_measured_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let model = published(folder.path());
    let generation = json!({"eos_token_id": [27, 5]}).to_string();
    fs::write(model.join("generation_config.json"), generation).unwrap();
    let text = folder.path().join("text.txt");
    fs::write(&text, "the cat sat on the mat\n".repeat(60)).unwrap();
    let run = folder.path().join("run");
    let train = |recipe: &str, run: &Path| {
        let mut command = tinderbox();
        command
            .args(["train", recipe, "--ui", "quiet", "--run-dir"])
            .arg(run);
        command
            .arg("--data")
            .arg(&text)
            .arg("--weights")
            .arg(&model);
        command
    };
    let still = [
        "--set",
        "train.max_steps=1",
        "--set",
        "optimizer.learning_rate=1e-30",
    ];
    train("transformer", &run).args(still).assert().success();
    let eval = |of: &Path| {
        let mut command = tinderbox();
        command.arg("eval").arg(of).arg("--text").arg(&text);
        loss(&mut command)
    };
    assert!((eval(&run) - eval(&model)).abs() < 1e-5);
    assert_eq!(greedy(&run, &[])["tokens"], greedy(&model, &[])["tokens"]);
    let exported = folder.path().join("exported");
    let mut export = tinderbox();
    export
        .arg("export")
        .args([&run, &exported])
        .args(["--format", "huggingface"]);
    export.assert().success();
    for name in ["config.json", "generation_config.json"] {
        let json: Value = serde_json::from_slice(&fs::read(exported.join(name)).unwrap()).unwrap();
        assert_eq!(json["eos_token_id"], json!([27, 5]), "{name}");
    }
    assert_eq!(
        greedy(&exported, &[])["tokens"],
        greedy(&model, &[])["tokens"]
    );
    // A recipe with another network, and text with a token that has no row.
    let other = folder.path().join("other");
    let mut shakespeare = train("gpt-shakespeare-char", &other);
    assert_one_line_error(&mut shakespeare, 1, &["config.json", "characters"]);
    assert_one_line_error(&mut train("rnn", &other), 1, &["config.json", "recurrent"]);
    let mut wider = train("transformer", &other);
    wider.args(["--set", "model.n_embd=32"]);
    assert_one_line_error(&mut wider, 1, &["config.json", "model.n_embd is 32"]);
    fs::write(&text, "the cat Ü sat on the mat\n".repeat(60)).unwrap();
    assert_one_line_error(&mut train("transformer", &other), 1, &["\"Ü\"", "28 rows"]);
    assert!(!other.exists());
}

/// Checkpoints are those of `golden/make_nanogpt.py`.
#[test]
fn checkpoints_of_nanogpt_generate_and_are_measured() {
    let fixtures = "../model-transformer/tests/fixtures/nanogpt";
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join(fixtures);
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    fs::write(&text, "ein über text\n".repeat(5)).unwrap();
    for name in ["ckpt.pt", "bias.pt"] {
        let checkpoint = fixtures.join(name);
        let more = [
            "--prompt",
            "hallo",
            "--temperature",
            "0",
            "--max-tokens",
            "3",
        ];
        assert_eq!(
            generated(&checkpoint, &more)[0]["tokens"]
                .as_array()
                .unwrap()
                .len(),
            3
        );
        let mut eval = tinderbox();
        eval.arg("eval").arg(&checkpoint).arg("--text").arg(&text);
        assert!(loss(&mut eval) > 0.0);
    }
    // Without its characters.
    let lone = folder.path().join("ckpt.pt");
    fs::copy(fixtures.join("ckpt.pt"), &lone).unwrap();
    let mut command = tinderbox();
    command
        .arg("generate")
        .arg(&lone)
        .args(["--prompt", "a", "--json"]);
    assert_one_line_error(&mut command, 1, &["ckpt.pt", "--tokenizer"]);
    command
        .arg("--tokenizer")
        .arg(fixtures.join("meta.pkl"))
        .assert()
        .success();
}

#[test]
fn folders_without_a_model_say_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("adapter_config.json"), "{}").unwrap();
    for verb in [&["predict", "--text", "a"][..], &["generate"], &["eval"]] {
        let mut command = tinderbox();
        command.arg(verb[0]).arg(path).args(&verb[1..]);
        assert_one_line_error(&mut command, 1, &["adapter_config.json"]);
    }
    // A folder cloned without Git LFS.
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 5\n";
    let model = published(path);
    for name in ["tokenizer.json", "config.json", "model.safetensors"] {
        let kept = fs::read(model.join(name)).unwrap();
        fs::write(model.join(name), pointer).unwrap();
        let mut generate = tinderbox();
        generate.arg("generate").arg(&model).args(["--prompt", "a"]);
        assert_one_line_error(&mut generate, 1, &[name, "Git LFS"]);
        fs::write(model.join(name), kept).unwrap();
    }
    fs::write(path.join("config.json"), "{\"model_type\": \"gpt2\"").unwrap();
    for verb in [&["predict", "--text", "a"][..], &["generate"], &["eval"]] {
        let mut command = tinderbox();
        command.arg(verb[0]).arg(path).args(&verb[1..]);
        assert_one_line_error(&mut command, 1, &["config.json", "not JSON"]);
    }
}
