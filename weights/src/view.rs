//! A tensor within a file in memory.

use std::fmt;
use std::ops::Range;

use burn::tensor::{DType, TensorData};
use safetensors::Dtype;

/// Maximum number of dimensions.
const MAX_RANK: usize = 8;

/// Element type of a tensor. Weights are floats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// A float, of 2, 4 or 8 bytes.
    Float(DType),
    /// An integer, a boolean, an 8-bit float or another type of safetensors, whose bytes are kept
    /// as they are.
    Raw(Dtype),
    /// A tensor that is no plain array of elements, by the name of its class.
    Other(String),
}

impl Element {
    /// Element type of safetensors; `None` for one whose elements share bytes.
    pub(super) fn of(dtype: Dtype) -> Option<Self> {
        Some(match dtype {
            Dtype::F64 => Self::Float(DType::F64),
            Dtype::F32 => Self::Float(DType::F32),
            Dtype::F16 => Self::Float(DType::F16),
            Dtype::BF16 => Self::Float(DType::BF16),
            other if other.bitsize().is_multiple_of(8) => Self::Raw(other),
            _ => return None,
        })
    }

    /// Size of an element in bytes; 0 if its elements are unknown.
    fn size(&self) -> usize {
        match self {
            Self::Float(dtype) => dtype.size(),
            Self::Raw(dtype) => dtype.bitsize() / 8,
            Self::Other(_) => 0,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(dtype) => write!(f, "{}", dtype.name()),
            Self::Raw(dtype) => write!(f, "{dtype}"),
            Self::Other(name) => write!(f, "{name}"),
        }
    }
}

/// Strided view into the bytes of a file: element `[i, j, ..]` is at `start + (i * strides[0] + j *
/// strides[1] + ..) * size`. All indices within the shape are checked to be within the file.
#[derive(Clone, Debug)]
pub(super) struct View {
    element: Element,
    shape: Vec<usize>,
    strides: Vec<usize>,
    start: usize,
}

impl View {
    /// View of the little-endian elements in `storage`, a byte range of the file, starting at
    /// element `offset`.
    pub(super) fn new(
        element: Element,
        shape: Vec<usize>,
        strides: Vec<usize>,
        offset: usize,
        storage: &Range<usize>,
    ) -> Result<Self, String> {
        if shape.len() > MAX_RANK || shape.len() != strides.len() {
            return Err(format!("invalid shape {shape:?} with strides {strides:?}"));
        }
        let size = element.size();
        let available = storage.len().checked_div(size).unwrap_or(0);
        let count = shape
            .iter()
            .try_fold(1, |count: usize, &side| count.checked_mul(side));
        let last = shape
            .iter()
            .zip(&strides)
            .try_fold(offset, |last, (&side, &stride)| {
                last.checked_add(side.saturating_sub(1).checked_mul(stride)?)
            });
        // A stride of 0 repeats an element, as `expand` does. The total size of all tensors is
        // limited by the caller.
        let fits = count.is_some_and(|count| count.checked_mul(size).is_some())
            && (count == Some(0) || last.is_some_and(|last| last < available));
        if !fits {
            return Err(format!(
                "shape {shape:?} with strides {strides:?} from element {offset} on exceeds a storage of {available} elements"
            ));
        }
        Ok(Self {
            start: storage.start + offset.saturating_mul(size),
            element,
            shape,
            strides,
        })
    }

    /// A tensor that is no plain array. Its elements are never read.
    pub(super) fn other(name: impl Into<String>, shape: Vec<usize>) -> Self {
        Self {
            element: Element::Other(name.into()),
            shape,
            strides: Vec::new(),
            start: 0,
        }
    }

    pub(super) fn element(&self) -> &Element {
        &self.element
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Size of the elements in bytes.
    pub(super) fn size(&self) -> usize {
        self.shape.iter().product::<usize>() * self.element.size()
    }

    /// True if `other` shows the same elements of the file in the same order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.element, &self.shape, &self.strides, self.start)
            == (&other.element, &other.shape, &other.strides, other.start)
    }

    /// The same elements with rows and columns exchanged, of a matrix.
    pub(super) fn transpose(&mut self) {
        if self.shape.len() == 2 && self.strides.len() == 2 {
            self.shape.reverse();
            self.strides.reverse();
        }
    }

    /// Elements in row-major order, as they are stored: little-endian; `None` if they are unknown.
    pub(super) fn raw(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if matches!(self.element, Element::Other(_)) {
            return None;
        }
        if self.is_contiguous() {
            return Some(bytes.get(self.start..self.start + self.size())?.to_vec());
        }
        self.gather(bytes, self.element.size())
    }

