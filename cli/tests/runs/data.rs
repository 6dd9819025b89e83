//! A resumed run compares its data with those that it was trained on.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::common::encoder::{TINY_BERT, names, questions, reviews};
use super::common::{TINY_GPT, cifar10, class_folder, image};
use super::{assert_refused, resume, resume_from, shown, snapshot, train};
use tinderbox_data::image::write_png;

const TINY_CNN: &[&str] = &[
    "model.channels=[4, 8]",
    "model.hidden=8",
    "train.batch_size=4",
    "data.train_transforms=[{ random_resized_crop = { size = 24 } }]",
    "data.val_transforms=[{ resize = { size = 24 } }, { center_crop = { size = 24 } }]",
];

/// A folder, the data and the run in it.
fn folders() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    (folder, data, run)
}

fn train_folder(data: &Path, run: &Path, more: &[&str]) {
    class_folder(data);
    shown(train("cnn-folder", data, run, &[TINY_CNN, more].concat()));
}

/// Adds `count` images to the class `blue` of the training split.
fn add_images(data: &Path, count: usize) {
    for number in 0..count {
        let path = data.join(format!("train/blue/new{number}.png"));
        write_png(&path, &image(30, 28, [30, 40, 190])).unwrap();
    }
}

fn assert_steps(shown: &str, steps: u64) {
    let words = format!("finished after {steps} steps");
    assert!(shown.contains(&words), "no {words:?} in {shown}");
}

