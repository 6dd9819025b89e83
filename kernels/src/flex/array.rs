//! Contiguous `f32` memory behind a tensor.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};

use super::Buffer;

/// A contiguous tensor of `f32`. A clone shares the memory.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    tensor: FlexTensor,
}

impl Array {
    /// The numbers of `buffer` in the order of `shape`, the last dimension fastest.
    pub(crate) fn new(buffer: Buffer, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        debug_assert_eq!(buffer.len(), shape.num_elements());
        let tensor = FlexTensor::new(buffer.into_bytes(), Layout::contiguous(shape), DType::F32);
        Self { tensor }
    }

    /// Copies `tensor` if it is not contiguous. It must be of `f32`.
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

    /// Whether nobody else has the memory, so that [`values_mut`](Self::values_mut) copies nothing.
    pub(crate) fn is_unique(&self) -> bool {
        self.tensor.is_unique()
    }

    /// The numbers, to be changed where they are. If somebody else has them too, they are copied first.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        let start = self.tensor.layout().start_offset();
        let len = self.tensor.layout().num_elements();
        &mut self.tensor.storage_mut::<f32>()[start..start + len]
    }

    /// The numbers, to be written over: in place if nobody else has them, otherwise in a copy.
    pub(crate) fn into_buffer(self) -> Buffer {
        Buffer::copy(self.values())
    }

    pub(super) fn into_flex(self) -> FlexTensor {
        self.tensor
    }
}
