//! llama2.c checkpoints, valid and invalid. The fixture is made by `golden/make_transformer.py`.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;

use burn::tensor::Device;
use common::{Fixture, assert_close, fixture_folder, values};
use tempfile::TempDir;
use tinderbox_model_transformer::CausalLm;
use tinderbox_model_transformer::llama2c::{self, Llama2cError};

const HEADER: usize = 28;

fn bytes() -> Vec<u8> {
    std::fs::read(fixture_folder().join("llama2c.bin")).unwrap()
}

fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stories.bin");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Sets the number at `index` in the header to `value`.
fn with(mut bytes: Vec<u8>, index: usize, value: i32) -> Vec<u8> {
    bytes[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
    bytes
}

fn error(bytes: &[u8]) -> String {
    let (_folder, path) = written(bytes);
    let error = llama2c::open(&path, &Device::flex()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("stories.bin"), "{message}");
    message
}

#[test]
fn logits_are_hugging_faces_on_the_same_weights() {
    let device = Device::flex();
    let fixture = Fixture::new(include_bytes!("fixtures/llama2c.safetensors"));
    let model = llama2c::open(&fixture_folder().join("llama2c.bin"), &device).unwrap();
    assert_eq!((model.vocab_size(), model.context_length()), (61, 40));
    let logits = model.forward(fixture.int_tensor::<2>("tokens", &device));
    assert_close("logits", &values(logits), &fixture.floats("logits"), 1e-4);
}

#[test]
fn a_positive_vocabulary_means_a_tied_head() {
    let device = Device::flex();
    let untied = bytes();
    let table = 61 * 16 * 4;
    let mut tied = with(untied.clone(), 5, 61);
    tied.truncate(untied.len() - table);
    // The same model with an explicit head.
    let mut spelt_out = untied.clone();
    let embeddings = &untied[HEADER..HEADER + table];
    spelt_out[untied.len() - table..].copy_from_slice(embeddings);
    let tokens = Fixture::new(include_bytes!("fixtures/llama2c.safetensors"))
        .int_tensor::<2>("tokens", &device);
    let logits = |bytes: &[u8]| {
        let (_folder, path) = written(bytes);
        let model: CausalLm = llama2c::open(&path, &device).unwrap();
        values(model.forward(tokens.clone()))
    };
    assert_close("tied", &logits(&tied), &logits(&spelt_out), 1e-5);
}

#[test]
fn a_file_of_another_length_is_refused() {
    let whole = bytes();
    for wrong in [
        &whole[..whole.len() - 4],
        &whole[..HEADER],
        &[&whole[..], &[0; 4]].concat(),
    ] {
        let message = error(wrong);
        assert!(
            message.contains("the header implies 24156 bytes"),
            "{message}"
        );
    }
    for wrong in [&whole[..HEADER - 1], &[]] {
        assert!(error(wrong).contains("it ends within the header"));
    }
}

#[test]
fn an_invalid_header_is_refused_before_anything_is_allocated() {
    for (index, value, option) in [
        (0, 0, "hidden_size"),
        (0, i32::MAX, "hidden_size"),
        (0, -16, "hidden_size"),
        (1, -1, "intermediate_size"),
        (2, i32::MAX, "num_hidden_layers"),
        (3, 3, "num_attention_heads"),
        (3, 0, "num_attention_heads"),
        (4, 0, "num_key_value_heads"),
        (5, 0, "vocab_size"),
        (5, i32::MIN, "vocab_size"),
        (6, -5, "max_position_embeddings"),
    ] {
        let message = error(&with(bytes(), index, value));
        assert!(message.contains(option), "{index} {value}: {message}");
    }
    // Each number is valid, but together they would be petabytes, or more than the file has.
    for (width, layers, reason) in [
        (1 << 24, 1000, "parameters, which take"),
        (1 << 14, 100, "the header implies"),
    ] {
        let mut large = bytes();
        for (index, value) in [
            (0, width),
            (1, width),
            (2, layers),
            (3, 1 << 10),
            (4, 1 << 10),
        ] {
            large = with(large, index, value);
        }
        let message = error(&large);
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn later_formats_missing_files_and_broken_weights_have_different_errors() {
    let mut later = bytes();
    later[..4].copy_from_slice(&0x616b_3432_u32.to_le_bytes());
    assert!(error(&later).contains("later format"));
    let mut broken = bytes();
    broken[HEADER..HEADER + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(error(&broken).contains("model.embed_tokens.weight"));
    let missing = fixture_folder().join("no-such.bin");
    let error = llama2c::open(&missing, &Device::flex()).unwrap_err();
    assert!(matches!(error, Llama2cError::Io { .. }), "{error}");
}
