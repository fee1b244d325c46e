use super::super::logistic::{Linear, Path, Problem, Scaling};
use pipeline_error::Error;
use pipeline_metrics as metrics;

/// Penalties tried, from strong to weak: half the squared length of the coefficients, times this,
/// is added to the summed log loss. Inverses of scikit-learn's `C`.
const PENALTIES: [f64; 6] = [1000.0, 300.0, 100.0, 30.0, 10.0, 1.0];

/// Logistic regression with an L2 penalty on all coefficients but the intercept.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression {
    linear: Linear,
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
    /// The penalty that was chosen.
    pub fn penalty(&self) -> f64 {
        self.penalty
    }

    /// The probability of the positive class of rows of the width that it was fitted to.
    pub fn probabilities(&self, rows: &[f64]) -> Vec<f64> {
        let odds = self.linear.outputs(rows, self.linear.coefficients.len());
        odds.into_iter().map(sigmoid).collect()
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
    let labels: Vec<u32> = train.labels.iter().map(|label| u32::from(*label)).collect();
    let width = train.rows.len() / train.labels.len();
    let problem = Problem {
        values: train.rows,
        width,
        labels: &labels,
        classes: 2,
        class_weights: None,
        scaling: Scaling::none(width),
    };
    let mut path = Path::new(&problem);
    let mut best: Option<(f64, LogisticRegression)> = None;
    for penalty in PENALTIES {
        let fit = path.fit(penalty).ok_or_else(|| {
            Error::stage(format!(
                "the baseline with penalty {penalty} did not converge"
            ))
        })?;
        let fit = LogisticRegression {
            linear: fit.linear,
            penalty,
        };
        let probabilities = fit.probabilities(validation.rows);
        let loss = metrics::log_loss(validation.labels, &probabilities)?.unwrap_or(f64::INFINITY);
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, fit));
        }
    }
    best.map(|(_, fit)| fit)
        .ok_or_else(|| Error::stage("the baseline has no finite loss on validation"))
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
