//! Ten shapes drawn on textured backgrounds: a data set that needs no files and no network, is easy
//! to look at, hard for a linear model, and learnable by a small convolutional network. Only the
//! outline depends on the class: colours, background, position, size, rotation, noise and stray
//! strokes are independent of it. An image is a function of (seed, split, index), drawn on access
//! with arithmetic that every machine rounds alike (no sine, no exponential).

mod background;
mod outline;

use super::Image;
use crate::Split;
use crate::fingerprint::Fingerprint;
use crate::random;
use background::Background;
use outline::OUTLINES;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

/// Generated shapes: circle, square, triangle, star, cross, ring, crescent, heart, hourglass,
/// arrow.
#[derive(Clone, Debug)]
pub struct Shapes {
    classes: Vec<String>,
    purpose: &'static str,
    len: usize,
    size: usize,
    seed: u64,
}

impl Shapes {
    /// `len` images of `size` x `size` pixels, with the classes in turn. Meant for sizes from 16
    /// up, usually
    /// 32.
    pub fn new(split: Split, len: usize, size: usize, seed: u64) -> Self {
        Self {
            classes: OUTLINES.map(|(name, _)| name.to_owned()).to_vec(),
            purpose: match split {
                Split::Train => "shapes/train",
                Split::Validation => "shapes/validation",
                Split::Test => "shapes/test",
            },
            len,
            size,
            seed,
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are no images.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Width and height of every image, in pixels.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The ten class names, indexed by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        index % OUTLINES.len()
    }

    /// Name of image `index` in messages.
    pub fn name(&self, index: usize) -> String {
        format!("{} {index}", self.purpose)
    }

    /// Adds everything that the image is a function of.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        fingerprint.text(self.purpose);
        fingerprint.bytes(&self.seed.to_le_bytes());
        fingerprint.number(self.size);
        fingerprint.number(index);
    }

    /// Name of image `index`: it has no folder.
    pub fn relative_name(&self, index: usize) -> String {
        self.name(index)
    }

    /// Draws image `index`, in RGB.
    ///
    /// # Panics
    /// If `index` is out of bounds.
    pub fn image(&self, index: usize) -> Image {
        assert!(index < self.len, "image {index} of {}", self.len);
        let mut rng = random::rng(self.seed, self.purpose, index as u64, 0);
        let (_, outline) = OUTLINES[self.label(index)];
        let scene = Scene::draw(outline, &mut rng);
        scene.paint(self.size, &mut rng)
    }
}

/// Red, green and blue, 0 to 255.
type Color = [f32; 3];
/// A point: x to the right, y down, -1 to 1 within the image.
type Point = [f32; 2];

/// Minimum difference between the shape's colour and both background colours, summed over red,
/// green and blue.
const CONTRAST: f32 = 150.0;
/// Range of the shape's circumradius.
const RADIUS: (f32, f32) = (0.42, 0.6);
/// Maximum distance of the shape's centre from the image's, along each axis.
const OFFSET: f32 = 0.18;
/// Range of the noise's standard deviation.
const NOISE: (f32, f32) = (4.0, 18.0);
/// Probability of a stray stroke.
const STROKE_PROBABILITY: f32 = 0.3;
/// Tangent of half the maximum rotation, 23 degrees either way.
const TAN_HALF_ROTATION: f32 = 0.2;

/// Everything in an image, before rasterisation.
struct Scene {
    background: Background,
    outline: fn(Point) -> f32,
    center: Point,
    /// Cosine and sine of the rotation.
    rotation: Point,
    radius: f32,
    /// Colours at the two sides of the shape's gradient.
    fill: [Color; 2],
    stroke: Option<Stroke>,
    noise: f32,
}

/// A stray line.
struct Stroke {
    from: Point,
    to: Point,
    half_width: f32,
    color: Color,
    /// True if it crosses the shape instead of passing behind it.
    on_top: bool,
}

impl Scene {
    fn draw(outline: fn(Point) -> f32, rng: &mut ChaCha8Rng) -> Self {
        let fill = color(rng);
        let colors = [color_unlike(fill, rng), color_unlike(fill, rng)];
        Self {
            background: Background::draw(colors, rng),
            outline,
            center: [uniform(rng, -OFFSET, OFFSET), uniform(rng, -OFFSET, OFFSET)],
            rotation: rotation(rng),
            radius: uniform(rng, RADIUS.0, RADIUS.1),
            fill: [fill, fill.map(|value| value + uniform(rng, -30.0, 30.0))],
            stroke: chance(rng, STROKE_PROBABILITY).then(|| Stroke::draw(rng)),
            noise: uniform(rng, NOISE.0, NOISE.1),
        }
    }

    fn paint(&self, size: usize, rng: &mut ChaCha8Rng) -> Image {
        let mut pixels = Vec::with_capacity(size * size * 3);
        let pixel = 2.0 / size as f32;
        for y in 0..size {
            for x in 0..size {
                let at = [x, y].map(|i| (i as f32 + 0.5) * pixel - 1.0);
                for value in self.color(at, pixel) {
                    let noisy = value + self.noise * gaussian(rng) + 0.5;
                    // The cast saturates at 0 and 255.
                    pixels.push(noisy as u8);
                }
            }
        }
        Image {
            width: size,
            height: size,
            channels: 3,
            pixels,
        }
    }

