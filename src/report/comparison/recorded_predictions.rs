use crate::data::stay_columns::{StayAttribute, StayColumns};
use crate::error::Error;
use crate::exec::history::PastRunRecord;
use crate::exec::record::{OutputRecord, StageRecord};

/// The predictions that an evaluation of a past run left in the store.
pub struct RecordedPredictions {
    /// The digest of the artifact.
    pub digest: String,
    /// Its rows by stay.
    pub stays: StayColumns,
}

/// Labels and probabilities of some stays.
pub struct Scored {
    /// The label of every stay.
    pub labels: Vec<Option<f64>>,
    /// The probability of class 1.
    pub probabilities: Vec<f64>,
}

impl RecordedPredictions {
    /// Reads the artifact of `stage`.
    pub fn read(run: &PastRunRecord, stage: &str) -> Result<Self, Error> {
        let output = output(run, stage, "predictions")?;
        Ok(Self {
            digest: output.digest.clone(),
            stays: StayColumns::read(&output.path)?,
        })
    }

    /// Those of the stays `ids`; none for more than two classes, which have several probabilities.
    pub fn of(&self, ids: &[String]) -> Result<Option<Scored>, Error> {
        let rows = self.stays.rows_of(ids)?;
        if !self.stays.has("probability") {
            return Ok(None);
        }
        let numbers = |column: &str| match self.stays.attribute(column, &rows)? {
            StayAttribute::Number(values) => Ok(values),
            StayAttribute::Text(_) => Err(Error::stage(format!(
                "the column `{column}` of predictions is no number"
            ))),
        };
        let probabilities = numbers("probability")?.into_iter();
        Ok(Some(Scored {
            labels: numbers("label")?,
            probabilities: probabilities.map(Option::unwrap_or_default).collect(),
        }))
    }
}

/// The subject of every stay of `ids`, by the data stage that the evaluation scored.
pub fn subjects(run: &PastRunRecord, stage: &str, ids: &[String]) -> Result<Vec<String>, Error> {
    let resolved = run.resolved.as_ref();
    let stages = resolved.and_then(|resolved| resolved["stages"].as_array());
    let mut stages = stages.into_iter().flatten();
    let evaluation = stages.find(|entry| entry["name"] == stage);
    let data = evaluation.and_then(|entry| entry["data"].as_str());
    let data = data.ok_or_else(|| lost(run, stage, "the recipe"))?;
    let stays = StayColumns::read(&output(run, data, "stays")?.path)?;
    let (rows, subjects) = (stays.rows_of(ids)?, stays.subjects()?);
    Ok(rows.into_iter().map(|row| subjects[row].clone()).collect())
}

fn output<'a>(run: &'a PastRunRecord, stage: &str, name: &str) -> Result<&'a OutputRecord, Error> {
    let found = |record: &&StageRecord| record.name == stage;
    let record = run.stages.iter().find(found);
    let output = record.and_then(|record| record.outputs.get(name));
    match output {
        Some(output) if output.path.is_file() => Ok(output),
        _ => Err(lost(run, stage, &format!("the artifact `{name}`"))),
    }
}

fn lost(run: &PastRunRecord, stage: &str, what: &str) -> Error {
    Error::Usage {
        message: format!(
            "{what} of {stage} of run {} is no longer in the store",
            run.run.run
        ),
        hint: Some(
            "`pipeline run` with the recipe and the --set of that run makes it again".into(),
        ),
    }
}
