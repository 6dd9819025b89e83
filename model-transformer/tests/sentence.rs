//! Sentence embeddings: pooling checked by hand, and sentence-transformers folders.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use burn::tensor::{Bool, Device, Int, Tensor};
use tempfile::TempDir;
use tinderbox_model_transformer::huggingface::save_encoder;
use tinderbox_model_transformer::sentence::{
    Pooling, SentenceEncoder, Step, l2_normalize, pool, transformer_folder,
};
use tinderbox_model_transformer::{BertConfig, EncoderInput, TextEncoderConfig};

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

fn assert_close(got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    for (a, b) in got.iter().zip(expected) {
        assert!((a - b).abs() < 1e-5, "{got:?} {expected:?}");
    }
}

/// Two rows of three tokens with two features. The second row ends in padding, whose features are
/// NaN.
fn features(device: &Device) -> (Tensor<3>, Tensor<2, Bool>) {
    let features = [
        [[1.0, -2.0], [3.0, 0.0], [5.0, 8.0]],
        [[4.0, 6.0], [-2.0, 10.0], [f32::NAN, f32::INFINITY]],
    ];
    let real = [[true, true, true], [true, true, false]];
    (
        Tensor::from_floats(features, device),
        Tensor::from_bool(burn::tensor::TensorData::from(real), device),
    )
}

#[test]
fn pooling_ignores_padding() {
    let device = Device::flex();
    for (pooling, expected) in [
        (Pooling::Mean, [3.0, 2.0, 1.0, 8.0]),
        (Pooling::Cls, [1.0, -2.0, 4.0, 6.0]),
        (Pooling::Max, [5.0, 8.0, 4.0, 10.0]),
        (
            Pooling::MeanSqrtLen,
            [5.196_152, 3.464_101_6, std::f32::consts::SQRT_2, 11.313_708],
        ),
        // (1, 2, 3) / 6 and (1, 2) / 3.
        (
            Pooling::WeightedMean,
            [3.666_666_7, 3.666_666_7, 0.0, 8.666_667],
        ),
        (Pooling::LastToken, [5.0, 8.0, -2.0, 10.0]),
    ] {
        let (features, real) = features(&device);
        assert_close(&values(pool(features, real, pooling)), &expected);
    }
}

#[test]
fn the_mean_of_no_tokens_is_zero() {
    let device = Device::flex();
    let real = Tensor::<2, Bool>::full([1, 2], false, &device);
    for pooling in [Pooling::Mean, Pooling::WeightedMean, Pooling::LastToken] {
        let mean = pool(Tensor::ones([1, 2, 3], &device), real.clone(), pooling);
        assert_eq!(values(mean), [0.0; 3]);
    }
}

#[test]
fn vectors_are_normalised_and_zeros_stay() {
    let device = Device::flex();
    let vectors = Tensor::<2>::from_floats([[3.0, -4.0], [0.0, 0.0], [1e-5, 0.0]], &device);
    let expected = [0.6, -0.8, 0.0, 0.0, 1.0, 0.0];
    assert_close(&values(l2_normalize(vectors)), &expected);
}

fn config() -> TextEncoderConfig {
    TextEncoderConfig::Bert(
        BertConfig::new(2, 2, 8)
            .with_vocab_size(30)
            .with_max_position_embeddings(12)
            .with_initializer_range(0.3),
    )
}

/// A folder with a tiny encoder and these additional files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = config();
    let model = config.init(&Device::flex()).unwrap();
    save_encoder(&model, &config, &[], 0, folder.path()).unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn open(folder: &Path) -> Result<SentenceEncoder, String> {
    SentenceEncoder::open(folder, &Device::flex()).map_err(|e| e.to_string())
}

const TRANSFORMER: &str =
    r#"{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}"#;
const POOLING: &str = r#"{"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}"#;
const NORMALIZE: &str = r#"{"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}"#;
const MEAN: &str = r#"{"word_embedding_dimension": 8, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true,
    "pooling_mode_max_tokens": false, "pooling_mode_mean_sqrt_len_tokens": false}"#;

