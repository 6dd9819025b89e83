//! Lists the tensors of a weights file, safetensors or PyTorch. Without an argument, it writes two
//! small files first: a safetensors file of a linear layer, and a PyTorch file as `torch.save` of
//! PyTorch 1.6 and later writes it, assembled here by hand.
//!
//! ```sh
//! cargo run -p tinderbox-weights --example inspect -- model.pth
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::nn::LinearConfig;
use burn::tensor::Device;
use tinderbox_weights::{StateDict, load, save};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(path) = std::env::args_os().nth(1) {
        return inspect(&PathBuf::from(path));
    }
    let folder = tempfile::tempdir()?;
    let device = Device::flex();

    let safetensors = folder.path().join("linear.safetensors");
    save(&LinearConfig::new(3, 2).init(&device), &safetensors)?;
    inspect(&safetensors)?;
    load(LinearConfig::new(3, 2).init(&device), &safetensors)?;

    let pytorch = folder.path().join("tensor.pth");
    write_pytorch(&pytorch, &[0.5, -1.0])?;
    inspect(&pytorch)
}

fn inspect(path: &Path) -> Result<(), Box<dyn Error>> {
    println!("{}", path.display());
    let dict = StateDict::read(path)?;
    for name in dict.names() {
        let shape = dict.shape(name).unwrap_or_default();
        let values = match dict.floats(name) {
            Some(data) => data.iter::<f32>().collect(),
            None => Vec::new(),
        };
        let first = &values[..values.len().min(4)];
        println!("  {name:20} {shape:?} {first:?}");
    }
    Ok(())
}

/// Writes `{"bias": tensor(values)}`: a zip archive with a pickle that describes the tensor, and
/// its storage.
fn write_pytorch(path: &Path, values: &[f32]) -> Result<(), Box<dyn Error>> {
    let length = u8::try_from(values.len())?;
    let mut pickle = Vec::new();
    pickle.extend(b"\x80\x02}"); // protocol 2, empty dict
    pickle.extend(b"U\x04bias"); // key
    pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n("); // function, start of its arguments
    // Storage: persistent id ('storage', torch.FloatStorage, '0', 'cpu', length).
    pickle.extend(b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK");
    pickle.push(length);
    pickle.extend(b"tQ");
    pickle.extend(b"K\x00"); // offset
    pickle.extend([b'K', length, 0x85]); // shape (length,)
    pickle.extend(b"K\x01\x85"); // strides (1,)
    pickle.extend(b"\x89N"); // requires_grad, backward hooks
    pickle.extend(b"tRs."); // call, set the item, end

    let mut archive = ZipWriter::new(File::create(path)?);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    archive.start_file("archive/data.pkl", options)?;
    archive.write_all(&pickle)?;
    archive.start_file("archive/data/0", options)?;
    for value in values {
        archive.write_all(&value.to_le_bytes())?;
    }
    archive.finish()?;
    Ok(())
}
