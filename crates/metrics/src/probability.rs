use super::input;
use pipeline_error::Error;

/// 1 for the positive class, 0 for the negative.
pub(super) fn target(label: bool) -> f64 {
    f64::from(u8::from(label))
}

fn mean(count: usize, terms: impl Iterator<Item = f64>) -> Option<f64> {
    (count > 0).then(|| terms.sum::<f64>() / count as f64)
}

/// Brier score: the mean squared distance of the probability of the positive class from
/// the outcome. `None` without items.
pub fn brier(labels: &[bool], probabilities: &[f64]) -> Result<Option<f64>, Error> {
    input::probabilities("brier", labels, probabilities)?;
    let terms = labels.iter().zip(probabilities);
    Ok(mean(
        labels.len(),
        terms.map(|(label, p)| (p - target(*label)).powi(2)),
    ))
}

/// The share of items on the right side of `threshold`; a score equal to it is predicted
/// positive. `None` without items.
pub fn accuracy(labels: &[bool], scores: &[f64], threshold: f64) -> Result<Option<f64>, Error> {
    input::scores("accuracy", labels, scores)?;
    if threshold.is_nan() {
        return Err(Error::stage("accuracy: the threshold is NaN"));
    }
    let items = labels.iter().zip(scores);
    let right = items.filter(|(label, score)| (**score >= threshold) == **label);
    let right = right.count();
    Ok((!labels.is_empty()).then(|| right as f64 / labels.len() as f64))
}

/// Mean negative log-likelihood in nats. Probabilities are kept `f64::EPSILON` away from 0
/// and 1, as scikit-learn does, so that one wrong certainty does not make it infinite.
/// `None` without items.
pub fn log_loss(labels: &[bool], probabilities: &[f64]) -> Result<Option<f64>, Error> {
    input::probabilities("log_loss", labels, probabilities)?;
    let terms = labels.iter().zip(probabilities);
    let terms = terms.map(|(label, p)| log_loss_term(if *label { *p } else { 1.0 - p }));
    Ok(mean(labels.len(), terms))
}

/// −ln of the probability of the true class.
pub(super) fn log_loss_term(probability: f64) -> f64 {
    -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The softmax of logits that are row-major [stays, classes].
pub fn softmax(logits: &[f64], classes: usize) -> Vec<f64> {
    let rows = logits.chunks(classes.max(1));
    rows.flat_map(|row| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = row.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;

    const LABELS: [bool; 4] = [false, true, true, false];
    const PROBABILITIES: [f64; 4] = [0.1, 0.9, 0.8, 0.3];

    #[test]
    fn brier_has_the_value_of_the_scikit_learn_example() {
        // (0.01 + 0.01 + 0.04 + 0.09) / 4
        assert_close(brier(&LABELS, &PROBABILITIES).unwrap(), 0.0375);
    }

    #[test]
    fn log_loss_is_the_mean_of_the_logarithms_and_stays_finite() {
        // scikit-learn's example: spam/ham with [.1 .9] [.9 .1] [.8 .2] [.35 .65] = 0.21616…
        let y = [true, false, false, true];
        assert_close(
            log_loss(&y, &[0.9, 0.1, 0.2, 0.65]).unwrap(),
            -(0.9_f64.ln() + 0.9_f64.ln() + 0.8_f64.ln() + 0.65_f64.ln()) / 4.0,
        );
        let rounded = log_loss(&y, &[0.9, 0.1, 0.2, 0.65]).unwrap().unwrap();
        assert!((rounded - 0.21616).abs() < 5e-6);
        assert_close(log_loss(&[true], &[0.0]).unwrap(), -f64::EPSILON.ln());
    }

    #[test]
    fn accuracy_predicts_positive_from_the_threshold_on() {
        assert_close(accuracy(&LABELS, &PROBABILITIES, 0.5).unwrap(), 1.0);
        assert_close(accuracy(&LABELS, &PROBABILITIES, 0.8).unwrap(), 1.0);
        assert_close(accuracy(&LABELS, &PROBABILITIES, 0.85).unwrap(), 0.75);
        assert_close(accuracy(&LABELS, &PROBABILITIES, 0.3).unwrap(), 0.75);
        assert!(accuracy(&LABELS, &PROBABILITIES, f64::NAN).is_err());
    }

    #[test]
    fn what_is_no_probability_is_named_and_nothing_has_no_score() {
        let error = brier(&[true, true], &[0.5, 1.5]).unwrap_err();
        assert!(error.to_string().contains("1.5 at 1"), "{error}");
        assert!(log_loss(&[true], &[f64::NAN]).is_err());
        assert_eq!(brier(&[], &[]).unwrap(), None);
        assert_eq!(log_loss(&[], &[]).unwrap(), None);
        assert_eq!(accuracy(&[], &[], 0.5).unwrap(), None);
    }
}
