//! Numeric checks of hand-written backward passes.

use candle_core::{Device, Result, Shape, Tensor, Var};

use super::form::in_composed_form;
use pipeline_random::Stream;

/// Standard normal numbers, the same on every call.
pub(crate) fn numbers(seed: u64, shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    let mut draws = Stream::new(seed, "test numbers").at(&[]);
    let values: Vec<f32> = (0..shape.elem_count())
        .map(|_| draws.normal() as f32)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Fails unless every number of `a` is within `tolerance` of `b`'s, relative to the largest.
pub(crate) fn assert_close(a: &Tensor, b: &Tensor, tolerance: f32) {
    let read = |t: &Tensor| {
        t.flatten_all()
            .and_then(|t| t.to_vec1::<f32>())
            .expect("f32 numbers")
    };
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (read(a), read(b));
    let scale = b.iter().fold(1f32, |largest, x| largest.max(x.abs()));
    for (index, (x, y)) in a.iter().zip(&b).enumerate() {
        assert!(
            (x - y).abs() <= tolerance * scale,
            "number {index}: {x} is not {y}"
        );
    }
}

/// Holds the backward pass of `function` against central differences, for every number of every argument: by the
/// kernels, and composed of candle's operations.
pub(crate) fn assert_gradients(
    arguments: &[Tensor],
    function: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<()> {
    assert_gradients_of_form(arguments, &function)?;
    in_composed_form(|| assert_gradients_of_form(arguments, &function))
}

/// As [`assert_gradients`], in the form that is chosen now.
fn assert_gradients_of_form(
    arguments: &[Tensor],
    function: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<()> {
    let variables: Vec<Var> = arguments
        .iter()
        .map(Var::from_tensor)
        .collect::<Result<_>>()?;
    let tensors: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let output = function(&tensors)?;
    let weights = numbers(99, output.shape())?;
    let gradients = (output * &weights)?.sum_all()?.backward()?;
    let objective = |arguments: &[Tensor]| -> Result<f64> {
        let y = function(arguments)?.flatten_all()?.to_vec1::<f32>()?;
        let w = weights.flatten_all()?.to_vec1::<f32>()?;
        Ok(y.iter()
            .zip(&w)
            .map(|(y, w)| f64::from(*y) * f64::from(*w))
            .sum())
    };
    const STEP: f32 = 5e-3;
    for (which, argument) in arguments.iter().enumerate() {
        let analytic = gradients
            .get(&tensors[which])
            .expect("a gradient")
            .flatten_all()?
            .to_vec1::<f32>()?;
        let values = argument.flatten_all()?.to_vec1::<f32>()?;
        let scale = analytic
            .iter()
            .fold(1f32, |largest, x| largest.max(x.abs()));
        for index in 0..values.len() {
            let shifted = |by: f32| -> Result<f64> {
                let mut values = values.clone();
                values[index] += by;
                let mut moved = arguments.to_vec();
                moved[which] = Tensor::from_vec(values, argument.shape(), &Device::Cpu)?;
                objective(&moved)
            };
            let numeric = ((shifted(STEP)? - shifted(-STEP)?) / f64::from(2.0 * STEP)) as f32;
            assert!(
                (numeric - analytic[index]).abs() < 5e-3 * scale,
                "argument {which}, number {index}: backward gives {}, differences {numeric}",
                analytic[index]
            );
        }
    }
    Ok(())
}
