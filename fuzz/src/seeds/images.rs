//! Images in every format, and data sets of images.

use std::io::{Cursor, Write};

use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};
use image::{DynamicImage, ImageFormat, RgbImage};

use super::{Maker, Seed};
use crate::error::FuzzError;

/// WordNet ids of the classes of the ImageNet seed.
const WNIDS: [&str; 2] = ["n01440764", "n02979186"];

pub(super) fn bmp(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    class_folder(maker, "bmp", ImageFormat::Bmp)
}

pub(super) fn gif(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    class_folder(maker, "gif", ImageFormat::Gif)
}

pub(super) fn jpeg(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    class_folder(maker, "jpg", ImageFormat::Jpeg)
}

pub(super) fn png(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    class_folder(maker, "png", ImageFormat::Png)
}

pub(super) fn ppm(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.cnn()?;
    maker.image_recipe()?;
    let encode = |shade| {
        let image = picture(shade);
        let header = format!("P6\n{} {}\n255\n", image.width(), image.height());
        Ok([header.into_bytes(), image.into_raw()].concat())
    };
    folder_seed("ppm", &encode).map(image_commands)
}

pub(super) fn tiff(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    class_folder(maker, "tiff", ImageFormat::Tiff)
}

pub(super) fn webp(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    class_folder(maker, "webp", ImageFormat::WebP)
}

pub(super) fn png_palette(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.cnn()?;
    maker.image_recipe()?;
    let encode = |shade| Ok(palette(shade));
    folder_seed("png", &encode).map(image_commands)
}

fn class_folder(
    maker: &Maker<'_>,
    extension: &'static str,
    format: ImageFormat,
) -> Result<Seed, FuzzError> {
    maker.cnn()?;
    maker.image_recipe()?;
    folder_seed(extension, &|shade| encode(shade, extension, format)).map(image_commands)
}

/// A class folder; one image is damaged.
fn folder_seed(
    extension: &str,
    encode: &dyn Fn(u8) -> Result<Vec<u8>, FuzzError>,
) -> Result<Seed, FuzzError> {
    let mut seed = Seed::default().target(&format!("train/a/0.{extension}"), encode(10)?);
    for (name, shade) in [
        ("train/a/1", 40),
        ("train/b/0", 80),
        ("val/a/0", 120),
        ("val/b/0", 200),
    ] {
        seed = seed.beside(&format!("{name}.{extension}"), encode(shade)?);
    }
    Ok(seed)
}

fn image_commands(seed: Seed) -> Seed {
    seed.command("predict {s}/cnn {f}")
        .command("predict {s}/cnn {f} --json")
        .command("explain {s}/cnn {f} --output {o}")
        .command("data preview {s}/image.toml --data {c} --output {o}.png")
        .command("data info {s}/image.toml --data {c}")
        .command("data shards {s}/image.toml --data {c} --output {o}")
        .command("data shards {s}/image.toml --data {c} --output {o} --max-side 8")
        .command("train {s}/image.toml --data {c} --dry-run --ui quiet")
}

fn picture(shade: u8) -> RgbImage {
    RgbImage::from_fn(20, 17, |x, y| {
        image::Rgb([shade, (x * 11) as u8, (y * 13 + x) as u8])
    })
}

pub(super) fn encode(
    shade: u8,
    kind: &'static str,
    format: ImageFormat,
) -> Result<Vec<u8>, FuzzError> {
    let mut bytes = Cursor::new(Vec::new());
    let image = DynamicImage::ImageRgb8(picture(shade));
    image
        .write_to(&mut bytes, format)
        .map_err(|error| FuzzError::Image {
            kind,
            reason: error.to_string(),
        })?;
    Ok(bytes.into_inner())
}

