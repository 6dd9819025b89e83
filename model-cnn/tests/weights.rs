//! Weights files in all the formats in circulation. `golden/make_weights_files.py` makes the
//! fixtures.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tinderbox_model_cnn::weights::{self, LoadOptions, StateDict, WeightsError};
use tinderbox_model_cnn::{SimpleCnn, SimpleCnnConfig};

fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights");
    folder.join(name)
}

fn model(num_classes: usize) -> SimpleCnn {
    let config = SimpleCnnConfig::new(num_classes)
        .with_image_size(8)
        .with_channels([2, 3])
        .with_hidden(4);
    config.init(&Device::flex()).unwrap()
}

/// The tensor called `name` in the bytes of a safetensors file.
fn values(bytes: &[u8], name: &str) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    file.tensor(name).unwrap().data().to_vec()
}

fn assert_as_expected(model: &SimpleCnn, name: &str) {
    let expected = std::fs::read(fixture("expected.safetensors")).unwrap();
    let found = weights::to_bytes(model).unwrap();
    let names = SafeTensors::deserialize(&expected).unwrap();
    assert_eq!(names.len(), 8);
    for tensor in names.names() {
        assert_eq!(
            values(&found, tensor),
            values(&expected, tensor),
            "{name}: {tensor}"
        );
    }
}

fn error(name: &str) -> String {
    weights::load(model(3), &fixture(name))
        .unwrap_err()
        .to_string()
}

#[test]
fn every_file_format_gives_the_same_weights() {
    for name in [
        "expected.safetensors",
        "bf16.safetensors",
        "bare.pth",
        "training.pth",
        "model_half.pt",
        "net_bfloat16.th",
        "double_compiled.pth",
        "strided.pth",
        "twice.pth",
        "parameters.pth",
        "protocol5.pth",
        "legacy.pth",
        "legacy_training.th",
        "legacy_strided.pth",
        "legacy_python2.pth",
        "averaged.pth",
        "averaged_nested.pth",
        "compiled_averaged.pth",
        "lightning.ckpt",
        "lightning_beside.ckpt",
        "opacus.pth",
        "other_key.pth",
        "deeper.pth",
        "expanded.pth",
        "with_attributes.pth",
    ] {
        let loaded = weights::load(model(3), &fixture(name)).unwrap_or_else(|e| panic!("{e}"));
        assert_as_expected(&loaded, name);
    }
}

#[test]
fn the_format_is_detected_from_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    std::fs::copy(fixture("legacy.pth"), &path).unwrap();
    assert_as_expected(&weights::load(model(3), &path).unwrap(), "renamed");
}

#[test]
fn a_file_that_runs_code_is_rejected_with_the_name_of_the_function() {
    for (name, function) in [
        ("hostile_beside.pth", "posix.system"),
        ("hostile_legacy.pth", "posix.system"),
        ("hostile_injected.pth", "posix.system"),
        ("hostile_plain.pth", "posix.system"),
        ("hostile_root.pth", "__builtin__.eval"),
    ] {
        let error = weights::load(model(3), &fixture(name)).unwrap_err();
        assert!(matches!(error, WeightsError::RunsCode { .. }), "{error}");
        let error = error.to_string();
        assert!(
            error.contains(function) && error.contains("Nothing was run"),
            "{error}"
        );
    }
}

#[test]
fn a_decompression_bomb_is_not_unpacked() {
    let error = error("hostile_bomb.pth");
    assert!(
        error.contains("is compressed") && error.contains("hostile_bomb.pth"),
        "{error}"
    );
}

#[test]
fn the_error_for_a_pickled_model_suggests_saving_its_state_dict() {
    let error = error("whole_model.pth");
    assert!(
        error.contains("simple_cnn.SimpleCnn") && error.contains("model.state_dict()"),
        "{error}"
    );
    let error = self::error("whole_model_nested.pth");
    assert!(
        error.contains("`model` is an object of class simple_cnn.SimpleCnn"),
        "{error}"
    );
}

/// Loads the weights under a key.
fn load_at(name: &str, key: &str) -> Result<SimpleCnn, WeightsError> {
    let path = fixture(name);
    let dict = StateDict::read(&path)?.at(key, &path)?;
    let (model, _) = weights::load_dict(model(3), dict, &LoadOptions::default(), &path)?;
    Ok(model)
}

