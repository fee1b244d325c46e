mod careful;

use pipeline_vector::vectorized;

use super::block::LANES as RESAMPLES;
use super::exponential::exp_of_negative;
use super::undefined::Undefined;

/// Newton's steps at most; well-posed fits need fewer than ten.
const MAX_STEPS: usize = 100;
/// Halvings of a step that made the loss larger.
const MAX_HALVINGS: i32 = 60;
/// Newton's method squares the error: what is left after a step of this size is below rounding.
const LAST_STEP: f64 = 1e-6;
/// The first step from a start that is near.
const FIRST_STEP: f64 = 0.5;

/// σ(intercept + slope · x): logistic regression on one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LogitLine {
    pub(super) intercept: f64,
    pub(super) slope: f64,
}

/// What of a line is fitted; the other stays as it was at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Free {
    Intercept,
    Slope,
    Both,
}

/// Log-likelihood of a line, negative, with its derivatives.
#[derive(Default)]
struct Loss {
    value: f64,
    slopes: Slopes,
}

/// Derivatives of the loss.
#[derive(Clone, Copy, Default)]
struct Slopes {
    gradient: [f64; 2],
    /// Second derivatives: intercept twice, both, slope twice.
    curvature: [f64; 3],
}

/// Items that have weight.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    x: Vec<f64>,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

impl Items {
    /// Those of `x` with weight, `targets` the shares of the positive class.
    pub(super) fn of(x: &[f64], targets: &[f64], weights: &[f64]) -> Self {
        let mut items = Self::default();
        for ((&x, &target), &weight) in x.iter().zip(targets).zip(weights) {
            if weight != 0.0 {
                items.x.push(x);
                items.targets.push(target);
                items.weights.push(weight);
            }
        }
        items
    }

    /// Those of one resample of a block, in the place of these.
    pub(super) fn take_lane(
        &mut self,
        x: &[f64],
        targets: &[f64],
        counts: &[[u32; RESAMPLES]],
        lane: usize,
    ) {
        for own in [&mut self.x, &mut self.targets, &mut self.weights] {
            own.resize(x.len(), 0.0);
        }
        // Every item is written and those without weight are written over: without a branch, which would be guessed wrong.
        let mut taken = 0;
        for ((x, target), row) in x.iter().zip(targets).zip(counts) {
            self.x[taken] = *x;
            self.targets[taken] = *target;
            self.weights[taken] = f64::from(row[lane]);
            taken += usize::from(row[lane] != 0);
        }
        for own in [&mut self.x, &mut self.targets, &mut self.weights] {
            own.truncate(taken);
        }
    }

    /// x, target and weight of each.
    pub(super) fn each(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        let pairs = self.x.iter().zip(&self.targets).zip(&self.weights);
        pairs.map(|((x, target), weight)| (*x, *target, *weight))
    }
}

impl LogitLine {
    /// Probability of the positive class.
    pub(super) fn probability(&self, x: f64) -> f64 {
        sigmoid(self.intercept + self.slope * x)
    }

    /// Maximum likelihood by Newton's method, which for this model is iteratively reweighted least
    /// squares. A step that makes the loss larger is halved, so that no start diverges. Where the curvature vanishes on
    /// the way, as between probabilities of 0 and 1, the fit is a careful one.
    pub(super) fn fit(start: LogitLine, free: Free, items: &Items) -> Result<LogitLine, Undefined> {
        let line = start.refined(free, items);
        let line = line.or_else(|| start.damped(free, items));
        line.or_else(|| careful::fit(start, free, items))
            .ok_or(Undefined::NotConverged)
    }

    fn damped(self, free: Free, items: &Items) -> Option<LogitLine> {
        let mut line = self;
        let mut loss = line.loss(items);
        for _ in 0..MAX_STEPS {
            let step = loss.slopes.newton_step(free)?;
            if line.is_last(step) {
                return Some(line.moved(step, 1.0));
            }
            (line, loss) = line.descend(&loss, step, items)?;
        }
        None
    }

    /// From a start that is near: steps of which each is far smaller than the one before, so that nobody needs to look
    /// at the loss itself. `None` where they are not.
    fn refined(self, free: Free, items: &Items) -> Option<LogitLine> {
        let (mut line, mut bound) = (self, FIRST_STEP);
        loop {
            let step = line.slopes(items).newton_step(free)?;
            if line.is_last(step) {
                return Some(line.moved(step, 1.0));
            }
            let size = step[0].abs().max(step[1].abs());
            if size > bound {
                return None;
            }
            (line, bound) = (line.moved(step, 1.0), size / 4.0);
        }
    }

    fn is_last(&self, step: [f64; 2]) -> bool {
        let is_small = |step: f64, at: f64| step.abs() <= LAST_STEP * (1.0 + at.abs());
        is_small(step[0], self.intercept) && is_small(step[1], self.slope)
    }

