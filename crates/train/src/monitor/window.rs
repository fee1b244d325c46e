//! The posterior of the last so many optimizer steps.

use std::collections::VecDeque;

use super::moments::{DIMENSION_NUMBERS, Dimension, PosteriorMoments};
use pipeline_checkpoint::FloatTensor;

/// Numbers of a step that are of no dimension: stays, reconstruction loss, sets, sets on the floor.
const STEP_NUMBERS: usize = 4;

/// What one optimizer step saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Stays.
    pub stays: usize,
    /// Reconstruction loss, mean over stays.
    pub reconstruction: f64,
    /// The posterior of their sets.
    pub posterior: PosteriorMoments,
}

/// The last steps, the oldest first, as rows of single precision: what a snapshot holds of them
/// is what they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    rows: VecDeque<Vec<f32>>,
}

impl Window {
    /// Takes a step in, and lets those go that are older than the last `length`.
    pub fn push(&mut self, step: &Step, length: usize) {
        let posterior = &step.posterior;
        let mut row = Vec::with_capacity(row_width(posterior.dimensions.len()));
        row.extend([
            step.stays as f32,
            step.reconstruction as f32,
            posterior.sets as f32,
            posterior.on_floor as f32,
        ]);
        let dimensions = posterior.dimensions.iter();
        row.extend(dimensions.flat_map(|dimension| dimension.to_row()));
        self.rows.push_back(row);
        while self.rows.len() > length {
            self.rows.pop_front();
        }
    }

    /// Steps in it.
    pub fn steps(&self) -> usize {
        self.rows.len()
    }

    /// All its steps as one.
    pub fn whole(&self) -> Step {
        let mut whole = Step::default();
        let mut reconstruction = 0.0;
        for step in self.rows.iter().map(|row| from_row(row)) {
            whole.stays += step.stays;
            reconstruction += step.stays as f64 * step.reconstruction;
            whole.posterior.add(&step.posterior);
        }
        whole.reconstruction = reconstruction / whole.stays.max(1) as f64;
        whole
    }

    /// Its rows, [steps, numbers of a step]; none before the first step.
    pub fn to_tensor(&self) -> Option<FloatTensor> {
        let width = self.rows.front()?.len();
        Some(FloatTensor {
            shape: vec![self.rows.len(), width],
            values: self.rows.iter().flatten().copied().collect(),
        })
    }

    /// From its rows; none if they are no steps.
    pub fn from_tensor(rows: &FloatTensor) -> Option<Self> {
        let rows = match rows.shape[..] {
            [_, width] if width >= STEP_NUMBERS => rows.values.chunks_exact(width),
            _ => return None,
        };
        Some(Self {
            rows: rows.map(<[f32]>::to_vec).collect(),
        })
    }

    /// Whether its steps are of so many latent dimensions.
    pub fn fits(&self, dimensions: usize) -> bool {
        let width = row_width(dimensions);
        self.rows.front().is_none_or(|row| row.len() == width)
    }
}

fn row_width(dimensions: usize) -> usize {
    STEP_NUMBERS + dimensions * DIMENSION_NUMBERS
}

fn from_row(row: &[f32]) -> Step {
    let (whole, dimensions) = row.split_at(STEP_NUMBERS);
    let (dimensions, _) = dimensions.as_chunks::<DIMENSION_NUMBERS>();
    Step {
        stays: whole[0] as usize,
        reconstruction: f64::from(whole[1]),
        posterior: PosteriorMoments {
            sets: whole[2] as usize,
            on_floor: whole[3] as usize,
            dimensions: dimensions
                .iter()
                .copied()
                .map(Dimension::from_row)
                .collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::super::moments::tests::{assert_moments_of, posterior};
    use super::*;
    use pipeline_model::set_encoder::Posterior;

    fn step(sets: usize, seed: u64) -> (Step, Posterior) {
        let posterior = posterior(sets, 4, seed);
        let step = Step {
            stays: 2 + seed as usize,
            reconstruction: 10.0 + seed as f64,
            posterior: PosteriorMoments::of(&posterior, 2.25).unwrap(),
        };
        (step, posterior)
    }

    #[test]
    fn it_is_what_a_direct_computation_over_the_last_steps_gives() {
        let steps = [step(9, 0), step(30, 1), step(1, 2), step(12, 3)];
        let mut window = Window::default();
        for (step, _) in &steps {
            window.push(step, 3);
        }
        assert_eq!(window.steps(), 3);
        let last = || steps[1..].iter();
        let all = |of: fn(&Posterior) -> &Tensor| {
            let parts: Vec<&Tensor> = last().map(|(_, posterior)| of(posterior)).collect();
            Tensor::cat(&parts, 0).unwrap()
        };
        let together = Posterior {
            mu: all(|one| &one.mu),
            logvar: all(|one| &one.logvar),
        };
        let whole = window.whole();
        // Steps are kept in single precision.
        assert_moments_of(&whole.posterior, &together, 1e-4);
        let on_floor: usize = last().map(|(step, _)| step.posterior.on_floor).sum();
        assert_eq!(whole.posterior.on_floor, on_floor);
        assert_eq!(whole.stays, 3 + 4 + 5);
        let mean = (3.0 * 11.0 + 4.0 * 12.0 + 5.0 * 13.0) / 12.0;
        assert!((whole.reconstruction - mean).abs() < 1e-5);
    }

    #[test]
    fn its_rows_are_all_of_it() {
        let mut window = Window::default();
        assert_eq!(window.to_tensor(), None);
        for seed in 0..3 {
            window.push(&step(7, seed).0, 2);
        }
        let rows = window.to_tensor().unwrap();
        assert_eq!(rows.shape, [2, 4 + 4 * 6]);
        let mut again = Window::from_tensor(&rows).unwrap();
        assert_eq!(again, window);
        for window in [&mut window, &mut again] {
            window.push(&step(5, 9).0, 2);
        }
        assert_eq!(again.whole(), window.whole());
        assert!(again.fits(4) && !again.fits(5) && Window::default().fits(5));
        let no_steps = FloatTensor {
            shape: vec![3],
            values: vec![0.0; 3],
        };
        assert_eq!(Window::from_tensor(&no_steps), None);
    }
}
