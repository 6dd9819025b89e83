//! The tensors of a weights file, whatever its format.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};

use super::error::Refusal;
use super::view::{Element, View};
use super::{WeightsError, pytorch};

/// What wrappers put before every name: `DataParallel` and `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];
/// Batch norm's counter of training steps, which nothing here reads.
const COUNTER: &str = "num_batches_tracked";
/// Weights that share a storage may together be larger than the file, but not by much.
const MAX_EXPANSION: usize = 4;

/// A weights file, read: names, shapes, and the bytes that the values are taken from when they are asked for.
///
/// The format is recognised by the file's content:
///
/// - safetensors;
/// - what `torch.save` writes, in the zip format of PyTorch 1.6 and in the one before it. The state dict may be the whole
///   file or lie under `state_dict`, `model_state_dict`, `model` or `net`; whatever lies beside it is ignored. The pickle
///   in such a file is read as data, and nothing that it asks for is called.
///
/// The prefixes `module.` (of `DataParallel`) and `_orig_mod.` (of `torch.compile`) are taken off where all names have
/// them, and `num_batches_tracked` is left out.
///
/// Memory: the file, and one tensor at a time.
#[derive(Debug)]
pub struct StateDict {
    /// One file, or the parts of a model that is spread over several.
    files: Vec<Vec<u8>>,
    tensors: BTreeMap<String, Stored>,
}

/// Where a tensor lies: in which of the files, and where in it.
#[derive(Debug)]
struct Stored {
    file: usize,
    view: View,
}

impl StateDict {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`WeightsError::Io`]; [`WeightsError::Format`] if the file is in no known format or is damaged;
    /// [`WeightsError::RunsCode`] if it is an attack.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        Self::from_bytes(bytes, path)
    }

    /// As [`read`](Self::read), from the bytes of a file; `path` is what errors call it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, WeightsError> {
        let views = views(&bytes).map_err(|refusal| refusal.of(path))?;
        let stored = |(name, view)| (name, Stored { file: 0, view });
        Ok(Self {
            files: vec![bytes],
            tensors: views.into_iter().map(stored).collect(),
        })
    }

    /// Tensors that come from elsewhere: name, shape in PyTorch's layout, values in row-major order.
    ///
    /// # Errors
    /// [`WeightsError::Encode`] if there are not as many values as the shape says; [`WeightsError::SameName`].
    pub fn from_floats(
        tensors: impl IntoIterator<Item = (String, Vec<usize>, Vec<f32>)>,
    ) -> Result<Self, WeightsError> {
        let mut dict = Self {
            files: Vec::new(),
            tensors: BTreeMap::new(),
        };
        for (name, shape, values) in tensors {
            let count = shape
                .iter()
                .try_fold(1, |n: usize, &side| n.checked_mul(side));
            let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            let strides = row_major(&shape);
            let view = View::new(DType::F32, shape, strides, 0, &(0..bytes.len()));
            let (Ok(view), true) = (view, count == Some(values.len())) else {
                let reason = format!("{name}: {} values do not fill its shape", values.len());
                return Err(WeightsError::Encode(reason));
            };
            let file = dict.files.len();
            dict.files.push(bytes);
            dict.insert(name, Stored { file, view })?;
        }
        Ok(dict)
    }

    /// The same tensors under other names: `name` says what each is to be called, or `None` to leave it out.
    ///
    /// # Errors
    /// [`WeightsError::SameName`] if two would be called the same.
    pub fn rename(
        self,
        mut name: impl FnMut(&str) -> Option<String>,
    ) -> Result<Self, WeightsError> {
        let mut dict = Self {
            files: self.files,
            tensors: BTreeMap::new(),
        };
        for (old, stored) in self.tensors {
            if let Some(new) = name(&old) {
                dict.insert(new, stored)?;
            }
        }
        Ok(dict)
    }

    /// The tensors of both, as of a model whose file was split.
    ///
    /// # Errors
    /// [`WeightsError::SameName`] if both have one of the same name.
    pub fn join(mut self, other: Self) -> Result<Self, WeightsError> {
        let offset = self.files.len();
        self.files.extend(other.files);
        for (name, Stored { file, view }) in other.tensors {
            let file = file + offset;
            self.insert(name, Stored { file, view })?;
        }
        Ok(self)
    }

    fn insert(&mut self, name: String, stored: Stored) -> Result<(), WeightsError> {
        match self.tensors.entry(name) {
            Entry::Vacant(place) => {
                place.insert(stored);
                Ok(())
            }
            Entry::Occupied(taken) => Err(WeightsError::SameName(taken.key().clone())),
        }
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor, in PyTorch's layout.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| stored.view.shape())
    }

    /// The values of a tensor as float32, in PyTorch's layout; `None` if there is no such tensor or it holds no floats.
    pub fn floats(&self, name: &str) -> Option<TensorData> {
        let stored = self.tensors.get(name)?;
        stored.view.floats(self.files.get(stored.file)?)
    }

    /// The tensors as a safetensors file, in float32.
    ///
    /// # Errors
    /// [`WeightsError::Encode`] names a tensor that holds no floats.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        let mut tensors = Vec::new();
        for (name, Stored { file, view }) in &self.tensors {
            if let Element::Other(element) = view.element() {
                let reason = format!("{name} holds {element}, not floats");
                return Err(WeightsError::Encode(reason));
            }
            let bytes = self.files.get(*file).map_or(&[][..], Vec::as_slice);
            tensors.push((name.as_str(), Float32 { view, bytes }));
        }
        // The one metadata entry that Hugging Face's loaders ask for.
        let metadata = [("format".to_string(), "pt".to_string())].into();
        safetensors::serialize(tensors, Some(metadata))
            .map_err(|e| WeightsError::Encode(e.to_string()))
    }

    pub(super) fn element(&self, name: &str) -> Option<&Element> {
        self.tensors.get(name).map(|stored| stored.view.element())
    }
}

