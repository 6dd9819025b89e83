use super::*;
use crate::random;
use burn::tensor::Device;

/// Images with two channels of 4x5 pixels; image i is i in the first channel and 10 + i in the
/// second.
fn batch(len: usize) -> ImageBatch {
    let pixels = (0..len).flat_map(|i| [i as f32; 20].into_iter().chain([10.0 + i as f32; 20]));
    ImageBatch {
        pixels: pixels.collect(),
        labels: (0..len).collect(),
        indices: (0..len).collect(),
        shape: [len, 2, 4, 5],
        mixed: None,
    }
}

fn rng(number: u64) -> ChaCha8Rng {
    random::rng(5, "test", number, 0)
}

fn mixing(mixup: f64, cutmix: f64) -> Mixing {
    Mixing::new(mixup, cutmix).unwrap().unwrap()
}

#[test]
fn mixup_is_a_weighted_sum_with_the_image_before() {
    let mut mixed = batch(3);
    mixing(0.4, 0.0).apply(&mut mixed, &mut rng(0));
    let MixedLabels { partners, share } = mixed.mixed.unwrap();
    assert_eq!(partners, [2, 0, 1]);
    for (i, image) in mixed.pixels.chunks_exact(40).enumerate() {
        let expected = share as f32 * i as f32 + (1.0 - share as f32) * partners[i] as f32;
        for (at, sample) in image.iter().enumerate() {
            let expected = expected + if at < 20 { 0.0 } else { 10.0 };
            assert!((sample - expected).abs() < 1e-5, "{sample} {expected}");
        }
    }
}

#[test]
fn cutmix_pastes_a_rectangle_of_the_image_before_and_weighs_its_area() {
    let mixing = mixing(0.0, 1.0);
    let mut largest = 0;
    for number in 0..50 {
        let mut mixed = batch(3);
        mixing.apply(&mut mixed, &mut rng(number));
        let MixedLabels { partners, share } = mixed.mixed.unwrap();
        let cut: Vec<bool> = mixed.pixels[..20].iter().map(|&x| x == 2.0).collect();
        let area = cut.iter().filter(|&&cut| cut).count();
        assert!((share - (1.0 - area as f64 / 20.0)).abs() < 1e-12);
        largest = largest.max(area);
        // The pixels form a rectangle, the same in every image and channel.
        for (i, image) in mixed.pixels.chunks_exact(40).enumerate() {
            for (at, &sample) in image.iter().enumerate() {
                let source = if cut[at % 20] { partners[i] } else { i };
                assert_eq!(sample, source as f32 + if at < 20 { 0.0 } else { 10.0 });
            }
        }
        let (rows, columns): (Vec<usize>, Vec<usize>) = (0..20)
            .filter(|&at| cut[at])
            .map(|at| (at / 5, at % 5))
            .unzip();
        if let (Some(top), Some(bottom)) = (rows.iter().min(), rows.iter().max()) {
            let width = columns.iter().max().unwrap() - columns.iter().min().unwrap() + 1;
            assert_eq!((bottom - top + 1) * width, area);
        }
    }
    assert!(largest > 6, "{largest}");
}

#[test]
fn shares_follow_the_beta_distribution() {
    // Mean 1/2 and variance 1 / (4 (2 alpha + 1)).
    for alpha in [0.2, 1.0, 4.0] {
        let mixing = mixing(alpha, 0.0);
        let shares: Vec<f64> = (0..4000)
            .map(|number| {
                let mut batch = batch(1);
                mixing.apply(&mut batch, &mut rng(number));
                batch.mixed.unwrap().share
            })
            .collect();
        let mean = shares.iter().sum::<f64>() / 4000.0;
        let variance = shares.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0;
        let expected = 0.25 / (2.0 * alpha + 1.0);
        assert!((mean - 0.5).abs() < 0.03, "{alpha}: mean {mean}");
        assert!(
            (variance / expected - 1.0).abs() < 0.1,
            "{alpha}: {variance}"
        );
    }
}

#[test]
fn both_methods_are_drawn_equally_often() {
    let mixing = mixing(1.0, 1.0);
    let cut = (0..1000).filter(|&number| {
        let mut batch = batch(2);
        mixing.apply(&mut batch, &mut rng(number));
        batch.pixels.iter().all(|x| x.fract() == 0.0)
    });
    let cut = cut.count();
    assert!((430..570).contains(&cut), "{cut}");
}

#[test]
fn extreme_alphas_are_valid_and_negative_ones_are_errors() {
    for alpha in [1e-6, 1e6] {
        let mixing = mixing(alpha, alpha);
        for number in 0..50 {
            let mut batch = batch(2);
            mixing.apply(&mut batch, &mut rng(number));
            let share = batch.mixed.unwrap().share;
            assert!((0.0..=1.0).contains(&share), "{share}");
        }
    }
    assert!(Mixing::new(0.0, 0.0).unwrap().is_none());
    let message = |mixup, cutmix| Mixing::new(mixup, cutmix).unwrap_err().to_string();
    assert_eq!(
        message(-1.0, 0.0),
        "mixup_alpha: -1 is negative or not a number"
    );
    assert!(message(0.0, f64::NAN).starts_with("cutmix_alpha: NaN"));
    assert!(message(f64::INFINITY, 0.0).starts_with("mixup_alpha: inf"));
}

#[test]
fn soft_targets_sum_to_one_and_the_main_label_has_the_larger_share() {
    let device = Device::flex();
    let mut two = batch(2);
    assert!(two.soft_targets(3, &device).is_none());
    assert_eq!(two.main_labels(), [0, 1]);
    let mut mix = |share| {
        two.mixed = Some(MixedLabels {
            partners: vec![1, 1],
            share,
        });
        let targets = two.soft_targets(3, &device).unwrap();
        assert_eq!(targets.dims(), [2, 3]);
        (
            targets.into_data().try_into_vec::<f32>().unwrap(),
            two.main_labels().to_vec(),
        )
    };
    assert_eq!(
        mix(0.25),
        (vec![0.25, 0.75, 0.0, 0.0, 1.0, 0.0], vec![1, 1])
    );
    assert_eq!(mix(0.5).1, [0, 1]);
}
