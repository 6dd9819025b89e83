use super::*;
use crate::image::tests::numbered;
use crate::random;
use proptest::prelude::*;

fn rng() -> ChaCha8Rng {
    random::rng(1, "test", 0, 0)
}

fn resize(size: usize) -> Transform {
    resize_with(size, false, Interpolation::Bilinear)
}

fn resize_with(size: usize, exact: bool, interpolation: Interpolation) -> Transform {
    Transform::Resize(Resize {
        size,
        exact,
        interpolation,
    })
}

fn random_resized_crop(size: usize) -> RandomResizedCrop {
    RandomResizedCrop {
        size,
        scale: [0.08, 1.0],
        ratio: [3.0 / 4.0, 4.0 / 3.0],
        interpolation: Interpolation::Bilinear,
    }
}

fn random_erasing(probability: f64) -> RandomErasing {
    RandomErasing {
        probability,
        scale: [0.02, 0.33],
        ratio: [0.3, 3.3],
        value: ErasedWith::Zero,
    }
}

fn apply(transform: &Transform, image: Image, rng: &mut ChaCha8Rng) -> Result<Image, DataError> {
    let prepared = transform.apply(image.into(), rng)?;
    Ok(prepared.image)
}

/// Problems in the settings of one transform.
fn problems(transform: Transform) -> Vec<String> {
    let found = Transform::problems("t", &[transform]);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn recipes_are_parsed_as_documented() {
    let json = r#"[
        { "resize": { "size": 232 } },
        { "center_crop": { "size": 224 } },
        { "random_crop": { "size": 24, "padding": 4 } },
        { "random_horizontal_flip": {} },
        { "resize": { "size": 232, "interpolation": "bicubic" } },
        { "random_resized_crop": { "size": 176 } },
        { "random_resized_crop": { "size": 176, "scale": [0.5, 1], "ratio": [1, 1] } },
        { "random_horizontal_flip": { "p": 0.25 } },
        { "color_jitter": { "brightness": 0.4, "hue": [-0.1, 0.2] } },
        { "trivial_augment_wide": {} },
        { "rand_augment": {} },
        { "rand_augment": { "num_ops": 3, "magnitude": 12 } },
        { "random_erasing": { "p": 0.1 } },
        { "random_erasing": { "value": "random" } }
    ]"#;
    let transforms: Vec<Transform> = serde_json::from_str(json).unwrap();
    let expected = vec![
        resize(232),
        Transform::CenterCrop(CenterCrop { size: 224 }),
        Transform::RandomCrop(RandomCrop {
            size: 24,
            padding: 4,
        }),
        Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
        resize_with(232, false, Interpolation::Bicubic),
        Transform::RandomResizedCrop(random_resized_crop(176)),
        Transform::RandomResizedCrop(RandomResizedCrop {
            scale: [0.5, 1.0],
            ratio: [1.0, 1.0],
            ..random_resized_crop(176)
        }),
        Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.25 }),
        Transform::ColorJitter(ColorJitter {
            brightness: Jitter::By(0.4),
            hue: Jitter::Within([-0.1, 0.2]),
            ..ColorJitter::default()
        }),
        Transform::TrivialAugmentWide(TrivialAugmentWide::default()),
        Transform::RandAugment(RandAugment {
            num_ops: 2,
            magnitude: 9,
            ..RandAugment::default()
        }),
        Transform::RandAugment(RandAugment {
            num_ops: 3,
            magnitude: 12,
            ..RandAugment::default()
        }),
        Transform::RandomErasing(random_erasing(0.1)),
        Transform::RandomErasing(RandomErasing {
            value: ErasedWith::Random,
            ..random_erasing(0.5)
        }),
    ];
    assert_eq!(transforms, expected);
    let again = serde_json::to_string(&transforms).unwrap();
    assert_eq!(
        serde_json::from_str::<Vec<Transform>>(&again).unwrap(),
        expected
    );
    let unknown = serde_json::from_str::<Transform>(r#"{ "resize": { "size": 2, "width": 3 } }"#);
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("unknown field `width`")
    );
}

