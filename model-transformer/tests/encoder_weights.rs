//! Pretrained encoder weights with other heads, with other names, and in models that they do not
//! fit.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use burn::tensor::Device;
use common::encoders::{ThinEncoder, bert, distilbert, fixture_of, roberta};
use common::{assert_close, values};
use tinderbox_model_transformer::huggingface::{
    HuggingFaceError, load_encoder, open_encoder, save_encoder,
};
use tinderbox_model_transformer::weights::{Mismatch, StateDict};
use tinderbox_model_transformer::{Head, TextEncoder, TextEncoderConfig};

/// A model with another head, from the weights in `folder`.
fn load(
    thin: &ThinEncoder,
    head: Head,
    labels: usize,
    path: &Path,
    new_head: bool,
) -> Result<(TextEncoder, Mismatch), HuggingFaceError> {
    let config = thin.config.clone().with_head(head, labels);
    load_encoder(config.init(&Device::flex()).unwrap(), path, new_head)
}

#[test]
fn a_new_head_is_put_on_pretrained_weights() {
    let device = Device::flex();
    // From masked language modelling to sequence classification: the file has no pooler either.
    let path = fixture_of("bert");
    let (model, mismatch) = load(&bert(), Head::SequenceClassification, 5, &path, true).unwrap();
    let new = [
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
    ];
    let mut missing = mismatch.missing.clone();
    missing.sort();
    let mut expected = new.map(String::from);
    expected.sort();
    assert_eq!(missing, expected);
    assert_eq!(mismatch.unexpected.len(), 5);
    assert!(
        mismatch
            .unexpected
            .iter()
            .all(|name| name.starts_with("cls.predictions."))
    );
    let input = bert().input("plain", &device);
    assert_eq!(
        model
            .forward_sequence_classification(&input)
            .unwrap()
            .dims(),
        [2, 5]
    );
    let features = values(model.forward_features(&input));
    assert_close(
        "features",
        &features,
        &bert().fixture.floats("plain.features"),
        1e-4,
    );
    // Without `new_head`, a head that was never trained is an error.
    let error = load(&bert(), Head::SequenceClassification, 5, &path, false).unwrap_err();
    assert!(error.to_string().contains("4 missing"), "{error}");
    // A pooler in the file is loaded.
    let (_, mismatch) = load(
        &bert(),
        Head::SequenceClassification,
        5,
        &fixture_of("bert_hub"),
        true,
    )
    .unwrap();
    assert_eq!(mismatch.missing.len(), 2);
    assert!(
        mismatch
            .missing
            .iter()
            .all(|name| name.starts_with("classifier."))
    );
    // And ignored if the model has none.
    let (_, mismatch) = load(
        &bert(),
        Head::TokenClassification,
        5,
        &fixture_of("bert_hub"),
        true,
    )
    .unwrap();
    let has = |start: &str| {
        mismatch
            .unexpected
            .iter()
            .any(|name| name.starts_with(start))
    };
    assert!(has("bert.pooler.") && has("cls.seq_relationship."));
}

/// Sentence encoders with mean pooling are published without a pooler.
#[test]
fn a_model_without_a_head_needs_no_pooler() {
    let file = renamed(|name| (!name.starts_with("cls.")).then(|| name.to_string()));
    let (model, mismatch) = load(&bert(), Head::None, 2, file.path(), false).unwrap();
    assert!(mismatch.is_empty(), "{mismatch}");
    let input = bert().input("plain", &Device::flex());
    let features = model.forward_features(&input);
    assert!(model.pool(features.clone()).is_none());
    let expected = bert().fixture.floats("plain.features");
    assert_close("features", &values(features), &expected, 1e-4);
    // A sequence classification head needs the pooler.
    let error = load(&bert(), Head::SequenceClassification, 2, file.path(), false).unwrap_err();
    assert!(error.to_string().contains("pooler"), "{error}");
}

#[test]
fn a_head_that_does_not_fit_is_replaced() {
    let thin = distilbert();
    let path = fixture_of("distilbert");
    let labels = |model: &TextEncoder| thin.answer(model, Head::SequenceClassification);
    let old = labels(&open_encoder(&path, &Device::flex()).unwrap().model);
    let (model, mismatch) = load(&thin, Head::SequenceClassification, 3, &path, true).unwrap();
    assert_eq!(labels(&model), old);
    assert!(mismatch.is_empty(), "{mismatch}");
    // Another number of labels needs a new output layer; layers before it are loaded.
    let (_, mismatch) = load(&thin, Head::SequenceClassification, 4, &path, true).unwrap();
    assert_eq!(mismatch.different.len(), 2, "{mismatch}");
    assert!(mismatch.missing.is_empty(), "{mismatch}");
    let error = load(&thin, Head::SequenceClassification, 4, &path, false).unwrap_err();
    assert!(
        error.to_string().contains("2 different (classifier."),
        "{error}"
    );
    // Two heads with the same name and different modules.
    let (_, mismatch) = load(
        &roberta(),
        Head::SequenceClassification,
        3,
        &fixture_of("roberta"),
        true,
    )
    .unwrap();
    assert_eq!(mismatch.missing.len(), 4);
    assert_eq!(
        mismatch.unexpected,
        ["classifier.bias", "classifier.weight"]
    );
    load(
        &roberta(),
        Head::SequenceClassification,
        3,
        &fixture_of("roberta"),
        false,
    )
    .unwrap_err();
}

