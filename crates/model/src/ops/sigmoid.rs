//! The logistic function: composed of candle's operations its gradient is NaN where e^−x overflows.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::cpu::{contiguous, read};
use super::form::has_kernels;
use super::timed::Timed;

/// 1 / (1 + e^−x), element by element.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    if has_kernels(x.device()) {
        x.contiguous()?.apply_op1(Timed(Sigmoid))
    } else {
        // The same function in a form that never overflows.
        ((x * 0.5)?.tanh()? * 0.5)? + 0.5
    }
}

struct Sigmoid;

impl CustomOp1 for Sigmoid {
    fn name(&self) -> &'static str {
        "sigmoid"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let values = contiguous(x, layout)?.iter();
        let y = values.map(|x| ((-x).exp() + 1.0).recip()).collect();
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        super::cuda::pointwise::forward("sigmoid", x, layout)
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad_y: &Tensor) -> Result<Option<Tensor>> {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            let grad_x = super::cuda::pointwise::backward("sigmoid_backward", y, grad_y)?;
            return Ok(Some(grad_x));
        }
        let grad_y = grad_y.contiguous()?;
        let (y, grads) = (read(y)?, read(&grad_y)?);
        let grad_x: Vec<f32> = y
            .iter()
            .zip(grads.iter())
            .map(|(y, grad)| grad * y * (1.0 - y))
            .collect();
        Ok(Some(Tensor::from_vec(grad_x, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_the_composed_forms() -> Result<()> {
        let x = (numbers(1, (50, 40))? * 4.0)?;
        let composed = (x.neg()?.exp()? + 1.0)?.recip()?;
        assert_eq!(sigmoid(&x)?.to_vec2::<f32>()?, composed.to_vec2::<f32>()?);
        let by_tanh = (((&x * 0.5)?.tanh()? * 0.5)? + 0.5)?;
        assert_close(&sigmoid(&x)?, &by_tanh, 1e-6);
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        assert_gradients(&[numbers(1, (6, 7))?], |t| sigmoid(&t[0]))
    }

    #[test]
    fn its_gradient_is_zero_where_it_is_flat() -> Result<()> {
        let x = Var::new(&[-1e4f32, -89.0, 89.0, 1e4], &Device::Cpu)?;
        let gradients = sigmoid(x.as_tensor())?.sum_all()?.backward()?;
        let gradient = gradients.get(&x).map(|g| g.to_vec1::<f32>()).transpose()?;
        let gradient = gradient.unwrap_or_default();
        assert_eq!(gradient.len(), 4);
        assert!(gradient.iter().all(|g| g.abs() < 1e-30), "{gradient:?}");
        Ok(())
    }
}
