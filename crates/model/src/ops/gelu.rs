//! GELU (Hendrycks and Gimpel 2016), the exact form x·Φ(x), as torch's default.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::cpu::{contiguous, exp_of_negative, read, vectorized};
use super::form::has_kernels;
use super::timed::Timed;

/// x · ½ (1 + erf(x/√2)), element by element.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if has_kernels(x.device()) {
        x.contiguous()?.apply_op1(Timed(Gelu))
    } else {
        x.gelu_erf()
    }
}

/// erf by the rational approximation of Eigen (generic_fast_erf_float): below 4 ulp, and free of branches.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let x2 = x * x;
    let p = -2.726_142_3e-10;
    let p = p * x2 + 2.770_681_4e-8;
    let p = p * x2 - 2.101_024e-6;
    let p = p * x2 - 5.692_506_4e-5;
    let p = p * x2 - 7.349_906_3e-4;
    let p = p * x2 - 2.954_6e-3;
    let p = p * x2 - 1.609_603_3e-2;
    let q = -1.456_607_2e-5;
    let q = q * x2 - 2.133_740_6e-4;
    let q = q * x2 - 1.682_827e-3;
    let q = q * x2 - 7.373_329e-3;
    let q = q * x2 - 1.426_473_9e-2;
    x * p / q
}

#[inline(always)]
fn normal_cdf(x: f32) -> f32 {
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

#[inline(always)]
fn density(x: f32) -> f32 {
    const INV_SQRT_TAU: f32 = 0.398_942_3;
    INV_SQRT_TAU * exp_of_negative(-0.5 * x * x)
}

// Plain loops: an iterator's closure would not be compiled with the loop's instructions.
vectorized! {
    /// x · Φ(x), into `y` of the same length.
    pub(super) fn activate(x: &[f32], y: &mut [f32]) -> () {
        for (y, x) in y.iter_mut().zip(x) {
            *y = x * normal_cdf(*x);
        }
    }
}

vectorized! {
    /// x · Φ(x) and its derivative, into `y` and `slope` of the same length.
    pub(super) fn activate_with_slope(x: &[f32], y: &mut [f32], slope: &mut [f32]) -> () {
        for ((y, slope), x) in y.iter_mut().zip(slope).zip(x) {
            let cdf = normal_cdf(*x);
            *y = x * cdf;
            *slope = cdf + x * density(*x);
        }
    }
}

vectorized! {
    fn backward(x: &[f32], grad_y: &[f32], grad_x: &mut [f32]) -> () {
        for ((out, x), grad) in grad_x.iter_mut().zip(x).zip(grad_y) {
            *out = grad * (normal_cdf(*x) + x * density(*x));
        }
    }
}

struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = contiguous(x, layout)?;
        let mut y = vec![0f32; x.len()];
        activate(x, &mut y);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        super::cuda::pointwise::forward("gelu", x, layout)
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad_y: &Tensor) -> Result<Option<Tensor>> {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            let grad_x = super::cuda::pointwise::backward("gelu_backward", x, grad_y)?;
            return Ok(Some(grad_x));
        }
        let grad_y = grad_y.contiguous()?;
        let mut grad_x = vec![0f32; x.elem_count()];
        backward(&read(x)?, &read(&grad_y)?, &mut grad_x);
        Ok(Some(Tensor::from_vec(grad_x, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_candles_exact_form() -> Result<()> {
        let x = (numbers(1, (50, 40))? * 4.0)?;
        assert_close(&gelu(&x)?, &x.gelu_erf()?, 2e-6);
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        assert_gradients(&[numbers(1, (6, 7))?], |t| gelu(&t[0]))
    }
}
