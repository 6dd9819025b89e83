//! Random colours.

use super::Operation;
use super::problems::Problems;
use super::random_rect::uniform;
use crate::image::Image;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Changes brightness, contrast, saturation and hue by random amounts in random order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColorJitter {
    /// Around a factor of 1.
    pub brightness: Jitter,
    /// Around a factor of 1.
    pub contrast: Jitter,
    /// Around a factor of 1.
    pub saturation: Jitter,
    /// Around a turn of 0, in full turns; at most 0.5 either way.
    pub hue: Jitter,
}

/// How far a value may go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or [least, most]")]
pub enum Jitter {
    /// At most this much less or more than the value that changes nothing.
    By(f64),
    /// `[least, most]`.
    Within([f64; 2]),
}

impl Default for Jitter {
    fn default() -> Self {
        Self::By(0.0)
    }
}

impl Jitter {
    /// `[least, most]`, around `neutral`.
    fn range(self, neutral: f64) -> [f64; 2] {
        match self {
            Self::By(amount) => [neutral - amount, neutral + amount],
            Self::Within(range) => range,
        }
    }

    /// A value, unless there is nothing to choose but `neutral`.
    fn draw(self, neutral: f64, least: f64, rng: &mut ChaCha8Rng) -> Option<f64> {
        let [from, to] = self.range(neutral);
        let range = [from.max(least), to];
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
        let [least, most] = self.hue.range(0.0);
        let holds = -0.5 <= least && least <= most && most <= 0.5;
        problems.require(holds, Some("hue"), || match self.hue {
            Jitter::By(amount) => format!("{amount} is not within 0 to 0.5"),
            Jitter::Within(_) => {
                format!("[{least}, {most}] is not a range [least, most] within -0.5 to 0.5")
            }
        });
    }

    pub(super) fn apply(&self, image: Image, rng: &mut ChaCha8Rng) -> Image {
        self.draw(rng)
            .into_iter()
            .fold(image, |image, operation| operation.apply(image))
    }

    /// What is done, in this order.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<Operation> {
        // Factors below 0 would invert the image.
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
                format!("{amount} is below 0 or no number")
            });
        }
        Jitter::Within([least, most]) => {
            let holds = 0.0 <= least && least <= most && most.is_finite();
            problems.require(holds, Some(setting), || {
                format!("[{least}, {most}] is not a range [least, most] from 0 on")
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
                    // Factors below 0 are cut off.
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
    fn what_changes_nothing_is_left_out() {
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