    /// The colour at a point, antialiased over the width of a pixel.
    fn color(&self, at: Point, pixel: f32) -> Color {
        let mut color = self.background.color(at);
        if let Some(stroke) = self.stroke.as_ref().filter(|stroke| !stroke.on_top) {
            color = mix(color, stroke.color, stroke.cover(at, pixel));
        }
        let [dx, dy] = [at[0] - self.center[0], at[1] - self.center[1]];
        let [cos, sin] = self.rotation;
        let local = [cos * dx + sin * dy, cos * dy - sin * dx].map(|value| value / self.radius);
        let cover = coverage((self.outline)(local) * self.radius, pixel);
        if cover > 0.0 {
            let fill = mix(self.fill[0], self.fill[1], (local[0] + 1.0) / 2.0);
            color = mix(color, fill, cover);
        }
        if let Some(stroke) = self.stroke.as_ref().filter(|stroke| stroke.on_top) {
            color = mix(color, stroke.color, stroke.cover(at, pixel));
        }
        color
    }
}

impl Stroke {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let mut point = || [uniform(rng, -1.1, 1.1), uniform(rng, -1.1, 1.1)];
        Self {
            from: point(),
            to: point(),
            half_width: uniform(rng, 0.02, 0.05),
            color: color(rng),
            on_top: chance(rng, 0.3),
        }
    }

    fn cover(&self, at: Point, pixel: f32) -> f32 {
        let distance = outline::segment(at, self.from, self.to) - self.half_width;
        coverage(distance, pixel)
    }
}

/// Share of a pixel inside of an outline at signed distance `distance` from its centre (negative
/// inside).
fn coverage(distance: f32, pixel: f32) -> f32 {
    (0.5 - distance / pixel).clamp(0.0, 1.0)
}

fn mix(a: Color, b: Color, share: f32) -> Color {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * share)
}

fn color(rng: &mut ChaCha8Rng) -> Color {
    [0, 1, 2].map(|_| uniform(rng, 15.0, 240.0))
}

/// Draws a colour that contrasts with `other`.
fn color_unlike(other: Color, rng: &mut ChaCha8Rng) -> Color {
    // Most colours contrast, so this ends soon.
    loop {
        let color = color(rng);
        let difference: f32 = (0..3).map(|i| (color[i] - other[i]).abs()).sum();
        if difference >= CONTRAST {
            return color;
        }
    }
}

fn uniform(rng: &mut ChaCha8Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

fn chance(rng: &mut ChaCha8Rng, probability: f32) -> bool {
    rng.random::<f32>() < probability
}

/// Draws a point on the unit circle by rejection, without a sine.
fn direction(rng: &mut ChaCha8Rng) -> Point {
    loop {
        let point = [uniform(rng, -1.0, 1.0), uniform(rng, -1.0, 1.0)];
        let squared = point[0] * point[0] + point[1] * point[1];
        if (0.01..=1.0).contains(&squared) {
            return point.map(|value| value / squared.sqrt());
        }
    }
}

/// Draws the cosine and sine of a small angle by the tangent half-angle formula, without a sine.
fn rotation(rng: &mut ChaCha8Rng) -> Point {
    let tangent = uniform(rng, -TAN_HALF_ROTATION, TAN_HALF_ROTATION);
    let squared = tangent * tangent;
    [1.0 - squared, 2.0 * tangent].map(|value| value / (1.0 + squared))
}

/// Approximately standard normal: the scaled sum of four uniform bytes, from one draw.
fn gaussian(rng: &mut ChaCha8Rng) -> f32 {
    const MEAN: f32 = 4.0 * 127.5;
    const STD: f32 = 147.8;
    let sum: u32 = rng
        .next_u32()
        .to_le_bytes()
        .into_iter()
        .map(u32::from)
        .sum();
    (sum as f32 - MEAN) / STD
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn shapes(split: Split, seed: u64) -> Shapes {
        Shapes::new(split, 40, 32, seed)
    }

    #[test]
    fn every_argument_matters_and_nothing_else() {
        let image = shapes(Split::Train, 1).image(3);
        assert_eq!(image, shapes(Split::Train, 1).image(3));
        assert_eq!(image, Shapes::new(Split::Train, 4, 32, 1).image(3));
        assert_ne!(image, shapes(Split::Train, 2).image(3));
        assert_ne!(image, shapes(Split::Validation, 1).image(3));
        assert_ne!(image, shapes(Split::Train, 1).image(13));
        assert_eq!((image.width, image.height, image.channels), (32, 32, 3));
    }

    /// Catches a machine or a version that draws other images.
    #[test]
    fn images_are_pinned() {
        let mut hasher = Sha256::new();
        let shapes = shapes(Split::Train, 42);
        (0..40).for_each(|index| hasher.update(shapes.image(index).pixels));
        let digest: [u8; 32] = hasher.finalize().into();
        assert_eq!(digest[..4], PINNED);
    }
    const PINNED: [u8; 4] = [116, 179, 22, 202];

    #[test]
    fn classes_take_turns() {
        let shapes = shapes(Split::Train, 1);
        assert_eq!(shapes.classes().len(), 10);
        assert_eq!(shapes.classes()[shapes.label(13)], "star");
    }

    #[test]
    fn any_size_can_be_drawn() {
        for size in [0, 1, 7, 64] {
            let image = Shapes::new(Split::Train, 10, size, 1).image(9);
            assert_eq!(image.pixels.len(), size * size * 3);
        }
    }

    #[test]
    fn noise_is_centred_and_scaled() {
        let mut rng = random::rng(0, "test", 0, 0);
        let draws: Vec<f32> = (0..20_000).map(|_| gaussian(&mut rng)).collect();
        let mean = draws.iter().sum::<f32>() / 20_000.0;
        let variance = draws.iter().map(|x| x * x).sum::<f32>() / 20_000.0;
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04,
            "{mean} {variance}"
        );
    }
}
