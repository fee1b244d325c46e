//! Matrix products over strided views of slices, on the calling thread alone.

use std::sync::Once;

use gemm::Parallelism;

/// A left factor that is read by at most so many panels of the right one is taken as it lies: to pack it first costs a
/// fifteenth of the product of a block of 64 rows. No bit depends on it.
const PANELS_UNPACKED: usize = 16;

static PACKS_LATER: Once = Once::new();

/// Where the numbers of a matrix lie in a slice.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The first number.
    pub first: usize,
    /// From one row to the next.
    pub row_stride: usize,
    /// From one column to the next.
    pub column_stride: usize,
}

impl View {
    /// Rows one after another, `row_stride` apart.
    pub fn rows(first: usize, row_stride: usize) -> Self {
        Self {
            first,
            row_stride,
            column_stride: 1,
        }
    }

    /// The matrix with rows for columns.
    pub fn transposed(self) -> Self {
        Self {
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn last(self, rows: usize, columns: usize) -> usize {
        self.first + (rows - 1) * self.row_stride + (columns - 1) * self.column_stride
    }
}

/// y [rows, columns] += a [rows, inner] · b [inner, columns]; where `fresh`, y is overwritten.
///
/// On the calling thread alone: work is shared out by stays, so that no sum depends on the number of threads.
pub fn multiply(
    [rows, columns, inner]: [usize; 3],
    (y, y_view): (&mut [f32], View),
    (a, a_view): (&[f32], View),
    (b, b_view): (&[f32], View),
    fresh: bool,
) {
    if rows == 0 || columns == 0 || inner == 0 {
        return;
    }
    assert!(y_view.last(rows, columns) < y.len());
    // SAFETY: the assertion keeps every index that the strides of y reach inside it.
    unsafe {
        let y = y.as_mut_ptr().add(y_view.first);
        multiply_to(
            [rows, columns, inner],
            (y, y_view),
            (a, a_view),
            (b, b_view),
            fresh,
        );
    }
}

/// a [rows, inner] · b [inner, columns] → [rows, columns], in memory that was not written before.
pub fn product(
    [rows, columns, inner]: [usize; 3],
    a: (&[f32], View),
    b: (&[f32], View),
) -> Vec<f32> {
    let count = rows * columns;
    if count == 0 || inner == 0 {
        return vec![0.0; count];
    }
    let mut y: Vec<f32> = Vec::with_capacity(count);
    // SAFETY: the capacity has room for every row, and a fresh product writes every number without reading it.
    unsafe {
        let to = (y.as_mut_ptr(), View::rows(0, columns));
        multiply_to([rows, columns, inner], to, a, b, true);
        y.set_len(count);
    }
    y
}

/// # Safety
/// `y` is valid for writes, and unless `fresh` for reads, of [rows, columns] by the strides of its view.
unsafe fn multiply_to(
    [rows, columns, inner]: [usize; 3],
    (y, y_view): (*mut f32, View),
    (a, a_view): (&[f32], View),
    (b, b_view): (&[f32], View),
    fresh: bool,
) {
    assert!(a_view.last(rows, inner) < a.len() && b_view.last(inner, columns) < b.len());
    PACKS_LATER.call_once(|| gemm::set_lhs_packing_threshold_single_thread(PANELS_UNPACKED));
    // SAFETY: the assertion keeps every index that the strides reach inside a and b; the caller answers for y.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            y,
            y_view.column_stride as isize,
            y_view.row_stride as isize,
            !fresh,
            a.as_ptr().add(a_view.first),
            a_view.column_stride as isize,
            a_view.row_stride as isize,
            b.as_ptr().add(b_view.first),
            b_view.column_stride as isize,
            b_view.row_stride as isize,
            1f32,
            1f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
