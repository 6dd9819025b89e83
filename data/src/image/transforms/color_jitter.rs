//! Random changes of colour.

use super::Operation;
use super::problems::Problems;
use super::random_rect::uniform;
use crate::image::Image;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Changes brightness, contrast, saturation and hue by random amounts, in random order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColorJitter {
    /// Range of the brightness factor, around 1.
    pub brightness: Jitter,
    /// Range of the contrast factor, around 1.
    pub contrast: Jitter,
    /// Range of the saturation factor, around 1.
    pub saturation: Jitter,
    /// Range of the hue rotation in full turns, around 0; at most 0.5 either way.
    pub hue: Jitter,
}

/// Range of a random value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or [min, max]")]
pub enum Jitter {
    /// At most this far from the neutral value.
    By(f64),
    /// Between `[min, max]`.
    Within([f64; 2]),
}

impl Default for Jitter {
    fn default() -> Self {
        Self::By(0.0)
    }
}

impl Jitter {
    /// The range as `[min, max]`.
    fn range(self, neutral: f64) -> [f64; 2] {
        match self {
            Self::By(amount) => [neutral - amount, neutral + amount],
            Self::Within(range) => range,
        }
    }

    /// Draws a value, at least `min`; `None` if the range has only `neutral`.
    fn draw(self, neutral: f64, min: f64, rng: &mut ChaCha8Rng) -> Option<f64> {
        let [from, to] = self.range(neutral);
        let range = [from.max(min), to];
        (range != [neutral; 2]).then(|| uniform(range, rng))
    }
}

impl ColorJitter {
    pub(super) fn check(&self, problems: &mut Problems) {
        for (setting, jitter) in [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("saturation", self.saturation),
        ] {
            check_factor(problems, setting, jitter);
        }
        let [min, max] = self.hue.range(0.0);
        let holds = -0.5 <= min && min <= max && max <= 0.5;
        problems.require(holds, Some("hue"), || match self.hue {
            Jitter::By(amount) => format!("{amount} is not within 0 to 0.5"),
            Jitter::Within(_) => {
                format!("[{min}, {max}] is not a range [min, max] within -0.5 to 0.5")
            }
        });
    }

    pub(super) fn apply(&self, image: Image, rng: &mut ChaCha8Rng) -> Image {
        self.draw(rng)
            .into_iter()
            .fold(image, |image, operation| operation.apply(image))
    }

    /// Draws the operations, in the order in which they are applied.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<Operation> {
        // Negative factors would invert the image.
        let mut operations: Vec<Operation> = [
            self.brightness
                .draw(1.0, 0.0, rng)
                .map(Operation::Brightness),
            self.contrast.draw(1.0, 0.0, rng).map(Operation::Contrast),
            self.saturation
                .draw(1.0, 0.0, rng)
                .map(Operation::Saturation),
            self.hue.draw(0.0, -0.5, rng).map(Operation::Hue),
        ]
        .into_iter()
        .flatten()
        .collect();
        operations.shuffle(rng);
        operations
    }
}

fn check_factor(problems: &mut Problems, setting: &str, jitter: Jitter) {
    match jitter {
        Jitter::By(amount) => {
            problems.require(amount >= 0.0 && amount.is_finite(), Some(setting), || {
                format!("{amount} is negative or not a number")
            });
        }
        Jitter::Within([min, max]) => {
            let holds = 0.0 <= min && min <= max && max.is_finite();
            problems.require(holds, Some(setting), || {
                format!("[{min}, {max}] is not a range [min, max] from 0 up")
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use std::collections::HashMap;

    fn draws(jitter: &ColorJitter) -> Vec<Vec<Operation>> {
        let mut rng = random::rng(3, "test", 0, 0);
        (0..4800).map(|_| jitter.draw(&mut rng)).collect()
    }

    #[test]
    fn amounts_are_uniform_and_so_is_the_order() {
        let jitter = ColorJitter {
            brightness: Jitter::By(0.4),
            contrast: Jitter::By(1.5),
            saturation: Jitter::Within([0.3, 2.0]),
            hue: Jitter::By(0.1),
        };
        let mut sums = [0.0; 4];
        let mut orders: HashMap<Vec<usize>, usize> = HashMap::new();
        let draws = draws(&jitter);
        let count = draws.len() as f64;
        for operations in draws {
            let mut order = Vec::new();
            for operation in operations {
                let (which, value, range) = match operation {
                    Operation::Brightness(factor) => (0, factor, 0.6..1.4),
                    // Negative factors are clamped.
                    Operation::Contrast(factor) => (1, factor, 0.0..2.5),
                    Operation::Saturation(factor) => (2, factor, 0.3..2.0),
                    Operation::Hue(turn) => (3, turn, -0.1..0.1),
                    other => panic!("{other:?}"),
                };
                assert!(range.contains(&value), "{operation:?}");
                sums[which] += value;
                order.push(which);
            }
            *orders.entry(order).or_default() += 1;
        }
        let means = sums.map(|sum| sum / count);
        for (mean, expected) in means.into_iter().zip([1.0, 1.25, 1.15, 0.0]) {
            assert!((mean - expected).abs() < 0.05, "{means:?}");
        }
        // 24 orders of four, each about 200 times.
        assert_eq!(orders.len(), 24);
        assert!(
            orders.values().all(|count| (140..260).contains(count)),
            "{orders:?}"
        );
    }

    #[test]
    fn operations_without_effect_are_not_drawn() {
        let jitter = ColorJitter {
            contrast: Jitter::Within([1.0, 1.0]),
            hue: Jitter::By(0.0),
            saturation: Jitter::By(0.5),
            ..ColorJitter::default()
        };
        for operations in draws(&jitter) {
            assert!(
                matches!(operations[..], [Operation::Saturation(_)]),
                "{operations:?}"
            );
        }
    }
}
