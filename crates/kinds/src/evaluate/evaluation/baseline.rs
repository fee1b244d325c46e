use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use serde::{Deserialize, Serialize};

use crate::asked::{Asked, Known};
use crate::says::Says;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::parquet_file::{self, Compression, StreamedRows, column};
use pipeline_data::subsample::Subsample;
use pipeline_error::Error;
use pipeline_train::baseline::{SummaryFeatures, TrueRows, fit_on_validation};

/// The name under which the file holds the fit.
const FIT: &str = "fit";
/// What a simple model says of the stays that are scored: the artifact `baseline`, as Parquet.
///
/// Columns: `stay_id` (utf8), `probability` (f64; of labels one each, of a number `predicted`); beside them, how it was
/// fitted, as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineScores {
    /// How it was fitted.
    pub fit: BaselineFit,
    /// The stays.
    pub ids: Vec<String>,
    /// What is said of each: the probability of class 1, of every label, or the number; row-major [stays, outputs].
    pub said: Vec<f64>,
}

/// How a simple model was fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineFit {
    /// Numbers it sees of a stay.
    pub features: usize,
    /// The penalty that was chosen on the validation split.
    pub penalty: f64,
    /// Training stays that it was fitted to, if these are not all.
    pub training_stays: Option<usize>,
}

impl BaselineScores {
    /// Fits a linear model to the training split of `development`, or to a `subsample` of it, chooses its penalty on
    /// the validation split there, and scores the stays of `split` of `data`: those whose truth is known.
    pub fn fit(
        development: (&Dataset, Asked),
        subsample: Option<&Subsample>,
        data: (&Dataset, Asked),
        split: Split,
    ) -> Result<Self, Error> {
        let (development, asked) = development;
        let mut train = asked.of_dataset(development, Split::Train)?;
        if let Some(subsample) = subsample {
            let stays = train.rows.iter();
            let ids: Vec<String> = stays
                .map(|&stay| development.stays[stay].id.clone())
                .collect();
            let drawn = subsample.positions(&ids, &train.truth)?;
            train.truth = train.truth.rows(drawn.iter().copied());
            train.rows = drawn.into_iter().map(|row| train.rows[row]).collect();
        }
        let validation = asked.of_dataset(development, Split::Validation)?;
        refuse_many_classes(development, [&train, &validation])?;
        let features = SummaryFeatures::fit(development, &train.rows);
        let fit = fit_on_validation(
            &TrueRows {
                rows: &features.of(development, &train.rows),
                truth: &train.truth,
            },
            &TrueRows {
                rows: &features.of(development, &validation.rows),
                truth: &validation.truth,
            },
            asked.names(),
        )?;
        let (data, asked) = data;
        let scored = asked.of_dataset(data, split)?.rows;
        let ids = scored.iter().map(|stay| data.stays[*stay].id.clone());
        Ok(Self {
            fit: BaselineFit {
                features: features.width(),
                penalty: fit.penalty(),
                training_stays: subsample.map(|_| train.rows.len()),
            },
            ids: ids.collect(),
            said: fit.says(&features.of(data, &scored)),
        })
    }

    /// Writes the artifact.
    pub fn write(&self, path: &Path, says: &Says) -> Result<(), Error> {
        let fit = serde_json::to_string(&self.fit)
            .map_err(|error| Error::file(path, format!("cannot be written: {error}")))?;
        let ids: ArrayRef = Arc::new(StringArray::from(self.ids.clone()));
        let names = says.columns();
        // Of two classes one number is said, of which the other follows.
        let said = match says {
            Says::Classes(_) => vec![self.said.clone()],
            _ => says.by_column(&self.said),
        };
        let said = said
            .into_iter()
            .map(|column| -> ArrayRef { Arc::new(Float64Array::from(column)) });
        let said = names.iter().map(String::as_str).zip(said);
        let columns = std::iter::once(("stay_id", ids)).chain(said).collect();
        parquet_file::write_with_text(path, columns, Compression::UNCOMPRESSED, (FIT, fit))
    }

    /// Reads the artifact; its stays must be `ids`, in this order.
    pub fn read(path: &Path, ids: &[String], says: &Says) -> Result<Self, Error> {
        let rows = StreamedRows::open(path, &["stay_id"])?;
        let fit = rows
            .text(FIT)
            .and_then(|text| serde_json::from_str(text).ok());
        let fit =
            fit.ok_or_else(|| Error::file(path, "does not say how the baseline was fitted"))?;
        let (found, said) = said_in(path, says)?;
        if found != ids {
            return Err(Error::stage(
                "the baseline's data and the model's features are not of the same stays",
            ));
        }
        Ok(Self {
            fit,
            ids: found,
            said,
        })
    }
}

/// The stays of an artifact `predictions` or `baseline`, and what is said of each: of two classes the probability of class 1,
/// else row-major [stays, outputs].
pub fn said_in(path: &Path, says: &Says) -> Result<(Vec<String>, Vec<f64>), Error> {
    let names = says.columns();
    let columns: Vec<&str> = std::iter::once("stay_id")
        .chain(names.iter().map(String::as_str))
        .collect();
    let (mut ids, mut said) = (Vec::new(), Vec::new());
    for batch in StreamedRows::open(path, &columns)? {
        let batch = batch?;
        let of_batch: &StringArray = column(path, &batch, "stay_id")?;
        ids.extend(of_batch.iter().flatten().map(str::to_string));
        let of_columns = names
            .iter()
            .map(|name| column::<Float64Array>(path, &batch, name))
            .collect::<Result<Vec<_>, Error>>()?;
        for row in 0..batch.num_rows() {
            said.extend(of_columns.iter().map(|column| column.value(row)));
        }
    }
    Ok((ids, said))
}

fn refuse_many_classes(dataset: &Dataset, known: [&Known; 2]) -> Result<(), Error> {
    for known in known {
        if let Some((at, class)) = known.class_beyond(2) {
            return Err(Error::stage(format!(
                "stay {} has label {class}, and the baseline knows the labels 0 and 1",
                dataset.stays[known.rows[at]].id
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_read_back_as_they_were_written() {
        let scores = BaselineScores {
            fit: BaselineFit {
                features: 6,
                penalty: 30.0,
                training_stays: Some(50),
            },
            ids: vec!["7".into(), "8".into()],
            said: vec![0.1 + 0.2, 1.0 - 1e-16],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.parquet");
        let says = Says::Classes(2);
        scores.write(&path, &says).unwrap();
        assert_eq!(
            BaselineScores::read(&path, &scores.ids, &says).unwrap(),
            scores
        );
        let error = BaselineScores::read(&path, &["7".into()], &says).unwrap_err();
        assert!(
            error.to_string().contains("not of the same stays"),
            "{error}"
        );
    }
}