#[test]
fn several_networks_that_fit_are_named_and_one_is_chosen_by_its_key() {
    for (name, choices) in [
        ("rivals.pth", "model, model_ema"),
        (
            "lightning_two.ckpt",
            "state_dict.student, state_dict.teacher",
        ),
    ] {
        let error = error(name);
        assert!(error.contains(name) && error.contains(choices), "{error}");
        assert!(error.contains("--weights-key"), "{error}");
    }
    for (name, key) in [
        ("rivals.pth", "model"),
        ("lightning_two.ckpt", "student"),
        ("lightning_two.ckpt", "state_dict.student"),
        ("deeper.pth", "trainer.network"),
    ] {
        assert_as_expected(&load_at(name, key).unwrap(), name);
    }
    let average = weights::to_bytes(&load_at("rivals.pth", "model_ema").unwrap()).unwrap();
    let expected = std::fs::read(fixture("expected.safetensors")).unwrap();
    let first =
        |bytes: &[u8]| f32::from_le_bytes(values(bytes, "fc2.bias")[..4].try_into().unwrap());
    assert_eq!(first(&average), first(&expected) + 1.0);
    let error = load_at("rivals.pth", "ema").unwrap_err().to_string();
    assert!(
        error.contains("`ema`") && error.contains("model, model_ema"),
        "{error}"
    );
}

#[test]
fn a_file_without_a_model_to_choose_by_must_have_one_state_dict() {
    let path = fixture("rivals.pth");
    let error = StateDict::read(&path)
        .unwrap()
        .unambiguous(&path)
        .unwrap_err();
    assert!(matches!(error, WeightsError::Ambiguous { .. }), "{error}");
    // Equal, or of other sizes.
    for name in [
        "twice.pth",
        "model_half.pt",
        "other_key.pth",
        "training.pth",
    ] {
        let path = fixture(name);
        StateDict::read(&path).unwrap().unambiguous(&path).unwrap();
    }
}

/// The values are those of `integers` in the golden script.
#[test]
fn integers_and_8_bit_floats_are_written_as_they_are() {
    let bytes = StateDict::read(&fixture("integers.pth"))
        .unwrap()
        .to_safetensors()
        .unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |name: &str| {
        let tensor = file.tensor(name).unwrap();
        (
            tensor.dtype(),
            tensor.shape().to_vec(),
            tensor.data().to_vec(),
        )
    };
    let positions: Vec<u8> = (0..16i64).flat_map(|n| (n % 8).to_le_bytes()).collect();
    assert_eq!(tensor("position_ids"), (Dtype::I64, vec![2, 8], positions));
    assert_eq!(tensor("mask"), (Dtype::BOOL, vec![1, 2], vec![1, 0]));
    let small = [253, 4].repeat(3);
    assert_eq!(tensor("small"), (Dtype::I8, vec![3, 2], small));
    assert_eq!(tensor("unsigned"), (Dtype::U16, vec![1], vec![255, 255]));
    assert_eq!(
        tensor("eight_bits"),
        (Dtype::F8_E4M3, vec![2], vec![0x30, 0xc0])
    );
    assert_eq!(tensor("fc2.bias").0, Dtype::F32);
}

#[test]
fn a_pointer_of_git_lfs_says_so() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 5\n".to_vec();
    let error = StateDict::from_bytes(pointer, Path::new("model.safetensors")).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("Git LFS") && error.contains("model.safetensors"),
        "{error}"
    );
}

#[test]
fn a_truncated_file_is_an_error() {
    for name in ["bare.pth", "legacy.pth", "expected.safetensors"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        for length in 0..whole.len() {
            let result = StateDict::from_bytes(whole[..length].to_vec(), Path::new(name));
            let error = result
                .err()
                .unwrap_or_else(|| panic!("{name} of {length} bytes was read"));
            assert!(matches!(error, WeightsError::Format { .. }), "{error}");
        }
    }
}

