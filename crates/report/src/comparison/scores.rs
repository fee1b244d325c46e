//! Metrics of several models on the same stays, with intervals of their differences.

use std::collections::HashSet;

use arrow::array::{Float64Array, StringArray};
use serde_json::Value;

use super::{ComparedMetric, Comparison};
use crate::scored::ScoredStays;
use pipeline_data::parquet_file;
use pipeline_data::stay_columns::StayColumns;
use pipeline_error::Error;
use pipeline_metrics::{
    BinaryMetrics, BinaryScores, Bootstrap, BootstrapSettings, RegressionMetrics, RegressionScores,
    Resampled,
};
use pipeline_runner::history::PastRunRecord;
use pipeline_runner::record::{OutputRecord, StageRecord};
use pipeline_store::action::Lookup;
use pipeline_store::fingerprint::Fingerprint;
use pipeline_store::{Store, verify_file};

/// The role in which an evaluation reads the data stage that it scores, and the artifact with its patients.
const DATA: &str = "data";
const STAYS: &str = "stays";

/// What an evaluation of a run said of every stay.
pub(super) struct ScoredStage {
    run: String,
    ids: Vec<String>,
    subjects: Vec<String>,
    scores: Scores,
}

/// An evaluation, or why its stays cannot be drawn.
pub(super) type Read = Result<ScoredStage, String>;

enum Scores {
    Classes(Box<BinaryScores>),
    Numbers(RegressionScores),
}

impl ScoredStage {
    /// Reads the predictions, and the patients of the data that were scored, from the store.
    pub(super) fn read(
        store: &Store,
        run: &PastRunRecord,
        stage: &StageRecord,
    ) -> Result<Read, Error> {
        let name = &run.run.run;
        let predictions = stage.outputs.get("predictions");
        let Some(predictions) = predictions.filter(|table| table.path.exists()) else {
            return Ok(Err(format!("the store has no predictions of {name}")));
        };
        let Some((ids, scores)) = Scores::read(predictions)? else {
            return Ok(Err(format!(
                "{name} predicts more than two classes, or several labels"
            )));
        };
        let Some(subjects) = subjects_of(store, stage, &ids)? else {
            return Ok(Err(format!(
                "the store has no patients of the data stage that {name} scored"
            )));
        };
        Ok(Ok(Self {
            run: name.clone(),
            ids,
            subjects,
            scores,
        }))
    }
}

/// The patients of these stays in the data that the evaluation read; none where the store no longer has them.
/// Another data stage may give the same stays other patients.
fn subjects_of(
    store: &Store,
    stage: &StageRecord,
    ids: &[String],
) -> Result<Option<Vec<String>>, Error> {
    let key = stage.key.clone().map(Value::String);
    let key = key.and_then(|key| serde_json::from_value(key).ok());
    let Some(key) = key else {
        return Ok(None);
    };
    if matches!(store.lookup(&key)?, Lookup::Absent) {
        return Ok(None);
    }
    let read = store.action(&key)?.fingerprint.inputs;
    let Some(digest) = read.get(&Fingerprint::artifact_input(DATA, STAYS)) else {
        return Ok(None);
    };
    let table = store.blob_path(digest);
    if !table.exists() {
        return Ok(None);
    }
    verify_file(&table, digest)?;
    let columns = StayColumns::read(&table)?;
    let subjects = columns.subjects()?;
    let rows = columns.rows_of(ids)?;
    Ok(Some(
        rows.into_iter().map(|row| subjects[row].clone()).collect(),
    ))
}