#[test]
fn settings_are_checked_all_at_once() {
    assert_eq!(
        problems(resize(0)),
        ["t[0].resize.size: 0 is not within 1 to 4096 pixels"]
    );
    assert_eq!(
        problems(Transform::CenterCrop(CenterCrop { size: 0 })).len(),
        1
    );
    let flip = |probability| Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability });
    for probability in [-0.1, 1.1, f64::NAN] {
        let found = problems(flip(probability));
        assert!(found[0].contains("is not within 0 to 1"), "{found:?}");
    }
    let crop = Transform::RandomResizedCrop(RandomResizedCrop {
        size: 70_000,
        scale: [0.5, 1.5],
        ratio: [2.0, 1.0],
        interpolation: Interpolation::Nearest,
    });
    assert_eq!(
        problems(crop),
        [
            "t[0].random_resized_crop.size: 70000 is not within 1 to 4096 pixels",
            "t[0].random_resized_crop.scale: [0.5, 1.5] is not a range [min, max] within 0 to 1",
            "t[0].random_resized_crop.ratio: [2, 1] is not a range [min, max] within 0.0001 to 10000",
        ]
    );
    let jitter = Transform::ColorJitter(ColorJitter {
        brightness: Jitter::By(-1.0),
        contrast: Jitter::Within([-0.5, 0.5]),
        saturation: Jitter::By(f64::NAN),
        hue: Jitter::By(0.6),
    });
    assert_eq!(
        problems(jitter),
        [
            "t[0].color_jitter.brightness: -1 is negative or not a number",
            "t[0].color_jitter.contrast: [-0.5, 0.5] is not a range [min, max] from 0 up",
            "t[0].color_jitter.saturation: NaN is negative or not a number",
            "t[0].color_jitter.hue: 0.6 is not within 0 to 0.5",
        ]
    );
    let policy = Transform::RandAugment(RandAugment {
        num_ops: 0,
        magnitude: 31,
        fill: Fill::Rgb([0, 256, 0]),
        ..RandAugment::default()
    });
    assert_eq!(problems(policy).len(), 3);
    let policy = Transform::TrivialAugmentWide(TrivialAugmentWide {
        num_magnitude_bins: 1,
        ..TrivialAugmentWide::default()
    });
    assert_eq!(
        problems(policy),
        ["t[0].trivial_augment_wide.num_magnitude_bins: 1 is not within 2 to 1000"]
    );
    let erasing = || Transform::RandomErasing(random_erasing(2.0));
    let both = Transform::problems("t", &[erasing(), erasing()]);
    let both: Vec<String> = both.iter().map(ToString::to_string).collect();
    assert_eq!(
        both,
        [
            "t[0].random_erasing.probability: 2 is not within 0 to 1",
            "t[0].random_erasing: must be the last transform, because it erases after normalisation",
            "t[1].random_erasing.probability: 2 is not within 0 to 1",
        ]
    );
    let good = [
        flip(1.0),
        Transform::RandomCrop(RandomCrop {
            size: 8,
            padding: 0,
        }),
        Transform::RandomResizedCrop(random_resized_crop(8)),
        Transform::ColorJitter(ColorJitter::default()),
        Transform::TrivialAugmentWide(TrivialAugmentWide::default()),
        Transform::RandAugment(RandAugment::default()),
        Transform::RandomErasing(random_erasing(0.0)),
    ];
    assert!(Transform::problems("t", &good).is_empty());
}

#[test]
fn a_crop_larger_than_the_image_is_an_error_with_sizes() {
    let crop = Transform::RandomCrop(RandomCrop {
        size: 24,
        padding: 1,
    });
    let error = apply(&crop, numbered(30, 20, 1), &mut rng()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("30x20 with 1 pixels of padding is smaller than the random crop of 24x24"),
        "{error}"
    );
}

