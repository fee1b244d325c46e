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

pub(super) use pipeline_vector::vectorized;

/// e^x for x ≤ 0 (Cephes expf: reduction by ln 2, degree 5), below 2 ulp, free of branches.
#[inline(always)]
pub fn exp_of_negative(x: f32) -> f32 {
    let x = x.max(-87.0);
    // Adding and taking away 1.5·2²³ rounds to the nearest integer without a library call.
    const ROUND: f32 = 12_582_912.0;
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5.000_000_3e-1;
    let fraction = p * r * r + r + 1.0;
    fraction * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

/// Scores, of which `largest` is the largest, become weights that sum to 1.
#[inline(always)]
pub fn softmax_of_scores(scores: &mut [f32], largest: f32) {
    let mut total = 0f32;
    for score in scores.iter_mut() {
        *score = exp_of_negative(*score - largest);
        total += *score;
    }
    let inverse = 1.0 / total;
    scores.iter_mut().for_each(|score| *score *= inverse);
}

const LANES: usize = 16;

/// Σ a·b in a fixed order that the compiler turns into vector instructions.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut rest = 0f32;
    for (x, y) in a_chunks.remainder().iter().zip(b_chunks.remainder()) {
        rest += x * y;
    }
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    fold(lanes) + rest
}

/// Σ (a − b)² in a fixed order.
#[inline(always)]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut rest = 0f32;
    for (x, y) in a_chunks.remainder().iter().zip(b_chunks.remainder()) {
        rest += (x - y) * (x - y);
    }
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            let difference = x[lane] - y[lane];
            lanes[lane] += difference * difference;
        }
    }
    fold(lanes) + rest
}

/// Σ a in a fixed order.
#[inline(always)]
pub fn sum(a: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let chunks = a.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().sum();
    for x in chunks {
        for lane in 0..LANES {
            lanes[lane] += x[lane];
        }
    }
    fold(lanes) + rest
}

/// Σ (a − mean)² in a fixed order.
#[inline(always)]
pub fn squares_about(a: &[f32], mean: f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let chunks = a.chunks_exact(LANES);
    let rest: f32 = chunks
        .remainder()
        .iter()
        .map(|x| (x - mean) * (x - mean))
        .sum();
    for x in chunks {
        for lane in 0..LANES {
            lanes[lane] += (x[lane] - mean) * (x[lane] - mean);
        }
    }
    fold(lanes) + rest
}

/// target += scale · source.
#[inline(always)]
pub fn add_scaled(target: &mut [f32], scale: f32, source: &[f32]) {
    for (t, s) in target.iter_mut().zip(source) {
        *t += scale * s;
    }
}

/// A cache line of its own. Where one vector is written across two, as on an unlucky stack, each number that is
/// read back waits for both: the backward pass of attention took twice as long.
#[repr(align(64))]
struct Line([f32; LANES]);

#[inline(always)]
fn fold(lanes: [f32; LANES]) -> f32 {
    // Unless they are put into memory first, the compiler sees the pairs of this sum and computes the lanes two by two.
    let Line(mut lanes) = std::hint::black_box(Line(lanes));
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_exact_to_rounding() {
        for i in 0..8700 {
            let x = -(i as f32) / 100.0;
            let relative = (f64::from(exp_of_negative(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(relative < 3e-7, "exp({x}) is off by {relative}");
        }
    }
}
