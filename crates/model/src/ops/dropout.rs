//! Dropout, alone or on the way into a sum. Its mask is not kept as a tensor, so that nobody asks for its gradient.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail,
};
use pipeline_random::Draws;

use super::cpu::{add_rows, contiguous, read, vectorized};
use super::form::has_cpu_kernels;
use super::timed::Timed;

/// Which numbers a dropout zeroes: a share `rate`; the rest is scaled by 1/(1 − rate).
pub struct Dropout {
    draws: Draws,
    rate: f64,
}

impl Dropout {
    /// By the next numbers of `draws`.
    pub fn new(draws: Draws, rate: f64) -> Self {
        Self { draws, rate }
    }

    fn mask(&mut self, count: usize) -> Mask {
        Mask {
            // 16 bits a number: the rate is met to 1/65,536 at a quarter of the generator's work.
            draws: self.draws.bytes(2 * count),
            threshold: (self.rate * 65_536.0).round() as u32,
            kept: (1.0 / (1.0 - self.rate)) as f32,
        }
    }

    /// The mask as a tensor that looks like `x`.
    fn factors(&mut self, x: &Tensor) -> Result<Tensor> {
        let mut factors = vec![1.0; x.elem_count()];
        self.mask(factors.len()).scale(&mut factors);
        Tensor::from_vec(factors, x.shape(), x.device())
    }
}

/// `x` with dropout.
pub fn dropout(x: &Tensor, mut drop: Dropout) -> Result<Tensor> {
    if x.device().is_cuda() {
        let (seed, rate) = (drop.draws.bits(), drop.rate as f32);
        return x.contiguous()?.apply_op1(Timed(OnGpu { seed, rate }));
    }
    match has_cpu_kernels(x.device()) {
        true => {
            let mask = drop.mask(x.elem_count());
            x.contiguous()?.apply_op1(Timed(mask))
        }
        false => x * drop.factors(x)?,
    }
}

/// `residual`, plus `x` with dropout. All have one shape.
pub fn add_dropped(residual: &Tensor, x: &Tensor, mut drop: Dropout) -> Result<Tensor> {
    if !has_cpu_kernels(x.device()) {
        return residual + dropout(x, drop)?;
    }
    let mask = drop.mask(x.elem_count());
    x.contiguous()?
        .apply_op2(&residual.contiguous()?, Timed(mask))
}

/// `residual`, plus `x` + `seeds` with dropout. All have one shape.
pub fn add_dropped_sum(
    residual: &Tensor,
    x: &Tensor,
    seeds: &Tensor,
    mut drop: Dropout,
) -> Result<Tensor> {
    if !has_cpu_kernels(x.device()) {
        return residual + dropout(&(x + seeds)?, drop)?;
    }
    let mask = drop.mask(x.elem_count());
    let (seeds, residual) = (seeds.contiguous()?, residual.contiguous()?);
    x.contiguous()?.apply_op3(&seeds, &residual, Timed(mask))
}

/// Two bytes for each number, and how they are read.
struct Mask {
    draws: Vec<u8>,
    /// Numbers whose draw is below are zeroed.
    threshold: u32,
    /// The factor of the rest.
    kept: f32,
}

impl Mask {
    fn scale(&self, values: &mut [f32]) {
        scale(&self.draws, self.threshold, self.kept, values);
    }

    fn gradient(&self, grad: &Tensor) -> Result<Tensor> {
        let grad = grad.contiguous()?;
        let mut values = read(&grad)?.to_vec();
        self.scale(&mut values);
        Tensor::from_vec(values, grad.shape(), grad.device())
    }
}

vectorized! {
    fn scale(draws: &[u8], threshold: u32, kept: f32, values: &mut [f32]) -> () {
        for (value, draw) in values.iter_mut().zip(draws.as_chunks().0) {
            *value *= if u32::from(u16::from_le_bytes(*draw)) >= threshold { kept } else { 0.0 };
        }
    }
}

/// The gradient of an argument that is added as it is.
fn passed_on(argument: &Tensor, grad: &Tensor) -> Option<Tensor> {
    argument.track_op().then(|| grad.clone())
}

impl CustomOp1 for Mask {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = contiguous(x, layout)?.to_vec();
        self.scale(&mut y);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.gradient(grad).map(Some)
    }
}

impl CustomOp2 for Mask {
    fn name(&self) -> &'static str {
        "add-dropped"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mut y = contiguous(x, layout)?.to_vec();
        self.scale(&mut y);
        add_rows(&mut y, contiguous(residual, residual_layout)?);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        residual: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(self.gradient(grad)?), passed_on(residual, grad)))
    }
}

impl CustomOp3 for Mask {
    fn name(&self) -> &'static str {
        "add-dropped-sum"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        seeds: &CpuStorage,
        seeds_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mut y = contiguous(x, layout)?.to_vec();
        add_rows(&mut y, contiguous(seeds, seeds_layout)?);
        self.scale(&mut y);
        add_rows(&mut y, contiguous(residual, residual_layout)?);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        seeds: &Tensor,
        residual: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dropped = self.gradient(grad)?;
        let of_seeds = passed_on(seeds, &dropped);
        Ok((Some(dropped), of_seeds, passed_on(residual, grad)))
    }
}

/// On a GPU the mask is a hash of (seed, place), so that the backward pass can draw it again.
#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
struct OnGpu {
    seed: u64,
    rate: f32,
}

impl CustomOp1 for OnGpu {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("this dropout is a GPU's")
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let y = super::cuda::pointwise::dropout(x, layout, self.seed, self.rate)?;
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let &Self { seed, rate } = self;
        let grad = grad.detach().contiguous()?;
        grad.apply_op1(Timed(OnGpu { seed, rate })).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use pipeline_random::Stream;

    use super::super::form::in_composed_form;
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    fn drop() -> Dropout {
        Dropout::new(Stream::new(1, "dropout").at(&[7]), 0.3)
    }

    fn all(t: &[Tensor]) -> Result<[Tensor; 3]> {
        Ok([
            dropout(&t[0], drop())?,
            add_dropped(&t[1], &t[0], drop())?,
            add_dropped_sum(&t[1], &t[0], &t[2], drop())?,
        ])
    }

    #[test]
    fn each_has_the_bits_of_its_composed_form() -> Result<()> {
        let t = [
            numbers(1, (7, 9))?,
            numbers(2, (7, 9))?,
            numbers(3, (7, 9))?,
        ];
        let composed = in_composed_form(|| all(&t))?;
        for (ours, composed) in all(&t)?.iter().zip(&composed) {
            assert_close(ours, composed, 0.0);
        }
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let t = [
            numbers(1, (4, 5))?,
            numbers(2, (4, 5))?,
            numbers(3, (4, 5))?,
        ];
        assert_gradients(&t[..1], |t| dropout(&t[0], drop()))?;
        assert_gradients(&t[..2], |t| add_dropped(&t[1], &t[0], drop()))?;
        assert_gradients(&t, |t| add_dropped_sum(&t[1], &t[0], &t[2], drop()))
    }
}