#[test]
fn a_changed_byte_in_an_archive_is_found_by_its_checksum() {
    let mut bytes = std::fs::read(fixture("bare.pth")).unwrap();
    let expected = std::fs::read(fixture("expected.safetensors")).unwrap();
    let bias = values(&expected, "fc1.bias");
    let place = bytes
        .windows(bias.len())
        .position(|window| window == bias)
        .unwrap();
    bytes[place] ^= 1;
    let error = StateDict::from_bytes(bytes, Path::new("x"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("hecksum"), "{error}");
}

/// A safetensors file with the weights of `model(3)`, one of them changed.
fn with(name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let expected = std::fs::read(fixture("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&expected).unwrap();
    let changed = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
    let tensors = file.iter().map(|(found, view)| {
        let view = if found == name { changed.clone() } else { view };
        (found, view)
    });
    safetensors::serialize(tensors, None).unwrap()
}

#[test]
fn weights_that_are_not_finite_are_named() {
    let nan = f32::NAN.to_le_bytes().repeat(4);
    // A float64 that float32 cannot represent counts as infinite.
    let huge = 1e300_f64.to_le_bytes().repeat(4);
    for bytes in [
        with("fc1.bias", Dtype::F32, &[4], &nan),
        with("fc1.bias", Dtype::F64, &[4], &huge),
    ] {
        let error = weights::load_bytes(model(3), bytes, Path::new("x.pth")).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("x.pth: 1 are not finite") && error.contains("fc1.bias"),
            "{error}"
        );
    }
}

#[test]
fn a_parameter_of_another_type_is_named() {
    let bytes = with("fc1.bias", Dtype::I64, &[4], &[0; 32]);
    let error = weights::load_bytes(model(3), bytes, Path::new("x")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("fc1.bias: the model has floats, the file I64"),
        "{error}"
    );
}

#[test]
fn errors_name_shapes_in_pytorchs_layout() {
    let error = weights::load(model(5), &fixture("bare.pth"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("2 different (fc2.weight: the model has [5, 4], the file [3, 4]"),
        "{error}"
    );
}

#[test]
fn a_head_of_another_size_is_not_loaded() {
    let new = model(5);
    let (loaded, left) =
        weights::load_backbone(new.clone(), &fixture("training.pth"), "fc2").unwrap();
    assert_eq!(left.different.len(), 2);
    assert!(left.missing.is_empty() && left.unexpected.is_empty());
    let (loaded, new) = (
        weights::to_bytes(&loaded).unwrap(),
        weights::to_bytes(&new).unwrap(),
    );
    let expected = std::fs::read(fixture("expected.safetensors")).unwrap();
    assert_eq!(values(&loaded, "fc2.weight"), values(&new, "fc2.weight"));
    assert_eq!(
        values(&loaded, "fc1.weight"),
        values(&expected, "fc1.weight")
    );
    // With the same number of classes, the head is loaded too.
    let (loaded, left) = weights::load_backbone(model(3), &fixture("bare.pth"), "fc2").unwrap();
    assert!(left.is_empty());
    assert_as_expected(&loaded, "bare.pth");
    // Only the head may differ.
    let error = weights::load_backbone(model(5), &fixture("bare.pth"), "fc1").unwrap_err();
    assert!(matches!(error, WeightsError::Mismatch { .. }), "{error}");
}

#[test]
fn half_a_head_is_not_loaded() {
    // The bias alone would fit.
    let bytes = with("fc2.weight", Dtype::F32, &[3, 2], &[0; 24]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let new = model(3);
    let (loaded, left) = weights::load_backbone(new.clone(), &path, "fc2").unwrap();
    assert_eq!(
        left.different,
        ["fc2.weight: the model has [3, 4], the file [3, 2]"]
    );
    let (loaded, new) = (
        weights::to_bytes(&loaded).unwrap(),
        weights::to_bytes(&new).unwrap(),
    );
    assert_eq!(values(&loaded, "fc2.bias"), values(&new, "fc2.bias"));
}

#[test]
fn non_strict_loading_takes_what_fits() {
    let options = LoadOptions {
        strict: false,
        ..LoadOptions::default()
    };
    let (loaded, left) = weights::load_with(model(5), &fixture("bare.pth"), &options).unwrap();
    assert_eq!(left.different.len(), 2);
    let expected = std::fs::read(fixture("expected.safetensors")).unwrap();
    let loaded = weights::to_bytes(&loaded).unwrap();
    assert_eq!(
        values(&loaded, "conv1.weight"),
        values(&expected, "conv1.weight")
    );
    // It is an error if nothing fits.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
    std::fs::write(
        &path,
        safetensors::serialize([("stranger", view)], None).unwrap(),
    )
    .unwrap();
    let error = weights::load_with(model(5), &path, &options)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("8 missing") && error.contains("stranger"),
        "{error}"
    );
}

#[test]
fn a_pytorch_file_converts_to_safetensors() {
    for name in ["legacy_training.th", "model_half.pt"] {
        let dict = StateDict::read(&fixture(name)).unwrap();
        let is_weight = |name: &&str| !name.ends_with("num_batches_tracked");
        assert_eq!(dict.names().filter(is_weight).count(), 8);
        assert_eq!(dict.shape("fc2.weight"), Some(&[3, 4][..]));
        let bytes = dict.to_safetensors().unwrap();
        let loaded = weights::load_bytes(model(3), bytes, Path::new(name)).unwrap();
        assert_as_expected(&loaded, name);
    }
}

#[test]
fn names_are_pytorchs_and_in_the_order_of_the_layers() {
    let names = weights::parameter_names(&model(3));
    let expected = ["conv1", "conv2", "fc1", "fc2"];
    let expected = expected
        .iter()
        .flat_map(|l| [format!("{l}.weight"), format!("{l}.bias")]);
    assert_eq!(names, expected.collect::<Vec<_>>());
}