#[test]
fn a_masked_lm_head_in_the_file_is_loaded() {
    let (model, mismatch) = load(&bert(), Head::MaskedLm, 2, &fixture_of("bert"), true).unwrap();
    assert!(mismatch.is_empty(), "{mismatch}");
    let expected = bert().fixture.floats("plain.masked_lm.logits");
    let got = bert().answer(&model, Head::MaskedLm);
    assert_close("logits", &got, &expected, 1e-4);
    let (_, mismatch) = load(&roberta(), Head::MaskedLm, 2, &fixture_of("roberta"), true).unwrap();
    assert_eq!(mismatch.missing.len(), 5);
}

#[test]
fn a_file_without_a_prefix_fits_under_any_head() {
    let thin = bert();
    let device = Device::flex();
    let written = tempfile::tempdir().unwrap();
    let (config, model) = (thin.config(Head::None), thin.model(Head::None, &device));
    save_encoder(&model, &config, &[], 0, written.path()).unwrap();
    // A file instead of a folder.
    let path = written.path().join("model.safetensors");
    let (model, mismatch) = load(&thin, Head::SequenceClassification, 3, &path, true).unwrap();
    assert_eq!(mismatch.missing.len(), 2);
    let input = thin.input("padded", &device);
    let expected = thin.fixture.floats("padded.features");
    assert_close(
        "features",
        &values(model.forward_features(&input)),
        &expected,
        1e-4,
    );
}

/// Bytes of the fixture's masked-language-model BERT, with names mapped by `rename`.
fn renamed(rename: impl FnMut(&str) -> Option<String>) -> tempfile::NamedTempFile {
    let dict = StateDict::read(&fixture_of("bert").join("model.safetensors")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes = dict.rename(rename).unwrap().to_safetensors().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn a_bias_under_its_second_name_only_is_loaded() {
    let file = renamed(|name| Some(name.replace("predictions.bias", "predictions.decoder.bias")));
    let (model, mismatch) = load(&bert(), Head::MaskedLm, 2, file.path(), false).unwrap();
    assert!(mismatch.is_empty(), "{mismatch}");
    let expected = bert().fixture.floats("plain.masked_lm.logits");
    let got = bert().answer(&model, Head::MaskedLm);
    assert_close("logits", &got, &expected, 1e-4);
}

#[test]
fn weights_of_another_model_are_refused_for_every_head() {
    let path = fixture_of("bert");
    for new_head in [false, true] {
        let message = |change: fn(&mut tinderbox_model_transformer::BertConfig)| {
            let TextEncoderConfig::Bert(mut config) = bert().config(Head::MaskedLm) else {
                unreachable!()
            };
            change(&mut config);
            let model = TextEncoder::from(config.init(&Device::flex()).unwrap());
            load_encoder(model, &path, new_head)
                .unwrap_err()
                .to_string()
        };
        let error = message(|config| config.vocab_size = 60);
        let table =
            "bert.embeddings.word_embeddings.weight: the model has [60, 8], the file [50, 8]";
        assert!(error.contains(table), "{error}");
        assert!(error.contains("model.safetensors"), "{error}");
        let error = message(|config| config.num_hidden_layers = 1);
        assert!(
            error.contains("16 unexpected (bert.encoder.layer.1."),
            "{error}"
        );
        let error = message(|config| config.num_hidden_layers = 3);
        assert!(
            error.contains("16 missing (bert.encoder.layer.2."),
            "{error}"
        );
        let error = message(|config| config.intermediate_size = 13);
        assert!(error.contains("different"), "{error}");
        // Nothing of another family fits.
        let error = load(&roberta(), Head::MaskedLm, 2, &path, new_head).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
    let file = renamed(|name| Some(name.replace("cls.predictions.bias", "mystery")));
    let error = load(&bert(), Head::SequenceClassification, 2, file.path(), true).unwrap_err();
    assert!(
        error.to_string().contains("1 unexpected (mystery)"),
        "{error}"
    );
}
