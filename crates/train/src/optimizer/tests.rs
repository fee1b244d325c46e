//! Updates against torch's.

use candle_core::Device;

use super::*;

fn adamw(lr: f64, weight_decay: f64) -> AdamW {
    AdamW {
        lr,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay,
    }
}

fn variables() -> Result<Variables, Error> {
    Ok(Variables::from([
        ("v".into(), Var::new(&[0.5f32], &Device::Cpu)?),
        ("w".into(), Var::new(&[1f32, -2.0], &Device::Cpu)?),
    ]))
}

/// The gradients of step `step`, counted from 0, in the script below.
fn gradients(step: u64) -> Gradients {
    let scale = (step + 1) as f32;
    let sign = if step.is_multiple_of(2) { 1.0 } else { -1.0 };
    Gradients(BTreeMap::from([
        ("v".into(), vec![0.25 * sign]),
        ("w".into(), vec![0.5 * scale, -3.0 * scale]),
    ]))
}

fn values(variables: &Variables) -> Result<Vec<f32>, Error> {
    let mut values = variables["w"].to_vec1::<f32>()?;
    values.extend(variables["v"].to_vec1::<f32>()?);
    Ok(values)
}

/// Expected values after each of four steps, by torch 2 on the CPU:
///
/// ```python
/// w, v = torch.tensor([1.0, -2.0]), torch.tensor([0.5])    # both with requires_grad
/// for s in range(4):
///     w.grad = torch.tensor([0.5, -3.0]) * (s + 1); v.grad = torch.tensor([0.25]) * (1 - 2 * (s % 2))
///     optimizer.step(); print(w.tolist() + v.tolist())
/// ```
#[track_caller]
fn assert_as_torch(config: &Optimizer, expected: [[f32; 3]; 4]) -> Result<(), Error> {
    let variables = variables()?;
    let mut state = OptimizerState::new(config, &variables)?;
    for (step, expected) in expected.into_iter().enumerate() {
        state.step(&variables, &gradients(step as u64), RateScale::ONE)?;
        let found = values(&variables)?;
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 2e-6,
                "step {step}: {found} {expected}"
            );
        }
    }
    Ok(())
}

fn sgd(momentum: f64, nesterov: bool, weight_decay: f64) -> Optimizer {
    Optimizer {
        update: Update::Sgd(Sgd {
            lr: 0.1,
            momentum,
            nesterov,
            weight_decay,
        }),
        groups: Vec::new(),
    }
}

/// torch.optim.SGD([w, v], lr=0.1), …, momentum=0.9, weight_decay=0.05), …, nesterov=True).
#[test]
fn sgd_is_torchs() -> Result<(), Error> {
    let plain = [
        [0.95, -1.7, 0.475],
        [0.85, -1.1, 0.5],
        [0.7, -0.2, 0.475],
        [0.5, 1.0, 0.5],
    ];
    assert_as_torch(&sgd(0.0, false, 0.0), plain)?;
    let with_momentum = [
        [0.945, -1.69, 0.4725],
        [0.790_775, -0.802_550_1, 0.470_387_5],
        [0.498_018_6, 0.900_167_5, 0.441_134_3],
        [0.032_047_8, 3.628_112_6, 0.437_600_8],
    ];
    assert_as_torch(&sgd(0.9, false, 0.05), with_momentum)?;
    let nesterov = [
        [0.8955, -1.411, 0.44775],
        [0.652_442_8, -0.006_495_5, 0.468_721_4],
        [0.236_522_8, 2.421_270_8, 0.415_157_6],
        [-0.382_116_2, 6.053_229, 0.435_115_5],
    ];
    assert_as_torch(&sgd(0.9, true, 0.05), nesterov)
}

/// torch.optim.AdamW([{"params": [w]}, {"params": [v], "lr": 0.01, "weight_decay": 0.0}],
/// lr=0.1, betas=(0.9, 0.98), weight_decay=0.3).
#[test]
fn adamw_with_a_group_is_torchs() -> Result<(), Error> {
    let config = Optimizer {
        groups: vec![ParameterGroup {
            pattern: "v".into(),
            lr: Some(0.01),
            weight_decay: Some(0.0),
        }],
        ..AdamW {
            betas: [0.9, 0.98],
            ..adamw(0.1, 0.3)
        }
        .into()
    };
    let expected = [
        [0.87, -1.84, 0.49],
        [0.747_658_6, -1.688_558_6, 0.490_526_3],
        [0.629_950_1, -1.542_623_2, 0.487_168_4],
        [0.515_770_4, -1.401_063_4, 0.487_694_7],
    ];
    assert_as_torch(&config, expected)
}

#[test]
fn every_optimizer_goes_on_from_its_moments_to_the_same_bits() -> Result<(), Error> {
    let adamw = Optimizer::from(adamw(0.1, 0.02));
    for config in [adamw, sgd(0.9, true, 0.1), sgd(0.0, false, 0.1)] {
        let undisturbed = variables()?;
        let mut state = OptimizerState::new(&config, &undisturbed)?;
        let other = variables()?;
        let mut before = OptimizerState::new(&config, &other)?;
        for step in 0..2 {
            state.step(&undisturbed, &gradients(step), RateScale::ONE)?;
            before.step(&other, &gradients(step), RateScale::ONE)?;
        }
        let moments = before.moments();
        let kept = moments.iter().filter(|moment| !moment.is_empty()).count();
        assert_eq!(kept, config.update.moments());
        let mut after = OptimizerState::restored(&config, &other, 2, moments)?;
        for step in 2..5 {
            state.step(&undisturbed, &gradients(step), RateScale::ONE)?;
            after.step(&other, &gradients(step), RateScale::ONE)?;
        }
        assert_eq!(values(&undisturbed)?, values(&other)?);
    }
    Ok(())
}

/// The first step of AdamW moves every number by the learning rate, against its gradient's sign.
#[test]
fn the_first_step_of_adamw_is_the_learning_rate() -> Result<(), Error> {
    let variables = Variables::from([("w".into(), Var::new(&[1f32, -2.0], &Device::Cpu)?)]);
    let gradients = Gradients(BTreeMap::from([("w".into(), vec![0.5, -3.0])]));
    OptimizerState::new(&adamw(0.1, 0.0).into(), &variables)?.step(
        &variables,
        &gradients,
        RateScale::ONE,
    )?;
    let moved = variables["w"].to_vec1::<f32>()?;
    assert!(
        (moved[0] - 0.9).abs() < 1e-6 && (moved[1] + 1.9).abs() < 1e-6,
        "{moved:?}"
    );
    Ok(())
}

#[test]
fn a_variable_without_a_gradient_is_an_error() -> Result<(), Error> {
    let variables = Variables::from([("w".into(), Var::new(&[2f32], &Device::Cpu)?)]);
    let mut state = OptimizerState::new(&adamw(0.1, 0.0).into(), &variables)?;
    let result = state.step(&variables, &Gradients::default(), RateScale::ONE);
    assert!(result.unwrap_err().to_string().contains('w'));
    Ok(())
}
