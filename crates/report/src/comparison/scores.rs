//! Metrics of several models on the same stays, with intervals of their differences.

use std::collections::HashSet;

use super::ComparedMetric;
use crate::scored::ScoredStays;
use pipeline_data::stay_columns::StayColumns;
use pipeline_error::Error;
use pipeline_metrics::{BinaryMetrics, BinaryScores, Bootstrap, BootstrapSettings};
use pipeline_runner::history::PastRunRecord;
use pipeline_runner::record::StageRecord;

/// What an evaluation of a run said of every stay.
pub(super) struct ScoredStage {
    run: String,
    ids: Vec<String>,
    subjects: Vec<String>,
    scores: BinaryScores,
}

impl ScoredStage {
    /// Reads the predictions from the store; `None` for more than two classes, and if the store no
    /// longer has them.
    pub(super) fn read(run: &PastRunRecord, stage: &StageRecord) -> Result<Option<Self>, Error> {
        let Some(predictions) = stage.outputs.get("predictions") else {
            return Ok(None);
        };
        let Some(ScoredStays {
            ids,
            labels,
            probabilities,
        }) = ScoredStays::read(predictions)?
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            run: run.run.run.clone(),
            subjects: subjects_of(run, &ids)?,
            ids,
            scores: BinaryScores::new(labels, probabilities)?,
        }))
    }
}

/// The patients of these stays by the run's data; where that is not in the store, each stay is its own.
fn subjects_of(run: &PastRunRecord, ids: &[String]) -> Result<Vec<String>, Error> {
    let tables = run.stages.iter();
    let tables = tables.filter_map(|stage| stage.outputs.get("stays"));
    for table in tables.filter(|table| table.path.exists()) {
        table.verify()?;
        let columns = StayColumns::read(&table.path)?;
        // Another cohort's table, perhaps.
        if let Ok(rows) = columns.rows_of(ids) {
            let subjects = columns.subjects()?;
            return Ok(rows.into_iter().map(|row| subjects[row].clone()).collect());
        }
    }
    Ok(ids.to_vec())
}

/// Gives the metrics of a stage their differences from the first run's, where both scored the same
/// stays with the same labels; else a note says why not.
pub(super) fn pair(
    stage: &str,
    scored: &[Option<ScoredStage>],
    settings: BootstrapSettings,
    seed: u64,
    metrics: &mut [ComparedMetric],
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let Some((first, others)) = scored.split_first() else {
        return Ok(());
    };
    for (place, other) in (1..).zip(others) {
        let (Some(first), Some(other)) = (first, other) else {
            notes.push(format!(
                "{stage}: no intervals: the predictions of a run are not in the store, or have more than two classes"
            ));
            continue;
        };
        if let Some(why) = not_alike(first, other) {
            notes.push(format!("{stage}: no intervals: {why}"));
            continue;
        }
        let bootstrap = Bootstrap::new(settings, seed, &first.subjects);
        let of = |stage: &ScoredStage| stage.scores.resample(None, &bootstrap).1;
        let differences = of(other).minus(&of(first));
        for (name, difference) in BinaryMetrics::NAMES.iter().zip(differences) {
            if let Some(row) = metrics.iter_mut().find(|row| row.metric == *name) {
                row.differences[place] = difference;
            }
        }
    }
    Ok(())
}

/// Why two evaluations cannot be compared stay by stay.
fn not_alike(first: &ScoredStage, other: &ScoredStage) -> Option<String> {
    let (one, two) = (&first.run, &other.run);
    if first.ids != other.ids {
        let known: HashSet<&String> = other.ids.iter().collect();
        let missing = first.ids.iter().filter(|id| !known.contains(id)).count();
        return Some(format!(
            "{one} scored {} stays and {two} {}, {missing} of the former are not among the latter",
            first.ids.len(),
            other.ids.len(),
        ));
    }
    let labels = first.scores.labels().iter().zip(other.scores.labels());
    let differing = labels.zip(&first.ids).find(|((a, b), _)| a != b);
    differing.map(|(_, id)| format!("stay {id} has another label in {two} than in {one}"))
}