    /// Elements as float32 in row-major order, from the `bytes` of the file; `None` if they are not
    /// floats.
    pub(super) fn floats(&self, bytes: &[u8]) -> Option<TensorData> {
        let Element::Float(dtype) = self.element else {
            return None;
        };
        let mut values = self.raw(bytes)?;
        if cfg!(target_endian = "big") {
            values
                .chunks_exact_mut(dtype.size())
                .for_each(<[u8]>::reverse);
        }
        let data = TensorData::from_bytes_vec(values, self.shape.clone(), dtype);
        Some(data.convert_dtype(DType::F32))
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&side, &stride) in self.shape.iter().zip(&self.strides).rev() {
            // The stride of a dimension of size 1 is irrelevant.
            if side != 1 && stride != expected {
                return false;
            }
            expected *= side;
        }
        true
    }

    fn gather(&self, bytes: &[u8], size: usize) -> Option<Vec<u8>> {
        let mut values = Vec::with_capacity(self.size());
        let mut index = vec![0; self.shape.len()];
        while values.len() < self.size() {
            let steps = index.iter().zip(&self.strides);
            let place = self.start + steps.map(|(i, stride)| i * stride).sum::<usize>() * size;
            values.extend_from_slice(bytes.get(place..place + size)?);
            // The last index varies fastest.
            for (i, &side) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < side {
                    break;
                }
                *i = 0;
            }
        }
        Some(values)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        (0..6u8).flat_map(|n| f32::from(n).to_le_bytes()).collect()
    }

    fn view(shape: &[usize], strides: &[usize], offset: usize) -> Result<View, String> {
        View::new(
            Element::Float(DType::F32),
            shape.to_vec(),
            strides.to_vec(),
            offset,
            &(0..24),
        )
    }

    fn values(view: &View) -> Vec<f32> {
        view.floats(&bytes()).unwrap().try_into_vec().unwrap()
    }

    #[test]
    fn strides_are_followed() {
        let straight = view(&[2, 3], &[3, 1], 0).unwrap();
        assert_eq!(values(&straight), [0., 1., 2., 3., 4., 5.]);
        let transposed = view(&[3, 2], &[1, 3], 0).unwrap();
        assert_eq!(values(&transposed), [0., 3., 1., 4., 2., 5.]);
        let column = view(&[2, 1], &[3, 1], 2).unwrap();
        assert_eq!(values(&column), [2., 5.]);
        // A dimension of size 1 may have any stride.
        assert_eq!(values(&view(&[1, 2], &[999, 1], 4).unwrap()), [4., 5.]);
    }

    #[test]
    fn a_stride_of_zero_repeats_elements() {
        let expanded = view(&[2, 3], &[1, 0], 1).unwrap();
        assert_eq!(values(&expanded), [1., 1., 1., 2., 2., 2.]);
        let mut transposed = expanded.clone();
        transposed.transpose();
        assert_eq!(values(&transposed), [1., 2., 1., 2., 1., 2.]);
        assert!(expanded.is_same(&expanded.clone()) && !expanded.is_same(&transposed));
    }

    #[test]
    fn other_elements_are_kept_as_they_are() {
        let bytes: Vec<u8> = (1..=6).collect();
        let storage = 0..6;
        let element = Element::of(Dtype::U8).unwrap();
        let view = View::new(element, vec![2, 2], vec![1, 3], 0, &storage).unwrap();
        assert_eq!(view.raw(&bytes).unwrap(), [1, 4, 2, 5]);
        assert!(view.floats(&bytes).is_none());
        // Two elements share a byte.
        assert_eq!(Element::of(Dtype::F4), None);
    }

    #[test]
    fn scalars_and_empty_tensors_are_valid() {
        assert_eq!(values(&view(&[], &[], 5).unwrap()), [5.]);
        assert!(values(&view(&[0, 3], &[3, 1], 0).unwrap()).is_empty());
    }

    #[test]
    fn views_beyond_the_storage_are_refused() {
        for (shape, strides, offset) in [
            (&[7][..], &[1][..], 0),
            (&[2, 3], &[3, 1], 1),
            (&[2], &[6], 0),
            (&[3, 100], &[6, 0], 0),
            (&[1], &[1], usize::MAX),
            (&[usize::MAX, 2], &[1, 1], 0),
            (&[2, 2], &[usize::MAX, 1], 0),
            (&[2, 3], &[3], 0),
            (&[1; 9], &[1; 9], 0),
        ] {
            let error = view(shape, strides, offset).unwrap_err();
            assert!(error.contains("shape"), "{error}");
        }
    }
}
