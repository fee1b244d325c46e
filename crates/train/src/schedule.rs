//! How learning rates change from step to step.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::monitored::Monitored;

/// How learning rates change over the optimizer steps; every group's rate is scaled alike.
///
/// With `warmup_steps = w`, step s (from 0) of the first w has (s + 1)/(w + 1) of the rate; what
/// follows starts at the whole rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The rate stays as it is.
    Constant {
        /// Optimizer steps over which the rate rises evenly.
        #[serde(default)]
        warmup_steps: u64,
    },
    /// Falls evenly until training is over (`epochs` or `max_steps`).
    Linear {
        /// Optimizer steps over which the rate rises evenly.
        #[serde(default)]
        warmup_steps: u64,
        /// What is left of the rate when training is over.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        final_factor: f64,
    },
    /// Falls along half a cosine until training is over (`epochs` or `max_steps`).
    Cosine {
        /// Optimizer steps over which the rate rises evenly.
        #[serde(default)]
        warmup_steps: u64,
        /// What is left of the rate when training is over.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        final_factor: f64,
    },
    /// Falls along half a cosine, and starts anew at the whole rate (SGDR, Loshchilov and Hutter 2017).
    CosineRestarts {
        /// Optimizer steps over which the rate rises evenly.
        #[serde(default)]
        warmup_steps: u64,
        /// Optimizer steps until the first restart.
        #[schemars(range(min = 1))]
        period_steps: u64,
        /// So many times longer is each period than the one before.
        #[serde(default = "Schedule::default_period_factor")]
        #[schemars(range(min = 1))]
        period_factor: u64,
        /// What is left of the rate at the end of a period.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        final_factor: f64,
    },
    /// Falls whenever the value by which the best epoch is chosen no longer improves (torch's `ReduceLROnPlateau`).
    Plateau {
        /// Optimizer steps over which the rate rises evenly.
        #[serde(default)]
        warmup_steps: u64,
        /// What the rate is multiplied by: more than 0, less than 1.
        #[serde(default = "Schedule::default_factor")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        factor: f64,
        /// Validations without an improvement that are borne; the one after them lowers the rate.
        #[serde(default = "Schedule::default_patience")]
        patience: usize,
        /// An improvement is one by more than this share of the best value.
        #[serde(default = "Schedule::default_threshold")]
        #[schemars(range(min = 0.0, max = 1.0))]
        threshold: f64,
        /// No rate falls below this one.
        #[serde(default)]
        #[schemars(range(min = 0.0))]
        min_lr: f64,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::Constant { warmup_steps: 0 }
    }
}

/// A reduction by less is none, as in torch.
const LEAST_REDUCTION: f64 = 1e-8;

/// What one step's learning rates are scaled by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateScale {
    factor: f64,
    /// How often, by what factor and down to which rate.
    reductions: (u32, f64, f64),
}

impl RateScale {
    /// Rates stay as they are.
    pub const ONE: Self = Self {
        factor: 1.0,
        reductions: (0, 1.0, 0.0),
    };

    /// The rate of this step where `lr` is the whole one.
    pub fn of(self, lr: f64) -> f64 {
        let (count, factor, least) = self.reductions;
        let mut reduced = lr;
        for _ in 0..count {
            let lower = (reduced * factor).max(least);
            if reduced - lower > LEAST_REDUCTION {
                reduced = lower;
            }
        }
        reduced * self.factor
    }
}

/// Where a schedule stands: what [`Schedule::Plateau`] has seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plateau {
    best: Option<f64>,
    without: usize,
    reductions: u32,
}

impl Plateau {
    /// Takes the value of a validation.
    pub fn take(&mut self, schedule: &Schedule, value: Monitored) {
        let Schedule::Plateau {
            patience,
            threshold,
            ..
        } = schedule
        else {
            return;
        };
        if self
            .best
            .is_none_or(|best| value.improves_by_share(best, *threshold))
        {
            self.best = Some(value.value);
            self.without = 0;
        } else {
            self.without += 1;
        }
        if self.without > *patience {
            self.reductions += 1;
            self.without = 0;
        }
    }
}

impl Schedule {
    fn default_period_factor() -> u64 {
        1
    }
    fn default_factor() -> f64 {
        0.1
    }
    fn default_patience() -> usize {
        10
    }
    fn default_threshold() -> f64 {
        1e-4
    }

    /// Optimizer steps over which the rate rises.
    pub fn warmup_steps(&self) -> u64 {
        match self {
            Schedule::Constant { warmup_steps }
            | Schedule::Linear { warmup_steps, .. }
            | Schedule::Cosine { warmup_steps, .. }
            | Schedule::CosineRestarts { warmup_steps, .. }
            | Schedule::Plateau { warmup_steps, .. } => *warmup_steps,
        }
    }

    /// The learning rates of `step`, counted from 0, of `total` steps.
    pub fn scale(&self, step: u64, total: u64, plateau: &Plateau) -> RateScale {
        let warmup = self.warmup_steps();
        let rising = match step < warmup {
            true => (step + 1) as f64 / (warmup + 1) as f64,
            false => 1.0,
        };
        let after = step.saturating_sub(warmup);
        let share = |steps: u64| after as f64 / steps.max(1) as f64;
        let falling = match self {
            Schedule::Constant { .. } | Schedule::Plateau { .. } => 1.0,
            Schedule::Linear { final_factor, .. } => {
                1.0 + (final_factor - 1.0) * share(total.saturating_sub(warmup))
            }
            Schedule::Cosine { final_factor, .. } => {
                half_cosine(share(total.saturating_sub(warmup)), *final_factor)
            }
            Schedule::CosineRestarts {
                period_steps,
                period_factor,
                final_factor,
                ..
            } => half_cosine(
                share_of_period(after, *period_steps, *period_factor),
                *final_factor,
            ),
        };
        let reductions = match self {
            Schedule::Plateau { factor, min_lr, .. } => (plateau.reductions, *factor, *min_lr),
            _ => RateScale::ONE.reductions,
        };
        RateScale {
            factor: rising * falling,
            reductions,
        }
    }
}

