//! The commands in the README and the guide run, on small data, training as a dry run.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::encoder::{questions, reviews, train_bert};
use common::{cifar10, class_folder, image, tinderbox, train_tiny, train_tiny_text};
use tinderbox_data::image::write_png;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::generated::sentiment;
use tinderbox_model_transformer::registry::find_encoder;
use tinderbox_model_transformer::{
    CausalLmConfig, GptConfig, Head, TextEncoderConfig, huggingface,
};

/// Commands that are neither `tinderbox` nor `just`, and cannot run here: they install programs.
const NOT_RUN: [&str; 4] = [
    "git clone https://github.com/tinderbox-rs/tinderbox && cd tinderbox",
    "cargo install --locked just",
    "cargo install --locked cargo-deny",
    "cargo install --locked mdbook",
];

/// Commands of `tinderbox` that mean something without arguments.
const COMPLETE: [&str; 3] = ["models", "recipes", "devices"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages with commands: their names and texts.
fn pages() -> Vec<(String, String)> {
    let mut paths = vec!["README.md".to_string(), "CONTRIBUTING.md".to_string()];
    let guide = fs::read_dir(repository().join("docs/src")).unwrap();
    let names = guide.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let markdown = names.filter(|name| name.ends_with(".md"));
    paths.extend(markdown.map(|name| format!("docs/src/{name}")));
    paths.sort();
    let read = |path: String| {
        let text = fs::read_to_string(repository().join(&path)).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The lines of a page's `sh` blocks, without comments.
fn shell_lines(page: &str) -> Vec<String> {
    let mut is_shell = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            is_shell = line == "```sh";
        } else if is_shell {
            let code = line.split(" #").next().unwrap_or_default().trim();
            if !code.is_empty() {
                lines.push(code.to_string());
            }
        }
    }
    lines
}

/// The code spans of a page's prose and tables that are whole commands, such as
/// `tinderbox train cnn`, but not `tinderbox train`.
fn inline_commands(page: &str) -> Vec<String> {
    let mut is_block = false;
    let mut commands = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
        }
        if is_block {
            continue;
        }
        let spans = line.split('`').skip(1).step_by(2);
        commands.extend(spans.filter(|span| is_whole(span)).map(String::from));
    }
    commands
}

fn is_whole(span: &str) -> bool {
    let Some(command) = span.strip_prefix("tinderbox ") else {
        return false;
    };
    let words: Vec<&str> = command.split_whitespace().collect();
    let verb_words = if words[0] == "data" { 2 } else { 1 };
    !words[0].starts_with('-') && (words.len() > verb_words || COMPLETE.contains(&words[0]))
}

/// Splits a line into words as a shell does, with words in single or double quotes.
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

/// Writes the runs, data and models that the commands refer to, as small as possible.
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
        // The format of an image is detected from its content, not its name.
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

/// Language models: runs, corpora and published models.
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
    let letters = ('a'..='z').chain([' ', '.', '\n', 'O']);
    let letters: Vec<String> = letters.map(String::from).collect();
    let tokenizer = Tokenizer::from_characters(letters).unwrap();
    let config = GptConfig::small(1, 1, 4, 64).with_vocab_size(tokenizer.vocab_size());
    let config = CausalLmConfig::Gpt(config);
    let gpt2 = folder.join("path/to/gpt2");
    std::fs::create_dir_all(&gpt2).unwrap();
    huggingface::save(&config.init(&device).unwrap(), &config, &gpt2).unwrap();
    std::fs::write(gpt2.join("tokenizer.json"), tokenizer.to_json()).unwrap();
    llama2c(&folder.join("path/to"));
}

/// Encoders: runs, data and published models.
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
        ("bert-classifier", Head::SequenceClassification),
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

/// A llama2.c checkpoint of one layer and width 2 with all weights 0.1, and its tokenizer.
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

/// Runs a `tinderbox` line in `folder`; `> FILE` at its end takes the output.
fn run(folder: &Path, line: &str, page: &str) {
    let (line, file) = match line.split_once(" > ") {
        Some((line, file)) => (line, Some(file)),
        None => (line, None),
    };
    let mut words = words(line);
    words.remove(0);
    // No test downloads anything.
    for word in words.iter_mut().filter(|word| *word == "--download") {
        *word = "--data=path/to/cifar-10-batches-bin".into();
    }
    let mut command = tinderbox();
    command.current_dir(folder).args(&words);
    let is_resumed = words.iter().any(|word| word.starts_with("--resume"));
    if words[0] == "train" && !is_resumed && !words.iter().any(|word| word == "--dry-run") {
        command.arg("--dry-run");
    }
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{page}: {line}: {error}");
    if let Some(file) = file {
        fs::write(folder.join(file), output.stdout).unwrap();
    }
}

