//! A resumed run compares its text and its tokenizer with those that it was trained on.

use std::fs;
use std::path::Path;

use super::common::TINY_GPT;
use super::common::encoder::{TINY_BERT, names, questions, reviews};
use super::{assert_refused, folders, resume, shown, train};

const TEXT: &[&str] = &[
    "data.sequence_length=8",
    "model.n_positions=8",
    "train.batch_size=8",
    "train.max_steps=3",
];

fn text_settings<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [TINY_GPT, TEXT, more].concat()
}

#[test]
fn other_characters_are_refused_and_more_text_is_told() {
    let (_folder, data, run) = folders();
    fs::write(&data, "abcabd abca dab\n".repeat(60)).unwrap();
    let recipe = "gpt-shakespeare-char";
    shown(train(recipe, &data, &run, &text_settings(&[])));
    fs::write(&data, "bcdbce bcdb ebc\n".repeat(60)).unwrap();
    let more = ["train.max_steps=5"];
    let words = ["the data have other tokens than the run was trained with (6 and 6)"];
    assert_refused(resume(recipe, &run, &more), &run, &words);
    fs::write(&data, "abcabd abca dab\n".repeat(80)).unwrap();
    let text = shown(resume(recipe, &run, &more));
    let note = "the data have changed: 1144 training tokens instead of 856; 127 validation tokens instead of 95";
    assert!(text.contains(note), "{text}");
}

#[test]
fn another_vocabulary_is_refused() {
    let (_folder, data, run) = folders();
    fs::write(&data, "the cat saw a cat dog\n".repeat(60)).unwrap();
    let words = text_settings(&["data.unit=words"]);
    shown(train("gpt-shakespeare-char", &data, &run, &words));
    // The same number of words; the more frequent of two comes first.
    fs::write(&data, "the cat saw a dog dog\n".repeat(60)).unwrap();
    let more = ["train.max_steps=5"];
    let words = ["the data have other tokens than the run was trained with"];
    assert_refused(resume("gpt-shakespeare-char", &run, &more), &run, &words);
}

/// Trains a tokenizer on a text of these words.
fn tokenizer(folder: &Path, words: &str, output: &Path) {
    let text = folder.join("words.txt");
    fs::write(&text, format!("{words}\n").repeat(40)).unwrap();
    let mut command = super::tinderbox();
    command.args(["data", "tokenizer"]).arg(&text);
    command
        .args(["--vocab-size", "280", "--overwrite", "--output"])
        .arg(output);
    shown(command);
}

#[test]
fn another_tokenizer_is_refused() {
    let (folder, data, run) = folders();
    fs::write(&data, "the cat saw a dog\n".repeat(60)).unwrap();
    let file = folder.path().join("tokenizer.json");
    tokenizer(folder.path(), "the cat saw a dog", &file);
    let named = format!("data.tokenizer='{}'", file.display());
    let settings = text_settings(&["data.unit=tokenizer", &named]);
    shown(train("gpt-shakespeare-char", &data, &run, &settings));
    let more = ["train.max_steps=5"];
    shown(resume("gpt-shakespeare-char", &run, &["train.max_steps=4"]));
    tokenizer(folder.path(), "another text with other words", &file);
    let words = ["the data have other tokens than the run was trained with"];
    assert_refused(resume("gpt-shakespeare-char", &run, &more), &run, &words);
    // The run has its own.
    fs::remove_file(&file).unwrap();
    let text = shown(resume("gpt-shakespeare-char", &run, &more));
    assert!(!text.contains("have changed"), "{text}");
}

#[test]
fn other_token_shards_are_noticed() {
    let (folder, data, run) = folders();
    let file = folder.path().join("tokenizer.json");
    tokenizer(folder.path(), "the cat saw a dog", &file);
    let shards = folder.path().join("shards");
    let write = |line: &str| {
        fs::write(&data, format!("{line}\n").repeat(60)).unwrap();
        let _ = fs::remove_dir_all(&shards);
        let mut command = super::tinderbox();
        command.args(["data", "tokens", "--tokenizer"]).arg(&file);
        command
            .arg("--train")
            .arg(&data)
            .arg("--validation")
            .arg(&data);
        command.arg("--output").arg(&shards);
        shown(command);
    };
    write("the cat saw a dog");
    let settings = text_settings(&["data.source=tokens"]);
    shown(train("gpt-shakespeare-char", &shards, &run, &settings));
    // The same number of tokens in another order.
    write("the dog saw a cat");
    let text = shown(resume("gpt-shakespeare-char", &run, &["train.max_steps=4"]));
    assert!(
        text.contains("training tokens as before, but not the same ones"),
        "{text}"
    );
    tokenizer(folder.path(), "another text with other words", &file);
    write("the dog saw a cat");
    let words = ["the data have other tokens than the run was trained with"];
    assert_refused(
        resume("gpt-shakespeare-char", &run, &["train.max_steps=5"]),
        &run,
        &words,
    );
}

/// Trains the recipe `bert` on the data at `data`.
fn train_encoder(source: &str, data: &Path, run: &Path, more: &[&str]) {
    let source = format!("data.source={source}");
    let settings = [TINY_BERT, &[source.as_str()], more].concat();
    shown(train("bert", data, run, &settings));
}