/// From 1 at `share` 0 to `last` at 1.
fn half_cosine(share: f64, last: f64) -> f64 {
    last + (1.0 - last) * (1.0 + (PI * share).cos()) / 2.0
}

/// How much of its period is over in `step`; periods are `factor` times longer than those before.
fn share_of_period(step: u64, first: u64, factor: u64) -> f64 {
    let (mut within, mut period) = (step, first.max(1));
    if factor <= 1 {
        within %= period;
    }
    while within >= period {
        within -= period;
        period = period.saturating_mul(factor);
    }
    within as f64 / period as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitored::Mode;

    fn rates(schedule: &Schedule, total: u64) -> Vec<f64> {
        let rate = |step| schedule.scale(step, total, &Plateau::default()).of(1.0);
        (0..total).map(rate).collect()
    }

    #[track_caller]
    fn assert_near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (step, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!(
                (found - expected).abs() < 1e-6,
                "{step}: {found} {expected}"
            );
        }
    }

    #[test]
    fn without_a_schedule_a_rate_is_the_same_to_the_bit() {
        let scale = Schedule::default().scale(7, 10, &Plateau::default());
        assert_eq!(scale, RateScale::ONE);
        assert_eq!(scale.of(5e-5).to_bits(), 5e-5f64.to_bits());
    }

    /// torch 2: SequentialLR of LinearLR(start_factor=1/4, total_iters=3) and, from step 3 on,
    /// LinearLR(1.0, 0.1, total_iters=7) or CosineAnnealingLR(7, eta_min=0.1), at lr=1.
    #[test]
    fn linear_and_cosine_with_a_warm_up_are_torchs() {
        let linear = Schedule::Linear {
            warmup_steps: 3,
            final_factor: 0.1,
        };
        let expected = [
            0.25, 0.5, 0.75, 1.0, 0.8714286, 0.7428571, 0.6142857, 0.4857143, 0.3571429, 0.2285714,
        ];
        assert_near(&rates(&linear, 10), &expected);
        let cosine = Schedule::Cosine {
            warmup_steps: 3,
            final_factor: 0.1,
        };
        let expected = [
            0.25, 0.5, 0.75, 1.0, 0.955436, 0.8305704, 0.6501344, 0.4498656, 0.2694296, 0.144564,
        ];
        assert_near(&rates(&cosine, 10), &expected);
    }

    /// torch 2: CosineAnnealingWarmRestarts(T_0=3, T_mult=2, eta_min=0.1) at lr=1.
    #[test]
    fn cosine_with_restarts_is_torchs() {
        let schedule = |warmup_steps, period_factor| Schedule::CosineRestarts {
            warmup_steps,
            period_steps: 3,
            period_factor,
            final_factor: 0.1,
        };
        let expected = [
            1.0, 0.775, 0.325, 1.0, 0.9397114, 0.775, 0.55, 0.325, 0.1602886, 1.0, 0.9846666,
            0.9397114,
        ];
        assert_near(&rates(&schedule(0, 2), 12), &expected);
        let even = [0.5, 1.0, 0.775, 0.325, 1.0, 0.775, 0.325, 1.0];
        assert_near(&rates(&schedule(1, 1), 8), &even);
    }

    /// torch 2: ReduceLROnPlateau(mode, factor=0.2, patience=1, threshold=0.05, min_lr=0.01) on
    /// two groups, of lr 1 and 0.02; the rates after each of the values.
    #[test]
    fn a_plateau_is_torchs() {
        let schedule = Schedule::Plateau {
            warmup_steps: 0,
            factor: 0.2,
            patience: 1,
            threshold: 0.05,
            min_lr: 0.01,
        };
        let rates = |mode, values: &[f64]| -> Vec<[f64; 2]> {
            let mut plateau = Plateau::default();
            let after = values.iter().map(|&value| {
                plateau.take(&schedule, Monitored { value, mode });
                let scale = schedule.scale(0, 1, &plateau);
                [scale.of(1.0), scale.of(0.02)]
            });
            after.collect()
        };
        let minimum = rates(
            Mode::Min,
            &[
                1.0, 0.5, 0.49, 0.5, 0.4999, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3,
            ],
        );
        let expected = [
            1.0, 1.0, 1.0, 0.2, 0.2, 0.04, 0.04, 0.04, 0.01, 0.01, 0.01, 0.01,
        ];
        assert_near(
            &minimum.iter().map(|pair| pair[0]).collect::<Vec<_>>(),
            &expected,
        );
        let small: Vec<f64> = minimum.iter().map(|pair| pair[1]).collect();
        assert_near(&small[..3], &[0.02; 3]);
        assert_near(&small[3..], &[0.01; 9]);
        let maximum = rates(
            Mode::Max,
            &[0.5, 0.6, 0.605, 0.6, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7],
        );
        let expected = [
            1.0, 1.0, 1.0, 0.2, 0.2, 0.2, 0.2, 0.04, 0.04, 0.01, 0.01, 0.01,
        ];
        assert_near(
            &maximum.iter().map(|pair| pair[0]).collect::<Vec<_>>(),
            &expected,
        );
    }
}
