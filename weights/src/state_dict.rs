//! The tensors of a weights file of any format.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};

use super::error::Refusal;
use super::view::{Element, View};
use super::{WeightsError, pytorch};

/// Name prefixes added by `DataParallel` and `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];
/// Step counter of batch norms, which is not a weight.
const COUNTER: &str = "num_batches_tracked";
/// Limit on the total size of the tensors, as a multiple of the file size. Tensors that share a
/// storage may exceed the file size, but not by much.
const MAX_EXPANSION: usize = 4;

/// The tensors of a weights file by name. Values are converted when they are requested.
///
/// The format is detected from the content:
///
/// - safetensors;
/// - PyTorch's `torch.save`, in the zip format of PyTorch 1.6 and in the one before it. The state
///   dict may be the whole file or an entry `state_dict`, `model_state_dict`, `model` or `net`;
///   other entries are ignored. The pickle in such a file is read as data, and nothing in it is
///   called.
///
/// The prefixes `module.` (of `DataParallel`) and `_orig_mod.` (of `torch.compile`) are removed if
/// all names have them, and `num_batches_tracked` is dropped.
///
/// Memory: the file, and one tensor at a time.
#[derive(Debug)]
pub struct StateDict {
    /// Contents of one file, or of all shards.
    files: Vec<Vec<u8>>,
    tensors: BTreeMap<String, Stored>,
}

/// Location of a tensor: the index of its file, and the view into it.
#[derive(Debug)]
struct Stored {
    file: usize,
    view: View,
}

impl StateDict {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`WeightsError::Io`]; [`WeightsError::Format`] if the file is in no known format or is
    /// damaged; [`WeightsError::RunsCode`] if it is malicious.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        Self::from_bytes(bytes, path)
    }

    /// As [`read`](Self::read), from the bytes of a file. Errors name it `path`.
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

    /// Tensors from memory: name, shape in PyTorch's layout, values in row-major order.
    ///
    /// # Errors
    /// [`WeightsError::Encode`] if the number of values does not match the shape;
    /// [`WeightsError::SameName`].
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

    /// Renames every tensor to the result of `name`, or drops it if that is `None`.
    ///
    /// # Errors
    /// [`WeightsError::SameName`] if two get the same name.
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

    /// Merges the tensors of both, such as the shards of a model.
    ///
    /// # Errors
    /// [`WeightsError::SameName`] if both have a tensor of the same name.
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

    /// Names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Shape of a tensor, in PyTorch's layout.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| stored.view.shape())
    }

    /// Values of a tensor as float32, in PyTorch's layout; `None` if it does not exist or is not a
    /// float tensor.
    pub fn floats(&self, name: &str) -> Option<TensorData> {
        let stored = self.tensors.get(name)?;
        stored.view.floats(self.files.get(stored.file)?)
    }

    /// Encodes the tensors as a safetensors file, in float32.
    ///
    /// # Errors
    /// [`WeightsError::Encode`] names a tensor that is not a float tensor.
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
        // The metadata entry that Hugging Face's loaders require.
        let metadata = [("format".to_string(), "pt".to_string())].into();
        safetensors::serialize(tensors, Some(metadata))
            .map_err(|e| WeightsError::Encode(e.to_string()))
    }

    pub(super) fn element(&self, name: &str) -> Option<&Element> {
        self.tensors.get(name).map(|stored| stored.view.element())
    }
}

fn views(bytes: &[u8]) -> Result<BTreeMap<String, View>, Refusal> {
    let mut views = if looks_like_safetensors(bytes) {
        safetensors_views(bytes)?
    } else {
        pytorch::views(bytes)?
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
            "its tensors would take {size} bytes, but the file has only {}",
            bytes.len()
        )));
    }
    Ok(views)
}

fn wrapper(views: &BTreeMap<String, View>) -> Option<&'static str> {
    let wraps = |wrapper: &&str| !views.is_empty() && views.keys().all(|n| n.starts_with(*wrapper));
    WRAPPERS.into_iter().find(wraps)
}

/// True if the file starts with the length of a JSON header and its opening brace. The first byte
/// alone would not do: it may be that of a pickle.
fn looks_like_safetensors(bytes: &[u8]) -> bool {
    let header = bytes
        .first_chunk()
        .map(|length| u64::from_le_bytes(*length));
    header.is_some_and(|length| length < 1 << 32) && bytes.get(8) == Some(&b'{')
}

fn safetensors_views(bytes: &[u8]) -> Result<BTreeMap<String, View>, Refusal> {
    // Checks that the tensors are contiguous and fill the file.
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

/// A float tensor as float32 for the safetensors crate, converted when it is written.
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