/// The recipes of the Justfile.
fn just_recipes() -> BTreeSet<String> {
    let justfile = fs::read_to_string(repository().join("Justfile")).unwrap();
    let heads = justfile
        .lines()
        .filter(|line| line.contains(':') && !line.contains(":=") && !line.starts_with([' ', '#']));
    let name = |line: &str| {
        line.split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_string()
    };
    heads.map(name).collect()
}

#[test]
fn the_commands_in_the_readme_and_the_guide_run() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let mut seen = BTreeSet::new();
    for (page, text) in pages() {
        let shell = shell_lines(&text)
            .into_iter()
            .filter(|line| line.starts_with("tinderbox "));
        for line in shell.chain(inline_commands(&text)) {
            if seen.insert(line.clone()) {
                run(folder.path(), &line, &page);
            }
        }
    }
    assert!(seen.len() > 60, "the guide lost its commands: {seen:?}");
}

#[test]
fn every_other_shell_line_is_a_just_recipe_or_installs_a_program() {
    let recipes = just_recipes();
    for (page, text) in pages() {
        for line in shell_lines(&text) {
            let mut words = line.split_whitespace();
            let is_known = match words.next() {
                Some("tinderbox") => true,
                Some("just") => words
                    .find(|word| !word.contains('='))
                    .is_some_and(|word| word == "--list" || recipes.contains(word)),
                _ => NOT_RUN.contains(&line.as_str()),
            };
            assert!(is_known, "{page}: nobody checks the command `{line}`");
        }
        let spans = text.split('`').filter(|span| span.starts_with("just "));
        for span in spans {
            let name = span
                .split_whitespace()
                .skip(1)
                .find(|word| !word.contains('='));
            let is_known =
                name.is_some_and(|name| name.starts_with("--") || recipes.contains(name));
            assert!(is_known, "{page}: the Justfile has no `{span}`");
        }
    }
}

/// The keys of a recipe as dotted paths, tables of the model's own options left out.
fn keys(table: &toml::Table, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        match value {
            toml::Value::Table(inner) => found.extend(keys(inner, &format!("{path}."))),
            _ => found.push(path),
        }
    }
    found
}

/// True if a recipe of any kind of work knows this key: a value of a wrong type is then the error.
fn is_key(key: &str) -> bool {
    ["cnn", "transformer", "bert"].iter().any(|recipe| {
        let mut command = tinderbox();
        command.args([
            "train",
            recipe,
            "--dry-run",
            "--set",
            &format!("{key}=[[]]"),
        ]);
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{key} can be a list of lists");
        !String::from_utf8_lossy(&output.stderr).contains("unknown key")
    })
}

#[test]
fn the_guide_describes_every_recipe_key_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [
        ("cnn", "runs/cnn"),
        ("transformer", "runs/gpt"),
        ("bert", "runs/bert"),
    ];
    let page = fs::read_to_string(repository().join("docs/src/recipes.md")).unwrap();
    let documented: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert!(!is_key("train.nonsense"));
    for key in &documented {
        assert!(is_key(key), "docs/src/recipes.md has {key}, no recipe has");
    }

    for (recipe, run) in runs {
        let path = folder.path().join(run);
        match recipe {
            "cnn" => train_tiny(&path, &["train.max_steps=1"]),
            "bert" => train_bert(&path, &["train.max_steps=1"]),
            _ => train_tiny_text(recipe, &path, &["train.max_steps=1"]),
        }
        .assert()
        .success();
        let resolved = fs::read_to_string(path.join("recipe.toml")).unwrap();
        let mut resolved: toml::Table = resolved.parse().unwrap();
        let model = resolved
            .get_mut("model")
            .and_then(toml::Value::as_table_mut)
            .unwrap();
        model.retain(|key, _| documented.contains(format!("model.{key}").as_str()));
        for key in keys(&resolved, "") {
            assert!(
                documented.contains(key.as_str()),
                "docs/src/recipes.md lacks {key}"
            );
        }
    }
}
