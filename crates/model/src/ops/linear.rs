//! y = x Wᵀ + b, with the bias written before the product instead of added after it.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use candle_nn::Module;

use super::cpu::{add_rows, contiguous, read};
use super::form::has_kernels;
use super::timed::Timed;
use crate::precision::Precision;
use pipeline_vector::product::{View, multiply, product};

/// `x` [rows, inputs], `weight` [outputs, inputs], `bias` [outputs] → [rows, outputs].
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    linear_in(Precision::F32, x, weight, bias)
}

/// As [`linear`], with factors of this precision, in the backward pass, too.
///
/// Fails where the device has no products of it.
pub fn linear_in(
    precision: Precision,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<Tensor> {
    precision.require_on(x.device())?;
    if has_kernels(x.device()) {
        let op = Timed(Linear { precision });
        x.contiguous()?
            .apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
    } else {
        composed(precision, x, weight, bias)
    }
}

fn composed(precision: Precision, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let weight = precision.factor(weight)?;
    candle_nn::Linear::new(weight, Some(bias.clone())).forward(&precision.factor(x)?)
}

struct Linear {
    precision: Precision,
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = x_layout.shape().dims2()?;
        let (outputs, _) = weight_layout.shape().dims2()?;
        let x = self.precision.factors(contiguous(x, x_layout)?);
        let weight = (self.precision).factors(contiguous(weight, weight_layout)?);
        let bias = contiguous(bias, bias_layout)?;
        let mut y = Vec::with_capacity(rows * outputs);
        for _ in 0..rows {
            y.extend_from_slice(bias);
        }
        multiply(
            [rows, outputs, inputs],
            (&mut y, View::rows(0, outputs)),
            (&x, View::rows(0, inputs)),
            (&weight, View::rows(0, inputs).transposed()),
            false,
        );
        Ok((CpuStorage::F32(y), (rows, outputs).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let layouts = [x_layout, weight_layout, bias_layout];
        let y = super::cuda::linear::forward(self.precision, [x, weight, bias], layouts)?;
        let (rows, _) = x_layout.shape().dims2()?;
        Ok((y, (rows, weight_layout.dims()[0]).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        grad_y: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            let arguments = [x, weight, bias];
            let [x, weight, bias] =
                super::cuda::linear::backward(self.precision, arguments, grad_y)?;
            return Ok((x, weight, bias));
        }
        let grad_y = grad_y.contiguous()?;
        let (rows, inputs) = x.dims2()?;
        let outputs = weight.dim(0)?;
        let device = x.device();
        let exact = read(&grad_y)?;
        let g = self.precision.factors(&exact);
        let mut grad_x = None;
        if x.track_op() {
            let weight = read(weight)?;
            let weight = self.precision.factors(&weight);
            let values = product(
                [rows, inputs, outputs],
                (&g, View::rows(0, outputs)),
                (&weight, View::rows(0, inputs)),
            );
            grad_x = Some(Tensor::from_vec(values, (rows, inputs), device)?);
        }
        let mut grad_weight = None;
        if weight.track_op() {
            let x = read(x)?;
            let x = self.precision.factors(&x);
            let values = product(
                [outputs, inputs, rows],
                (&g, View::rows(0, outputs).transposed()),
                (&x, View::rows(0, inputs)),
            );
            grad_weight = Some(Tensor::from_vec(values, (outputs, inputs), device)?);
        }
        let mut grad_bias = None;
        if bias.track_op() {
            let mut values = vec![0f32; outputs];
            add_rows(&mut values, &exact);
            grad_bias = Some(Tensor::from_vec(values, outputs, device)?);
        }
        Ok((grad_x, grad_weight, grad_bias))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        let (x, w, b) = (numbers(1, (7, 5))?, numbers(2, (3, 5))?, numbers(3, 3)?);
        let composed = composed(Precision::F32, &x, &w, &b)?;
        assert_close(&linear(&x, &w, &b)?, &composed, 1e-5);
        Ok(())
    }

    #[test]
    fn in_bf16_it_is_the_product_of_rounded_factors_forward_and_back() -> Result<()> {
        let rounded = |t: &Tensor| Precision::Bf16.factor(t);
        let (x, w, b) = (numbers(1, (7, 5))?, numbers(2, (3, 5))?, numbers(3, 3)?);
        let variables = [&x, &w, &b].map(candle_core::Var::from_tensor);
        let [xv, wv, bv] = variables.map(|variable| variable.expect("a variable"));
        let y = linear_in(Precision::Bf16, &xv, &wv, &bv)?;
        let expected = linear(&rounded(&x)?, &rounded(&w)?, &b)?;
        assert_eq!(y.to_vec2::<f32>()?, expected.to_vec2::<f32>()?);
        assert_close(&composed(Precision::Bf16, &x, &w, &b)?, &expected, 1e-6);
        assert_ne!(y.to_vec2::<f32>()?, linear(&x, &w, &b)?.to_vec2::<f32>()?);

        let g = numbers(4, (7, 3))?;
        let gradients = (y * &g)?.sum_all()?.backward()?;
        let of = |variable| gradients.get(variable).cloned().expect("a gradient");
        assert_close(&of(&xv), &rounded(&g)?.matmul(&rounded(&w)?)?, 1e-6);
        assert_close(&of(&wv), &rounded(&g)?.t()?.matmul(&rounded(&x)?)?, 1e-6);
        assert_close(&of(&bv), &g.sum(0)?, 1e-6);
        Ok(())
    }

    #[test]
    fn tf32_is_refused_on_a_cpu_in_both_forms() -> Result<()> {
        let (x, w, b) = (numbers(1, (7, 5))?, numbers(2, (3, 5))?, numbers(3, 3)?);
        let attempt = || {
            linear_in(Precision::Tf32, &x, &w, &b)
                .unwrap_err()
                .to_string()
        };
        for error in [attempt(), super::super::in_composed_form(attempt)] {
            assert!(error.contains("tf32 needs an NVIDIA GPU"), "{error}");
        }
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let arguments = [numbers(1, (4, 5))?, numbers(2, (3, 5))?, numbers(3, 3)?];
        assert_gradients(&arguments, |t| linear(&t[0], &t[1], &t[2]))
    }
}
