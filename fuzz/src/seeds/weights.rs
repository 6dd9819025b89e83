//! Weight files.

use std::io::{Cursor, Write};

use image::ImageFormat;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::images::encode;
use super::tokenizers::pieces;
use super::{Maker, Seed};
use crate::error::FuzzError;

fn commands(maker: &Maker<'_>, seed: Seed) -> Result<Seed, FuzzError> {
    maker.cnn()?;
    maker.file("image.png", encode(50, "png", ImageFormat::Png)?)?;
    Ok(seed
        .command("predict {s}/cnn {s}/image.png --weights {f}")
        .command("predict {s}/cnn {s}/image.png --weights {f} --strict false")
        .command("export {f} {o}")
        .command(
            "train cnn --set data.train_size=20 --set data.val_size=8 --set model.channels=[2,4] \
                  --set model.hidden=8 --weights {f} --dry-run --ui quiet",
        ))
}

fn cnn_weights(maker: &Maker<'_>) -> Result<Vec<u8>, FuzzError> {
    let run = maker.cnn()?;
    let path = maker.once("cnn.safetensors", |path| {
        maker.call(&format!("export {} {}", run.display(), path.display()))
    })?;
    std::fs::read(&path).map_err(FuzzError::io(&path))
}

pub(super) fn safetensors(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let bytes = cnn_weights(maker)?;
    commands(maker, Seed::default().target("model.safetensors", bytes))
}

/// The same tensors in the zip archive that `torch.save` writes.
pub(super) fn pytorch(maker: &Maker<'_>) -> Result<Seed, FuzzError> {
    let bytes = cnn_weights(maker)?;
    let zip = torch_zip(&tensors(&bytes)).unwrap_or_default();
    commands(maker, Seed::default().target("model.pt", zip))
}

struct Tensor {
    name: String,
    shape: Vec<u32>,
    data: Vec<u8>,
}

/// Tensors of a safetensors file.
fn tensors(bytes: &[u8]) -> Vec<Tensor> {
    let length = bytes
        .first_chunk()
        .map_or(0, |length| u64::from_le_bytes(*length) as usize);
    let header: serde_json::Value =
        serde_json::from_slice(&bytes[8..8 + length]).unwrap_or_default();
    let data = &bytes[8 + length..];
    let entries = header.as_object().into_iter().flatten();
    entries
        .filter_map(|(name, entry)| {
            let numbers = |key: &str| -> Option<Vec<u32>> {
                let numbers = entry.get(key)?.as_array()?;
                Some(
                    numbers
                        .iter()
                        .filter_map(|n| Some(n.as_u64()? as u32))
                        .collect(),
                )
            };
            let offsets = numbers("data_offsets")?;
            Some(Tensor {
                name: name.clone(),
                shape: numbers("shape")?,
                data: data[offsets[0] as usize..offsets[1] as usize].to_vec(),
            })
        })
        .collect()
}

/// `data.pkl` is an ordered dict of tensors, in the opcodes that PyTorch uses.
fn torch_zip(tensors: &[Tensor]) -> zip::result::ZipResult<Vec<u8>> {
    fn text(pickle: &mut Vec<u8>, text: &str) {
        pickle.push(b'X');
        pickle.extend((text.len() as u32).to_le_bytes());
        pickle.extend(text.as_bytes());
    }
    fn number(pickle: &mut Vec<u8>, number: u32) {
        pickle.push(b'J');
        pickle.extend(number.to_le_bytes());
    }
    fn tuple(pickle: &mut Vec<u8>, numbers: &[u32]) {
        pickle.push(b'(');
        numbers.iter().for_each(|n| number(pickle, *n));
        pickle.push(b't');
    }
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (key, tensor) in tensors.iter().enumerate() {
        text(&mut pickle, &tensor.name);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(b"ctorch\nFloatStorage\n");
        text(&mut pickle, &key.to_string());
        text(&mut pickle, "cpu");
        number(&mut pickle, (tensor.data.len() / 4) as u32);
        pickle.extend(b"tQ");
        number(&mut pickle, 0);
        tuple(&mut pickle, &tensor.shape);
        let mut strides = vec![1; tensor.shape.len()];
        for axis in (1..strides.len()).rev() {
            strides[axis - 1] = strides[axis] * tensor.shape[axis];
        }
        tuple(&mut pickle, &strides);
        pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    pickle.extend(b"u.");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut add = |name: String, bytes: &[u8]| -> zip::result::ZipResult<()> {
        zip.start_file(name, stored)?;
        Ok(zip.write_all(bytes)?)
    };
    add("archive/data.pkl".into(), &pickle)?;
    add("archive/byteorder".into(), b"little")?;
    for (key, tensor) in tensors.iter().enumerate() {
        add(format!("archive/data/{key}"), &tensor.data)?;
    }
    add("archive/version".into(), b"3\n")?;
    Ok(zip.finish()?.into_inner())
}

/// A checkpoint of llama2.c: seven sizes and the weights.
pub(super) fn llama2c(_: &Maker<'_>) -> Result<Seed, FuzzError> {
    let (width, inner, layers, heads, vocab, positions) = (8, 12, 1, 2, 290, 16);
    let sizes = [width, inner, layers, heads, heads, vocab, positions];
    let head = width / heads;
    let per_layer = 2 * width + 4 * width * width + 3 * width * inner;
    let count = vocab * width + layers * per_layer + width + positions * head;
    let mut bytes: Vec<u8> = sizes
        .iter()
        .flat_map(|size: &i32| size.to_le_bytes())
        .collect();
    bytes.extend((0..count).flat_map(|i| ((i % 13) as f32 * 0.01 - 0.06).to_le_bytes()));
    Ok(Seed::default()
        .target("stories.bin", bytes)
        .target("tokenizer.bin", pieces())
        .command("generate {c}/stories.bin --max-tokens 4")
        .command("generate {c}/stories.bin --prompt the --max-tokens 4 --temperature 0"))
}
