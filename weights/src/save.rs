//! Saving weights as safetensors.

use std::path::Path;

use burn::module::Module;
use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot, SafetensorsStore, SafetensorsStoreError};

use super::WeightsError;

/// Writes the weights of `model` to `path` in PyTorch's names and layout, by way of a temporary
/// file, so that `path` is never half written.
///
/// `num_batches_tracked` of batch norms is omitted: `load_state_dict(strict=True)` does not require
/// it in a dict without version metadata, as read from safetensors.
///
/// # Errors
/// [`WeightsError::Io`] if the folder cannot be written or the disk is full.
pub fn save<M: Module>(model: &M, path: &Path) -> Result<(), WeightsError> {
    let bytes = to_bytes(model)?;
    write_atomically(path, &bytes).map_err(|source| WeightsError::Io {
        path: path.to_path_buf(),
        source,
    })
}

/// The weights of `model` as the bytes of a safetensors file. Equal weights give equal bytes.
///
/// # Errors
/// [`WeightsError::Encode`] if the device cannot be read.
pub fn to_bytes<M: Module>(model: &M) -> Result<Vec<u8>, WeightsError> {
    // Only the metadata entry that Hugging Face's loaders require: several would be written in
    // random order, and files of equal weights would differ.
    let mut store = SafetensorsStore::from_bytes(None)
        .clear_metadata()
        .metadata("format", "pt")
        .skip_enum_variants(true)
        .with_to_adapter(BurnToPyTorchAdapter);
    let encode = |e: SafetensorsStoreError| WeightsError::Encode(e.to_string());
    model.save_into(&mut store).map_err(encode)?;
    store.get_bytes().map_err(encode)
}

fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
