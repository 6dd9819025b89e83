//! Weights in and out, as safetensors in PyTorch's names and layout.
//!
//! A file written by [`save`] is accepted by `load_state_dict(strict=True)` of the same `nn.Module`, and [`load`] takes
//! what `safetensors.torch.save_file(model.state_dict(), path)` writes. Burn's own layers differ from PyTorch's in two
//! ways that the conversion takes care of: linear weights are transposed, and the affine parameters of norms are called
//! gamma and beta.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::{
    ApplyError, ApplyResult, BurnToPyTorchAdapter, ModuleSnapshot, PyTorchToBurnAdapter,
    SafetensorsStore, SafetensorsStoreError,
};
use safetensors::SafeTensors;

/// How many names an error lists before it only counts the rest.
const LISTED: usize = 10;

/// Weights that could not be read, written, or fitted to the model.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not whole, or not safetensors at all.
    #[error("{}: not a readable safetensors file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// The file holds the weights of another model.
    #[error("{}: the weights do not fit the model: {mismatch}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        mismatch: Mismatch,
    },
    /// The model's weights could not be turned into bytes.
    #[error("could not encode the weights: {0}")]
    Encode(String),
}

/// What differs between a file and a model, by PyTorch's parameter names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// In the model, not in the file.
    pub missing: Vec<String>,
    /// In the file, not in the model.
    pub unexpected: Vec<String>,
    /// In both, but of another shape or type: a sentence each.
    pub different: Vec<String>,
}

impl Mismatch {
    /// Whether file and model agree.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.different.is_empty()
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("different", &self.different),
        ];
        let mut separator = "";
        for (what, names) in parts.into_iter().filter(|(_, names)| !names.is_empty()) {
            let listed = names[..names.len().min(LISTED)].join(", ");
            let more = if names.len() > LISTED { ", ..." } else { "" };
            write!(f, "{separator}{} {what} ({listed}{more})", names.len())?;
            separator = "; ";
        }
        Ok(())
    }
}

/// Writes the weights of `model` to `path` in PyTorch's names and layout. The file is written beside and renamed into
/// place, so that `path` is never half a file.
///
/// # Errors
/// [`WeightsError::Io`] if the folder cannot be written to or is full.
pub fn save<M: Module>(model: &M, path: &Path) -> Result<(), WeightsError> {
    let bytes = to_bytes(model)?;
    write_atomically(path, &bytes).map_err(|source| WeightsError::Io {
        path: path.to_path_buf(),
        source,
    })
}

/// Reads the weights at `path` into `model`. Every parameter must be there, with its shape, and nothing else.
///
/// # Errors
/// [`WeightsError::Mismatch`] lists what does not fit; the model is then not returned.
pub fn load<M: Module>(model: M, path: &Path) -> Result<M, WeightsError> {
    let bytes = std::fs::read(path).map_err(|source| WeightsError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    load_bytes(model, bytes, path)
}

/// The weights of `model` as the bytes of a safetensors file. Equal weights give equal bytes.
///
/// # Errors
/// [`WeightsError::Encode`] if the device cannot be read.
pub fn to_bytes<M: Module>(model: &M) -> Result<Vec<u8>, WeightsError> {
    // One metadata entry, the one that Hugging Face's loaders ask for: more would be written in random order, and two
    // files of the same weights would differ.
    let mut store = SafetensorsStore::from_bytes(None)
        .clear_metadata()
        .metadata("format", "pt")
        .skip_enum_variants(true)
        .with_to_adapter(BurnToPyTorchAdapter);
    let encode = |e: SafetensorsStoreError| WeightsError::Encode(e.to_string());
    model.save_into(&mut store).map_err(encode)?;
    store.get_bytes().map_err(encode)
}

/// As [`load`], from the bytes of a file; `path` is what errors call it.
///
/// # Errors
/// As [`load`].
pub fn load_bytes<M: Module>(mut model: M, bytes: Vec<u8>, path: &Path) -> Result<M, WeightsError> {
    let format_error = |reason: String| WeightsError::Format {
        path: path.to_path_buf(),
        reason,
    };
    // Checked here first, because the store reads lazily and would report a bad header tensor by tensor.
    SafeTensors::deserialize(&bytes).map_err(|e| format_error(e.to_string()))?;
    let mut store = SafetensorsStore::from_bytes(Some(bytes))
        .skip_enum_variants(true)
        .allow_partial(true)
        .validate(false)
        .with_from_adapter(PyTorchToBurnAdapter);
    let result = model
        .load_from(&mut store)
        .map_err(|e| format_error(e.to_string()))?;
    let mismatch = mismatch(result);
    if !mismatch.is_empty() {
        return Err(WeightsError::Mismatch {
            path: path.to_path_buf(),
            mismatch,
        });
    }
    Ok(model)
}

fn mismatch(result: ApplyResult) -> Mismatch {
    let different = result.errors.iter().map(describe).collect();
    Mismatch {
        missing: result.missing.into_iter().map(|(name, _)| name).collect(),
        unexpected: result.unused,
        different,
    }
}

fn describe(error: &ApplyError) -> String {
    match error {
        ApplyError::ShapeMismatch {
            path,
            expected,
            found,
        } => format!("{path}: the model has {expected:?}, the file {found:?}"),
        ApplyError::DTypeMismatch {
            path,
            expected,
            found,
        } => format!("{path}: the model has {expected:?}, the file {found:?}"),
        ApplyError::AdapterError { path, message } | ApplyError::LoadError { path, message } => {
            format!("{path}: {message}")
        }
    }
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
