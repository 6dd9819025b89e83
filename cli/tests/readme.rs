//! The commands in the README run: each `tinderbox` line of its shell blocks, on small data, training as a dry run.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::encoder::{questions, reviews, train_bert};
use common::{cifar10, class_folder, image, tinderbox, train_tiny, train_tiny_text};
use tinderbox_data::image::write_png;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::generated::sentiment;
use tinderbox_model_transformer::registry::find_encoder;
use tinderbox_model_transformer::{
    CausalLmConfig, GptConfig, Head, TextEncoderConfig, huggingface,
};

const README: &str = include_str!("../../README.md");

/// The lines of all `sh` blocks that call the command, without their comments.
fn commands() -> Vec<Vec<String>> {
    let mut is_shell = false;
    let mut commands = Vec::new();
    for line in README.lines() {
        if line.starts_with("```") {
            is_shell = line == "```sh";
        }
        let code = line.split(" #").next().unwrap_or_default();
        let words = words(code);
        if is_shell && words.first().is_some_and(|word| word == "tinderbox") {
            commands.push(words[1..].to_vec());
        }
    }
    commands
}

/// A line as the shell cuts it, with words in single or double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quote = None;
    let mut is_inside = false;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, _) if c.is_whitespace() => {
                is_inside = false;
                continue;
            }
            _ => {}
        }
        if !is_inside {
            words.push(String::new());
            is_inside = true;
        }
        let is_quote = matches!(c, '\'' | '"') && quote.is_none_or(|open| open == c);
        if let Some(word) = words.last_mut().filter(|_| !is_quote) {
            word.push(c);
        }
    }
    words
}

/// Everything that the README takes to be there.
fn prepare(folder: &Path) {
    train_tiny(&folder.join("runs/cnn"), &["train.max_steps=3"])
        .assert()
        .success();
    class_folder(&folder.join("path/to/images"));
    let classes = ["n01440764", "n02102040"];
    for root in ["path/to/imagenette", "path/to/imagenet"] {
        for split in ["train", "val"] {
            for (class, shade) in classes.into_iter().zip([60, 190]) {
                let of_class = folder.join(root).join(split).join(class);
                std::fs::create_dir_all(&of_class).unwrap();
                for name in ["a.JPEG", "b.JPEG"] {
                    write_png(&of_class.join(name), &image(60, 50, [shade, 90, 20])).unwrap();
                }
            }
        }
    }
    let device = burn::tensor::Device::flex();
    let pretrained = tinderbox_model_cnn::ResNetConfig::resnet18(1000).init(&device);
    tinderbox_model_cnn::weights::save(&pretrained.unwrap(), &folder.join("pretrained.pth"))
        .unwrap();
    cifar10(&folder.join("path/to/cifar-10-batches-bin"), 10);
    text(folder);
    encoders(folder);
    for picture in ["photo.jpg", "new.jpg"] {
        // What a picture is follows from its content, not from its name.
        write_png(&folder.join(picture), &image(50, 40, [200, 90, 20])).unwrap();
    }
    tinderbox()
        .current_dir(folder)
        .args([
            "train",
            "cnn-folder",
            "--data",
            "path/to/images",
            "--ui",
            "quiet",
        ])
        .args(["--set", "train.epochs=1"])
        .assert()
        .success();
}

/// Runs, corpora, and published models, as small as they can be.
fn text(folder: &Path) {
    train_tiny_text(
        "transformer",
        &folder.join("runs/transformer"),
        &["train.max_steps=2"],
    )
    .assert()
    .success();
    let corpus = folder.join("path/to/penn-treebank");
    std::fs::create_dir_all(&corpus).unwrap();
    for split in ["train", "valid", "test"] {
        let text = " once upon a time <unk> \n".repeat(100);
        std::fs::write(corpus.join(format!("ptb.{split}.txt")), text).unwrap();
    }
    let text = "Once upon a time there was a text. ".repeat(4) + "\n";
    let text = text.repeat(15);
    for name in ["corpus.txt", "other.txt", "path/to/input.txt"] {
        std::fs::write(folder.join(name), &text).unwrap();
    }
    let device = burn::tensor::Device::flex();
    let letters: Vec<String> = ('a'..='z').map(String::from).collect();
    let tokenizer = Tokenizer::from_characters(letters).unwrap();
    let config = GptConfig {
        vocab_size: tokenizer.vocab_size(),
        ..GptConfig::small(1, 1, 4, 16)
    };
    let config = CausalLmConfig::Gpt(config);
    let gpt2 = folder.join("path/to/gpt2");
    std::fs::create_dir_all(&gpt2).unwrap();
    huggingface::save(&config.init(&device).unwrap(), &config, &gpt2).unwrap();
    std::fs::write(gpt2.join("tokenizer.json"), tokenizer.to_json()).unwrap();
    llama2c(&folder.join("path/to"));
}

