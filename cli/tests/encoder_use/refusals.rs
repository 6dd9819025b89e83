//! Errors.

use crate::common::{assert_one_line_error, train_tiny};
use crate::folders::{self, classifier, headless, run, shown};
use burn::tensor::Device;
use tinderbox_model_transformer::huggingface::save;
use tinderbox_model_transformer::{CausalLmConfig, GptConfig, Head};

#[test]
fn options_that_do_not_apply_are_refused() {
    let folder = classifier();
    let path = folder.path();
    for (arguments, words) in [
        (
            &["--method", "grad-cam"][..],
            &["--method grad-cam is for images"][..],
        ),
        (&["--samples", "3"], &["--samples is for images"]),
        (
            &["--layer", "1"],
            &["--layer is for --method attention, not for integrated-gradients"],
        ),
        (
            &["--method", "rollout", "--head", "1"],
            &["--head is for --method attention"],
        ),
        (
            &["--method", "attention", "--layer", "conv1"],
            &["--layer conv1", "numbers"],
        ),
        (
            &["--method", "attention", "--layer", "2"],
            &["no layer 2; there are 2"],
        ),
        (
            &["--method", "attention", "--class", "positive"],
            &["--class is for --method integrated-gradients"],
        ),
        (&["--class", "posittive"], &["posittive", "positive"]),
        (&["--class", "7"], &["2 classes"]),
        (&["--steps", "0"], &["--steps: must be at least 1"]),
        (&["--output", "why.png"], &["why.png", ".html or .svg"]),
        (
            &["--question", "who?"],
            &["--question is for models that answer questions"],
        ),
    ] {
        let mut command = run("explain", path, &[&["--text", "bad"], arguments].concat());
        assert_one_line_error(&mut command, 1, words);
    }
    assert_one_line_error(
        &mut run("predict", path, &["--text", "bad", "--question", "who?"]),
        1,
        &["--question is for models that answer questions"],
    );
    assert_one_line_error(
        &mut run("predict", path, &["photo.jpg"]),
        1,
        &["is a text model"],
    );
    assert_one_line_error(
        &mut run("predict", path, &["--text", "a", "--weights", "x"]),
        1,
        &["--weights"],
    );
    assert_one_line_error(
        &mut run("predict", path, &[]),
        1,
        &["standard input has no texts"],
    );
    for verb in ["predict", "embed"] {
        let mut command = run(verb, path, &["--text", "a", "--checkpoint", "latest"]);
        assert_one_line_error(&mut command, 1, &["--checkpoint and --live are for runs"]);
    }
}

#[test]
fn a_model_of_another_kind_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let gpt = folder.path().join("gpt");
    let config = CausalLmConfig::Gpt(GptConfig::small(1, 1, 8, 8));
    save(&config.init(&Device::flex()).unwrap(), &config, &gpt).unwrap();
    let text = ["--text", "paris"];
    assert_one_line_error(
        &mut run("predict", &gpt, &text),
        1,
        &["language model", "tinderbox generate"],
    );
    assert_one_line_error(&mut run("explain", &gpt, &text), 1, &["language model"]);
    assert_one_line_error(&mut run("embed", &gpt, &text), 1, &["gpt2"]);
    let cnn = folder.path().join("cnn");
    train_tiny(&cnn, &["train.max_steps=1"]).assert().success();
    assert_one_line_error(&mut run("predict", &cnn, &text), 1, &["is an image model"]);
    assert_one_line_error(&mut run("explain", &cnn, &text), 1, &["--text is for text"]);
    assert_one_line_error(
        &mut run("embed", &cnn, &text),
        1,
        &["not for text encoders", "`shapes`"],
    );
    assert_one_line_error(
        &mut run("fill", &cnn, &["[MASK]"]),
        1,
        &["not for text encoders", "`shapes`"],
    );
    assert_one_line_error(&mut run("predict", &cnn, &[]), 1, &["image files"]);
    let headless = headless();
    assert_one_line_error(
        &mut run("predict", headless.path(), &text),
        1,
        &["without a head", "embed"],
    );
    let masked = folders::folder(Head::MaskedLm, &[]);
    assert_one_line_error(
        &mut run("predict", masked.path(), &text),
        1,
        &["tinderbox fill-mask"],
    );
    let nowhere = folder.path().join("nowhere");
    for verb in ["predict", "explain", "embed"] {
        assert_one_line_error(
            &mut run(verb, &nowhere, &text),
            1,
            &["nowhere: no run here"],
        );
    }
}

#[test]
fn a_text_of_a_hundred_thousand_words_is_truncated_with_a_warning() {
    let words = "paris ".repeat(100_000);
    let folder = classifier();
    for (verb, arguments) in [
        ("predict", &["--json"][..]),
        ("embed", &[]),
        ("explain", &["--json"]),
    ] {
        let mut command = run(verb, folder.path(), arguments);
        command.write_stdin(words.clone());
        let (out, error) = shown(command);
        assert_eq!(out.lines().count(), 1);
        assert!(
            error.contains("1 text is longer than the 24 tokens"),
            "{error}"
        );
        assert!(error.contains("99978 tokens are left out"), "{error}");
    }
}
