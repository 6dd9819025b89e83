use tinderbox_model_cnn::ImageClassifierConfig;

use super::image_classification::{self, ImageDataRecipe};
use super::language_modeling::LanguageDataRecipe;
use super::*;
use crate::recipe::builtin_names;

fn problems(text: &str) -> String {
    Recipe::parse(text, "test.toml", &[])
        .unwrap_err()
        .to_string()
}

#[test]
fn every_built_in_recipe_is_valid_and_named_after_its_file() {
    for name in builtin_names() {
        let recipe = Recipe::load(name, &[]).unwrap();
        assert_eq!(recipe.name, name);
        assert!(!recipe.description.is_empty());
    }
}

#[test]
fn a_written_recipe_reads_back_as_itself() {
    for name in builtin_names() {
        let recipe = Recipe::load(name, &["train.clip_norm=1.5".into()]).unwrap();
        let again = Recipe::parse(&recipe.to_toml().unwrap(), "again", &[]).unwrap();
        assert_eq!(recipe, again);
    }
}

#[test]
fn unknown_keys_come_with_the_nearest_one_and_all_at_once() {
    let text = "[optimizer]\nlerning_rate = 0.1\n[train]\nepoch = 3\n[model]\nhiden = 3\n";
    let error = problems(text);
    for expected in [
        "unknown key `optimizer.lerning_rate`; did you mean `optimizer.learning_rate`?",
        "did you mean `train.epochs`?",
        "did you mean `model.hidden`?",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn impossible_values_are_told_together() {
    let error = problems(
        "[train]\nepochs = 0\nbatch_size = 0\nlabel_smoothing = 1.5\n[data]\nmixup_alpha = -1\ncutmix_alpha = nan\n",
    );
    for key in [
        "train.epochs",
        "train.batch_size",
        "train.label_smoothing",
        "data.mixup_alpha must not be negative, got -1",
        "data.cutmix_alpha must not be negative, got NaN",
    ] {
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn set_reaches_any_key_and_takes_text_without_quotes() {
    let sets = [
        "data.path=some/folder",
        "data.source=folder",
        "train.max_steps=7",
        "model.hidden=9",
    ];
    let sets: Vec<String> = sets.map(Into::into).to_vec();
    let recipe = Recipe::load("cnn", &sets).unwrap();
    let data = recipe.typed::<ImageDataRecipe>().unwrap().data;
    assert_eq!(data.path.as_deref(), Some(Path::new("some/folder")));
    assert_eq!(recipe.train.max_steps, Some(7));
    let ImageClassifierConfig::SimpleCnn(config) =
        image_classification::model_config(&recipe.model).unwrap()
    else {
        panic!("another family");
    };
    assert_eq!(config.hidden, 9);
}

#[test]
fn set_takes_transforms() {
    let set = |value: &str| {
        let set = format!("data.train_transforms={value}");
        Recipe::load("cnn", &[set]).map_err(|error| error.to_string())
    };
    let recipe = set(
        "[{ random_resized_crop = { size = 24, scale = [0.5, 1] } }, \
                      { color_jitter = { brightness = 0.4 } }, { random_erasing = { p = 0.1 } }]",
    );
    let data = recipe.unwrap().typed::<ImageDataRecipe>().unwrap().data;
    assert_eq!(data.train_transforms.unwrap().len(), 3);
    for (value, expected) in [
        (
            "[{ resize = { size = 28 } ]",
            "--set data.train_transforms: ",
        ),
        (
            "[{ resize = { sise = 28 } }]",
            "data.train_transforms[0].resize",
        ),
        ("[{ resise = { size = 28 } }]", "data.train_transforms[0]"),
        ("[{ resize = {} }]", "missing field `size`"),
        (
            "[{ color_jitter = { hue = [1] } }]",
            "expected a number or [min, max]",
        ),
        (
            "[{ resize = { size = 0 } }, { random_horizontal_flip = { p = 2 } }]",
            "data.train_transforms[0].resize.size: 0 is not within 1 to 4096 pixels; \
             data.train_transforms[1].random_horizontal_flip.probability: 2 is not within",
        ),
        (
            "[{ random_erasing = {} }, { random_horizontal_flip = {} }]",
            "data.train_transforms[0].random_erasing: must be the last transform",
        ),
    ] {
        let error = set(value).unwrap_err();
        assert!(error.contains(expected), "{value}: {error}");
    }
}

#[test]
fn a_wrong_name_suggests_the_near_one() {
    let error = Recipe::load("cnn-cifar", &[]).unwrap_err().to_string();
    assert!(error.contains("did you mean `cnn-cifar10`?"), "{error}");
    let error = problems("[model]\nname = \"simplecnn\"\n");
    assert!(error.contains("did you mean `simple_cnn`?"), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_names_the_key() {
    let error = Recipe::load("cnn", &["train.epochs=many".into()]).unwrap_err();
    assert!(
        error.to_string().contains("train.epochs: invalid type"),
        "{error}"
    );
}

#[test]
fn what_a_data_section_can_say_depends_on_its_source() {
    let error = problems("[data]\nsource = 'grammar'\nmixup_alpha = 1\n");
    assert!(error.contains("unknown key `data.mixup_alpha`"), "{error}");
    let error = problems("[data]\nsource = 'shapes'\nsequence_length = 3\n");
    assert!(
        error.contains("unknown key `data.sequence_length`"),
        "{error}"
    );
    let text = "[model]\nname = 'lstm_lm'\n[data]\nsource = 'penn_treebank'\n[data.treebank]\nlower = true\n";
    assert!(problems(text).contains("data.treebank.lower: unknown field `lower`"));
}

#[test]
fn text_is_measured_by_its_perplexity() {
    let text = "[model]\nname = 'lstm_lm'\n[data]\nsource = 'grammar'\n";
    let recipe = Recipe::parse(text, "test.toml", &[]).unwrap();
    assert_eq!(recipe.train.best_metric, "perplexity");
    assert!(recipe.typed::<LanguageDataRecipe>().is_ok());
    let error = recipe.typed::<ImageDataRecipe>().unwrap_err().to_string();
    assert!(error.contains("is not for image classification"), "{error}");
    let error = problems("[model]\nname = 'resnet18'\n[data]\nsource = 'grammar'\n");
    assert!(error.contains("model.name"), "{error}");
}

#[test]
fn a_misspelt_source_is_answered_with_every_source_and_the_nearest() {
    let error = problems("[data]\nsource = 'grammer'\n");
    assert!(
        error.contains("data.source: unknown source `grammer`; did you mean `grammar`?"),
        "{error}"
    );
    for kind in Kind::ALL {
        assert!(error.contains(kind.name()), "{error}");
        assert!(kind.sources().len() > 3);
        for source in kind.sources() {
            assert!(error.contains(source), "{source}: {error}");
        }
    }
    assert!(!problems("[data]\nsource = 'qqq'\n").contains("did you mean"));
}

#[test]
fn former_keys_are_read_and_written_as_the_present_ones() {
    let present = "[train]\ngradient_accumulation = 4\nnt_asgd_window = 5\nar_alpha = 2.0\ntar_beta = 1.0\n\
                   [model]\nname = 'lstm_lm'\n[data]\nsource = 'grammar'\n";
    let mut former = present.to_string();
    for (new, old) in [
        ("gradient_accumulation", "accumulate"),
        ("nt_asgd_window", "average_after"),
        ("ar_alpha", "activation_decay"),
        ("tar_beta", "slowness_decay"),
    ] {
        former = former.replace(new, old);
    }
    let present = Recipe::parse(present, "present", &[]).unwrap();
    let read = Recipe::parse(&former, "former", &[]).unwrap();
    assert_eq!(present, read);
    assert!(
        read.to_toml()
            .unwrap()
            .contains("gradient_accumulation = 4")
    );
    assert!(!read.to_toml().unwrap().contains("accumulate"));

    let set = Recipe::parse(&former, "former", &["train.accumulate=8".into()]).unwrap();
    assert_eq!(set.train.gradient_accumulation, 8);
    let both = "[train]\naccumulate = 4\ngradient_accumulation = 4\n";
    assert!(problems(both).contains("give only one of them"));
}