/// Replaces words in a file.
fn replace(path: &Path, pairs: &[(&str, &str)]) {
    let mut text = fs::read_to_string(path).unwrap();
    for (from, to) in pairs {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    fs::write(path, text).unwrap();
}

#[test]
fn labels_of_texts_are_compared() {
    let (_folder, data, run) = folders();
    reviews(&data);
    train_encoder("labelled", &data, &run, &[]);
    // Another text, as many.
    replace(
        &data.join("train.tsv"),
        &[("the film is dull", "the film is slow")],
    );
    let text = shown(resume("bert", &run, &["train.epochs=2"]));
    let note = "the data have changed: 60 training texts as before, but not the same ones\n";
    assert!(text.contains(note), "{text}");
    for split in ["train", "dev", "test"] {
        let path = data.join(format!("{split}.tsv"));
        replace(&path, &[("\n0\t", "\nbad\t"), ("\n1\t", "\ngood\t")]);
    }
    let words = ["bad", "good", "not the same data"];
    assert_refused(resume("bert", &run, &["train.epochs=3"]), &run, &words);
}

#[test]
fn numbers_of_texts_are_compared() {
    let (_folder, data, run) = folders();
    reviews(&data);
    for split in ["train", "dev", "test"] {
        let path = data.join(format!("{split}.tsv"));
        replace(&path, &[("\n0\t", "\n0.25\t"), ("\n1\t", "\n1.5\t")]);
    }
    train_encoder("labelled", &data, &run, &[]);
    replace(&data.join("train.tsv"), &[("\n1.5\t", "\n1.75\t")]);
    let text = shown(resume("bert", &run, &["train.epochs=2"]));
    let note = "the data have changed: 60 training texts as before, but not the same ones\n";
    assert!(text.contains(note), "{text}");
}

#[test]
fn folders_of_texts_are_compared() {
    let (_folder, data, run) = folders();
    for split in ["train", "test"] {
        for class in ["bad", "good"] {
            let folder = data.join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..20 {
                fs::write(
                    folder.join(format!("{number}.txt")),
                    format!("it is {class}"),
                )
                .unwrap();
            }
        }
    }
    train_encoder("text_folder", &data, &run, &[]);
    fs::write(data.join("train/good/new.txt"), "how good").unwrap();
    let text = shown(resume("bert", &run, &["train.epochs=2"]));
    assert!(text.contains("training texts instead of"), "{text}");
    for split in ["train", "test"] {
        fs::rename(data.join(split).join("good"), data.join(split).join("fine")).unwrap();
    }
    let words = ["fine", "not the same data"];
    assert_refused(resume("bert", &run, &["train.epochs=3"]), &run, &words);
}

#[test]
fn tags_of_words_are_compared() {
    let (_folder, data, run) = folders();
    names(&data);
    train_encoder("tagged", &data, &run, &[]);
    for split in ["train", "dev"] {
        let path = data.join(format!("{split}.txt"));
        replace(&path, &[("-PER", "-HUM")]);
    }
    let words = ["B-HUM", "not the same data"];
    assert_refused(resume("bert", &run, &["train.epochs=2"]), &run, &words);
    for split in ["train", "dev"] {
        let path = data.join(format!("{split}.txt"));
        replace(&path, &[("-HUM", "-PER"), ("saw O", "met O")]);
    }
    let text = shown(resume("bert", &run, &["train.epochs=2"]));
    assert!(
        text.contains("training words as before, but not the same ones"),
        "{text}"
    );
}

#[test]
fn questions_and_masked_text_are_compared() {
    let (folder, data, run) = folders();
    questions(&data);
    train_encoder("squad", &data, &run, &["data.stride=4"]);
    replace(&data.join("train-v1.1.json"), &[("Who met", "Who saw")]);
    let text = shown(resume("bert", &run, &["train.epochs=2"]));
    assert!(
        text.contains("training windows as before, but not the same ones"),
        "{text}"
    );

    let (text, run) = (folder.path().join("text.txt"), folder.path().join("masked"));
    fs::write(&text, "one two three four five six seven\n".repeat(60)).unwrap();
    train_encoder("masked", &text, &run, &["data.max_length=16"]);
    fs::write(&text, "one two three five four six seven\n".repeat(60)).unwrap();
    let said = shown(resume("bert", &run, &["train.epochs=2"]));
    assert!(
        said.contains("hidden tokens as before, but not the same ones"),
        "{said}"
    );
}

/// A resumed encoder keeps its own tokenizer, which need not be there any more; one that is there
/// and has changed is not ignored.
#[test]
fn another_tokenizer_of_an_encoder_is_refused() {
    let (folder, data, run) = folders();
    reviews(&data);
    let vocabulary = folder.path().join("vocab.txt");
    let words = "the a film story this play is dull awful slow bright lovely quick today";
    let special = "[PAD] [UNK] [CLS] [SEP] [MASK]";
    let write = |words: &str| {
        fs::write(
            &vocabulary,
            format!("{special} {words} \"").replace(' ', "\n"),
        )
        .unwrap();
    };
    write(words);
    let named = format!("data.tokenizer='{}'", vocabulary.display());
    train_encoder("labelled", &data, &run, &[&named]);
    write(&words.replace("film story", "story film"));
    let words_of_error = ["data.tokenizer: ", "vocab.txt has other tokens"];
    assert_refused(
        resume("bert", &run, &["train.epochs=2"]),
        &run,
        &words_of_error,
    );
    fs::remove_file(&vocabulary).unwrap();
    shown(resume("bert", &run, &["train.epochs=2"]));
}