fn views(bytes: &[u8]) -> Result<BTreeMap<String, View>, Refusal> {
    let mut views = match looks_like_safetensors(bytes) {
        true => safetensors_views(bytes)?,
        false => pytorch::views(bytes)?,
    };
    views.retain(|name, _| name.rsplit('.').next() != Some(COUNTER));
    while let Some(wrapper) = wrapper(&views) {
        let unwrap = |(name, view): (String, View)| (name[wrapper.len()..].to_string(), view);
        views = views.into_iter().map(unwrap).collect();
    }
    let size = views
        .values()
        .fold(0, |size: usize, view| size.saturating_add(view.size()));
    if size > bytes.len().saturating_mul(MAX_EXPANSION) {
        return Err(Refusal::format(format!(
            "its tensors would take {size} bytes, and the file has only {}",
            bytes.len()
        )));
    }
    Ok(views)
}

fn wrapper(views: &BTreeMap<String, View>) -> Option<&'static str> {
    let wraps = |wrapper: &&str| !views.is_empty() && views.keys().all(|n| n.starts_with(*wrapper));
    WRAPPERS.into_iter().find(wraps)
}

/// The length of a JSON header and its first bracket. The length's first byte may be that of a pickle, too.
fn looks_like_safetensors(bytes: &[u8]) -> bool {
    let header = bytes
        .first_chunk()
        .map(|length| u64::from_le_bytes(*length));
    header.is_some_and(|length| length < 1 << 32) && bytes.get(8) == Some(&b'{')
}

fn safetensors_views(bytes: &[u8]) -> Result<BTreeMap<String, View>, Refusal> {
    // This checks that the tensors lie one after the other and fill the file.
    let (length, header) =
        SafeTensors::read_metadata(bytes).map_err(|e| Refusal::format(e.to_string()))?;
    let data = size_of::<u64>() + length;
    let mut views = BTreeMap::new();
    for (name, tensor) in header.tensors() {
        let shape = tensor.shape.clone();
        let dtype = match tensor.dtype {
            Dtype::F64 => DType::F64,
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => {
                views.insert(name, View::other(other.to_string(), shape));
                continue;
            }
        };
        let (start, end) = tensor.data_offsets;
        let strides = row_major(&shape);
        let view = View::new(dtype, shape, strides, 0, &(data + start..data + end))
            .map_err(|reason| Refusal::format(format!("{name}: {reason}")))?;
        views.insert(name, view);
    }
    Ok(views)
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// Floats of a file as float32, for the safetensors crate, converted when they are written.
struct Float32<'a> {
    view: &'a View,
    bytes: &'a [u8],
}

impl safetensors::View for Float32<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.view.floats(self.bytes);
        values.map_or(Cow::default(), |values| values.as_bytes().to_vec().into())
    }

    fn data_len(&self) -> usize {
        self.shape().iter().product::<usize>() * size_of::<f32>()
    }
}