/// A PNG with 4 bits per pixel, a palette and transparent colours.
fn palette(shade: u8) -> Vec<u8> {
    const COLOURS: u8 = 16;
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [20u32.to_be_bytes(), 17u32.to_be_bytes()].concat();
    header.extend([4, 3, 0, 0, 0]);
    chunk(&mut png, *b"IHDR", &header);
    let colours: Vec<u8> = (0..COLOURS)
        .flat_map(|i| [shade, i * 16, 255 - i])
        .collect();
    chunk(&mut png, *b"PLTE", &colours);
    chunk(&mut png, *b"tRNS", &[0, 128, 255]);
    let rows: Vec<u8> = (0..17u8)
        .flat_map(|y| std::iter::once(0).chain((0..10u8).map(move |x| (x * 17) ^ y)))
        .collect();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory cannot fail.
    let _ = encoder.write_all(&rows);
    chunk(&mut png, *b"IDAT", &encoder.finish().unwrap_or_default());
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    png.extend(kind);
    png.extend(data);
    png.extend(crc.sum().to_be_bytes());
}

pub(super) fn cifar(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.image_recipe()?;
    let records = |count: u8| -> Vec<u8> {
        (0..count)
            .flat_map(|record| {
                std::iter::once(record % 10).chain(std::iter::repeat_n(record * 9, 3072))
            })
            .collect()
    };
    let mut seed = Seed::default();
    for number in 1..=5 {
        seed = seed.target(&format!("data_batch_{number}.bin"), records(10));
    }
    Ok(data_commands(
        seed.target("test_batch.bin", records(10)),
        "cifar10",
        "",
    ))
}

pub(super) fn idx(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    idx_files(maker, "", |bytes| bytes)
}

pub(super) fn idx_gz(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    idx_files(maker, ".gz", |bytes| gzip(&bytes))
}

fn idx_files(
    maker: &Maker<'_>,
    suffix: &str,
    pack: fn(Vec<u8>) -> Vec<u8>,
) -> Result<Seed, FuzzError> {
    maker.image_recipe()?;
    let file = |magic: u32, sizes: &[u32], data: Vec<u8>| {
        let mut bytes = magic.to_be_bytes().to_vec();
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend(data);
        pack(bytes)
    };
    let mut seed = Seed::default();
    for prefix in ["train", "t10k"] {
        let pixels = (0..12u32 * 100).map(|i| (i % 251) as u8).collect();
        let labels = (0..12u8).map(|i| i % 10).collect();
        seed = seed
            .target(
                &format!("{prefix}-images-idx3-ubyte{suffix}"),
                file(0x803, &[12, 10, 10], pixels),
            )
            .target(
                &format!("{prefix}-labels-idx1-ubyte{suffix}"),
                file(0x801, &[12], labels),
            );
    }
    Ok(data_commands(seed, "idx", "--set model.in_channels=1"))
}

fn data_commands(seed: Seed, source: &str, more: &str) -> Seed {
    let recipe = format!("{{s}}/image.toml --set data.source={source} {more} --data {{c}}");
    seed.command(&format!("data info {recipe}"))
        .command(&format!(
            "data preview {recipe} --output {{o}}.png --columns 2"
        ))
        .command(&format!("train {recipe} --dry-run --ui quiet"))
}

/// Archives of images and the development kit, as published.
pub(super) fn imagenet(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    maker.image_recipe()?;
    let jpeg = |shade| encode(shade, "jpg", ImageFormat::Jpeg);
    let mut classes = Vec::new();
    for (wnid, shade) in WNIDS.into_iter().zip([10, 90]) {
        let images = vec![
            (format!("{wnid}_1.JPEG"), jpeg(shade)?),
            (format!("{wnid}_2.JPEG"), jpeg(shade + 30)?),
        ];
        classes.push((format!("{wnid}.tar"), tar_of(&images)));
    }
    let validation = vec![
        ("ILSVRC2012_val_00000001.JPEG".to_string(), jpeg(200)?),
        ("ILSVRC2012_val_00000002.JPEG".to_string(), jpeg(220)?),
    ];
    let kit = "ILSVRC2012_devkit_t12/data";
    let devkit = tar_of(&[
        (format!("{kit}/meta.mat"), matlab()),
        (
            format!("{kit}/ILSVRC2012_validation_ground_truth.txt"),
            b"1\n2\n".to_vec(),
        ),
    ]);
    let seed = Seed::default()
        .target("ILSVRC2012_img_train.tar", tar_of(&classes))
        .target("ILSVRC2012_img_val.tar", tar_of(&validation))
        .target("ILSVRC2012_devkit_t12.tar.gz", gzip(&devkit));
    Ok(data_commands(seed, "imagenet", ""))
}

