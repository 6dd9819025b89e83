//! Tensors that were renamed, joined, or come from elsewhere than a file.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::nn::LinearConfig;
use burn::tensor::{Device, Tensor};
use tinderbox_weights::{LoadOptions, StateDict, WeightsError, load_dict};

fn dict(tensors: &[(&str, &[usize], &[f32])]) -> Result<StateDict, WeightsError> {
    let owned = |(name, shape, values): &(&str, &[usize], &[f32])| {
        (name.to_string(), shape.to_vec(), values.to_vec())
    };
    StateDict::from_floats(tensors.iter().map(owned))
}

fn linear() -> StateDict {
    dict(&[
        ("old.weight", &[2, 3], &[1., 2., 3., 4., 5., 6.]),
        ("old.bias", &[2], &[0.5, -0.5]),
        ("old.mask", &[1], &[9.]),
    ])
    .unwrap()
}

/// Takes the prefix off and leaves the mask out.
fn renamed(name: &str) -> Option<String> {
    (name != "old.mask").then(|| name.replace("old.", ""))
}

#[test]
fn renamed_tensors_are_loaded_under_their_new_names() {
    let device = Device::flex();
    let dict = linear().rename(renamed).unwrap();
    assert_eq!(dict.names().collect::<Vec<_>>(), ["bias", "weight"]);
    let model = LinearConfig::new(3, 2).init(&device);
    let path = Path::new("somewhere.bin");
    let (model, mismatch) = load_dict(model, dict, &LoadOptions::default(), path).unwrap();
    assert!(mismatch.is_empty());
    let y = model.forward(Tensor::<2>::from_floats([[1., 10., 100.]], &device));
    assert_eq!(y.try_into_vec_as::<f32>().unwrap(), [321.5, 653.5]);
    let model = LinearConfig::new(3, 2).init(&device);
    let error = load_dict(model, linear(), &LoadOptions::default(), path).unwrap_err();
    assert!(error.to_string().starts_with("somewhere.bin: "), "{error}");
}

#[test]
fn two_tensors_cannot_have_one_name() {
    let error = linear().rename(|_| Some("same".into())).unwrap_err();
    assert_eq!(error.to_string(), "two tensors would be called same");
    let error = linear().join(linear()).unwrap_err();
    assert!(matches!(error, WeightsError::SameName(_)), "{error}");
    let error = dict(&[("a", &[1], &[1.]), ("a", &[1], &[2.])]).unwrap_err();
    assert!(matches!(error, WeightsError::SameName(_)), "{error}");
}

#[test]
fn parts_of_a_model_are_joined() {
    let head = dict(&[("head", &[2], &[7., 8.])]).unwrap();
    // From bytes of a file and back, so that both kinds of parts meet.
    let bytes = linear().to_safetensors().unwrap();
    let rest = StateDict::from_bytes(bytes, Path::new("part")).unwrap();
    let whole = rest.join(head).unwrap();
    let floats = |name: &str| whole.floats(name).unwrap().try_into_vec::<f32>().unwrap();
    assert_eq!(floats("head"), [7., 8.]);
    assert_eq!(floats("old.weight"), [1., 2., 3., 4., 5., 6.]);
    assert_eq!(whole.shape("old.weight").unwrap(), [2, 3]);
    let again = StateDict::from_bytes(whole.to_safetensors().unwrap(), Path::new("whole")).unwrap();
    assert_eq!(again.names().count(), 4);
}

#[test]
fn values_must_fill_the_shape() {
    for (shape, values) in [
        (&[2, 2][..], &[1., 2., 3.][..]),
        (&[2], &[1., 2., 3.]),
        (&[usize::MAX, 2], &[1.]),
        (&[0], &[1.]),
    ] {
        let error = dict(&[("w", shape, values)]).unwrap_err();
        assert!(error.to_string().contains("w: "), "{error}");
    }
    assert!(dict(&[("empty", &[0], &[]), ("scalar", &[], &[1.])]).is_ok());
}
