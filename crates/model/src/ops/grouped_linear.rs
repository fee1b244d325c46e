//! y_g = x_g W_g: a matrix of its own for each group of a row.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::cpu::{contiguous, read};
use super::form::has_cpu_kernels;
use super::timed::Timed;
use pipeline_vector::product::{View, multiply};

/// `x` [rows, groups, inputs], `weight` [groups, inputs, outputs] → [rows, groups, outputs].
pub fn grouped_linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if has_cpu_kernels(x.device()) {
        x.contiguous()?
            .apply_op2(&weight.contiguous()?, Timed(GroupedLinear))
    } else {
        composed(x, weight)
    }
}

fn composed(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let by_group = x.transpose(0, 1)?.contiguous()?;
    by_group.matmul(weight)?.transpose(0, 1)?.contiguous()
}

struct GroupedLinear;

/// Where group `group` of rows of `groups` times `width` numbers lies.
fn group_view(group: usize, groups: usize, width: usize) -> View {
    View::rows(group * width, groups * width)
}

/// Where the matrix of group `group` lies, [inputs, outputs].
fn weight_view(group: usize, inputs: usize, outputs: usize) -> View {
    View::rows(group * inputs * outputs, outputs)
}

impl CustomOp2 for GroupedLinear {
    fn name(&self) -> &'static str {
        "grouped-linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, groups, inputs) = x_layout.shape().dims3()?;
        let (_, _, outputs) = weight_layout.shape().dims3()?;
        let (x, weight) = (contiguous(x, x_layout)?, contiguous(weight, weight_layout)?);
        let mut y = vec![0f32; rows * groups * outputs];
        for group in 0..groups {
            multiply(
                [rows, outputs, inputs],
                (&mut y, group_view(group, groups, outputs)),
                (x, group_view(group, groups, inputs)),
                (weight, weight_view(group, inputs, outputs)),
                true,
            );
        }
        Ok((CpuStorage::F32(y), (rows, groups, outputs).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        grad_y: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad_y = grad_y.contiguous()?;
        let (rows, groups, inputs) = x.dims3()?;
        let outputs = weight.dim(2)?;
        let g = read(&grad_y)?;
        let mut grad_x = None;
        if x.track_op() {
            let weight = read(weight)?;
            let mut values = vec![0f32; rows * groups * inputs];
            for group in 0..groups {
                multiply(
                    [rows, inputs, outputs],
                    (&mut values, group_view(group, groups, inputs)),
                    (&g, group_view(group, groups, outputs)),
                    (&weight, weight_view(group, inputs, outputs).transposed()),
                    true,
                );
            }
            grad_x = Some(Tensor::from_vec(values, x.shape(), x.device())?);
        }
        let mut grad_weight = None;
        if weight.track_op() {
            let x = read(x)?;
            let mut values = vec![0f32; groups * inputs * outputs];
            for group in 0..groups {
                multiply(
                    [inputs, outputs, rows],
                    (&mut values, weight_view(group, inputs, outputs)),
                    (&x, group_view(group, groups, inputs).transposed()),
                    (&g, group_view(group, groups, outputs)),
                    true,
                );
            }
            grad_weight = Some(Tensor::from_vec(values, weight.shape(), weight.device())?);
        }
        Ok((grad_x, grad_weight))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        let (x, weight) = (numbers(1, (7, 3, 5))?, numbers(2, (3, 5, 4))?);
        assert_close(&grouped_linear(&x, &weight)?, &composed(&x, &weight)?, 1e-6);
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let arguments = [numbers(1, (4, 3, 5))?, numbers(2, (3, 5, 2))?];
        assert_gradients(&arguments, |t| grouped_linear(&t[0], &t[1]))
    }
}