/// `meta.mat`, uncompressed: an array of structs with a number and a WordNet id.
fn matlab() -> Vec<u8> {
    fn element(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }
    fn array(class: u8, sizes: [i32; 2], name: &str, rest: &[u8]) -> Vec<u8> {
        let flags = [[class, 0, 0, 0], [0; 4]].concat();
        let sizes = sizes.map(i32::to_le_bytes).concat();
        let parts = [
            element(6, &flags),
            element(5, &sizes),
            element(1, name.as_bytes()),
            rest.to_vec(),
        ];
        element(14, &parts.concat())
    }
    let number = |value: f64| array(6, [1, 1], "", &element(9, &value.to_le_bytes()));
    let text = |value: &str| {
        let units: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
        array(4, [1, value.len() as i32], "", &element(4, &units))
    };
    let names = ["ILSVRC2012_ID", "WNID", "words", "num_children"];
    let mut fields = element(5, &32i32.to_le_bytes());
    let padded: Vec<u8> = names
        .iter()
        .flat_map(|name| format!("{name:\0<32}").into_bytes())
        .collect();
    fields.extend(element(1, &padded));
    for (id, wnid) in (1..).zip(WNIDS) {
        fields.extend(
            [
                number(f64::from(id)),
                text(wnid),
                text("a thing"),
                number(0.0),
            ]
            .concat(),
        );
    }
    let mut file = format!("{:124}", "MATLAB 5.0 MAT-file").into_bytes();
    file.extend(b"\x00\x01IM");
    file.extend(array(2, [2, 1], "synsets", &fields));
    file
}

pub(super) fn shards(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let shards = shards_folder(maker)?;
    let seed = Seed::default().folder(&shards, "")?;
    let recipe = "{s}/image.toml --set data.source=shards --data {c}";
    Ok(data_commands(seed, "shards", "").command(&format!("data info {recipe} --verify")))
}

/// The same archives as other programs write them, without a manifest.
pub(super) fn webdataset(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let shards = shards_folder(maker)?;
    let mut seed = Seed::default();
    for split in ["train", "val"] {
        let name = format!("{split}-000000.tar");
        let bytes = std::fs::read(shards.join(&name)).map_err(FuzzError::io(&shards))?;
        seed = seed.target(&name, bytes);
    }
    Ok(data_commands(seed, "shards", ""))
}

fn shards_folder(maker: &Maker<'_>) -> Result<std::path::PathBuf, FuzzError> {
    let recipe = maker.image_recipe()?;
    let images = images_folder(maker)?;
    maker.once("shards", |path| {
        let (recipe, images, path) = (recipe.display(), images.display(), path.display());
        maker.call(&format!(
            "data shards {recipe} --data {images} --output {path}"
        ))
    })
}

/// A class folder of PNG and JPEG files that is not damaged.
pub(super) fn images_folder(maker: &Maker<'_>) -> Result<std::path::PathBuf, FuzzError> {
    let mut last = None;
    for (place, class, shade) in [
        ("train", "a", 10),
        ("train", "b", 90),
        ("val", "a", 20),
        ("val", "b", 120),
    ] {
        let png = encode(shade, "png", ImageFormat::Png)?;
        let jpeg = encode(shade + 5, "jpg", ImageFormat::Jpeg)?;
        maker.file(&format!("images/{place}/{class}/0.png"), png)?;
        last = Some(maker.file(&format!("images/{place}/{class}/1.jpg"), jpeg)?);
    }
    let folder = last.and_then(|path| Some(path.ancestors().nth(3)?.to_path_buf()));
    Ok(folder.unwrap_or_default())
}

fn tar_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Writing into memory cannot fail.
        let _ = archive.append_data(&mut header, name, bytes.as_slice());
    }
    archive.into_inner().unwrap_or_default()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
