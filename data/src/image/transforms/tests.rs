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

#[test]
fn is_written_in_recipes_as_documented() {
    let json = r#"[
        { "resize": { "size": 232 } },
        { "center_crop": { "size": 224 } },
        { "random_crop": { "size": 24, "padding": 4 } },
        { "random_horizontal_flip": {} }
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
fn settings_are_checked() {
    let message = |transform: Transform| transform.validate().unwrap_err().to_string();
    assert!(message(resize(0)).starts_with("resize.size: 0 is not within"));
    assert!(message(Transform::CenterCrop(CenterCrop { size: 0 })).starts_with("center_crop.size"));
    let flip = |probability| Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability });
    for probability in [-0.1, 1.1, f64::NAN] {
        assert!(message(flip(probability)).contains("is not within 0 to 1"));
    }
    assert!(flip(1.0).validate().is_ok());
    assert!(
        Transform::RandomCrop(RandomCrop {
            size: 8,
            padding: 0
        })
        .validate()
        .is_ok()
    );
}

#[test]
fn a_crop_larger_than_the_image_is_an_error_with_sizes() {
    let crop = Transform::RandomCrop(RandomCrop {
        size: 24,
        padding: 1,
    });
    let error = crop.apply(numbered(30, 20, 1), &mut rng()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("30x20 with 1 pixels of padding is smaller than the random crop of 24x24"),
        "{error}"
    );
}

#[test]
fn half_offsets_are_rounded_as_python_does() {
    // int(round(x / 2)) for x = 0..=7.
    let offsets: Vec<isize> = (0..8).map(|extra| center_offset(10 + extra, 10)).collect();
    assert_eq!(offsets, [0, 0, 1, 2, 2, 2, 3, 4]);
    assert_eq!(center_offset(7, 10), -1);
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
        seen.insert(crop.apply(image.clone(), &mut rng).unwrap().pixels);
    }
    assert_eq!(seen.len(), 9);
}

fn interpolations() -> impl Strategy<Value = Interpolation> {
    use Interpolation::{Bicubic, Bilinear, Nearest};
    prop_oneof![Just(Bilinear), Just(Bicubic), Just(Nearest)]
}

proptest! {
    #[test]
    fn flipping_mirrors_each_row_and_twice_is_nothing(
        width in 1usize..9,
        height in 1usize..5,
        channels in prop_oneof![Just(1usize), Just(3)],
    ) {
        let image = numbered(width, height, channels);
        let always = Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 1.0 });
        let never = Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.0 });
        let flipped = always.apply(image.clone(), &mut rng()).unwrap();
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
        prop_assert_eq!(&always.apply(flipped, &mut rng()).unwrap(), &image);
        prop_assert_eq!(never.apply(image.clone(), &mut rng()).unwrap(), image);
    }

    #[test]
    fn sizes_are_what_was_promised(
        width in 1usize..40,
        height in 1usize..40,
        size in 1usize..40,
        padding in 0usize..3,
        exact: bool,
        interpolation in interpolations(),
    ) {
        let transforms = [
            resize_with(size, exact, interpolation),
            Transform::CenterCrop(CenterCrop { size }),
            Transform::RandomCrop(RandomCrop { size, padding }),
            Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
        ];
        for transform in transforms {
            let promised = transform.size_after(Some((width, height))).unwrap();
            match transform.apply(numbered(width, height, 3), &mut rng()) {
                Ok(image) => {
                    prop_assert_eq!((image.width, image.height), promised);
                    prop_assert_eq!(image.pixels.len(), image.width * image.height * 3);
                }
                Err(_) => prop_assert!(size > width.min(height) + 2 * padding),
            }
        }
    }

    #[test]
    fn a_constant_image_stays_constant(width in 1usize..50, height in 1usize..50, size in 1usize..50, value: u8, interpolation in interpolations()) {
        let image = Image { width, height, channels: 1, pixels: vec![value; width * height] };
        let resized = resize_with(size, false, interpolation).apply(image, &mut rng()).unwrap();
        prop_assert!(resized.pixels.iter().all(|&pixel| pixel == value));
    }
}
