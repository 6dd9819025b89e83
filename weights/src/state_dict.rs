//! The tensors of a weights file of any format.

mod find;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};

use super::error::Refusal;
use super::lfs::{LFS_POINTER, is_lfs_pointer};
use super::view::{Element, View};
use super::{WeightsError, pytorch};

/// Name prefixes added by `DataParallel` and `AveragedModel`, by `torch.compile`, and by Opacus.
const WRAPPERS: [&str; 3] = ["module.", "_orig_mod.", "_module."];
/// Number of averaged models that `AveragedModel` saves beside the weights.
const AVERAGED: &str = "n_averaged";
/// Limit on the total size of the tensors, as a multiple of the file size: layers may share a
/// storage, and tensors may repeat an element.
const MAX_EXPANSION: usize = 64;
/// Bytes that are allowed beyond that limit, for small files.
const FREE_EXPANSION: usize = 1 << 20;

/// The tensors of a weights file by name. Values are converted when they are requested.
///
/// The format is detected from the content:
///
/// - safetensors;
/// - PyTorch's `torch.save`, in the zip format of PyTorch 1.6 and in the one before it. The state
///   dict may be the whole file or an entry of it, under any key; other entries are ignored. The
///   pickle in such a file is read as data, and nothing in it is called.
///
/// The prefixes `module.` (of `DataParallel` and `AveragedModel`), `_orig_mod.` (of
/// `torch.compile`) and `_module.` (of Opacus) are removed if all names have them. A file with
/// several state dicts, or with a network among other modules, is narrowed down to a model's names
/// by [`find`](Self::find), or to a key by [`at`](Self::at).
///
/// Memory: the file, and one tensor at a time.
#[derive(Debug)]
pub struct StateDict {
    /// Contents of one file, or of all shards.
    files: Vec<Vec<u8>>,
    tensors: Tensors,
    /// Key of the tensors in the file; empty for the file itself.
    key: String,
    /// Other dicts of tensors in the file.
    others: Vec<(String, Tensors)>,
    settings: BTreeMap<String, Setting>,
}

type Tensors = BTreeMap<String, Stored>;

/// A value that a training script saves beside the weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A string.
    Text(String),
}

/// Location of a tensor: the index of its file, and the view into it.
#[derive(Clone, Debug)]
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
        let (dicts, settings) = dicts(&bytes).map_err(|refusal| refusal.of(path))?;
        let stored = |(name, view)| (name, Stored { file: 0, view });
        let mut dicts = dicts
            .into_iter()
            .map(|(key, views)| (key, views.into_iter().map(stored).collect()));
        let (key, tensors) = dicts.next().unwrap_or_default();
        Ok(Self {
            tensors,
            key,
            others: dicts.collect(),
            settings,
            files: vec![bytes],
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
        let mut dict = Self::empty(Vec::new());
        for (name, shape, values) in tensors {
            let count = shape
                .iter()
                .try_fold(1, |n: usize, &side| n.checked_mul(side));
            let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            let strides = row_major(&shape);
            let element = Element::Float(DType::F32);
            let view = View::new(element, shape, strides, 0, &(0..bytes.len()));
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
        let mut dict = Self::empty(self.files);
        dict.settings = self.settings;
        for (old, stored) in self.tensors {
            if let Some(new) = name(&old) {
                dict.insert(new, stored)?;
            }
        }
        Ok(dict)
    }

    fn empty(files: Vec<Vec<u8>>) -> Self {
        Self {
            files,
            tensors: Tensors::new(),
            key: String::new(),
            others: Vec::new(),
            settings: BTreeMap::new(),
        }
    }

    /// Exchanges rows and columns of the matrices whose names `is_meant` accepts.
    #[must_use]
    pub fn transpose(mut self, is_meant: impl Fn(&str) -> bool) -> Self {
        for (name, stored) in &mut self.tensors {
            if is_meant(name) {
                stored.view.transpose();
            }
        }
        self
    }

    /// A value saved beside the weights, by its dotted key, such as `model_args.n_layer`.
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
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

    /// Encodes the tensors as a safetensors file: floats in float32, other elements as they are.
    ///
    /// # Errors
    /// [`WeightsError::Encode`] names a tensor that is no plain array of elements.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        let mut tensors = Vec::new();
        for (name, Stored { file, view }) in &self.tensors {
            let dtype = match view.element() {
                Element::Float(_) => Dtype::F32,
                Element::Raw(dtype) => *dtype,
                Element::Other(class) => {
                    let reason = format!("{name} is of {class}, which safetensors cannot hold");
                    return Err(WeightsError::Encode(reason));
                }
            };
            let bytes = self.files.get(*file).map_or(&[][..], Vec::as_slice);
            tensors.push((name.as_str(), Encoded { dtype, view, bytes }));
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

/// Dicts of tensors by their keys, and values beside them.
type Dicts = (
    Vec<(String, BTreeMap<String, View>)>,
    BTreeMap<String, Setting>,
);

fn dicts(bytes: &[u8]) -> Result<Dicts, Refusal> {
    if is_lfs_pointer(bytes) {
        return Err(Refusal::format(LFS_POINTER));
    }
    let (mut dicts, settings) = if looks_like_safetensors(bytes) {
        let dicts = vec![(String::new(), safetensors_views(bytes)?)];
        (dicts, BTreeMap::new())
    } else {
        let saved = pytorch::read(bytes)?;
        (saved.dicts, saved.settings)
    };
    let limit = bytes.len().saturating_mul(MAX_EXPANSION);
    let limit = limit.saturating_add(FREE_EXPANSION);
    for (_, views) in &mut dicts {
        unwrap(views);
        let size = views
            .values()
            .fold(0, |size: usize, view| size.saturating_add(view.size()));
        if size > limit {
            return Err(Refusal::format(format!(
                "its tensors would take {size} bytes, but the file has only {}",
                bytes.len()
            )));
        }
    }
    Ok((dicts, settings))
}

/// Removes the prefixes of wrappers that all names have.
fn unwrap(views: &mut BTreeMap<String, View>) {
    while let Some(wrapper) = wrapper(views) {
        let unwrapped = |(name, view): (String, View)| {
            let name = name.strip_prefix(wrapper)?;
            Some((name.to_string(), view))
        };
        *views = std::mem::take(views)
            .into_iter()
            .filter_map(unwrapped)
            .collect();
    }
}

fn wrapper(views: &BTreeMap<String, View>) -> Option<&'static str> {
    let mut names = views.keys().filter(|name| *name != AVERAGED).peekable();
    names.peek()?;
    let wraps = |wrapper: &&str| names.clone().all(|name| name.starts_with(*wrapper));
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
        let Some(element) = Element::of(tensor.dtype) else {
            views.insert(name, View::other(tensor.dtype.to_string(), shape));
            continue;
        };
        let (start, end) = tensor.data_offsets;
        let strides = row_major(&shape);
        let view = View::new(element, shape, strides, 0, &(data + start..data + end))
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

/// A tensor for the safetensors crate, converted when it is written.
struct Encoded<'a> {
    dtype: Dtype,
    view: &'a View,
    bytes: &'a [u8],
}

impl safetensors::View for Encoded<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if let Some(values) = self.view.floats(self.bytes) {
            return values.as_bytes().to_vec().into();
        }
        self.view.raw(self.bytes).map_or(Cow::default(), Cow::Owned)
    }

    fn data_len(&self) -> usize {
        self.shape().iter().product::<usize>() * (self.dtype.bitsize() / 8)
    }
}
