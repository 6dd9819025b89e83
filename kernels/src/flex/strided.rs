//! Strided tensors read in place, and columns written side by side.

use std::marker::PhantomData;
use std::ops::Range;

use burn::backend::{BackendTensor, DispatchTensorKind};
use burn::tensor::{Bool, BoolStore, DType, Tensor};
use burn_flex::FlexTensor;

use super::Array;
use super::tape::primitive;

/// An `f32` tensor `[batch, rows, cols]` whose rows are contiguous but may lie anywhere, like those
/// of a slice. Clones share the memory.
#[derive(Clone, Debug)]
pub(crate) struct StridedRows {
    tensor: FlexTensor,
    start: usize,
    strides: [usize; 2],
    dims: [usize; 3],
}

/// The rows of a tensor that kernels support: `f32` on `flex`. Copied only if the rows are not
/// contiguous.
pub(crate) fn strided_rows(tensor: &Tensor<3>) -> Option<StridedRows> {
    if tensor.dtype() != DType::F32 || crate::is_compose_only() {
        return None;
    }
    let primitive = primitive(tensor.clone().into_dispatch().kind)?;
    Some(StridedRows::new(primitive, tensor.dims()))
}

impl From<Array> for StridedRows {
    fn from(array: Array) -> Self {
        let dims = array.dims();
        Self::new(array.into_flex(), dims)
    }
}

impl StridedRows {
    fn new(tensor: FlexTensor, dims: [usize; 3]) -> Self {
        let [_, rows, cols] = dims;
        let in_order = [rows * cols, cols];
        // Contiguity is tested first, because the stride of a dimension of size one may be
        // anything.
        let (tensor, strides) = match *tensor.layout().strides() {
            _ if tensor.is_contiguous() => (tensor, in_order),
            [batch, row, 1] if batch >= 0 && row >= cols as isize => {
                (tensor, [batch as usize, row as usize])
            }
            _ => (tensor.to_contiguous(), in_order),
        };
        Self {
            start: tensor.layout().start_offset(),
            strides,
            dims,
            tensor,
        }
    }

    pub(crate) fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// Columns `cols` of all rows.
    pub(crate) fn narrow(&self, cols: Range<usize>) -> Self {
        assert!(cols.start <= cols.end && cols.end <= self.dims[2]);
        let [batch, rows, _] = self.dims;
        Self {
            start: self.start + cols.start,
            dims: [batch, rows, cols.len()],
            ..self.clone()
        }
    }

    /// Columns `cols` of one batch element, from row `first`.
    pub(crate) fn submatrix(
        &self,
        batch: usize,
        first: usize,
        cols: Range<usize>,
    ) -> Submatrix<'_> {
        assert!(batch < self.dims[0] && first < self.dims[1] && cols.end <= self.dims[2]);
        Submatrix {
            values: &self.from(batch, first)[cols.start..],
            stride: self.strides[1].max(1),
            cols: cols.len(),
        }
    }

    /// The memory from a row on.
    fn from(&self, batch: usize, row: usize) -> &[f32] {
        let offset = batch * self.strides[0] + row * self.strides[1];
        &self.tensor.storage::<f32>()[self.start + offset..]
    }
}

/// Columns of a matrix, read row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Submatrix<'a> {
    values: &'a [f32],
    stride: usize,
    cols: usize,
}

impl<'a> Submatrix<'a> {
    #[inline(always)]
    pub(crate) fn cols(self) -> usize {
        self.cols
    }

    /// The rows, followed by whatever lies behind the last one.
    #[inline(always)]
    pub(crate) fn rows(self) -> impl Iterator<Item = &'a [f32]> {
        let rows = self.values.chunks(self.stride);
        rows.filter_map(move |row| row.get(..self.cols))
    }
}

/// A bool tensor of bytes that are 0 or 1.
#[derive(Clone, Debug)]
pub(crate) struct Bools {
    tensor: FlexTensor,
    dims: [usize; 4],
}

/// The bytes of a bool tensor on `flex`.
pub(crate) fn bools(tensor: &Tensor<4, Bool>) -> Option<Bools> {
    fn primitive(kind: DispatchTensorKind) -> Option<FlexTensor> {
        match kind {
            DispatchTensorKind::Flex(BackendTensor::Bool(tensor)) => Some(tensor),
            DispatchTensorKind::Autodiff(inner) => primitive(*inner),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }
    let dims = tensor.dims();
    let tensor = primitive(tensor.clone().into_dispatch().kind)?;
    if tensor.dtype() != DType::Bool(BoolStore::Native) {
        return None;
    }
    let tensor = match tensor.layout().contiguous_offsets() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    };
    Some(Bools { tensor, dims })
}

impl Bools {
    pub(crate) fn dims(&self) -> [usize; 4] {
        self.dims
    }

    /// The last dimension at `index`; the index of a dimension of size one is ignored.
    pub(crate) fn row(&self, index: [usize; 3]) -> &[u8] {
        let len = self.dims[3];
        let at = |row: usize, (i, dim): (usize, usize)| row * dim + i.min(dim - 1);
        let row = index.into_iter().zip(self.dims).fold(0, at);
        let start = self.tensor.layout().start_offset();
        &self.tensor.bytes()[start + row * len..][..len]
    }
}

/// Exclusive access to some columns of a matrix.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    start: *mut f32,
    rows: usize,
    cols: usize,
    stride: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is an exclusive borrow of the floats in its columns, and those may be sent.
unsafe impl Send for Columns<'_> {}

/// Splits a matrix with rows of `stride` floats into groups of `cols` columns, from left to right.
pub(crate) fn split_columns(values: &mut [f32], stride: usize, cols: usize) -> Vec<Columns<'_>> {
    assert!(cols > 0 && stride.is_multiple_of(cols) && values.len().is_multiple_of(stride));
    let rows = values.len() / stride;
    let start = values.as_mut_ptr();
    let group = |i: usize| Columns {
        start: match rows {
            0 => start,
            // SAFETY: `i * cols` is less than `stride`, and so within the first row.
            _ => unsafe { start.add(i * cols) },
        },
        rows,
        cols,
        stride,
        matrix: PhantomData,
    };
    (0..stride / cols).map(group).collect()
}

impl Columns<'_> {
    pub(crate) fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows);
        // SAFETY: the row lies in the matrix, which was split into `rows` rows of `stride` floats
        // and is borrowed for as long as this is; the groups of columns do not overlap, and a group
        // lends one row at a time.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.cols) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_written_to_from_many_threads() {
        let mut matrix = vec![0.0; 3 * 6];
        std::thread::scope(|scope| {
            for (i, mut columns) in split_columns(&mut matrix, 6, 2).into_iter().enumerate() {
                scope.spawn(move || {
                    for row in 0..3 {
                        columns.row(row).fill((10 * row + i) as f32);
                    }
                });
            }
        });
        let expected = [
            0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 10.0, 10.0, 11.0, 11.0, 12.0, 12.0, 20.0, 20.0, 21.0,
            21.0, 22.0, 22.0,
        ];
        assert_eq!(matrix, expected);
        assert_eq!(split_columns(&mut [], 6, 2).len(), 3);
    }
}