#[test]
fn renamed_classes_are_refused() {
    let (_folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=1"]);
    for split in ["train", "val"] {
        fs::rename(data.join(split).join("red"), data.join(split).join("ant")).unwrap();
    }
    let words = ["other classes", "class 0 is `ant`, not `blue`"];
    assert_refused(
        resume("cnn-folder", &run, &["train.epochs=2"]),
        &run,
        &words,
    );
    // A class more, behind the others.
    for split in ["train", "val"] {
        fs::rename(data.join(split).join("ant"), data.join(split).join("red")).unwrap();
        let (red, more) = (data.join(split).join("red"), data.join(split).join("white"));
        fs::create_dir(&more).unwrap();
        fs::copy(red.join("0.png"), more.join("0.png")).unwrap();
    }
    let words = ["the data have 3 classes, the model was trained on 2"];
    assert_refused(
        resume("cnn-folder", &run, &["train.epochs=2"]),
        &run,
        &words,
    );
}

/// Two epochs of 2 batches, then one of 3.
#[test]
fn added_images_are_told_and_epochs_keep_their_meaning() {
    let (_folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=2"]);
    add_images(&data, 4);
    let text = shown(resume("cnn-folder", &run, &["train.epochs=3"]));
    let note = "note: the data have changed: 12 training images instead of 8\n";
    assert!(text.contains(note), "{text}");
    assert_steps(&text, 2 * 2 + 3);
    let text = shown(resume("cnn-folder", &run, &["train.epochs=4"]));
    assert!(!text.contains("have changed"), "{text}");
    assert_steps(&text, 2 * 2 + 3 + 3);
}

/// The first epoch goes on where it was, to its new end.
#[test]
fn an_epoch_that_became_longer_or_shorter_goes_on_where_it_was() {
    let (_folder, data, run) = folders();
    let settings = [
        "train.epochs=1",
        "train.checkpoint_every=1",
        "train.keep_last=9",
    ];
    train_folder(&data, &run, &settings);
    add_images(&data, 8);
    let from = |from: &str| shown(resume_from(from, "cnn-folder", &run, &["train.epochs=2"]));
    // One step of the first epoch is taken: 3 are left of it, and 4 of the second.
    assert_steps(&from("--resume=1"), 1 + 3 + 4);
    for number in 0..8 {
        fs::remove_file(data.join(format!("train/blue/new{number}.png"))).unwrap();
    }
    // Three steps are taken of an epoch that has 2 by now: it is over.
    let text = from("--resume=3");
    assert!(text.contains("8 training images instead of 16"), "{text}");
    assert_steps(&text, 3 + 2);
}

/// A run that had 16 images all the time has the same learning rates in its last epoch.
#[test]
fn the_schedule_keeps_its_place_in_the_epochs() {
    let (folder, data, run) = folders();
    let settings = [
        "train.log_every=1",
        "schedule.name=cosine",
        "schedule.warmup_epochs=1",
    ];
    train_folder(&data, &run, &[&settings[..], &["train.epochs=2"]].concat());
    add_images(&data, 8);
    shown(resume("cnn-folder", &run, &["train.epochs=3"]));
    let other = folder.path().join("other");
    let settings = [TINY_CNN, &settings, &["train.epochs=3"]].concat();
    shown(train("cnn-folder", &data, &other, &settings));
    let rates = |run: &Path| {
        let records = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let json = records
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let of_epoch = json.filter(|record: &serde_json::Value| {
            record["split"] == "train" && record["epoch"] == 3
        });
        of_epoch
            .map(|record| record["values"]["learning_rate"].as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(rates(&run).len(), 4);
    assert_eq!(rates(&run), rates(&other));
}

#[test]
fn replaced_images_are_told() {
    let (_folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=1"]);
    let path = data.join("train/red/2.png");
    write_png(&path, &image(90, 70, [210, 40, 10])).unwrap();
    let text = shown(resume("cnn-folder", &run, &["train.epochs=2"]));
    let note = "the data have changed: 8 training images as before, but not the same ones";
    assert!(text.contains(note), "{text}");
    // Of the same size.
    let mut bytes = fs::read(&path).unwrap();
    bytes[60] ^= 1;
    fs::write(&path, bytes).unwrap();
    let text = shown(resume("cnn-folder", &run, &["train.epochs=2"]));
    assert!(text.contains(note), "{text}");
}

/// Neither the place of the data nor their times are part of what is compared.
#[test]
fn moved_data_are_the_same_data() {
    let (folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=1"]);
    let record = fs::read(run.join("data.json")).unwrap();
    let elsewhere = folder.path().join("else where's");
    fs::create_dir(&elsewhere).unwrap();
    for (path, bytes) in snapshot(&data).into_iter().rev() {
        let copy = elsewhere.join(path.strip_prefix(&data).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, bytes).unwrap();
    }
    fs::remove_dir_all(&data).unwrap();
    let mut command = resume("cnn-folder", &run, &["train.epochs=2"]);
    command.arg("--data").arg(&elsewhere);
    let text = shown(command);
    assert!(!text.contains("note"), "{text}");
    assert!(fs::read(run.join("data.json")).unwrap() == record);
}

#[test]
fn a_run_of_an_earlier_version_records_its_data_when_it_resumes() {
    let (_folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=1"]);
    let record = fs::read(run.join("data.json")).unwrap();
    fs::remove_file(run.join("data.json")).unwrap();
    let text = shown(resume("cnn-folder", &run, &["train.epochs=2"]));
    assert!(!text.contains("have changed"), "{text}");
    assert!(fs::read(run.join("data.json")).unwrap() == record);
    fs::write(run.join("data.json"), "{\"version\": 1, \"training\": 3}").unwrap();
    let words = ["data.json: training: invalid type"];
    assert_refused(resume("cnn-folder", &run, &[]), &run, &words);
}

#[test]
fn images_in_memory_are_compared_by_their_pixels() {
    let (_folder, data, run) = folders();
    cifar10(&data, 20);
    let settings = [
        "model.channels=[4, 8]",
        "model.hidden=8",
        "train.batch_size=50",
        "train.epochs=1",
        "schedule.warmup_epochs=0",
    ];
    shown(train("cnn-cifar10", &data, &run, &settings));
    let path = data.join("data_batch_3.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let text = shown(resume("cnn-cifar10", &run, &["train.epochs=2"]));
    let note = "the data have changed: 100 training images as before, but not the same ones\n";
    assert!(text.contains(note), "{text}");
    // Other names of the classes.
    let classes = "plane\nauto\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
    fs::write(data.join("batches.meta.txt"), classes).unwrap();
    let words = ["class 0 is `plane`, not `airplane`"];
    assert_refused(
        resume("cnn-cifar10", &run, &["train.epochs=3"]),
        &run,
        &words,
    );
}

#[test]
fn shards_with_other_images_or_classes_are_noticed() {
    let (folder, data, run) = folders();
    class_folder(&data);
    let shards = folder.path().join("shards");
    let convert = || {
        let _ = fs::remove_dir_all(&shards);
        let mut command = super::tinderbox();
        command
            .args(["data", "shards", "cnn-folder", "--data"])
            .arg(&data);
        command.arg("--output").arg(&shards);
        shown(command);
    };
    convert();
    let settings = [TINY_CNN, &["data.source=shards", "train.epochs=1"]].concat();
    shown(train("cnn-folder", &shards, &run, &settings));
    add_images(&data, 4);
    convert();
    let text = shown(resume("cnn-folder", &run, &["train.epochs=2"]));
    assert!(text.contains("12 training images instead of 8"), "{text}");
    assert_steps(&text, 2 + 3);
    for split in ["train", "val"] {
        fs::rename(data.join(split).join("red"), data.join(split).join("zebra")).unwrap();
    }
    convert();
    let words = ["class 1 is `zebra`, not `red`"];
    assert_refused(
        resume("cnn-folder", &run, &["train.epochs=3"]),
        &run,
        &words,
    );
}

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
    // As many words; the more frequent of two comes first.
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

/// Generated data are a function of the recipe.
#[test]
fn generated_data_do_not_change() {
    let (_folder, _, run) = folders();
    shown(super::common::train_tiny(&run, &["train.epochs=1"]));
    let text = shown(super::common::resume(&run, "--resume", &["train.epochs=2"]));
    assert!(!text.contains("have changed"), "{text}");
    assert!(run.join("data.json").is_file());
}
