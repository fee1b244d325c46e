//! How many directions a cloud of points fills.

/// exp of the entropy of the singular values of the centred points, normalised to a sum of 1 (Roy and
/// Vetterli 2007, *The effective rank*): between 1 and the number of columns; 0 where nothing varies.
///
/// `covariance` is row-major [width, width]; its eigenvalues are the squares of those singular values, but for a factor.
pub fn effective_rank(covariance: Vec<f64>, width: usize) -> f64 {
    let eigenvalues = symmetric_eigenvalues(covariance, width);
    let largest = eigenvalues.iter().fold(0.0, |a: f64, b| a.max(*b));
    // What rounding leaves of an eigenvalue that is 0 must not count as a direction.
    let floor = largest * f64::EPSILON * width as f64;
    let singular: Vec<f64> = (eigenvalues.into_iter())
        .filter(|value| *value > floor)
        .map(f64::sqrt)
        .collect();
    let sum: f64 = singular.iter().sum();
    if sum == 0.0 {
        return 0.0;
    }
    let shares = singular.iter().map(|value| value / sum);
    shares.map(|share| -share * share.ln()).sum::<f64>().exp()
}

/// Eigenvalues of a symmetric matrix, row-major [width, width], in no order: Householder's
/// tridiagonal form, then the QL method with implicit shifts (Martin, Reinsch and Wilkinson 1968).
fn symmetric_eigenvalues(mut matrix: Vec<f64>, width: usize) -> Vec<f64> {
    let (mut diagonal, mut beside) = tridiagonal(&mut matrix, width);
    beside.rotate_left(1);
    for first in 0..width {
        // Some two turns an eigenvalue suffice; the bound only keeps NaN from turning for ever.
        for _ in 0..60 {
            let last = (first..width - 1)
                .find(|at| {
                    let size = diagonal[*at].abs() + diagonal[at + 1].abs();
                    beside[*at].abs() <= f64::EPSILON * size
                })
                .unwrap_or(width - 1);
            if last == first {
                break;
            }
            turn(&mut diagonal, &mut beside, first, last);
        }
    }
    diagonal
}

/// The diagonal, and what stands beside it: entry i below diagonal entry i - 1, the first is 0.
fn tridiagonal(matrix: &mut [f64], width: usize) -> (Vec<f64>, Vec<f64>) {
    let mut beside = vec![0.0; width];
    for row in (1..width).rev() {
        let start = row * width;
        let scale: f64 = matrix[start..start + row].iter().map(|x| x.abs()).sum();
        if row == 1 || scale == 0.0 {
            beside[row] = matrix[start + row - 1];
            matrix[start..start + row].fill(0.0);
            continue;
        }
        let mut vector: Vec<f64> = matrix[start..start + row]
            .iter()
            .map(|x| x / scale)
            .collect();
        let square: f64 = vector.iter().map(|x| x * x).sum();
        let length = -square.sqrt().copysign(vector[row - 1]);
        beside[row] = scale * length;
        let half = square - vector[row - 1] * length;
        vector[row - 1] -= length;
        // p = A u / H of the leading block, of which the lower half is kept.
        let mut product = vec![0.0; row];
        for i in 0..row {
            let mut sum = matrix[i * width + i] * vector[i];
            for j in 0..i {
                let entry = matrix[i * width + j];
                sum += entry * vector[j];
                product[j] += entry * vector[i];
            }
            product[i] += sum;
        }
        let mut along = 0.0;
        for (p, u) in product.iter_mut().zip(&vector) {
            *p /= half;
            along += *p * u;
        }
        let along = along / (2.0 * half);
        for (p, u) in product.iter_mut().zip(&vector) {
            *p -= along * u;
        }
        for i in 0..row {
            for j in 0..=i {
                matrix[i * width + j] -= vector[i] * product[j] + product[i] * vector[j];
            }
        }
    }
    let diagonal = (0..width).map(|i| matrix[i * width + i]).collect();
    (diagonal, beside)
}

/// One QL step on the block from `first` to `last`.
fn turn(diagonal: &mut [f64], beside: &mut [f64], first: usize, last: usize) {
    let ratio = (diagonal[first + 1] - diagonal[first]) / (2.0 * beside[first]);
    let root = ratio.hypot(1.0).copysign(ratio);
    let mut rest = diagonal[last] - diagonal[first] + beside[first] / (ratio + root);
    let (mut sine, mut cosine, mut shift) = (1.0, 1.0, 0.0);
    for at in (first..last).rev() {
        let (along, across) = (sine * beside[at], cosine * beside[at]);
        let length = along.hypot(rest);
        beside[at + 1] = length;
        if length == 0.0 {
            diagonal[at + 1] -= shift;
            beside[last] = 0.0;
            return;
        }
        sine = along / length;
        cosine = rest / length;
        let base = diagonal[at + 1] - shift;
        let mixed = (diagonal[at] - base) * sine + 2.0 * cosine * across;
        shift = sine * mixed;
        diagonal[at + 1] = base + shift;
        rest = cosine * mixed - across;
    }
    diagonal[first] -= shift;
    beside[first] = rest;
    beside[last] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_random::Stream;

    fn symmetric(width: usize) -> Vec<f64> {
        let mut draws = Stream::new(5, "spectrum").at(&[]);
        let mut matrix = vec![0.0; width * width];
        for i in 0..width {
            for j in 0..=i {
                let entry = draws.normal();
                matrix[i * width + j] = entry;
                matrix[j * width + i] = entry;
            }
        }
        matrix
    }

    /// The sums of powers of eigenvalues are the traces of powers of the matrix.
    #[test]
    fn powers_of_eigenvalues_sum_to_the_traces_of_powers() {
        for width in [1, 2, 3, 7, 40] {
            let matrix = symmetric(width);
            let found = symmetric_eigenvalues(matrix.clone(), width);
            let mut power = matrix.clone();
            for exponent in 1..=4 {
                let trace: f64 = (0..width).map(|i| power[i * width + i]).sum();
                let sum: f64 = found.iter().map(|value| value.powi(exponent)).sum();
                assert!(
                    (trace - sum).abs() < 1e-9 * (1.0 + trace.abs()),
                    "{width}: {sum} for {trace}"
                );
                let mut next = vec![0.0; width * width];
                for i in 0..width {
                    for j in 0..width {
                        let row = (0..width).map(|k| power[i * width + k] * matrix[k * width + j]);
                        next[i * width + j] = row.sum();
                    }
                }
                power = next;
            }
        }
    }

    #[test]
    fn the_rank_counts_directions_and_weighs_them() {
        let diagonal = |entries: &[f64]| {
            let width = entries.len();
            let mut matrix = vec![0.0; width * width];
            for (at, entry) in entries.iter().enumerate() {
                matrix[at * width + at] = *entry;
            }
            effective_rank(matrix, width)
        };
        assert!((diagonal(&[4.0, 4.0, 4.0, 0.0]) - 3.0).abs() < 1e-9);
        assert!((diagonal(&[1.0, 0.0]) - 1.0).abs() < 1e-9);
        assert_eq!(diagonal(&[0.0, 0.0]), 0.0);
        // Singular values 3 and 1: exp(ln 4 - 0.75 ln 3).
        let expected = (4f64.ln() - 0.75 * 3f64.ln()).exp();
        assert!((diagonal(&[9.0, 1.0]) - expected).abs() < 1e-9);
    }
}
