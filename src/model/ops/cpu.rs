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

/// target += scale · source.
#[inline(always)]
pub fn add_scaled(target: &mut [f32], scale: f32, source: &[f32]) {
    for (t, s) in target.iter_mut().zip(source) {
        *t += scale * s;
    }
}

#[inline(always)]
fn fold(lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    let mut lanes = lanes;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}
