use crate::logistic::{Linear, Outcomes, Path, Problem, Scaling};
use crate::number_scale::NumberScale;
use crate::one_outcome;
use pipeline_data::target::Truth;
use pipeline_error::Error;
use pipeline_metrics::{self as metrics, MultiLabelScores};

/// Penalties tried, from strong to weak: half the squared length of the coefficients, times this,
/// is added to the summed loss. Inverses of scikit-learn's `C`, and its ridge's `alpha`.
const PENALTIES: [f64; 6] = [1000.0, 300.0, 100.0, 30.0, 10.0, 1.0];

/// A linear model with an L2 penalty on all coefficients but the intercept: logistic regression of a class, or of every label
/// by itself, or ridge regression of a number.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearBaseline {
    linear: Linear,
    penalty: f64,
    /// Of a number: its coefficients give standard deviations of this scale.
    scale: Option<NumberScale>,
}

/// Rows, and what is true of them.
pub struct TrueRows<'a> {
    /// Row-major [rows, width].
    pub rows: &'a [f64],
    /// Classes 0 and 1, labels, or numbers.
    pub truth: &'a Truth,
}

impl LinearBaseline {
    /// The penalty that was chosen.
    pub fn penalty(&self) -> f64 {
        self.penalty
    }

    /// What it says of rows of the width that it was fitted to: the probability of class 1; that of every label, row-major
    /// [rows, labels]; or the number.
    pub fn says(&self, rows: &[f64]) -> Vec<f64> {
        let width = self.linear.coefficients.len() / self.linear.intercepts.len();
        let outputs = self.linear.outputs(rows, width).into_iter();
        match self.scale {
            Some(scale) => outputs.map(|output| scale.in_units(output)).collect(),
            None => outputs.map(sigmoid).collect(),
        }
    }
}

/// Fits to `train` with several penalties and keeps the one with the least loss on `validation`: log loss, of numbers the
/// squared error. `names`: those of the labels, where labels are what is true.
pub fn fit_on_validation(
    train: &TrueRows,
    validation: &TrueRows,
    names: &[String],
) -> Result<LinearBaseline, Error> {
    refuse_what_is_not_seen(train.truth, validation.truth, names)?;
    let scale = NumberScale::of_truth(train.truth)?;
    let learned = NumberScale::learned(scale.as_ref(), train.truth);
    let width = train.rows.len() / train.truth.len();
    let problem = Problem {
        values: train.rows,
        width,
        outcomes: Outcomes::of(&learned, 2, None),
        scaling: Scaling::none(width),
    };
    let mut path = Path::new(&problem);
    let mut best: Option<(f64, LinearBaseline)> = None;
    for penalty in PENALTIES {
        let fit = path.fit(penalty).ok_or_else(|| {
            Error::stage(format!(
                "the baseline with penalty {penalty} did not converge"
            ))
        })?;
        let fit = LinearBaseline {
            linear: fit.linear,
            penalty,
            scale,
        };
        let loss = loss_of(&fit.says(validation.rows), validation.truth)?;
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, fit));
        }
    }
    best.map(|(_, fit)| fit)
        .ok_or_else(|| Error::stage("the baseline has no finite loss on validation"))
}

/// A class or label that training never sees, or never misses, has no finite odds.
fn refuse_what_is_not_seen(
    train: &Truth,
    validation: &Truth,
    names: &[String],
) -> Result<(), Error> {
    let both = |has: &mut dyn Iterator<Item = bool>| {
        let (mut seen, mut missed) = (false, false);
        has.for_each(|has| *(if has { &mut seen } else { &mut missed }) = true);
        seen && missed
    };
    let problem = match train {
        _ if validation.is_empty() => {
            Some("needs a stay in the validation split, to choose its penalty".into())
        }
        Truth::Classes(labels) => (!both(&mut labels.iter().map(|label| *label == 1)))
            .then(|| "needs both classes in the training split".into()),
        Truth::Labels { has, labels } => (0..*labels)
            .find(|label| !both(&mut has.iter().skip(*label).step_by(*labels).copied()))
            .map(|label| {
                let name = names.get(label).cloned().unwrap_or(label.to_string());
                format!(
                    "needs training stays that have the label `{name}`, and some that have it not"
                )
            }),
        Truth::Numbers(numbers) => {
            (numbers.is_empty()).then(|| "needs a stay in the training split".into())
        }
    };
    let problem = problem.or_else(|| {
        let same = one_outcome::of_validation(validation)?;
        Some(format!("chooses its penalty on validation, and {same}"))
    });
    match problem {
        None => Ok(()),
        Some(problem) => Err(Error::stage(format!("the baseline {problem}"))
            .with_hint("look at `split` in the data stage, or leave `baseline` out")),
    }
}

