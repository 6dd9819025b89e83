//! Contiguous `f32` memory behind a tensor.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};

use super::Buffer;

/// A contiguous `f32` tensor. Clones share the memory.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    tensor: FlexTensor,
}

impl Array {
    /// The elements of `buffer` in the given shape, the last dimension contiguous.
    pub(crate) fn new(buffer: Buffer, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        debug_assert_eq!(buffer.len(), shape.num_elements());
        let tensor = FlexTensor::new(buffer.into_bytes(), Layout::contiguous(shape), DType::F32);
        Self { tensor }
    }

    /// Copies `tensor` unless it is contiguous. Its type must be `f32`.
    pub(super) fn contiguous(tensor: FlexTensor) -> Self {
        debug_assert_eq!(tensor.dtype(), DType::F32);
        match tensor.layout().contiguous_offsets() {
            Some(_) => Self { tensor },
            None => Self {
                tensor: tensor.to_contiguous(),
            },
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.tensor.shape()
    }

    /// # Panics
    /// If the tensor does not have `D` dimensions.
    pub(crate) fn dims<const D: usize>(&self) -> [usize; D] {
        self.shape().dims()
    }

    pub(crate) fn values(&self) -> &[f32] {
        let start = self.tensor.layout().start_offset();
        let len = self.tensor.layout().num_elements();
        &self.tensor.storage::<f32>()[start..start + len]
    }

    /// True if the memory is not shared, so that [`values_mut`](Self::values_mut) does not copy.
    pub(crate) fn is_unique(&self) -> bool {
        self.tensor.is_unique()
    }

    /// The elements, for updating in place. Copied first if the memory is shared.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        let start = self.tensor.layout().start_offset();
        let len = self.tensor.layout().num_elements();
        &mut self.tensor.storage_mut::<f32>()[start..start + len]
    }

    /// A copy of the elements.
    pub(crate) fn into_buffer(self) -> Buffer {
        Buffer::copy(self.values())
    }

    pub(super) fn into_flex(self) -> FlexTensor {
        self.tensor
    }
}
