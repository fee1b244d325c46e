use std::collections::BTreeSet;

use super::recorded_predictions::{RecordedPredictions, subjects};
use super::{EvaluationComparison, MetricComparison};
use crate::error::Error;
use crate::exec::history::PastRunRecord;
use crate::metrics::{BinaryMetrics, BinaryScores, Bootstrap, BootstrapSettings};

/// The seed of the resamples: part of no recipe, so the same for any two runs.
const SEED: u64 = 0;

/// Measures both on the stays that both scored. That they cannot be compared is told in the result.
pub fn compare(
    stage: &str,
    first: &PastRunRecord,
    other: &PastRunRecord,
    settings: BootstrapSettings,
) -> Result<EvaluationComparison, Error> {
    let (one, two) = (
        RecordedPredictions::read(first, stage)?,
        RecordedPredictions::read(other, stage)?,
    );
    let (in_one, in_two): (BTreeSet<&String>, BTreeSet<&String>) =
        (one.stays.ids().collect(), two.stays.ids().collect());
    let ids: Vec<String> = in_one
        .intersection(&in_two)
        .map(|id| (*id).clone())
        .collect();
    let mut comparison = EvaluationComparison {
        stage: stage.into(),
        run: other.run.run.clone(),
        identical: one.digest == two.digest,
        stays: ids.len(),
        only_first: in_one.len() - ids.len(),
        only_other: in_two.len() - ids.len(),
        problem: None,
        metrics: Vec::new(),
    };
    if ids.is_empty() {
        comparison.problem = Some("no stay was scored by both".into());
        return Ok(comparison);
    }
    let (Some(one), Some(two)) = (one.of(&ids)?, two.of(&ids)?) else {
        comparison.problem = Some("only evaluations of two classes are compared".into());
        return Ok(comparison);
    };
    let labels = one.labels.iter().zip(&two.labels);
    let mut different = ids.iter().zip(labels).filter(|(_, (a, b))| a != b);
    if let Some((id, _)) = different.next() {
        let count = 1 + different.count();
        comparison.problem = Some(format!(
            "{count} stays have another label, {id} is the first: the outcome is not the same"
        ));
        return Ok(comparison);
    }
    let is_positive: Vec<bool> = one.labels.iter().map(|label| *label == Some(1.0)).collect();
    let one = BinaryScores::new(is_positive.clone(), one.probabilities)?;
    let two = BinaryScores::new(is_positive, two.probabilities)?;
    let bootstrap = Bootstrap::new(settings, SEED, &subjects(first, stage, &ids)?);
    comparison.metrics = measure(&one, &two, &bootstrap);
    Ok(comparison)
}

fn measure(one: &BinaryScores, two: &BinaryScores, bootstrap: &Bootstrap) -> Vec<MetricComparison> {
    let once = bootstrap.unit_weights();
    let (first, other) = (one.measure(&once).values(), two.measure(&once).values());
    let differences = bootstrap.paired(
        |weights| two.measure(weights).values(),
        |weights| one.measure(weights).values(),
    );
    let values = first.into_iter().zip(other).zip(differences);
    let named = BinaryMetrics::NAMES.iter().zip(values);
    named
        .map(|(name, ((first, other), difference))| MetricComparison {
            name: name.to_string(),
            first,
            other,
            difference,
        })
        .collect()
}