    fn moved(&self, step: [f64; 2], share: f64) -> LogitLine {
        LogitLine {
            intercept: self.intercept - share * step[0],
            slope: self.slope - share * step[1],
        }
    }

    /// Goes the whole step, or the first of its halves that does not make the loss larger.
    fn descend(&self, loss: &Loss, step: [f64; 2], items: &Items) -> Option<(LogitLine, Loss)> {
        let rounding = 1e-13 * loss.value.abs();
        (0..MAX_HALVINGS).find_map(|halvings| {
            let next = self.moved(step, 0.5_f64.powi(halvings));
            let next_loss = next.loss(items);
            (next_loss.value <= loss.value + rounding).then_some((next, next_loss))
        })
    }

    fn loss(&self, items: &Items) -> Loss {
        let terms = items.each().map(|(x, target, weight)| {
            let z = self.intercept + self.slope * x;
            weight * (z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z)
        });
        Loss {
            value: terms.sum(),
            slopes: self.slopes(items),
        }
    }

    fn slopes(&self, items: &Items) -> Slopes {
        slopes_of(self, items)
    }
}

/// Sums run in as many lanes, which are added up in order.
const LANES: usize = 4;
/// Items whose terms are worked out before any is added: loops over numbers alone are what the compiler makes vectors of.
const RUN: usize = 256;

/// What an item adds to each derivative.
#[inline(always)]
fn terms(line: &LogitLine, (x, target, weight): (f64, f64, f64)) -> [f64; 5] {
    let p = sigmoid(line.intercept + line.slope * x);
    let error = weight * (p - target);
    let curvature = weight * p * (1.0 - p);
    [
        error,
        error * x,
        curvature,
        curvature * x,
        curvature * x * x,
    ]
}

vectorized! {
    fn slopes_of(line: &LogitLine, items: &Items) -> Slopes {
        let whole = items.x.len() / LANES * LANES;
        let mut lanes = [[0.0; LANES]; 5];
        let mut run = [[0.0; RUN]; 5];
        let runs = (items.x[..whole].chunks(RUN))
            .zip(items.targets[..whole].chunks(RUN))
            .zip(items.weights[..whole].chunks(RUN));
        for ((x, targets), weights) in runs {
            let count = x.len();
            let [errors, tilts, curvatures, mixed, bends] = &mut run;
            let sums = (errors[..count].iter_mut().zip(&mut tilts[..count]))
                .zip(curvatures[..count].iter_mut().zip(&mut mixed[..count]))
                .zip(&mut bends[..count]);
            let items = x.iter().zip(targets).zip(weights);
            for ((((error, tilt), (curvature, mix)), bend), ((x, target), weight)) in sums.zip(items) {
                [*error, *tilt, *curvature, *mix, *bend] = terms(line, (*x, *target, *weight));
            }
            for first in (0..count).step_by(LANES) {
                for (lanes, terms) in lanes.iter_mut().zip(&run) {
                    for lane in 0..LANES {
                        lanes[lane] += terms[first + lane];
                    }
                }
            }
        }
        for item in items.each().skip(whole) {
            for (lanes, term) in lanes.iter_mut().zip(terms(line, item)) {
                lanes[0] += term;
            }
        }
        let [g0, g1, h00, h01, h11] = lanes.map(|lanes| lanes.iter().sum());
        Slopes {
            gradient: [g0, g1],
            curvature: [h00, h01, h11],
        }
    }
}

impl Slopes {
    fn newton_step(&self, free: Free) -> Option<[f64; 2]> {
        let [g0, g1] = self.gradient;
        let [h00, h01, h11] = self.curvature;
        let step = match free {
            Free::Intercept => [g0 / h00, 0.0],
            Free::Slope => [0.0, g1 / h11],
            Free::Both => {
                let determinant = h00 * h11 - h01 * h01;
                [
                    (h11 * g0 - h01 * g1) / determinant,
                    (h00 * g1 - h01 * g0) / determinant,
                ]
            }
        };
        step.iter().all(|number| number.is_finite()).then_some(step)
    }
}

#[inline(always)]
pub(super) fn sigmoid(z: f64) -> f64 {
    let e = exp_of_negative(-z.abs());
    let above = if z >= 0.0 { 1.0 } else { e };
    above / (1.0 + e)
}

