//! The predictions of a cross-validation together: every stay as the model of the fold said of it that did not see it.

use std::collections::{BTreeMap, BTreeSet};

use crate::scored::ScoredStays;
use pipeline_error::Error;
use pipeline_metrics::BinaryScores;
use pipeline_runner::record::OutputRecord;
use pipeline_runner::sweep::record::{PooledRecord, ShowRecord, Summary, VariantRecord};

/// The end of the path that says which fold tests.
const FOLD: &str = ".folds.fold";

/// Stays, whether they are positive, and the probability of it.
#[derive(Default)]
struct Pool {
    ids: BTreeSet<String>,
    labels: Vec<bool>,
    probabilities: Vec<f64>,
}

/// Of every setting of `show` that was cross-validated and is done, and of each of its evaluations of two classes: the
/// metrics of all folds' stays together, once for every repeat. `predictions` has them by the stage's name in the sweep.
/// Folds that share a stay are not put together.
pub fn pooled(
    show: &ShowRecord,
    predictions: &BTreeMap<String, OutputRecord>,
) -> Result<Vec<PooledRecord>, Error> {
    let mut records = Vec::new();
    for setting in &show.settings {
        let variants = show
            .variants
            .iter()
            .filter(|one| one.setting == setting.name);
        let mut repeats: BTreeMap<String, Vec<&VariantRecord>> = BTreeMap::new();
        for variant in variants.filter(|one| one.overrides.keys().any(|path| path.ends_with(FOLD)))
        {
            let others = variant
                .overrides
                .iter()
                .filter(|(path, _)| !path.ends_with(FOLD));
            let repeat: Vec<String> = others
                .map(|(path, value)| format!("{path}={value}"))
                .collect();
            repeats.entry(repeat.join(",")).or_default().push(variant);
        }
        if repeats.is_empty() || setting.done < setting.variants {
            continue;
        }
        let stages = repeats
            .values()
            .flatten()
            .flat_map(|variant| variant.stages.keys());
        for stage in stages.collect::<BTreeSet<_>>() {
            records.extend(of_stage(&setting.name, stage, &repeats, predictions)?);
        }
    }
    Ok(records)
}

fn of_stage(
    setting: &str,
    stage: &str,
    repeats: &BTreeMap<String, Vec<&VariantRecord>>,
    predictions: &BTreeMap<String, OutputRecord>,
) -> Result<Option<PooledRecord>, Error> {
    let (mut stays, mut metrics) = (0, [const { Vec::new() }; 3]);
    for folds in repeats.values() {
        let mut pool = Pool::default();
        for variant in folds {
            let node = variant.stages.get(stage);
            let Some(table) = node.and_then(|node| predictions.get(node)) else {
                return Ok(None);
            };
            if !pool.add(table)? {
                return Ok(None);
            }
        }
        stays = pool.labels.len();
        let scores = BinaryScores::new(pool.labels, pool.probabilities)?;
        let measured = scores.measure(&vec![1.0; scores.len()]);
        for (values, value) in
            metrics
                .iter_mut()
                .zip([measured.auroc, measured.average_precision, measured.brier])
        {
            values.extend(value.ok());
        }
    }
    let [auroc, average_precision, brier] = metrics.map(|values| Summary::of(&values));
    Ok(Some(PooledRecord {
        setting: setting.into(),
        stage: stage.into(),
        stays,
        auroc,
        average_precision,
        brier,
    }))
}

impl Pool {
    /// Adds what a fold's model says of its stays; false where that is of more than two classes, or of stays that another
    /// fold has: those of a training split.
    fn add(&mut self, predictions: &OutputRecord) -> Result<bool, Error> {
        let Some(scored) = ScoredStays::read(predictions)? else {
            return Ok(false);
        };
        self.labels.extend(scored.labels);
        self.probabilities.extend(scored.probabilities);
        let mut ids = scored.ids.into_iter();
        Ok(ids.all(|id| self.ids.insert(id)))
    }
}
