use candle_core::{DType, Var};

use super::super::gradient_check::{assert_close, assert_gradients, numbers};
use super::*;

/// Three groups of two heads over stays of 1, 3 and 2 sets, from five of them.
fn glances(shared_values: bool) -> Glances {
    Glances {
        stay_starts: [0, 1, 4, 6].into(),
        times: [0.0, 0.2, 0.2, 3.0, 1.0, 0.5].into(),
        moments: [(0, 0), (1, 3), (1, 1), (2, 5), (1, 3)].into(),
        heads: 2,
        shared_values,
    }
}

fn arguments() -> Result<[Tensor; 3]> {
    Ok([
        numbers(1, (6, 6))?,
        (numbers(2, 6)?.abs()? + 0.1)?,
        numbers(3, (6, 4))?,
    ])
}

#[test]
fn equals_the_composed_form() -> Result<()> {
    for shared_values in [true, false] {
        let (glances, [scores, rates, values]) = (glances(shared_values), arguments()?);
        let fused = attend_with_decay(&scores, &rates, &values, &glances)?;
        let width = if shared_values { 4 } else { 2 };
        assert_eq!(fused.dims(), [5, 6, width]);
        let composed = composed(&scores, &rates, &values, &glances)?;
        assert_close(&fused, &composed, 1e-6);
    }
    Ok(())
}

#[test]
fn gradients_equal_finite_differences() -> Result<()> {
    for shared_values in [true, false] {
        let glances = glances(shared_values);
        assert_gradients(&arguments()?, |t| {
            attend_with_decay(&t[0], &t[1], &t[2], &glances)
        })?;
    }
    Ok(())
}

/// The composed form in double precision: its own gradients equal differences there, and the kernel's equal them.
#[test]
fn gradients_equal_those_in_double_precision() -> Result<()> {
    for shared_values in [true, false] {
        let glances = glances(shared_values);
        let single: Vec<Var> = arguments()?
            .iter()
            .map(Var::from_tensor)
            .collect::<Result<_>>()?;
        let double: Vec<Var> = arguments()?
            .iter()
            .map(|argument| Var::from_tensor(&argument.to_dtype(DType::F64)?))
            .collect::<Result<_>>()?;
        let objective = |t: &[Tensor]| -> Result<Tensor> {
            let output = attend_with_decay(&t[0], &t[1], &t[2], &glances)?;
            let weights = numbers(9, output.shape())?.to_dtype(output.dtype())?;
            (output * weights)?.sum_all()
        };
        let tensors = |vars: &[Var]| -> Vec<Tensor> {
            vars.iter().map(|var| var.as_tensor().clone()).collect()
        };
        let originals = tensors(&double);
        let fused = objective(&tensors(&single))?.backward()?;
        let exact = objective(&tensors(&double))?.backward()?;
        for (which, (single, double)) in single.iter().zip(&double).enumerate() {
            let analytic = exact.get(double.as_tensor()).expect("a gradient");
            let kernel = fused.get(single.as_tensor()).expect("a gradient");
            assert_close(kernel, &analytic.to_dtype(DType::F32)?, 1e-5);
            let analytic = analytic.flatten_all()?.to_vec1::<f64>()?;
            let values = double.flatten_all()?.to_vec1::<f64>()?;
            for (index, analytic) in analytic.iter().enumerate() {
                let shifted = |by: f64| -> Result<f64> {
                    let mut moved = originals.clone();
                    let mut values = values.clone();
                    values[index] += by;
                    moved[which] = Tensor::from_vec(values, double.shape(), double.device())?;
                    objective(&moved)?.to_scalar::<f64>()
                };
                let numeric = (shifted(1e-5)? - shifted(-1e-5)?) / 2e-5;
                assert!(
                    (numeric - analytic).abs() < 1e-8,
                    "{which}/{index}: {numeric} {analytic}"
                );
            }
        }
    }
    Ok(())
}