fn modules(steps: &[&str]) -> String {
    format!("[{}]", steps.join(", "))
}

#[test]
fn modules_json_configures_the_encoder() {
    let all = modules(&[TRANSFORMER, POOLING, NORMALIZE]);
    let length = r#"{"max_seq_length": 7, "do_lower_case": false}"#;
    let opened = folder(&[
        ("modules.json", &all),
        ("1_Pooling/config.json", MEAN),
        ("sentence_bert_config.json", length),
    ]);
    let encoder = open(opened.path()).unwrap();
    assert_eq!(encoder.pooling, [Pooling::Mean]);
    assert!(matches!(encoder.steps[..], [Step::Normalize]));
    assert_eq!(encoder.max_length, 7);

    // Without normalisation, and with a longer maximum than the encoder has positions.
    let two = modules(&[TRANSFORMER, POOLING]);
    for (pooling, expected) in [
        (
            r#"{"pooling_mode_cls_token": true, "include_prompt": true}"#,
            &[Pooling::Cls][..],
        ),
        (
            r#"{"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": false}"#,
            &[Pooling::Max],
        ),
        (
            r#"{"embedding_dimension": 8, "pooling_mode": "mean", "include_prompt": true}"#,
            &[Pooling::Mean],
        ),
        (r#"{"pooling_mode": ["cls"]}"#, &[Pooling::Cls]),
        (
            r#"{"pooling_mode": ["lasttoken", "cls"]}"#,
            &[Pooling::LastToken, Pooling::Cls],
        ),
        // The order of the library, not that of the file; without any mode, the mean.
        (
            r#"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}"#,
            &[Pooling::Cls, Pooling::Mean],
        ),
        (r#"{"pooling_mode_mean_tokens": false}"#, &[Pooling::Mean]),
    ] {
        let opened = folder(&[
            ("modules.json", &two),
            ("1_Pooling/config.json", pooling),
            ("sentence_bert_config.json", r#"{"max_seq_length": 512}"#),
        ]);
        let encoder = open(opened.path()).unwrap();
        assert_eq!(encoder.pooling, expected, "{pooling}");
        assert!(encoder.steps.is_empty());
        assert_eq!(encoder.width(), 8 * expected.len());
        assert_eq!(encoder.max_length, 12);
    }
}

#[test]
fn a_plain_folder_uses_mean_pooling_at_full_length() {
    let opened = folder(&[]);
    let encoder = open(opened.path()).unwrap();
    assert_eq!(encoder.pooling, [Pooling::Mean]);
    assert!(encoder.steps.is_empty());
    assert_eq!(encoder.max_length, 12);
    assert_eq!(transformer_folder(opened.path()).unwrap(), opened.path());
}

/// The layout of older releases.
#[test]
fn the_encoder_may_be_in_a_subfolder() {
    let below = folder(&[]);
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("0_Transformer");
    fs::create_dir_all(&inner).unwrap();
    for file in fs::read_dir(below.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), inner.join(file.file_name())).unwrap();
    }
    let steps = [
        TRANSFORMER.replace(r#""path": """#, r#""path": "0_Transformer""#),
        POOLING.into(),
    ];
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    fs::write(outer.path().join("modules.json"), modules(&steps)).unwrap();
    fs::create_dir_all(outer.path().join("1_Pooling")).unwrap();
    fs::write(outer.path().join("1_Pooling/config.json"), MEAN).unwrap();
    assert!(open(outer.path()).is_ok());
    assert_eq!(transformer_folder(outer.path()).unwrap(), inner);
}

#[test]
fn unsupported_settings_that_change_vectors_are_refused() {
    let all = modules(&[TRANSFORMER, POOLING, NORMALIZE]);
    let unknown = NORMALIZE.replace("models.Normalize", "models.Sparkle");
    let of_others = TRANSFORMER.replace("sentence_transformers.models", "custom_st");
    let length = |setting: &str| {
        vec![
            ("modules.json", all.clone()),
            ("1_Pooling/config.json", MEAN.into()),
            ("sentence_bert_config.json", setting.to_string()),
        ]
    };
    let outside = POOLING.replace("1_Pooling", "../1_Pooling");
    for (files, words) in [
        (
            vec![("modules.json", modules(&[&of_others, POOLING]))],
            "custom_st.Transformer",
        ),
        (
            length(r#"{"processing_kwargs": {"text": {"add_special_tokens": false}}}"#),
            "`processing_kwargs.text.add_special_tokens` is false",
        ),
        (
            length(r#"{"config_args": {"num_hidden_layers": 1}}"#),
            "`config_args.num_hidden_layers` is 1",
        ),
        (
            length(r#"{"transformer_task": "fill-mask"}"#),
            "\"fill-mask\" instead of \"feature-extraction\"",
        ),
        (
            vec![("modules.json", modules(&[TRANSFORMER, POOLING, &unknown]))],
            "Sparkle",
        ),
        (
            vec![("modules.json", modules(&[TRANSFORMER, NORMALIZE, POOLING]))],
            "not supported",
        ),
        (vec![("modules.json", "[]".into())], "not supported"),
        (vec![("modules.json", "{".into())], "modules.json: "),
        (
            vec![("modules.json", r#"[{"idx": 0}]"#.into())],
            "missing field `type`",
        ),
        (
            vec![("modules.json", modules(&[TRANSFORMER, &outside]))],
            "leaves the folder",
        ),
        (vec![("modules.json", all.clone())], "1_Pooling"),
        (
            vec![
                ("modules.json", all.clone()),
                (
                    "1_Pooling/config.json",
                    r#"{"pooling_mode": "middletoken"}"#.into(),
                ),
            ],
            "middletoken",
        ),
        (
            vec![
                ("modules.json", all.clone()),
                ("1_Pooling/config.json", MEAN.replace('8', "384")),
            ],
            "it is for 384 features, but the encoder has 8",
        ),
        (
            vec![
                ("modules.json", all.clone()),
                ("1_Pooling/config.json", MEAN.into()),
                (
                    "sentence_bert_config.json",
                    r#"{"max_seq_length": 2}"#.into(),
                ),
            ],
            "leaves no room",
        ),
        (
            vec![
                ("modules.json", all.clone()),
                ("1_Pooling/config.json", MEAN.into()),
                (
                    "config_sentence_transformers.json",
                    r#"{"prompts": {}, "default_prompt_name": "search"}"#.into(),
                ),
            ],
            "`default_prompt_name` is \"search\"",
        ),
        (
            vec![
                ("modules.json", all.clone()),
                (
                    "config_sentence_transformers.json",
                    r#"{"model_type": "SparseEncoder"}"#.into(),
                ),
            ],
            "it is a SparseEncoder",
        ),
    ] {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let error = open(folder(&files).path()).unwrap_err();
        assert!(error.contains(words), "{error}\nwanted: {words}");
    }
}

/// A text has the same vector alone and in a batch with a longer one.
#[test]
fn padding_does_not_change_a_vector() {
    let device = Device::flex();
    let config = config();
    let model = config.init(&device).unwrap();
    let mut encoder = SentenceEncoder::new(config, model).with_normalize(true);
    let alone = EncoderInput::new(Tensor::from_ints([[1, 7, 9]], &device));
    let real = [[true, true, true, false, false], [true; 5]];
    let together = EncoderInput {
        tokens: Tensor::<2, Int>::from_ints([[1, 7, 9, 0, 0], [1, 2, 3, 4, 5]], &device),
        token_type_ids: None,
        attention_mask: Some(Tensor::from_bool(
            burn::tensor::TensorData::from(real),
            &device,
        )),
    };
    for pooling in [
        Pooling::Mean,
        Pooling::Cls,
        Pooling::Max,
        Pooling::MeanSqrtLen,
        Pooling::WeightedMean,
        Pooling::LastToken,
    ] {
        encoder = encoder.with_pooling(vec![pooling]).unwrap();
        let one = values(encoder.embed(&alone));
        let two = values(encoder.embed(&together));
        assert_close(&two[..8], &one);
        assert_ne!(two[..8], two[8..]);
        let length: f32 = one.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
    }
}