/// Gives the metrics of a stage their differences from the first run's, where both scored the same
/// stays with the same labels and patients; else a note says why not.
pub(super) fn pair(
    stage: &str,
    scored: &[Read],
    settings: BootstrapSettings,
    seed: u64,
    metrics: &mut [ComparedMetric],
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let Some((first, others)) = scored.split_first() else {
        return Ok(());
    };
    for (place, other) in (1..).zip(others) {
        let (first, other) = match (first, other) {
            (Ok(first), Ok(other)) => (first, other),
            (Err(why), _) | (_, Err(why)) => {
                notes.push(format!("{stage}: no intervals: {why}"));
                continue;
            }
        };
        let bootstrap = Bootstrap::new(settings, seed, &first.subjects);
        let of_other = Bootstrap::new(settings, seed, &other.subjects);
        let (one, two) = (&first.run, &other.run);
        let why = not_alike(first, other).or_else(|| {
            let alike = bootstrap.draws_as(&of_other);
            (!alike).then(|| {
                format!(
                    "stays of one patient in {one} are of several in {two}, or the other way round"
                )
            })
        });
        if let Some(why) = why {
            notes.push(format!("{stage}: no intervals: {why}"));
            continue;
        }
        if settings.resamples > 0 && first.subjects.iter().all(|it| *it == first.subjects[0]) {
            let n = first.subjects.len();
            notes.push(format!(
                "{stage}: no intervals: all {n} stays are of one patient"
            ));
        }
        let differences =
            (other.scores.resample(&bootstrap)).minus(&first.scores.resample(&bootstrap));
        let mut undefined: Vec<(&str, usize)> = Vec::new();
        for (name, difference) in first.scores.names().iter().zip(differences) {
            if let Some(row) = metrics.iter_mut().find(|row| row.metric == *name) {
                let interval = difference.as_ref().and_then(|paired| paired.interval);
                undefined.extend(interval.map(|interval| (*name, interval.undefined)));
                row.differences[place] = difference;
            }
        }
        let left_out = left_out(&undefined, place, settings.resamples);
        notes.extend(left_out.map(|left_out| format!("{stage}: {left_out}")));
    }
    Ok(())
}

/// In how many resamples differences are undefined, in words; none where none is in any.
fn left_out(undefined: &[(&str, usize)], place: usize, resamples: usize) -> Option<String> {
    let counts = undefined.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(name, count)| format!("{name} in {count}"))
        .collect();
    let title = Comparison::difference_title(place);
    (!counts.is_empty()).then(|| {
        format!(
            "of {resamples} resamples {title} is undefined for {}: intervals leave these out",
            counts.join(", ")
        )
    })
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
    let differing = match (&first.scores, &other.scores) {
        (Scores::Classes(first), Scores::Classes(other)) => {
            let mut labels = first.labels().iter().zip(other.labels());
            labels.position(|(a, b)| a != b)
        }
        (Scores::Numbers(first), Scores::Numbers(other)) => {
            let mut observed = first.observed().iter().zip(other.observed());
            observed.position(|(a, b)| a != b)
        }
        (Scores::Classes(_), Scores::Numbers(_)) | (Scores::Numbers(_), Scores::Classes(_)) => {
            return Some(format!(
                "of {one} and {two} one predicts a number, the other a class"
            ));
        }
    };
    differing.map(|at| {
        let id = &first.ids[at];
        format!("stay {id} has another label in {two} than in {one}")
    })
}

impl Scores {
    /// The stays and what is said of them; none of more than two classes and of several labels.
    fn read(predictions: &OutputRecord) -> Result<Option<(Vec<String>, Self)>, Error> {
        if let Some(stays) = ScoredStays::read(predictions)? {
            let scores = BinaryScores::new(stays.labels, stays.probabilities)?;
            return Ok(Some((stays.ids, Self::Classes(Box::new(scores)))));
        }
        let path = &predictions.path;
        let schema = parquet_file::open(path)?.schema().clone();
        if schema.index_of("predicted").is_err() {
            return Ok(None);
        }
        let (mut ids, mut observed, mut predicted) = (Vec::new(), Vec::new(), Vec::new());
        for batch in parquet_file::read(path, &["stay_id", "observed", "predicted"])? {
            let of_batch: &StringArray = parquet_file::column(path, &batch, "stay_id")?;
            ids.extend(of_batch.iter().flatten().map(str::to_string));
            for (name, numbers) in [("observed", &mut observed), ("predicted", &mut predicted)] {
                let of_batch: &Float64Array = parquet_file::column(path, &batch, name)?;
                numbers.extend_from_slice(of_batch.values());
            }
        }
        let scores = RegressionScores::new(observed, predicted)?;
        Ok(Some((ids, Self::Numbers(scores))))
    }

    /// The metrics that are resampled.
    fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Classes(_) => &BinaryMetrics::NAMES,
            Self::Numbers(_) => &RegressionMetrics::NAMES,
        }
    }

    /// Their values in every resample.
    fn resample(&self, bootstrap: &Bootstrap) -> Resampled {
        match self {
            Self::Classes(scores) => scores.resample(None, bootstrap).1,
            Self::Numbers(scores) => bootstrap.resample(|weights| scores.measure(weights).values()),
        }
    }
}
