//! Matrix products over strided views of slices, on the calling thread alone, with the same bits on every x86-64
//! that has FMA, whatever the width of its vectors.

use std::sync::Once;

use gemm::Parallelism;

use super::sums::dot;
use super::vectorized;

/// A left factor that is read by at most so many panels of the right one is taken as it lies: to pack it first costs a
/// fifteenth of the product of a block of 64 rows. No bit depends on it.
const PANELS_UNPACKED: usize = 16;

static PACKS_LATER: Once = Once::new();

/// Terms that are summed one after another. `gemm` would end a sum where the caches of this machine are full, which is
/// never before so many.
const TERMS: usize = 512;

/// So few numbers of a product are dot products to `gemm`, summed in lanes of the widest vector of this CPU.
const FEW: usize = 256;

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
    let few = rows == 1 || columns == 1 || rows * columns <= FEW;
    if few && a_view.column_stride == 1 && b_view.row_stride == 1 {
        let sums = dots([rows, columns, inner], a, a_view, b, b_view);
        for (at, sum) in sums.into_iter().enumerate() {
            let (row, column) = (at / columns, at % columns);
            // SAFETY: the caller answers for every row and column of y.
            unsafe {
                let y = y.add(row * y_view.row_stride + column * y_view.column_stride);
                y.write(if fresh { sum } else { y.read() + sum });
            }
        }
        return;
    }
    let terms = inner.div_ceil(inner.div_ceil(TERMS));
    for first in (0..inner).step_by(terms) {
        let a = &a[a_view.first + first * a_view.column_stride..];
        let b = &b[b_view.first + first * b_view.row_stride..];
        let sizes = [rows, columns, terms.min(inner - first)];
        // SAFETY: the assertion keeps every index that the strides reach inside a and b; the caller answers for y.
        unsafe {
            let (a, b) = ((a.as_ptr(), a_view), (b.as_ptr(), b_view));
            add_product(sizes, (y, y_view), a, b, fresh && first == 0);
        }
    }
}

vectorized! {
    /// Each row of `a` with each column of `b`, both of which lie together.
    fn dots(sizes: [usize; 3], a: &[f32], a_view: View, b: &[f32], b_view: View) -> Vec<f32> {
        let [rows, columns, inner] = sizes;
        let mut sums = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            let a = &a[a_view.first + row * a_view.row_stride..][..inner];
            for column in 0..columns {
                sums.push(dot(a, &b[b_view.first + column * b_view.column_stride..][..inner]));
            }
        }
        sums
    }
}

/// # Safety
/// The pointers are valid for [rows, columns], [rows, inner], and [inner, columns] by the strides of their views.
unsafe fn add_product(
    [rows, columns, inner]: [usize; 3],
    (y, y_view): (*mut f32, View),
    (a, a_view): (*const f32, View),
    (b, b_view): (*const f32, View),
    fresh: bool,
) {
    PACKS_LATER.call_once(|| gemm::set_lhs_packing_threshold_single_thread(PANELS_UNPACKED));
    // SAFETY: the caller's.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            y,
            y_view.column_stride as isize,
            y_view.row_stride as isize,
            !fresh,
            a,
            a_view.column_stride as isize,
            a_view.row_stride as isize,
            b,
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

#[cfg(test)]
mod tests {
    use super::*;

    type Order = fn(terms: &[(f32, f32)], y: f32) -> f32;

    fn one_after_another(terms: &[(f32, f32)], y: f32) -> f32 {
        terms.iter().fold(y, |sum, (a, b)| a.mul_add(*b, sum))
    }

    fn in_two_steps(terms: &[(f32, f32)], y: f32) -> f32 {
        terms.iter().fold(y, |sum, (a, b)| sum + a * b)
    }

    fn part_by_part(terms: &[(f32, f32)], y: f32) -> f32 {
        let length = terms.len().div_ceil(terms.len().div_ceil(TERMS));
        let parts = terms.chunks(length);
        parts.fold(y, |sum, part| sum + one_after_another(part, 0.0))
    }

    fn in_lanes(terms: &[(f32, f32)], y: f32) -> f32 {
        let (a, b): (Vec<f32>, Vec<f32>) = terms.iter().copied().unzip();
        y + dot(&a, &b)
    }

    fn numbers(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|at| (at as f32 * step).sin()).collect()
    }

    /// A product, and the same in the given orders of summing.
    fn compare(sizes: [usize; 3], [a_turned, b_turned, fresh]: [bool; 3], y_rows: usize) {
        let [rows, columns, inner] = sizes;
        let view = |turned: bool, rows: usize, columns: usize| match turned {
            false => View::rows(0, columns),
            true => View::rows(0, rows).transposed(),
        };
        let (a, b) = (numbers(rows * inner, 0.37), numbers(inner * columns, 1.1));
        let (a_view, b_view) = (view(a_turned, rows, inner), view(b_turned, inner, columns));
        let before = numbers(rows * y_rows, 0.7);
        let mut y = before.clone();
        let to = (&mut y[..], View::rows(0, y_rows));
        multiply(sizes, to, (&a, a_view), (&b, b_view), fresh);

        let few = rows == 1 || columns == 1 || rows * columns <= FEW;
        let together = a_view.column_stride == 1 && b_view.row_stride == 1;
        let orders: &[Order] = match few && together {
            true => &[in_lanes],
            false if inner <= 2 => &[in_two_steps],
            false => &[one_after_another, part_by_part],
        };
        let any = orders.iter().any(|order| {
            (0..rows * y_rows).all(|at| {
                let (row, column) = (at / y_rows, at % y_rows);
                if column >= columns {
                    return y[at] == before[at];
                }
                let terms: Vec<(f32, f32)> = (0..inner)
                    .map(|at| {
                        (
                            a[a_view.last(row + 1, at + 1)],
                            b[b_view.last(at + 1, column + 1)],
                        )
                    })
                    .collect();
                let start = if fresh { 0.0 } else { before[at] };
                order(&terms, start) == y[at]
            })
        });
        assert!(
            any,
            "{sizes:?}, turned {a_turned} {b_turned}, fresh {fresh}, rows of {y_rows}"
        );
    }

    /// On a CPU with AVX-512 and on one with AVX2 alike: the orders know no width.
    #[test]
    fn sums_are_in_an_order_that_no_width_of_vector_changes() {
        #[cfg(target_arch = "x86_64")]
        if !std::is_x86_feature_detected!("fma") {
            println!("skipped: this CPU has no FMA, and rounds products");
            return;
        }
        for rows in [1, 2, 16, 17, 65] {
            for columns in [1, 2, 16, 17, 130] {
                for inner in [1, 2, 3, 17, 64, 1300] {
                    for flags in 0..8 {
                        let flags = [flags & 1 != 0, flags & 2 != 0, flags & 4 != 0];
                        compare([rows, columns, inner], flags, columns);
                        compare([rows, columns, inner], flags, columns + 3);
                    }
                }
            }
        }
    }
}
