//! The rows of a MAB after its attention: LN2(FF(LN1(x Wᵀ + b))), FF = Linear, GELU, Linear.
//!
//! Two thirds of a model's work. As one operation its activations are read and written while they lie in the cache,
//! and the graph has one gradient to add up instead of six.

use std::sync::{Arc, Mutex, OnceLock};

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::cpu::{contiguous, read};
use super::form::has_cpu_kernels;
use super::layer_norm::EPS_OF_LAYERS;
use super::mab_output_kernel::{Activations, Transposed, Widths, backward, forward};
use super::timed::Timed;
use super::{gelu, layer_norm, linear_in};
use crate::precision::Precision;
use crate::profile::{Pass, timed};

const NAME: &str = "mab-output";

/// The parameters of [`mab_output`].
#[derive(Clone, Debug)]
pub struct MabOutput {
    /// Projection, first norm, both layers of FF, last norm: weight and bias of each.
    parameters: [Tensor; 10],
    precision: Precision,
    /// Kept from the first pass without a graph on: no step changes parameters that are no variables.
    transposed: Arc<OnceLock<Transposed>>,
}

impl MabOutput {
    /// Weight and bias each of the projection [row, row], the first norm, FF's layers [hidden, row] and [row, hidden],
    /// and the last norm.
    pub fn new(parameters: [Tensor; 10], precision: Precision) -> Self {
        Self {
            parameters,
            precision,
            transposed: Arc::default(),
        }
    }

    fn widths(&self) -> Result<Widths> {
        let (hidden, row) = self.parameters[4].dims2()?;
        Ok(Widths { row, hidden })
    }

    /// All parameters in one tensor, as an operation of candle has three arguments at most. They are packed in every
    /// pass: steps change them in between.
    fn packed(&self) -> Result<Tensor> {
        let flat: Vec<Tensor> = (self.parameters.iter())
            .map(Tensor::flatten_all)
            .collect::<Result<_>>()?;
        Tensor::cat(&flat, 0)
    }

    /// Without a graph: nothing is packed, and no activation is kept.
    fn infer(&self, x: &Tensor) -> Result<Tensor> {
        let held: Vec<Tensor> = (self.parameters.iter())
            .map(Tensor::contiguous)
            .collect::<Result<_>>()?;
        let read_all: Vec<_> = held.iter().map(read).collect::<Result<_>>()?;
        let parameters = std::array::from_fn(|part| &*read_all[part]);
        let x = x.contiguous()?;
        let (x_numbers, widths) = (read(&x)?, self.widths()?);
        let forward = || {
            let transposed = (self.transposed).get_or_init(|| Transposed::of(parameters, widths));
            forward(&x_numbers, parameters, transposed, widths, false).0
        };
        let y = timed(NAME, Pass::Forward, forward, |y| {
            size_of_val(y.as_slice()) + size_of_val(&*x_numbers)
        });
        Tensor::from_vec(y, x.shape(), x.device())
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        let [
            out,
            out_bias,
            ln1,
            ln1_bias,
            first,
            first_bias,
            last,
            last_bias,
            ln2,
            ln2_bias,
        ] = &self.parameters;
        let linear = |x: &Tensor, w: &Tensor, b: &Tensor| linear_in(self.precision, x, w, b);
        let normal = layer_norm(&linear(x, out, out_bias)?, ln1, ln1_bias, EPS_OF_LAYERS)?;
        let hidden = gelu(&linear(&normal, first, first_bias)?)?;
        layer_norm(
            &linear(&hidden, last, last_bias)?,
            ln2,
            ln2_bias,
            EPS_OF_LAYERS,
        )
    }
}

/// `x` [rows, row], what the heads of an attention gave → [rows, row].
pub fn mab_output(x: &Tensor, output: &MabOutput) -> Result<Tensor> {
    if !has_cpu_kernels(x.device()) || output.precision != Precision::F32 {
        return output.composed(x);
    }
    if !x.track_op() && !output.parameters.iter().any(Tensor::track_op) {
        return output.infer(x);
    }
    let op = Timed(Op {
        widths: output.widths()?,
        activations: Mutex::default(),
    });
    x.contiguous()?.apply_op2(&output.packed()?, op)
}

struct Op {
    widths: Widths,
    activations: Mutex<Option<Activations>>,
}

