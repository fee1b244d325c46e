//! Access to the numbers of CPU tensors, and the inner loops that kernels share.

use std::ops::Deref;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The numbers of a contiguous f32 tensor on the CPU.
///
/// Fails for tensors that are not contiguous, not f32 or not on the CPU.
pub fn read(tensor: &Tensor) -> Result<impl Deref<Target = [f32]>> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => contiguous(cpu, layout).map(|_| ())?,
        _ => bail!("a CPU kernel met a tensor on {:?}", tensor.device()),
    }
    Ok(Values { storage, layout })
}

struct Values<'a, Guard> {
    storage: Guard,
    layout: &'a Layout,
}

impl<Guard: Deref<Target = Storage>> Deref for Values<'_, Guard> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(cpu) => contiguous(cpu, self.layout).unwrap_or(&[]),
            _ => &[],
        }
    }
}

/// The numbers of a kernel's argument.
pub fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("a CPU kernel met a tensor that is not contiguous: {layout:?}");
    };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

pub use pipeline_vector::sums::{dot, squared_distance, squares_about, sum};
pub(super) use pipeline_vector::vectorized;

/// 1.5·2²³: adding it rounds to the nearest integer, which then stands in the last bits.
pub const ROUND: f32 = 12_582_912.0;

/// e^x for x ≤ 0 (Cephes expf: reduction by ln 2, degree 5), below 2 ulp, free of branches. NaN stays NaN.
#[inline(always)]
pub fn exp_of_negative(x: f32) -> f32 {
    // Not `max`, which takes a number for NaN, and two more instructions.
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5.000_000_3e-1;
    let fraction = p * r * r + r + 1.0;
    fraction * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

/// Numbers that are computed side by side where their count is not known beforehand.
pub const BLOCK: usize = 8;

/// Scores become weights that sum to 1.
///
/// `scores` is padded to a multiple of [`BLOCK`]; those behind the first `count` are written and mean nothing.
#[inline(always)]
pub fn softmax(scores: &mut [f32], count: usize) {
    let mut largest = f32::NEG_INFINITY;
    for score in &scores[..count] {
        largest = if *score > largest { *score } else { largest };
    }
    for block in scores.as_chunks_mut::<BLOCK>().0 {
        for score in block {
            *score = exp_of_negative(*score - largest);
        }
    }
    let mut total = 0f32;
    for weight in &scores[..count] {
        total += weight;
    }
    let inverse = 1.0 / total;
    for block in scores.as_chunks_mut::<BLOCK>().0 {
        for weight in block {
            *weight *= inverse;
        }
    }
}

/// Each column of `scores` [rows, columns] becomes weights that sum to 1. `scratch` may hold anything.
#[inline(always)]
pub fn softmax_of_columns(scores: &mut [f32], columns: usize, scratch: &mut Vec<f32>) {
    scratch.clear();
    scratch.resize(columns, f32::NEG_INFINITY);
    scratch.resize(2 * columns, 0.0);
    let (largest, sums) = scratch.split_at_mut(columns);
    for row in scores.chunks_exact(columns) {
        for (largest, score) in largest.iter_mut().zip(row) {
            *largest = if *score > *largest { *score } else { *largest };
        }
    }
    for row in scores.chunks_exact_mut(columns) {
        for ((score, largest), sum) in row.iter_mut().zip(&*largest).zip(&mut *sums) {
            *score = exp_of_negative(*score - largest);
            *sum += *score;
        }
    }
    for sum in &mut *sums {
        *sum = 1.0 / *sum;
    }
    for row in scores.chunks_exact_mut(columns) {
        for (weight, inverse) in row.iter_mut().zip(&*sums) {
            *weight *= inverse;
        }
    }
}

/// Numbers that are added side by side.
const LANES: usize = 16;

/// target += scale · source.
#[inline(always)]
pub fn add_scaled(target: &mut [f32], scale: f32, source: &[f32]) {
    let (targets, last_targets) = target.as_chunks_mut::<LANES>();
    let (sources, last_sources) = source.as_chunks::<LANES>();
    for (target, source) in targets.iter_mut().zip(sources) {
        // Read before it is written: the compiler could not know that both lie apart, and would go number by number.
        let mut sum = *target;
        for lane in 0..LANES {
            sum[lane] += scale * source[lane];
        }
        *target = sum;
    }
    for (t, s) in last_targets.iter_mut().zip(last_sources) {
        *t += scale * s;
    }
}

/// Columns whose sums stay in registers while all rows are added to them.
const COLUMNS: usize = 64;

vectorized! {
    /// Adds the rows of `rows`, each as long as `total`, to `total`.
    pub fn add_rows(total: &mut [f32], rows: &[f32]) -> () {
        let width = total.len().max(1);
        let (blocks, rest) = total.as_chunks_mut::<COLUMNS>();
        let first_of_rest = COLUMNS * blocks.len();
        for (block, total) in blocks.iter_mut().enumerate() {
            let mut sums = *total;
            for row in rows.chunks_exact(width) {
                let columns = &row[COLUMNS * block..][..COLUMNS];
                for (sum, number) in sums.iter_mut().zip(columns) {
                    *sum += number;
                }
            }
            *total = sums;
        }
        if !rest.is_empty() {
            for row in rows.chunks_exact(width) {
                add_scaled(rest, 1.0, &row[first_of_rest..]);
            }
        }
    }
}

/// Calls `$run` with the width of a head as a constant where it is a usual one: its loops are then straight lines of
/// vectors. `$sizes` have a `head` and a method `with_head`. A macro, as a closure would not be compiled with the
/// loops' instructions.
macro_rules! with_constant_head {
    ($sizes:ident, $run:expr) => {
        match $sizes.head {
            16 => {
                let $sizes = $sizes.with_head(16);
                $run
            }
            32 => {
                let $sizes = $sizes.with_head(32);
                $run
            }
            _ => $run,
        }
    };
}
pub(super) use with_constant_head;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_that_is_not_a_number_is_not_hidden_by_its_softmax() {
        let mut scores = [0.5, f32::NAN, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0];
        softmax(&mut scores, 3);
        assert!(scores[..3].iter().all(|weight| weight.is_nan()));
        assert!(exp_of_negative(f32::NAN).is_nan());
    }

    #[test]
    fn the_exponential_is_exact_to_rounding() {
        for i in 0..8700 {
            let x = -(i as f32) / 100.0;
            let relative = (f64::from(exp_of_negative(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(relative < 3e-7, "exp({x}) is off by {relative}");
        }
    }
}