/// ln(p / (1 − p)); probabilities are kept `f64::EPSILON` away from 0 and 1.
pub(super) fn logit(p: f64) -> f64 {
    let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: LogitLine = LogitLine {
        intercept: 0.0,
        slope: 0.0,
    };

    #[test]
    fn a_line_goes_through_the_shares_of_two_groups() {
        // Two values of x: the fit is exact. Shares 1/4 and 2/3.
        let x = [0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0];
        let y = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let line = LogitLine::fit(START, Free::Both, &Items::of(&x, &y, &[1.0; 7])).unwrap();
        assert!((line.intercept - (1.0_f64 / 3.0).ln()).abs() < 1e-10);
        assert!((line.slope - (2.0_f64.ln() - (1.0_f64 / 3.0).ln()) / 2.0).abs() < 1e-10);
        assert!((line.probability(2.0) - 2.0 / 3.0).abs() < 1e-10);
        // Weights stand for repetitions, and 0 for absence.
        let weighted = Items::of(
            &[0.0, 0.0, 2.0, 2.0, 9.0],
            &[1.0, 0.0, 1.0, 0.0, 0.0],
            &[1.0, 3.0, 2.0, 1.0, 0.0],
        );
        let weighted = LogitLine::fit(START, Free::Both, &weighted);
        assert!((weighted.unwrap().slope - line.slope).abs() < 1e-10);
    }

    #[test]
    fn logits_that_differ_by_rounding_alone_tell_no_line() {
        let y = [0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
        let fitted = |apart: f64| {
            let x = [0.0, 0.0, 0.0, apart, apart, apart].map(|x| 40.0 + x);
            LogitLine::fit(START, Free::Both, &Items::of(&x, &y, &[1.0; 6]))
        };
        assert!(fitted(0.1).is_ok());
        assert!(fitted(1e-12).is_err());
    }

    /// Neither the width of vectors nor where a run ends: the sums are those of item after item in four lanes.
    #[test]
    fn runs_and_vectors_change_no_bit() {
        let line = LogitLine {
            intercept: -0.3,
            slope: 1.1,
        };
        for count in [0, 3, 4, 255, 256, 257, 1031] {
            let number = |at: usize, step: f64| (at as f64 * step).sin();
            let x: Vec<f64> = (0..count).map(|at| 9.0 * number(at, 0.7)).collect();
            let targets: Vec<f64> = (0..count)
                .map(|at| f64::from(number(at, 1.3) > 0.4))
                .collect();
            let weights: Vec<f64> = (0..count).map(|at| (at % 4 + 1) as f64).collect();
            let items = Items::of(&x, &targets, &weights);
            let mut lanes = [[0.0; LANES]; 5];
            for (at, item) in items.each().enumerate() {
                let lane = if at < count / LANES * LANES {
                    at % LANES
                } else {
                    0
                };
                for (lanes, term) in lanes.iter_mut().zip(terms(&line, item)) {
                    lanes[lane] += std::hint::black_box(term);
                }
            }
            let expected = lanes.map(|lanes| lanes.iter().sum::<f64>().to_bits());
            let Slopes {
                gradient,
                curvature,
            } = line.slopes(&items);
            let found = [gradient.as_slice(), &curvature].concat();
            let found: Vec<u64> = found.into_iter().map(f64::to_bits).collect();
            assert_eq!(found, expected, "{count} items");
        }
    }

    #[test]
    fn a_bad_start_is_survived() {
        let x = [-1.0, 0.0, 1.0, 2.0];
        let y = [0.0, 1.0, 0.0, 1.0];
        let far = LogitLine {
            intercept: 20.0,
            slope: -12.0,
        };
        let near = LogitLine::fit(START, Free::Both, &Items::of(&x, &y, &[1.0; 4])).unwrap();
        let far = LogitLine::fit(far, Free::Both, &Items::of(&x, &y, &[1.0; 4])).unwrap();
        assert!((near.slope - far.slope).abs() < 1e-9);
    }

    #[test]
    fn one_of_both_may_be_fitted_alone() {
        let x = [-1.0, 0.0, 1.0, 2.0];
        let y = [0.0, 1.0, 0.0, 1.0];
        let start = LogitLine {
            intercept: 0.0,
            slope: 1.0,
        };
        let shifted =
            LogitLine::fit(start, Free::Intercept, &Items::of(&x, &y, &[1.0; 4])).unwrap();
        assert_eq!(shifted.slope, 1.0);
        let sum: f64 = x.iter().map(|&x| shifted.probability(x)).sum();
        assert!((sum - 2.0).abs() < 1e-9);
        let turned = LogitLine::fit(start, Free::Slope, &Items::of(&x, &y, &[1.0; 4])).unwrap();
        assert_eq!(turned.intercept, 0.0);
    }

    #[test]
    fn logits_of_certainties_are_finite() {
        assert!(logit(0.0).is_finite() && logit(1.0).is_finite());
        assert!((sigmoid(logit(0.3)) - 0.3).abs() < 1e-15);
        assert_eq!((sigmoid(800.0), sigmoid(-800.0)), (1.0, 0.0));
    }
}
