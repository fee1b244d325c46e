use pipeline_error::Error;

/// Refuses slices of different lengths and scores that are not finite.
pub(super) fn scores(metric: &str, labels: &[bool], scores: &[f64]) -> Result<(), Error> {
    if labels.len() != scores.len() {
        return Err(Error::stage(format!(
            "{metric}: {} labels but {} scores",
            labels.len(),
            scores.len()
        )));
    }
    match scores.iter().position(|score| !score.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::stage(format!(
            "{metric}: score {at} (counting from 0) is {}",
            scores[at]
        ))),
    }
}

/// Refuses, besides, what is no probability.
pub(super) fn probabilities(metric: &str, labels: &[bool], given: &[f64]) -> Result<(), Error> {
    scores(metric, labels, given)?;
    match given.iter().position(|p| !(0.0..=1.0).contains(p)) {
        None => Ok(()),
        Some(at) => Err(Error::stage(format!(
            "{metric}: {} at {at} (counting from 0) is no probability",
            given[at]
        ))),
    }
}

/// Refuses weights that are not finite, are negative or belong to other items.
pub(super) fn weights(metric: &str, items: usize, weights: &[f64]) -> Result<(), Error> {
    if weights.len() != items {
        return Err(Error::stage(format!(
            "{metric}: {items} items but {} weights",
            weights.len()
        )));
    }
    match weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
        None => Ok(()),
        Some(at) => Err(Error::stage(format!(
            "{metric}: weight {at} (counting from 0) is {}",
            weights[at]
        ))),
    }
}