fn loss_of(said: &[f64], truth: &Truth) -> Result<f64, Error> {
    let loss = match truth {
        Truth::Classes(labels) => {
            let labels: Vec<bool> = labels.iter().map(|label| *label == 1).collect();
            metrics::log_loss(&labels, said)?
        }
        Truth::Labels { has, labels } => {
            let scores = MultiLabelScores::new(has, said, *labels)?;
            scores.measure(&vec![1.0; truth.len()]).log_loss.ok()
        }
        Truth::Numbers(numbers) => {
            let squares = numbers.iter().zip(said).map(|(n, said)| (n - said).powi(2));
            Some(squares.sum::<f64>() / numbers.len() as f64)
        }
    };
    Ok(loss.unwrap_or(f64::INFINITY))
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

    fn known(sample: &(Vec<f64>, Vec<bool>)) -> (&[f64], Truth) {
        let classes = sample.1.iter().map(|label| u32::from(*label));
        (&sample.0, Truth::Classes(classes.collect()))
    }

    fn fit(train: (&[f64], Truth), validation: (&[f64], Truth)) -> Result<LinearBaseline, Error> {
        fit_on_validation(
            &TrueRows {
                rows: train.0,
                truth: &train.1,
            },
            &TrueRows {
                rows: validation.0,
                truth: &validation.1,
            },
            &[],
        )
    }

    #[test]
    fn the_penalty_is_chosen_on_validation_and_threads_change_no_bit() {
        let (train, validation) = (sample(1, 600), sample(2, 300));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let fit = || fit(known(&train), known(&validation));
            pool.build().unwrap().install(fit).unwrap()
        };
        let one = on(1);
        assert_eq!(one, on(3));
        // Enough stays for two numbers: shrinking does not help.
        assert!(one.penalty() <= 10.0);
        let area = metrics::auroc(&validation.1, &one.says(&validation.0)).unwrap();
        assert!(area.unwrap() > 0.85, "{area:?}");
    }

    #[test]
    fn a_class_alone_is_refused() {
        let rows = [0.0, 1.0];
        let classes = |labels: [u32; 2]| (&rows[..], Truth::Classes(labels.to_vec()));
        let error = fit(classes([1, 1]), classes([1, 0]));
        assert!(error.unwrap_err().to_string().contains("both classes"));
        let error = fit(classes([1, 0]), (&[], Truth::Classes(vec![])));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("a stay in the validation split"), "{error}");
        let error = fit(classes([1, 0]), classes([0, 0]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("all 2 stays of the validation split are of class 0"),
            "{error}"
        );
    }

    /// With one column of variance 1 the penalty α shrinks its coefficient by n / (n + α) (scikit-learn's `Ridge`).
    #[test]
    fn ridge_shrinks_as_its_formula_says() {
        let rows = [-1.0, 1.0, -1.0, 1.0];
        let numbers = Truth::Numbers(vec![4.0, 10.0, 6.0, 12.0]);
        let fit = fit((&rows, numbers.clone()), (&rows, numbers)).unwrap();
        assert_eq!(fit.penalty(), 1.0);
        let said = fit.says(&[-1.0, 1.0]);
        let slope = 3.0 * 4.0 / (4.0 + 1.0);
        assert!((said[0] - (8.0 - slope)).abs() < 1e-6, "{said:?}");
        assert!((said[1] - (8.0 + slope)).abs() < 1e-6, "{said:?}");
    }

    #[test]
    fn every_label_is_fitted_by_itself() {
        let (train, validation) = (sample(1, 400), sample(2, 200));
        let both = |(rows, has): &(Vec<f64>, Vec<bool>)| {
            let pairs = has.iter().flat_map(|has| [*has, !*has]);
            let has = pairs.collect();
            (rows.clone(), Truth::Labels { has, labels: 2 })
        };
        let ((train, known), (rows, asked)) = (both(&train), both(&validation));
        let fit = fit((&train, known), (&rows, asked)).unwrap();
        let said = fit.says(&rows);
        assert_eq!(said.len(), 400);
        assert!(
            said.chunks(2)
                .all(|pair| (pair[0] + pair[1] - 1.0).abs() < 1e-6)
        );
        let never = Truth::Labels {
            has: vec![true, false, false, false],
            labels: 2,
        };
        let error = super::fit_on_validation(
            &TrueRows {
                rows: &[0.0, 1.0],
                truth: &never,
            },
            &TrueRows {
                rows: &[0.0, 1.0],
                truth: &never,
            },
            &["sepsis".into(), "shock".into()],
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("the label `shock`"), "{error}");
    }
}