/// Runs, data and published models for encoders, as small as they can be.
fn encoders(folder: &Path) {
    train_bert(&folder.join("runs/bert"), &["train.max_steps=2"])
        .assert()
        .success();
    reviews(&folder.join("path/to/sst-2"));
    questions(&folder.join("path/to/squad"));
    let device = burn::tensor::Device::flex();
    let tokenizer = sentiment::tokenizer().unwrap();
    for (name, head) in [
        ("all-MiniLM-L6-v2", Head::None),
        ("bert-base-uncased", Head::MaskedLm),
        ("squad-model", Head::QuestionAnswering),
    ] {
        let nano = (find_encoder("bert_nano").unwrap().config)();
        let mut config =
            serde_json::to_value(nano.with_vocab_size(tokenizer.vocab_size())).unwrap();
        config["max_position_embeddings"] = 512.into();
        let config: TextEncoderConfig = serde_json::from_value(config).unwrap();
        let config = config.with_head(head, 2);
        let path = folder.join("path/to").join(name);
        let model = config.init(&device).unwrap();
        huggingface::save_encoder(&model, &config, &[], 0, &path).unwrap();
        std::fs::write(path.join("tokenizer.json"), tokenizer.to_json()).unwrap();
    }
}

/// A checkpoint of llama2.c of one layer and width 2 that knows 32 tokens, all of its weights 0.1, and its tokenizer.
fn llama2c(folder: &Path) {
    const TOKENS: usize = 256 + 3 + 6;
    let [width, hidden, layers, heads, context] = [2, 2, 1, 1, 16];
    let header = [width, hidden, layers, heads, heads, TOKENS, context];
    let weights = TOKENS * width // embeddings
        + layers * (2 * width + 4 * width * width + 3 * width * hidden)
        + width // the last norm
        + context * (width / heads); // the rotation's cosines and sines
    let mut bytes: Vec<u8> = header
        .iter()
        .flat_map(|&n| (n as i32).to_le_bytes())
        .collect();
    bytes.extend((0..weights).flat_map(|_| 0.1_f32.to_le_bytes()));
    std::fs::write(folder.join("stories.bin"), bytes).unwrap();

    let mut pieces: Vec<Vec<u8>> = ["<unk>", "<s>", "</s>"].map(Vec::from).to_vec();
    pieces.extend((0..256).map(|byte| format!("<0x{byte:02X}>").into_bytes()));
    pieces.extend([" ", "o", "n", "c", "e", "on"].map(Vec::from));
    assert_eq!(pieces.len(), TOKENS);
    let mut bytes = 8_i32.to_le_bytes().to_vec();
    for piece in pieces {
        bytes.extend(0.0_f32.to_le_bytes());
        bytes.extend((piece.len() as i32).to_le_bytes());
        bytes.extend(piece);
    }
    std::fs::write(folder.join("tokenizer.bin"), bytes).unwrap();
}

#[test]
fn the_commands_in_the_readme_run() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let commands = commands();
    assert!(commands.len() > 10, "the README lost its commands");
    for words in commands {
        let mut command = tinderbox();
        command.current_dir(folder.path()).args(&words);
        let is_resumed = words.iter().any(|word| word.starts_with("--resume"));
        if words[0] == "train" && !is_resumed && !words.iter().any(|word| word == "--dry-run") {
            command.arg("--dry-run");
        }
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "tinderbox {}: {error}",
            words.join(" ")
        );
    }
}

#[test]
fn every_verb_has_help_with_an_example() {
    let help = |arguments: &[&str]| {
        let output = tinderbox().args(arguments).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&[]);
    for verb in [
        "train", "eval", "predict", "explain", "embed", "fill", "generate", "export", "models",
        "recipes", "devices", "data",
    ] {
        assert!(overview.contains(verb), "{verb} is not listed");
        assert!(
            help(&[verb]).contains(&format!("tinderbox {verb}")),
            "{verb} has no example"
        );
    }
}
