//! y = x Wᵀ + b, with the bias written before the product instead of added after it.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use candle_nn::Module;
use gemm::Parallelism;

use super::cpu::{contiguous, read};
use super::form::has_kernels;

/// `x` [rows, inputs], `weight` [outputs, inputs], `bias` [outputs] → [rows, outputs].
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if has_kernels(x.device()) {
        x.contiguous()?
            .apply_op3(&weight.contiguous()?, &bias.contiguous()?, Linear)
    } else {
        composed(x, weight, bias)
    }
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    candle_nn::Linear::new(weight.clone(), Some(bias.clone())).forward(x)
}

struct Linear;

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
        let x = contiguous(x, x_layout)?;
        let weight = contiguous(weight, weight_layout)?;
        let bias = contiguous(bias, bias_layout)?;
        let mut y = Vec::with_capacity(rows * outputs);
        for _ in 0..rows {
            y.extend_from_slice(bias);
        }
        let a = Matrix {
            values: x,
            row_stride: inputs,
            column_stride: 1,
        };
        let b = Matrix {
            values: weight,
            row_stride: 1,
            column_stride: inputs,
        };
        add_product(&mut y, [rows, outputs, inputs], a, b);
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
        let y = super::cuda::linear::forward([x, weight, bias], layouts)?;
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
            let [x, weight, bias] = super::cuda::linear::backward(x, weight, bias, grad_y)?;
            return Ok((x, weight, bias));
        }
        let grad_y = grad_y.contiguous()?;
        let (rows, inputs) = x.dims2()?;
        let outputs = weight.dim(0)?;
        let device = x.device();
        let g = read(&grad_y)?;
        let mut grad_x = None;
        if x.track_op() {
            let weight = read(weight)?;
            let mut values = vec![0f32; rows * inputs];
            let a = Matrix {
                values: &g,
                row_stride: outputs,
                column_stride: 1,
            };
            let b = Matrix {
                values: &weight,
                row_stride: inputs,
                column_stride: 1,
            };
            add_product(&mut values, [rows, inputs, outputs], a, b);
            grad_x = Some(Tensor::from_vec(values, (rows, inputs), device)?);
        }
        let mut grad_weight = None;
        if weight.track_op() {
            let x = read(x)?;
            let mut values = vec![0f32; outputs * inputs];
            let a = Matrix {
                values: &g,
                row_stride: 1,
                column_stride: outputs,
            };
            let b = Matrix {
                values: &x,
                row_stride: inputs,
                column_stride: 1,
            };
            add_product(&mut values, [outputs, inputs, rows], a, b);
            grad_weight = Some(Tensor::from_vec(values, (outputs, inputs), device)?);
        }
        let mut grad_bias = None;
        if bias.track_op() {
            let mut values = vec![0f32; outputs];
            for row in g.chunks_exact(outputs) {
                for (total, value) in values.iter_mut().zip(row) {
                    *total += value;
                }
            }
            grad_bias = Some(Tensor::from_vec(values, outputs, device)?);
        }
        Ok((grad_x, grad_weight, grad_bias))
    }
}

struct Matrix<'a> {
    values: &'a [f32],
    row_stride: usize,
    column_stride: usize,
}

/// y [rows, columns] += a [rows, inner] · b [inner, columns]; y is row-major.
///
/// On the calling thread alone: work is shared out by stays, so that no sum depends on the number of threads.
fn add_product(y: &mut [f32], [rows, columns, inner]: [usize; 3], a: Matrix, b: Matrix) {
    if rows == 0 || columns == 0 || inner == 0 {
        return;
    }
    let last = |m: &Matrix, r: usize, c: usize| (r - 1) * m.row_stride + (c - 1) * m.column_stride;
    assert!(y.len() >= rows * columns);
    assert!(last(&a, rows, inner) < a.values.len() && last(&b, inner, columns) < b.values.len());
    // SAFETY: the assertions above keep every index that the strides reach inside the slices.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            y.as_mut_ptr(),
            1,
            columns as isize,
            true,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1f32,
            1f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        let (x, w, b) = (numbers(1, (7, 5))?, numbers(2, (3, 5))?, numbers(3, 3)?);
        assert_close(&linear(&x, &w, &b)?, &composed(&x, &w, &b)?, 1e-5);
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let arguments = [numbers(1, (4, 5))?, numbers(2, (3, 5))?, numbers(3, 3)?];
        assert_gradients(&arguments, |t| linear(&t[0], &t[1], &t[2]))
    }
}
