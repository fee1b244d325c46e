//! Normal numbers drawn on a GPU.

use candle_core::{Device, Result, Tensor, bail};

/// N(0, `scale`²), [seeds, width], on the GPU `device`: each row is a function of its seed alone.
pub fn normals(seeds: &[u64], width: usize, scale: f32, device: &Device) -> Result<Tensor> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda) => super::cuda::pointwise::normals(cuda, seeds, width, scale),
        _ => bail!(
            "no kernel draws {} × {width} numbers of deviation {scale} on {device:?}",
            seeds.len()
        ),
    }
}
