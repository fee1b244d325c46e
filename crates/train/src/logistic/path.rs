use super::lbfgs::{Found, minimise};
use super::problem::{Linear, Number, Problem};

/// Largest gradient entry of the mean loss that is left.
const TOLERANCE: f64 = 1e-7;

/// Maximum penalised likelihood under one penalty.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Half the squared length of the coefficients of standardised columns, times this, is added to the summed loss;
    /// scikit-learn's 1 / `C`.
    pub penalty: f64,
    /// Coefficients of columns as they are.
    pub linear: Linear,
    /// The summed loss of the rows, without the penalty.
    pub loss: f64,
    /// Steps of the solver.
    pub steps: usize,
}

/// Fits under several penalties, each from where the one before ended.
pub struct Path<'a, 'p, T> {
    problem: &'a Problem<'p, T>,
    at: Vec<f64>,
}

impl<'a, 'p, T: Number> Path<'a, 'p, T> {
    /// Begins with the shares of the classes or labels, or the mean of the numbers, and with no column counting.
    pub fn new(problem: &'a Problem<'p, T>) -> Self {
        let mut at = problem.outcomes.intercepts();
        at.resize(problem.outputs() * (1 + problem.width), 0.0);
        Self { problem, at }
    }

    /// The next; none if the solver does not converge.
    pub fn fit(&mut self, penalty: f64) -> Option<Fit> {
        let (problem, outputs) = (self.problem, self.problem.outputs());
        let count = problem.outcomes.len() as f64;
        let Found { at, steps } =
            minimise(std::mem::take(&mut self.at), TOLERANCE, |at: &[f64]| {
                let (loss, mut gradient) = problem.summed_loss(at);
                let coefficients = &at[outputs..];
                let length: f64 = coefficients.iter().map(|c| c * c).sum();
                for (slope, coefficient) in gradient[outputs..].iter_mut().zip(coefficients) {
                    *slope += penalty * coefficient;
                }
                gradient.iter_mut().for_each(|slope| *slope /= count);
                ((loss + penalty / 2.0 * length) / count, gradient)
            })?;
        self.at = at;
        Some(Fit {
            penalty,
            linear: problem.unscaled(&self.at),
            loss: problem.summed_loss(&self.at).0,
            steps,
        })
    }
}
