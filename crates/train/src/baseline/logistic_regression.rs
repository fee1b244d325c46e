use rayon::prelude::*;

use super::lbfgs::minimise;
use pipeline_error::Error;
use pipeline_metrics as metrics;

/// Rows summed by themselves before sums are added in order: a constant, so that no result
/// depends on the number of threads.
const SHARD_ROWS: usize = 256;
/// Penalties tried, from strong to weak: half the squared length of the coefficients, times this,
/// is added to the summed log loss. Inverses of scikit-learn's `C`.
const PENALTIES: [f64; 6] = [1000.0, 300.0, 100.0, 30.0, 10.0, 1.0];
/// Largest gradient entry of the mean loss that is left.
const TOLERANCE: f64 = 1e-7;

/// Logistic regression with an L2 penalty on all coefficients but the intercept.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression {
    intercept: f64,
    coefficients: Vec<f64>,
    penalty: f64,
}

/// Rows with labels.
pub struct LabelledRows<'a> {
    /// Row-major [labels, width].
    pub rows: &'a [f64],
    /// Whether each is positive.
    pub labels: &'a [bool],
}

impl LogisticRegression {
    /// Maximum penalised likelihood of rows, from `start`, which another penalty found.
    fn fit(data: &LabelledRows, penalty: f64, start: Vec<f64>) -> Option<Self> {
        let count = data.labels.len() as f64;
        let found = minimise(start, TOLERANCE, |at| {
            let (loss, mut gradient) = summed_loss(data, at);
            let coefficients = &at[1..];
            let length: f64 = coefficients.iter().map(|c| c * c).sum();
            for (slope, coefficient) in gradient[1..].iter_mut().zip(coefficients) {
                *slope += penalty * coefficient;
            }
            gradient.iter_mut().for_each(|slope| *slope /= count);
            ((loss + penalty / 2.0 * length) / count, gradient)
        })?;
        Some(Self {
            intercept: found[0],
            coefficients: found[1..].to_vec(),
            penalty,
        })
    }

    fn parameters(&self) -> Vec<f64> {
        [&[self.intercept], &*self.coefficients].concat()
    }

    /// The penalty that was chosen.
    pub fn penalty(&self) -> f64 {
        self.penalty
    }

    /// The probability of the positive class of rows of the width that it was fitted to.
    pub fn probabilities(&self, rows: &[f64]) -> Vec<f64> {
        let width = self.coefficients.len().max(1);
        let rows = rows.par_chunks(width);
        rows.map(|row| sigmoid(self.intercept + dot(&self.coefficients, row)))
            .collect()
    }
}

/// Fits to `train` with several penalties and keeps the one with the least log loss on `validation`.
pub fn fit_on_validation(
    train: &LabelledRows,
    validation: &LabelledRows,
) -> Result<LogisticRegression, Error> {
    let positives = train.labels.iter().filter(|label| **label).count();
    if positives == 0 || positives == train.labels.len() || validation.labels.is_empty() {
        return Err(Error::stage(
            "the baseline needs both classes in the training split and a stay in the validation split",
        )
        .with_hint("look at `split` in the data stage, or leave `baseline` out"));
    }
    let width = train.rows.len() / train.labels.len();
    let odds = positives as f64 / (train.labels.len() - positives) as f64;
    let mut start = vec![0.0; width + 1];
    start[0] = odds.ln();
    let mut best: Option<(f64, LogisticRegression)> = None;
    for penalty in PENALTIES {
        let fit = LogisticRegression::fit(train, penalty, start).ok_or_else(|| {
            Error::stage(format!(
                "the baseline with penalty {penalty} did not converge"
            ))
        })?;
        start = fit.parameters();
        let probabilities = fit.probabilities(validation.rows);
        let loss = metrics::log_loss(validation.labels, &probabilities)?.unwrap_or(f64::INFINITY);
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, fit));
        }
    }
    best.map(|(_, fit)| fit)
        .ok_or_else(|| Error::stage("the baseline has no finite loss on validation"))
}

/// The summed log loss at (intercept, coefficients), and its gradient.
fn summed_loss(data: &LabelledRows, at: &[f64]) -> (f64, Vec<f64>) {
    let width = at.len() - 1;
    let shards: Vec<(f64, Vec<f64>)> = data
        .labels
        .par_chunks(SHARD_ROWS)
        .enumerate()
        .map(|(shard, labels)| {
            let mut loss = 0.0;
            let mut gradient = vec![0.0; at.len()];
            for (row, label) in labels.iter().enumerate() {
                let row = &data.rows[(shard * SHARD_ROWS + row) * width..][..width];
                let z = at[0] + dot(&at[1..], row);
                let target = f64::from(u8::from(*label));
                loss += z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z;
                let error = sigmoid(z) - target;
                gradient[0] += error;
                for (slope, number) in gradient[1..].iter_mut().zip(row) {
                    *slope += error * number;
                }
            }
            (loss, gradient)
        })
        .collect();
    let mut total = (0.0, vec![0.0; at.len()]);
    for (loss, gradient) in shards {
        total.0 += loss;
        for (sum, slope) in total.1.iter_mut().zip(gradient) {
            *sum += slope;
        }
    }
    total
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_random::Stream;

    /// Rows of two numbers, of which the first decides.
    fn sample(seed: u64, count: usize) -> (Vec<f64>, Vec<bool>) {
        let mut draws = Stream::new(seed, "test").at(&[]);
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let row = [draws.normal(), draws.normal()];
            labels.push(draws.uniform() < sigmoid(2.0 * row[0] - 1.0));
            rows.extend(row);
        }
        (rows, labels)
    }

    fn labelled<'a>((rows, labels): &'a (Vec<f64>, Vec<bool>)) -> LabelledRows<'a> {
        LabelledRows { rows, labels }
    }

    #[test]
    fn the_gradient_of_what_is_found_is_zero() {
        let sample = sample(1, 700);
        let data = labelled(&sample);
        let fit = LogisticRegression::fit(&data, 5.0, vec![0.0; 3]).unwrap();
        let (_, gradient) = summed_loss(&data, &fit.parameters());
        assert!(gradient[0].abs() < 1e-3);
        for (slope, coefficient) in gradient[1..].iter().zip(&fit.coefficients) {
            assert!((slope + 5.0 * coefficient).abs() < 1e-3);
        }
        assert!((fit.coefficients[0] - 2.0).abs() < 0.4, "{fit:?}");
        assert!(fit.coefficients[1].abs() < 0.3, "{fit:?}");
    }

    #[test]
    fn the_penalty_is_chosen_on_validation_and_threads_change_no_bit() {
        let (train, validation) = (sample(1, 600), sample(2, 300));
        let fit = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let fit = || fit_on_validation(&labelled(&train), &labelled(&validation));
            pool.build().unwrap().install(fit).unwrap()
        };
        let one = fit(1);
        assert_eq!(one, fit(3));
        // Enough stays for two numbers: shrinking does not help.
        assert!(one.penalty() <= 10.0);
        let area = metrics::auroc(&validation.1, &one.probabilities(&validation.0)).unwrap();
        assert!(area.unwrap() > 0.85, "{area:?}");
    }

    #[test]
    fn a_class_alone_is_refused() {
        let rows = [0.0, 1.0];
        let data = |labels| LabelledRows {
            rows: &rows,
            labels,
        };
        let error = fit_on_validation(&data(&[true, true]), &data(&[true, false]));
        assert!(error.unwrap_err().to_string().contains("both classes"));
    }
}
