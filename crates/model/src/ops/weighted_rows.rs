//! Sums of weighted rows that stay in registers while they are added up.

use super::cpu::add_scaled;

/// target += Σ weights[i] · the row that begins at `rows[i · stride]`, in the order of i.
#[inline(always)]
pub fn add_weighted_rows(target: &mut [f32], weights: &[f32], rows: &[f32], stride: usize) {
    let mut column = 0;
    while column < target.len() {
        let numbered = weights.iter().enumerate();
        let terms = numbered.map(|(row, weight)| (*weight, &rows[row * stride + column..]));
        column += add_columns(&mut target[column..], terms);
    }
}

/// Where targets lie among numbers.
#[derive(Clone, Copy)]
pub struct Targets {
    /// The first number.
    pub first: usize,
    /// From one target to the next.
    pub stride: usize,
    /// Numbers of a target.
    pub width: usize,
}

/// Every target += Σ weight · row, in the order of `rows`, but for the first `unseen(target)` of them.
///
/// `weights` [targets, rows].
#[inline(always)]
pub fn add_rows_to_each(
    numbers: &mut [f32],
    targets: Targets,
    weights: &[f32],
    rows: &[&[f32]],
    unseen: impl Fn(usize) -> usize,
) {
    let mut column = 0;
    while column < targets.width {
        let mut added = 0;
        // Targets innermost: these columns of all rows stay in the first cache meanwhile.
        for (target, weights) in weights.chunks_exact(rows.len()).enumerate() {
            let unseen = unseen(target);
            let seen = weights[unseen..].iter().zip(&rows[unseen..]);
            let terms = seen.map(|(weight, row)| (*weight, &row[column..]));
            let begin = targets.first + target * targets.stride;
            let columns = &mut numbers[begin + column..begin + targets.width];
            added = add_columns(columns, terms);
        }
        if added == 0 {
            return;
        }
        column += added;
    }
}

/// Adds the terms to the first columns of `target`, as many as there are registers for, and returns how many.
#[inline(always)]
fn add_columns<'a>(target: &mut [f32], terms: impl Iterator<Item = (f32, &'a [f32])>) -> usize {
    if let Some(columns) = target.first_chunk_mut::<64>() {
        add_in_registers(columns, terms)
    } else if let Some(columns) = target.first_chunk_mut::<32>() {
        add_in_registers(columns, terms)
    } else if let Some(columns) = target.first_chunk_mut::<16>() {
        add_in_registers(columns, terms)
    } else {
        for (weight, row) in terms {
            add_scaled(target, weight, &row[..target.len()]);
        }
        target.len()
    }
}

#[inline(always)]
fn add_in_registers<'a, const N: usize>(
    target: &mut [f32; N],
    terms: impl Iterator<Item = (f32, &'a [f32])>,
) -> usize {
    let mut sums = *target;
    for (weight, row) in terms {
        for (sum, number) in sums.iter_mut().zip(&row[..N]) {
            *sum += weight * number;
        }
    }
    *target = sums;
    N
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|at| (at as f32 * step).sin()).collect()
    }

    #[test]
    fn sums_have_the_bits_of_rows_added_one_after_another() {
        for width in [1, 15, 16, 40, 64, 113] {
            let (rows, weights) = (numbers(5 * (width + 3), 0.37), numbers(10, 1.1));
            let rows: Vec<&[f32]> = rows.chunks(width + 3).collect();
            let before = numbers(2 * width + 7, 0.7);
            let mut expected = before.clone();
            for target in 0..2 {
                for row in target..5 {
                    let begin = 2 + target * (width + 4);
                    let weight = weights[target * 5 + row];
                    for (sum, number) in expected[begin..begin + width].iter_mut().zip(rows[row]) {
                        *sum += weight * number;
                    }
                }
            }
            let mut sums = before.clone();
            let targets = Targets {
                first: 2,
                stride: width + 4,
                width,
            };
            add_rows_to_each(&mut sums, targets, &weights, &rows, |target| target);
            assert_eq!(sums, expected, "{width}");

            let mut one = before[2..2 + width].to_vec();
            add_weighted_rows(&mut one, &weights[..5], &rows.concat(), width + 3);
            assert_eq!(one, expected[2..2 + width], "{width}");
        }
    }
}
