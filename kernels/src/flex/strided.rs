//! Numbers that are read where they lie, without a copy in order, and columns that are written to side by side.

use std::marker::PhantomData;
use std::ops::Range;

use burn::backend::{BackendTensor, DispatchTensorKind};
use burn::tensor::{Bool, BoolStore, DType, Tensor};
use burn_flex::FlexTensor;

use super::Array;
use super::tape::primitive;

/// A tensor `[batch, rows, cols]` of `f32` in which the numbers of a row lie together; the rows may lie anywhere, as
/// those of a slice do. A clone shares the memory.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    tensor: FlexTensor,
    start: usize,
    strides: [usize; 2],
    dims: [usize; 3],
}

/// The rows of a tensor that a kernel can work on: on `flex`, in `f32`. It is copied only if a row is torn.
pub(crate) fn rows(tensor: &Tensor<3>) -> Option<Rows> {
    if tensor.dtype() != DType::F32 || crate::composes_only() {
        return None;
    }
    let primitive = primitive(tensor.clone().into_dispatch().kind)?;
    Some(Rows::new(primitive, tensor.dims()))
}

impl From<Array> for Rows {
    fn from(array: Array) -> Self {
        let dims = array.dims();
        Self::new(array.into_flex(), dims)
    }
}

impl Rows {
    fn new(tensor: FlexTensor, dims: [usize; 3]) -> Self {
        let [_, rows, cols] = dims;
        let in_order = [rows * cols, cols];
        // The stride of a dimension of one may be anything, so that these are looked at first.
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

    /// Columns `cols` of one batch element, from row `first` on.
    pub(crate) fn panel(&self, batch: usize, first: usize, cols: Range<usize>) -> Panel<'_> {
        assert!(batch < self.dims[0] && first < self.dims[1] && cols.end <= self.dims[2]);
        Panel {
            values: &self.from(batch, first)[cols.start..],
            stride: self.strides[1].max(1),
            cols: cols.len(),
        }
    }

    /// The memory from this row on.
    fn from(&self, batch: usize, row: usize) -> &[f32] {
        let offset = batch * self.strides[0] + row * self.strides[1];
        &self.tensor.storage::<f32>()[self.start + offset..]
    }
}

/// Some columns of a matrix, to be read row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel<'a> {
    values: &'a [f32],
    stride: usize,
    cols: usize,
}

impl<'a> Panel<'a> {
    #[inline(always)]
    pub(crate) fn cols(self) -> usize {
        self.cols
    }

    /// The rows, and whatever lies behind the last one.
    #[inline(always)]
    pub(crate) fn rows(self) -> impl Iterator<Item = &'a [f32]> {
        let rows = self.values.chunks(self.stride);
        rows.filter_map(move |row| row.get(..self.cols))
    }
}

/// A tensor of truth values, each a byte that is 0 or 1.
#[derive(Clone, Debug)]
pub(crate) struct Bools {
    tensor: FlexTensor,
    dims: [usize; 4],
}

/// The truth values of a tensor on `flex`.
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

    /// The last dimension at these indices of the others, of which those of a dimension of one do not matter.
    pub(crate) fn row(&self, index: [usize; 3]) -> &[u8] {
        let len = self.dims[3];
        let at = |row: usize, (i, dim): (usize, usize)| row * dim + i.min(dim - 1);
        let row = index.into_iter().zip(self.dims).fold(0, at);
        let start = self.tensor.layout().start_offset();
        &self.tensor.bytes()[start + row * len..][..len]
    }
}

/// Some columns of a matrix, of which nobody else has any.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    start: *mut f32,
    rows: usize,
    cols: usize,
    stride: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is an exclusive borrow of the numbers in its columns, and those may be sent.
unsafe impl Send for Columns<'_> {}

/// Cuts a matrix with rows of `stride` numbers into groups of `cols` columns, from left to right.
pub(crate) fn columns(values: &mut [f32], stride: usize, cols: usize) -> Vec<Columns<'_>> {
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
        // SAFETY: the row lies in the matrix, which was cut into `rows` rows of `stride` numbers and is borrowed for as long
        // as this is; the groups of columns do not overlap, and a group lends one row at a time.
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
            for (i, mut columns) in columns(&mut matrix, 6, 2).into_iter().enumerate() {
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
        assert_eq!(columns(&mut [], 6, 2).len(), 3);
    }
}
