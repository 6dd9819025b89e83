//! JPEG files to load: given ones, or drawn from a seed.
//!
//! The drawings are as hard to decode as photographs: smooth shading with detail at every scale,
//! weaker the finer it is, and objects with sharp edges.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use tempfile::TempDir;
use tinderbox_data::Split;
use tinderbox_data::image::{ImageDataset, ImageFolder, ShardOptions, Subset, write_shards};
use tinderbox_data::random;

/// Usual size in pixels and JPEG quality of ImageNet.
const SIZE: [u32; 2] = [500, 375];
const QUALITY: u8 = 90;
const CLASSES: usize = 8;
const PER_CLASS: usize = 24;
/// Longer side of the images in shards, in pixels.
const SHARD_SIDE: usize = 256;

/// A class folder, and shards made from it.
pub(super) struct Images {
    folder: PathBuf,
    shards: PathBuf,
    /// Folder of generated files, removed on drop.
    _made: TempDir,
}

impl Images {
    /// Uses the images in `folder/train`, or draws new ones.
    pub(super) fn make(folder: Option<&Path>) -> anyhow::Result<Self> {
        let made = tempfile::tempdir()?;
        let folder = match folder {
            Some(folder) => folder.to_path_buf(),
            None => {
                let folder = made.path().join("images");
                draw_all(&folder.join("train"))?;
                folder
            }
        };
        let images = Self {
            folder,
            shards: made.path().join("shards"),
            _made: made,
        };
        images.write_shards()?;
        Ok(images)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn shards(&self) -> &Path {
        &self.shards
    }

    fn write_shards(&self) -> anyhow::Result<()> {
        let dataset = ImageDataset::Folder(ImageFolder::open(&self.folder, Split::Train)?);
        // Shards need validation images too; one of each class is enough.
        let few = Subset::new(dataset.clone(), None, f64::MIN_POSITIVE)?;
        let options = ShardOptions::default().with_max_side(Some(SHARD_SIDE));
        let (all, few) = (Arc::new(dataset), Arc::new(ImageDataset::Subset(few)));
        write_shards(&self.shards, all, few, &options, &mut |_, _| ())?;
        Ok(())
    }
}

fn draw_all(folder: &Path) -> anyhow::Result<()> {
    for class in 0..CLASSES {
        let folder = folder.join(format!("class-{class}"));
        fs::create_dir_all(&folder)?;
        for number in 0..PER_CLASS {
            let seed = random::seed(0, "photograph", (class * PER_CLASS + number) as u64);
            let path = folder.join(format!("{number:03}.jpg"));
            let file = BufWriter::new(File::create(&path)?);
            JpegEncoder::new_with_quality(file, QUALITY)
                .encode_image(&draw(seed))
                .with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// Draws one image.
fn draw(seed: u64) -> RgbImage {
    let [width, height] = SIZE;
    let light = noise(seed, &[256, 128, 64, 32, 16, 8, 4, 2]);
    let [warm, green] = [1, 2].map(|channel| noise(hash(seed, channel), &[256, 128, 64, 32]));
    let objects: Vec<Disc> = (0..12).map(|n| Disc::new(hash(seed, 100 + n))).collect();
    RgbImage::from_fn(width, height, |x, y| {
        let place = (y * width + x) as usize;
        let mut shade = [
            light[place] + 0.4 * warm[place],
            light[place] + 0.4 * green[place],
            light[place] - 0.4 * warm[place],
        ];
        for object in objects.iter().filter(|object| object.covers(x, y)) {
            for (shade, color) in shade.iter_mut().zip(object.color) {
                *shade = 0.5 * *shade + color;
            }
        }
        Rgb(shade.map(|shade| (128.0 + 96.0 * shade).clamp(0.0, 255.0) as u8))
    })
}

/// Value noise: the sum of random lattices with these distances in pixels, interpolated.
/// `[height, width]`, about -1 to 1.
fn noise(seed: u64, distances: &[u32]) -> Vec<f32> {
    let [width, height] = SIZE;
    let mut sum = vec![0.0; (width * height) as usize];
    for &distance in distances {
        // Finer detail is weaker, as in photographs.
        let strength = 0.7 * (distance as f32 / distances[0] as f32).powf(0.2);
        let columns = (width / distance + 2) as usize;
        let rows = (height / distance + 2) as usize;
        let lattice: Vec<f32> = (0..columns * rows)
            .map(|place| strength * signed(hash(hash(seed, u64::from(distance)), place as u64)))
            .collect();
        for (y, line) in sum.chunks_exact_mut(width as usize).enumerate() {
            let (row, down) = (y / distance as usize, y % distance as usize);
            let down = down as f32 / distance as f32;
            let (upper, lower) = (&lattice[row * columns..], &lattice[(row + 1) * columns..]);
            for (x, value) in line.iter_mut().enumerate() {
                let (column, right) = (x / distance as usize, x % distance as usize);
                let right = right as f32 / distance as f32;
                let between = |row: &[f32]| row[column] * (1.0 - right) + row[column + 1] * right;
                *value += between(upper) * (1.0 - down) + between(lower) * down;
            }
        }
    }
    sum
}

/// A disc, for its sharp edge.
struct Disc {
    center: [f32; 2],
    radius: f32,
    color: [f32; 3],
}

impl Disc {
    fn new(seed: u64) -> Self {
        let draw = |number| signed(hash(seed, number));
        let [width, height] = SIZE.map(|side| side as f32);
        Self {
            center: [
                width * (0.5 + 0.5 * draw(0)),
                height * (0.5 + 0.5 * draw(1)),
            ],
            radius: 15.0 + 60.0 * draw(2).abs(),
            color: [3, 4, 5].map(|number| 0.6 * draw(number)),
        }
    }

    fn covers(&self, x: u32, y: u32) -> bool {
        let (dx, dy) = (x as f32 - self.center[0], y as f32 - self.center[1]);
        dx * dx + dy * dy < self.radius * self.radius
    }
}

/// Maps a hash to -1 to 1.
fn signed(hash: u64) -> f32 {
    (hash >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// SplitMix64's hash of two numbers (Steele et al. 2014, <https://doi.org/10.1145/2660193.2660195>).
fn hash(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
