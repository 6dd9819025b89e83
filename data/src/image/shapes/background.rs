//! Backgrounds: two colours, mixed by a texture.

use super::{Color, Point, direction, mix, uniform};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Lattice points per side of the noise texture.
const LATTICE: usize = 6;

/// A background.
pub(super) struct Background {
    colors: [Color; 2],
    texture: Texture,
}

/// Share of the second colour at each point, from 0 to 1.
enum Texture {
    /// From one side to the opposite one.
    Gradient { along: Point },
    /// Bands across a direction; the length of `along` is the number of bands per unit.
    Stripes { along: Point, phase: f32 },
    /// Random values on a lattice, interpolated.
    Noise([[f32; LATTICE]; LATTICE]),
    /// Soft discs, given as centre and radius.
    Blobs([(Point, f32); 4]),
}

impl Background {
    pub(super) fn draw(colors: [Color; 2], rng: &mut ChaCha8Rng) -> Self {
        let texture = match rng.random_range(0..4u32) {
            0 => Texture::Gradient {
                along: direction(rng),
            },
            1 => {
                let bands = uniform(rng, 0.8, 2.5);
                Texture::Stripes {
                    along: direction(rng).map(|value| value * bands),
                    phase: uniform(rng, 0.0, 1.0),
                }
            }
            2 => Texture::Noise([(); LATTICE].map(|()| [(); LATTICE].map(|()| rng.random()))),
            _ => Texture::Blobs([(); 4].map(|()| {
                let center = [uniform(rng, -1.0, 1.0), uniform(rng, -1.0, 1.0)];
                (center, uniform(rng, 0.3, 0.8))
            })),
        };
        Self { colors, texture }
    }

    pub(super) fn color(&self, at: Point) -> Color {
        mix(self.colors[0], self.colors[1], self.texture.share(at))
    }
}

impl Texture {
    fn share(&self, [x, y]: Point) -> f32 {
        match self {
            Self::Gradient { along } => {
                // The corners are 1.42 away from the centre.
                (0.5 + (x * along[0] + y * along[1]) * 0.4).clamp(0.0, 1.0)
            }
            Self::Stripes { along, phase } => {
                let turns = x * along[0] + y * along[1] + phase;
                let triangle_wave = (2.0 * (turns - turns.floor()) - 1.0).abs();
                // Flat bands with soft edges.
                (triangle_wave * 3.0 - 1.0).clamp(0.0, 1.0)
            }
            Self::Noise(lattice) => interpolate(lattice, [x, y]),
            Self::Blobs(blobs) => blobs
                .iter()
                .map(|blob| disc(blob, [x, y]))
                .sum::<f32>()
                .min(1.0),
        }
    }
}

/// Fades from 1 at the centre to 0 at the radius.
fn disc(&([cx, cy], radius): &(Point, f32), [x, y]: Point) -> f32 {
    let squared = ((x - cx) * (x - cx) + (y - cy) * (y - cy)) / (radius * radius);
    let rest = (1.0 - squared).max(0.0);
    (rest * 1.5).min(1.0)
}

fn interpolate(lattice: &[[f32; LATTICE]; LATTICE], at: Point) -> f32 {
    let cells = (LATTICE - 1) as f32;
    let [(column, across), (row, down)] = at.map(|value| {
        let place = ((value + 1.0) / 2.0).clamp(0.0, 1.0) * cells;
        let cell = (place as usize).min(LATTICE - 2);
        (cell, place - cell as f32)
    });
    let between = |row: &[f32; LATTICE]| row[column] + (row[column + 1] - row[column]) * across;
    let (upper, lower) = (between(&lattice[row]), between(&lattice[row + 1]));
    upper + (lower - upper) * down
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn shares_stay_within_0_and_1_and_vary() {
        let mut kinds = [false; 4];
        for index in 0..60 {
            let mut rng = random::rng(0, "test", index, 0);
            let background = Background::draw([[0.0; 3], [1.0; 3]], &mut rng);
            let shares: Vec<f32> = (0..100)
                .map(|i| {
                    background.color([(i % 10) as f32 / 4.5 - 1.0, (i / 10) as f32 / 4.5 - 1.0])[0]
                })
                .collect();
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
            assert!(shares.iter().any(|share| (share - shares[0]).abs() > 0.05));
            let kind = match background.texture {
                Texture::Gradient { .. } => 0,
                Texture::Stripes { .. } => 1,
                Texture::Noise(_) => 2,
                Texture::Blobs(_) => 3,
            };
            kinds[kind] = true;
        }
        assert_eq!(kinds, [true; 4]);
    }
}
