//! Every operation of the model and its gradients, against the CPU's kernels.

use std::sync::Arc;

use candle_core::{Device, Result, Shape, Tensor, Var};

use crate::{Check, larger, worst};
use pipeline_error::Error;
use pipeline_model::ops::{self, Attention, AttentionDropout, Glances, MabOutput, RowIndex};
use pipeline_model::precision::Precision;
use pipeline_random::Stream;

const VALUE_TOLERANCE: f64 = 2e-5;
const GRADIENT_TOLERANCE: f64 = 2e-4;
/// Numbers of a row; heads divide it into parts that no warp fills evenly.
const WIDTH: usize = 72;
const SETS: usize = 150;

type Operation = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// An operation with what it is tried on.
struct Trial {
    name: &'static str,
    arguments: Vec<Tensor>,
    operation: Operation,
}

fn numbers(seed: u64, shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    let mut draws = Stream::new(seed, "numbers of the selftest").at(&[]);
    let values: Vec<f32> = (0..shape.elem_count())
        .map(|_| draws.normal() as f32)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Sets of 1 to 11 events.
fn starts() -> Arc<[usize]> {
    let mut draws = Stream::new(0, "sets of the selftest").at(&[]);
    let mut starts = vec![0];
    for _ in 0..SETS {
        starts.push(starts[starts.len() - 1] + 1 + draws.below(11) as usize);
    }
    starts.into()
}

fn trial(
    name: &'static str,
    arguments: &[&Tensor],
    operation: impl Fn(&[Tensor]) -> Result<Tensor> + 'static,
) -> Trial {
    Trial {
        name,
        arguments: arguments.iter().map(|tensor| (*tensor).clone()).collect(),
        operation: Box::new(operation),
    }
}

fn attention_trials(starts: &[usize], events: usize) -> Result<Vec<Trial>> {
    let (heads, points) = (3, 16);
    let rows = numbers(1, (events, WIDTH))?;
    let keys = numbers(2, (events, 2 * WIDTH))?;
    let mut dropped = Attention::within(starts, heads, 0.2, true);
    dropped.dropout = Some(AttentionDropout { seed: 5, rate: 0.3 });
    let patterns = [
        (
            "attention within sets",
            Attention::within(starts, heads, 0.2, false),
            rows.clone(),
            keys.clone(),
        ),
        (
            "attention, causal, with dropout",
            dropped,
            rows.clone(),
            keys.clone(),
        ),
        (
            "attention of inducing points",
            Attention::shared_queries(starts, points, heads, 0.2),
            numbers(3, (points, WIDTH))?,
            keys.clone(),
        ),
        (
            "attention to inducing points",
            Attention::to_own_keys(starts, points, heads, 0.2),
            rows.clone(),
            numbers(4, (SETS * points, 2 * WIDTH))?,
        ),
        (
            "attention of one query a set",
            Attention::one_query_each(starts, 1, 0.1),
            numbers(5, (SETS, WIDTH))?,
            keys.clone(),
        ),
    ];
    let mut trials: Vec<Trial> = patterns
        .into_iter()
        .map(|(name, attention, q, kv)| {
            trial(name, &[&q, &kv], move |t| {
                ops::attend(&t[0], &t[1], &attention)
            })
        })
        .collect();
    let causal = Attention::within(starts, heads, 0.2, true);
    let bias = numbers(6, causal.pairs())?;
    trials.push(trial(
        "attention with a bias",
        &[&rows, &keys, &bias],
        move |t| ops::attend_biased(&t[0], &t[1], &t[2], &causal),
    ));
    Ok(trials)
}

/// Operations that are one on a CPU and several on a GPU.
fn fused_trials(starts: &Arc<[usize]>, events: usize) -> Result<Vec<Trial>> {
    let (heads, queries, hidden) = (3, 4, 40);
    let rows = numbers(20, (events, WIDTH))?;
    // As small as parameters are: else the norms divide by their squares.
    let parameter = |seed, shape: &[usize]| numbers(seed, shape)? * 0.2;
    let shapes: [&[usize]; 10] = [
        &[WIDTH, WIDTH],
        &[WIDTH],
        &[WIDTH],
        &[WIDTH],
        &[hidden, WIDTH],
        &[hidden],
        &[WIDTH, hidden],
        &[WIDTH],
        &[WIDTH],
        &[WIDTH],
    ];
    let mut of_mab = vec![rows.clone()];
    for (seed, shape) in shapes.into_iter().enumerate() {
        of_mab.push(parameter(21 + seed as u64, shape)?);
    }
    let of_mab: Vec<&Tensor> = of_mab.iter().collect();
    let scores = numbers(31, (events, queries * heads))?;
    let rates = (numbers(32, queries * heads)?.abs()? + 0.1)?;
    let of_scores = starts.clone();
    let (glances, shared) = (glances(starts, heads, true), glances(starts, heads, false));
    let to_shared = Attention::within(starts, heads, 0.2, false);
    Ok(vec![
        trial("output of a MAB", &of_mab, |t| {
            let parameters = std::array::from_fn(|part| t[part + 1].clone());
            let output = MabOutput::new(parameters, Precision::F32);
            ops::mab_output(&t[0], &output)
        }),
        trial("attention by scores", &[&scores, &rows], move |t| {
            ops::attend_by_scores(&t[0], &t[1], &of_scores, heads)
        }),
        trial(
            "attention to shared keys",
            &[
                &numbers(33, (events, heads * 24))?,
                &numbers(34, (events, 24))?,
            ],
            move |t| ops::attend_to_shared_keys(&t[0], &t[1], &to_shared),
        ),
        trial(
            "grouped linear",
            &[&numbers(35, (events, 5, 16))?, &numbers(36, (5, 16, 12))?],
            |t| ops::grouped_linear(&t[0], &t[1]),
        ),
        trial(
            "attention with decay",
            &[&scores, &rates, &rows],
            move |t| ops::attend_with_decay(&t[0], &t[1], &t[2], &glances),
        ),
        trial(
            "attention with decay, values by heads",
            &[&scores, &rates, &rows],
            move |t| ops::attend_with_decay(&t[0], &t[1], &t[2], &shared),
        ),
    ])
}

/// From the last and a middle event of every set, as if sets were stays.
fn glances(starts: &[usize], heads: usize, shared_values: bool) -> Glances {
    let mut draws = Stream::new(2, "times of the selftest").at(&[]);
    let stays = starts.windows(2).enumerate();
    let moments = stays.flat_map(|(stay, pair)| {
        let middle = (pair[0] + pair[1] - 1) / 2;
        [(stay, pair[1] - 1), (stay, middle)]
    });
    Glances {
        stay_starts: starts.into(),
        moments: moments.collect(),
        times: (0..starts[starts.len() - 1])
            .map(|_| draws.normal().abs() as f32)
            .collect(),
        heads,
        shared_values,
    }
}

fn trials() -> Result<Vec<Trial>> {
    let starts = starts();
    let events = starts[SETS];
    let (x, y) = (numbers(7, (events, WIDTH))?, numbers(8, (events, WIDTH))?);
    let weight = numbers(9, (40, WIDTH))?;
    let (bias, scale, shift) = (numbers(10, 40)?, numbers(11, WIDTH)?, numbers(12, WIDTH)?);
    let sets = numbers(13, (SETS, WIDTH))?;
    let mut trials = vec![
        trial("linear", &[&x, &weight, &bias], |t| {
            ops::linear(&t[0], &t[1], &t[2])
        }),
        trial("layer norm", &[&x, &scale, &shift], |t| {
            ops::layer_norm(&t[0], &t[1], &t[2], 1e-5)
        }),
        trial("gelu", &[&(&x * 3.0)?], |t| ops::gelu(&t[0])),
        trial("sigmoid", &[&(&x * 5.0)?], |t| ops::sigmoid(&t[0])),
    ];
    trials.extend(attention_trials(&starts, events)?);
    trials.extend(fused_trials(&starts, events)?);
    let of = starts.clone();
    trials.push(trial("segment mean", &[&x], move |t| {
        ops::segment_mean(&t[0], &of)
    }));
    let of = starts.clone();
    trials.push(trial("segment maximum", &[&x], move |t| {
        ops::segment_max(&t[0], &of)
    }));
    let of = starts.clone();
    trials.push(trial("set reconstruction loss", &[&x, &y], move |t| {
        ops::set_reconstruction_loss(&t[0], &t[1], &of)
    }));
    let of = starts.clone();
    let set_of: Vec<u32> = (0..SETS)
        .flat_map(|set| vec![set as u32; of[set + 1] - of[set]])
        .collect();
    trials.push(trial("spread", &[&sets], move |t| {
        let set_of = Tensor::new(&set_of[..], t[0].device())?;
        ops::spread(&t[0], &set_of, &of)
    }));
    let mut draws = Stream::new(1, "rows of the selftest").at(&[]);
    let taken: Vec<u32> = (0..events).map(|_| draws.below(23) as u32).collect();
    let table = numbers(14, (29, WIDTH))?;
    trials.push(trial("rows taken", &[&table], move |t| {
        RowIndex::new(taken.clone(), t[0].device())?.of(&t[0])
    }));
    Ok(trials)
}

/// The output, and the gradient of every argument.
fn outcome(trial: &Trial, device: &Device) -> Result<Vec<Tensor>> {
    let variables = trial
        .arguments
        .iter()
        .map(|argument| Var::from_tensor(&argument.to_device(device)?));
    let variables: Vec<Var> = variables.collect::<Result<_>>()?;
    let tensors: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let output = (trial.operation)(&tensors)?;
    let weights = numbers(99, output.shape())?.to_device(device)?;
    let gradients = (&output * weights)?.sum_all()?.backward()?;
    let mut outcome = vec![output.detach()];
    for variable in &variables {
        match gradients.get(variable) {
            Some(gradient) => outcome.push(gradient.clone()),
            None => candle_core::bail!("{} gives an argument no gradient", trial.name),
        }
    }
    Ok(outcome)
}

/// Numbers that are drawn on a GPU: their moments, and that dropout's gradient has the mask of its value.
fn draws(device: &Device) -> Result<Vec<Check>> {
    const RATE: f32 = 0.3;
    let (rows, width) = (1000, 200);
    let seeds: Vec<u64> = (0..rows).collect();
    let normals = ops::normals(&seeds, width, 2.0, device)?.flatten_all()?;
    let mean = normals.mean_all()?.to_scalar::<f32>()?;
    let variance = normals.sqr()?.mean_all()?.to_scalar::<f32>()?;
    let ones = Var::from_tensor(&normals.ones_like()?)?;
    let drop = ops::Dropout::new(Stream::new(7, "dropout").at(&[]), f64::from(RATE));
    let kept = ops::dropout(ones.as_tensor(), drop)?;
    let Some(gradient) = kept.sum_all()?.backward()?.remove(ones.as_tensor()) else {
        candle_core::bail!("dropout gives its argument no gradient")
    };
    let masks = (kept.to_vec1::<f32>()?, gradient.to_vec1::<f32>()?);
    let zeros = masks.0.iter().filter(|factor| **factor == 0.0).count() as f32;
    let apart = masks.0.iter().zip(&masks.1).filter(|(a, b)| a != b).count();
    let check = |name: &str, worst: f32, tolerance| Check {
        name: name.to_string(),
        form: "kernel",
        worst: f64::from(worst.abs()),
        tolerance,
    };
    Ok(vec![
        check("normal numbers, mean", mean, 0.02),
        check("normal numbers, variance", variance / 4.0 - 1.0, 0.02),
        check("dropout, share", zeros / masks.0.len() as f32 - RATE, 0.01),
        check("dropout, gradients", apart as f32, 0.0),
    ])
}

/// Value and gradients of every operation on `device`.
pub fn checks(device: &Device) -> std::result::Result<Vec<Check>, Error> {
    let mut checks = Vec::new();
    for trial in trials()? {
        let expected = outcome(&trial, &Device::Cpu)?;
        let composed = ops::in_composed_form(|| outcome(&trial, device))?;
        compare(&mut checks, &trial, "composed", &composed, &expected)?;
        if !device.is_cpu() {
            let ours = outcome(&trial, device)?;
            compare(&mut checks, &trial, "kernel", &ours, &expected)?;
            let again = outcome(&trial, device)?;
            let mut apart = 0f64;
            for (one, other) in again.iter().zip(&ours) {
                apart = larger(apart, worst(one, other, 1.0)?);
            }
            checks.push(Check {
                name: format!("{}, run again", trial.name),
                form: "kernel",
                worst: apart,
                tolerance: 0.0,
            });
        }
    }
    if !device.is_cpu() {
        checks.extend(draws(device)?);
        checks.extend(reduced_precision(device)?);
    }
    Ok(checks)
}

/// Linear layers whose factors have fewer bits, against the CPU: bf16 has the same there, TF32's 11 bits are near its own.
fn reduced_precision(device: &Device) -> std::result::Result<Vec<Check>, Error> {
    // Sums of a few hundred terms, each off by 2⁻¹¹ at most, of which the CPU's has none.
    const TF32_TOLERANCE: f64 = 2e-3;
    let arguments = [
        &numbers(40, (300, WIDTH))?,
        &numbers(41, (40, WIDTH))?,
        &numbers(42, 40)?,
    ];
    let of = |precision: Precision| {
        trial("linear", &arguments, move |t| {
            ops::linear_in(precision, &t[0], &t[1], &t[2])
        })
    };
    let mut checks = Vec::new();
    for (precision, on_cpu, tolerance) in [
        (Precision::Bf16, Precision::Bf16, VALUE_TOLERANCE),
        (Precision::Tf32, Precision::F32, TF32_TOLERANCE),
    ] {
        let expected = outcome(&of(on_cpu), &Device::Cpu)?;
        let ours = outcome(&of(precision), device)?;
        let again = outcome(&of(precision), device)?;
        let (mut apart, mut when_again) = (0f64, 0f64);
        for ((ours, expected), again) in ours.iter().zip(&expected).zip(&again) {
            apart = larger(apart, worst(ours, expected, 1.0)?);
            when_again = larger(when_again, worst(again, ours, 1.0)?);
        }
        let check = |what: &str, worst, tolerance| Check {
            name: format!("linear in {}, {what}", precision.name()),
            form: "kernel",
            worst,
            tolerance,
        };
        checks.push(check("with gradients", apart, tolerance));
        checks.push(check("run again", when_again, 0.0));
    }
    Ok(checks)
}

fn compare(
    checks: &mut Vec<Check>,
    trial: &Trial,
    form: &'static str,
    ours: &[Tensor],
    expected: &[Tensor],
) -> std::result::Result<(), Error> {
    let mut of_gradients = 0f64;
    for (ours, expected) in ours.iter().zip(expected).skip(1) {
        let apart = worst(ours, expected, 1.0)?;
        of_gradients = larger(of_gradients, apart);
    }
    checks.push(Check {
        name: trial.name.to_string(),
        form,
        worst: worst(&ours[0], &expected[0], 1.0)?,
        tolerance: VALUE_TOLERANCE,
    });
    checks.push(Check {
        name: format!("{}, gradients", trial.name),
        form,
        worst: of_gradients,
        tolerance: GRADIENT_TOLERANCE,
    });
    Ok(())
}