#[test]
fn random_crops_reach_every_offset() {
    let crop = Transform::RandomCrop(RandomCrop {
        size: 3,
        padding: 1,
    });
    let mut rng = rng();
    let image = numbered(3, 3, 1);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..300 {
        seen.insert(apply(&crop, image.clone(), &mut rng).unwrap().pixels);
    }
    assert_eq!(seen.len(), 9);
}

fn interpolations() -> impl Strategy<Value = Interpolation> {
    use Interpolation::{Bicubic, Bilinear, Nearest};
    prop_oneof![Just(Bilinear), Just(Bicubic), Just(Nearest)]
}

proptest! {
    #[test]
    fn flipping_reverses_each_row_and_twice_is_the_identity(
        width in 1usize..9,
        height in 1usize..5,
        channels in prop_oneof![Just(1usize), Just(3)],
    ) {
        let image = numbered(width, height, channels);
        let always = Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 1.0 });
        let never = Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.0 });
        let flipped = apply(&always, image.clone(), &mut rng()).unwrap();
        for y in 0..height {
            for x in 0..width {
                let at = |x: usize| (y * width + x) * channels;
                let mirrored = at(width - 1 - x);
                prop_assert_eq!(
                    &flipped.pixels[at(x)..at(x) + channels],
                    &image.pixels[mirrored..mirrored + channels]
                );
            }
        }
        prop_assert_eq!(&apply(&always, flipped, &mut rng()).unwrap(), &image);
        prop_assert_eq!(apply(&never, image.clone(), &mut rng()).unwrap(), image);
    }

    #[test]
    fn output_sizes_equal_size_after(
        width in 1usize..40,
        height in 1usize..40,
        size in 1usize..40,
        padding in 0usize..3,
        exact: bool,
        interpolation in interpolations(),
        channels in prop_oneof![Just(1usize), Just(3)],
        seed: u64,
    ) {
        let mut rng = random::rng(seed, "test", 0, 0);
        let transforms = [
            resize_with(size, exact, interpolation),
            Transform::CenterCrop(CenterCrop { size }),
            Transform::RandomCrop(RandomCrop { size, padding }),
            Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
            Transform::RandomResizedCrop(RandomResizedCrop { interpolation, ..random_resized_crop(size) }),
            Transform::ColorJitter(ColorJitter {
                brightness: Jitter::By(2.0),
                contrast: Jitter::By(2.0),
                saturation: Jitter::By(2.0),
                hue: Jitter::By(0.5),
            }),
            Transform::TrivialAugmentWide(TrivialAugmentWide::default()),
            Transform::RandAugment(RandAugment { num_ops: 3, magnitude: 30, ..RandAugment::default() }),
            Transform::RandomErasing(random_erasing(1.0)),
        ];
        for transform in transforms {
            let promised = transform.size_after(Some((width, height))).unwrap();
            match apply(&transform, numbered(width, height, channels), &mut rng) {
                Ok(image) => {
                    prop_assert_eq!((image.width, image.height), promised);
                    prop_assert_eq!(image.pixels.len(), image.width * image.height * channels);
                }
                Err(_) => {
                    prop_assert!(matches!(transform, Transform::RandomCrop(_)));
                    prop_assert!(size > width.min(height) + 2 * padding);
                }
            }
        }
    }

    #[test]
    fn a_constant_image_stays_constant(
        (width, height, size) in (1usize..50, 1usize..50, 1usize..50),
        value: u8,
        interpolation in interpolations(),
    ) {
        let image = Image { width, height, channels: 1, pixels: vec![value; width * height] };
        let resized = apply(&resize_with(size, false, interpolation), image, &mut rng()).unwrap();
        prop_assert!(resized.pixels.iter().all(|&pixel| pixel == value));
    }
}
