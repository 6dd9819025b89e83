//! Matrix products (GEMM) by the `gemm` crate.

use gemm::Parallelism;

use super::Buffer;

/// A borrowed matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix without gaps.
    pub(crate) fn new(values: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(values, rows, cols, [cols, 1])
    }

    /// A matrix whose element `[r, c]` is `values[r * strides[0] + c * strides[1]]`.
    pub(crate) fn strided(
        values: &'a [f32],
        rows: usize,
        cols: usize,
        strides: [usize; 2],
    ) -> Self {
        let [row_stride, col_stride] = strides;
        assert!(span_len(rows, cols, strides) <= values.len());
        Self {
            values,
            rows,
            cols,
            row_stride,
            col_stride,
        }
    }

    /// The transposed matrix, without a copy.
    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// A mutably borrowed matrix.
#[derive(Debug)]
pub(crate) struct MatrixMut<'a> {
    values: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// A row-major matrix without gaps.
    pub(crate) fn new(values: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::strided(values, rows, cols, cols)
    }

    /// A row-major matrix with rows `row_stride` floats apart, at least `cols`.
    pub(crate) fn strided(
        values: &'a mut [f32],
        rows: usize,
        cols: usize,
        row_stride: usize,
    ) -> Self {
        assert!(rows <= 1 || cols <= row_stride);
        assert!(span_len(rows, cols, [row_stride, 1]) <= values.len());
        Self {
            values,
            rows,
            cols,
            row_stride,
        }
    }
}

/// Number of floats from the first to the last element of a matrix.
fn span_len(rows: usize, cols: usize, [row_stride, col_stride]: [usize; 2]) -> usize {
    if rows == 0 || cols == 0 {
        0
    } else {
        (rows - 1) * row_stride + (cols - 1) * col_stride + 1
    }
}

/// Threads that compute a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The calling thread, for products that are computed side by side.
    One,
    /// All threads, if the product is large enough.
    All,
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the owner of `out` may write to it"
)]
/// `out = beta * out + lhs rhs`. With `beta` 0 the contents of `out` are ignored, even NaN.
pub(crate) fn multiply(
    out: MatrixMut<'_>,
    beta: f32,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    threads: Threads,
) {
    assert_eq!(
        (lhs.rows, rhs.cols, lhs.cols),
        (out.rows, out.cols, rhs.rows)
    );
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(0),
    };
    // SAFETY: the constructors checked that all indices of each matrix lie in its slice, `out` is
    // borrowed exclusively and its rows do not overlap, and the sizes agree.
    unsafe {
        gemm::gemm(
            out.rows,
            out.cols,
            lhs.cols,
            out.values.as_mut_ptr(),
            1,
            out.row_stride as isize,
            beta != 0.0,
            lhs.values.as_ptr(),
            lhs.col_stride as isize,
            lhs.row_stride as isize,
            rhs.values.as_ptr(),
            rhs.col_stride as isize,
            rhs.row_stride as isize,
            beta,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// `lhs rhs` in a new buffer, computed by all threads.
pub(crate) fn product(lhs: Matrix<'_>, rhs: Matrix<'_>) -> Buffer {
    let (rows, cols) = (lhs.rows, rhs.cols);
    let mut out = Buffer::new(rows * cols);
    let to = MatrixMut::new(&mut out, rows, cols);
    multiply(to, 0.0, lhs, rhs, Threads::All);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_transposed_and_strided_matrices() {
        // 2 x 3 with rows 4 apart, and 2 x 3 to be transposed.
        let a = [1.0, 2.0, 3.0, 99.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, 2.0, 0.0, 1.0, 1.0];
        let lhs = Matrix::strided(&a, 2, 3, [4, 1]);
        let rhs = Matrix::new(&b, 2, 3).t();
        let mut out = [f32::NAN; 5];
        multiply(
            MatrixMut::strided(&mut out, 2, 2, 3),
            0.0,
            lhs,
            rhs,
            Threads::One,
        );
        assert_eq!([out[0], out[1], out[3], out[4]], [7.0, 5.0, 16.0, 11.0]);
        multiply(
            MatrixMut::strided(&mut out, 2, 2, 3),
            1.0,
            lhs,
            rhs,
            Threads::All,
        );
        assert_eq!([out[0], out[1], out[3], out[4]], [14.0, 10.0, 32.0, 22.0]);
        assert!(out[2].is_nan());
    }

    #[test]
    #[should_panic]
    fn a_matrix_that_does_not_fit_is_refused() {
        let _ = Matrix::new(&[0.0; 5], 2, 3);
    }

    #[test]
    fn a_product_of_depth_zero_is_zero() {
        let mut out = [7.0; 4];
        let nothing: [f32; 0] = [];
        let lhs = Matrix::new(&nothing, 2, 0);
        multiply(
            MatrixMut::new(&mut out, 2, 2),
            0.0,
            lhs,
            lhs.t(),
            Threads::All,
        );
        assert_eq!(out, [0.0; 4]);
    }
}