impl CustomOp2 for Op {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        packed: &CpuStorage,
        packed_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, packed) = (contiguous(x, x_layout)?, contiguous(packed, packed_layout)?);
        let parameters = self.widths.split(packed);
        let transposed = Transposed::of(parameters, self.widths);
        let (y, activations) = forward(x, parameters, &transposed, self.widths, true);
        *self.kept() = Some(activations);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        packed: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let Some(activations) = self.kept().take() else {
            bail!(
                "the backward pass of a MAB came without, or for the second time after, its forward pass"
            )
        };
        let (values, parameters, grads) = (read(x)?, read(packed)?, read(&grad)?);
        let (grad_x, grad_packed) =
            backward(&values, &parameters, &activations, &grads, self.widths);
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(grad_x, x.shape(), device)?),
            Some(Tensor::from_vec(grad_packed, packed.shape(), device)?),
        ))
    }
}

impl Op {
    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Activations>> {
        // A panic elsewhere leaves whole activations or none.
        self.activations
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    fn parameters(row: usize, hidden: usize) -> Result<Vec<Tensor>> {
        let shapes = [
            vec![row, row],
            vec![row],
            vec![row],
            vec![row],
            vec![hidden, row],
            vec![hidden],
            vec![row, hidden],
            vec![row],
            vec![row],
            vec![row],
        ];
        let numbered = shapes.into_iter().enumerate();
        numbered
            .map(|(seed, shape)| numbers(seed as u64, shape))
            .collect()
    }

    fn of(parameters: &[Tensor]) -> MabOutput {
        let parameters = std::array::from_fn(|part| parameters[part].clone());
        MabOutput::new(parameters, Precision::F32)
    }

    #[test]
    fn equals_the_composed_form_over_several_blocks() -> Result<()> {
        let output = of(&parameters(8, 12)?);
        for rows in [1, 63, 64, 65, 200] {
            let x = numbers(20, (rows, 8))?;
            assert_close(&mab_output(&x, &output)?, &output.composed(&x)?, 1e-4);
        }
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let mut arguments = parameters(4, 6)?;
        arguments.push(numbers(20, (3, 4))?);
        assert_gradients(&arguments, |t| mab_output(&t[10], &of(t)))
    }

    #[test]
    fn gradients_over_several_blocks_equal_the_composed_forms() -> Result<()> {
        let plain = parameters(8, 12)?;
        let variables: Vec<candle_core::Var> = (plain.iter())
            .map(candle_core::Var::from_tensor)
            .collect::<Result<_>>()?;
        let tracked: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
        let (x, weights) = (numbers(20, (150, 8))?, numbers(21, (150, 8))?);
        let gradients = |y: Tensor| (y * &weights)?.sum_all()?.backward();
        let ours = gradients(mab_output(&x, &of(&tracked))?)?;
        let theirs = gradients(of(&tracked).composed(&x)?)?;
        for parameter in &tracked {
            let of = |store: &candle_core::backprop::GradStore| store.get(parameter).cloned();
            let (ours, theirs) = (of(&ours).expect("ours"), of(&theirs).expect("theirs"));
            assert_close(&ours, &theirs, 1e-4);
        }
        Ok(())
    }

    #[test]
    fn a_variable_that_was_changed_counts_in_the_next_pass() -> Result<()> {
        let mut arguments = parameters(4, 6)?;
        let bias = candle_core::Var::from_tensor(&arguments[9])?;
        arguments[9] = bias.as_tensor().clone();
        let (output, x) = (of(&arguments), numbers(20, (3, 4))?);
        let before = mab_output(&x, &output)?;
        bias.set(&(bias.as_tensor() + 1.0)?)?;
        assert_close(&mab_output(&x, &output)?, &(before + 1.0)?, 1e-6);
        Ok(())
    }

    #[test]
    fn without_a_gradient_nothing_is_kept_and_the_bits_are_the_same() -> Result<()> {
        let plain = parameters(8, 12)?;
        let x = numbers(20, (100, 8))?;
        let variable = candle_core::Var::from_tensor(&x)?;
        let inferred = mab_output(&x, &of(&plain))?;
        let trained = mab_output(variable.as_tensor(), &of(&plain))?;
        assert_eq!(inferred.to_vec2::<f32>()?, trained.to_vec2::<f32>()?);
        Ok(())
    }
}
