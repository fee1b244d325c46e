//! Limited-memory BFGS (Liu and Nocedal 1989) for smooth convex functions.

use std::collections::VecDeque;

/// Pairs of steps and gradient changes that stand for the curvature.
const MEMORY: usize = 10;
const MAX_STEPS: usize = 2000;
/// Halvings of a step at most.
const MAX_HALVINGS: i32 = 50;
/// Share of the expected decrease that a step must bring (Armijo 1966).
const SUFFICIENT: f64 = 1e-4;

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (change · step)
    scale: f64,
}

/// Where a function is least.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) at: Vec<f64>,
    /// Steps that led there.
    pub(super) steps: usize,
}

/// Where `function`, which gives value and gradient, is least, to a largest gradient entry of
/// `tolerance`; `None` if it is not reached.
pub(super) fn minimise(
    start: Vec<f64>,
    tolerance: f64,
    function: impl Fn(&[f64]) -> (f64, Vec<f64>),
) -> Option<Found> {
    let mut at = start;
    let (mut value, mut gradient) = function(&at);
    let mut pairs: VecDeque<Pair> = VecDeque::new();
    for steps in 0..MAX_STEPS {
        if gradient.iter().all(|number| number.abs() <= tolerance) {
            return Some(Found { at, steps });
        }
        let direction = direction(&gradient, &pairs);
        let slope = dot(&direction, &gradient);
        let first = match pairs.is_empty() {
            true => 1.0 / dot(&gradient, &gradient).sqrt().max(1.0),
            false => 1.0,
        };
        let (next, next_value, next_gradient) = (0..MAX_HALVINGS).find_map(|halvings| {
            let share = first * 0.5_f64.powi(halvings);
            let next: Vec<f64> = at
                .iter()
                .zip(&direction)
                .map(|(x, d)| x + share * d)
                .collect();
            let (next_value, next_gradient) = function(&next);
            let enough = value + SUFFICIENT * share * slope + 1e-15 * value.abs();
            (next_value <= enough).then_some((next, next_value, next_gradient))
        })?;
        let difference =
            |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
        let step = difference(&next, &at);
        let change = difference(&next_gradient, &gradient);
        let curvature = dot(&step, &change);
        if curvature > 0.0 {
            pairs.push_back(Pair {
                step,
                change,
                scale: 1.0 / curvature,
            });
            if pairs.len() > MEMORY {
                pairs.pop_front();
            }
        }
        (at, value, gradient) = (next, next_value, next_gradient);
    }
    None
}

/// The two-loop recursion: minus the inverse curvature times the gradient.
fn direction(gradient: &[f64], pairs: &VecDeque<Pair>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|number| -number).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let share = pair.scale * dot(&pair.step, &direction);
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    if let Some(last) = pairs.back() {
        let scale = 1.0 / (last.scale * dot(&last.change, &last.change));
        direction.iter_mut().for_each(|number| *number *= scale);
    }
    for (pair, share) in pairs.iter().zip(shares.into_iter().rev()) {
        let correction = pair.scale * dot(&pair.change, &direction);
        add(&mut direction, share - correction, &pair.step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], times: f64, numbers: &[f64]) {
    for (to, number) in to.iter_mut().zip(numbers) {
        *to += times * number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ill_conditioned_bowl_is_descended() {
        let target = [3.0, -2.0, 0.5];
        let steepness = [1.0, 100.0, 1e4];
        let bowl = |x: &[f64]| {
            let offset: Vec<f64> = x.iter().zip(target).map(|(x, t)| x - t).collect();
            let pairs = offset.iter().zip(steepness);
            let value = pairs.clone().map(|(o, s)| s * o * o / 2.0).sum();
            (value, pairs.map(|(o, s)| s * o).collect())
        };
        let found = minimise(vec![0.0; 3], 1e-9, bowl).unwrap();
        for (found, target) in found.at.iter().zip(target) {
            assert!((found - target).abs() < 1e-8, "{found} {target}");
        }
    }

    #[test]
    fn what_has_no_least_value_is_not_found() {
        let slope = |_: &[f64]| (f64::NAN, vec![1.0]);
        assert_eq!(minimise(vec![0.0], 1e-9, slope), None);
    }
}
