use std::path::Path;
use std::sync::Arc;

use arrow::array::{Float64Array, StringArray};
use serde::{Deserialize, Serialize};

use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::parquet_file::{self, Compression, StreamedRows, column};
use pipeline_data::subsample::Subsample;
use pipeline_error::Error;
use pipeline_train::baseline::{LabelledRows, SummaryFeatures, fit_on_validation};

/// The name under which the file holds the fit.
const FIT: &str = "fit";
/// The columns of stays and of the probability of class 1, here and in the artifact `predictions`.
pub const PROBABILITIES: [&str; 2] = ["stay_id", "probability"];

/// What a simple model says of the stays that are scored: the artifact `baseline`, as Parquet.
///
/// Columns: `stay_id` (utf8), `probability` (f64); beside them, how it was fitted, as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineScores {
    /// How it was fitted.
    pub fit: BaselineFit,
    /// The stays.
    pub ids: Vec<String>,
    /// The probability of class 1 of each.
    pub probabilities: Vec<f64>,
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
    /// Fits logistic regression to the training split of `development`, or to a `subsample` of it, chooses its penalty on
    /// the validation split there, and scores the stays of `split` of `data`.
    pub fn fit(
        development: &Dataset,
        subsample: Option<&Subsample>,
        data: &Dataset,
        split: Split,
    ) -> Result<Self, Error> {
        let mut train = development.stays_of(Split::Train);
        if let Some(subsample) = subsample {
            train = subsample.stays(development, &train)?;
        }
        let validation = development.stays_of(Split::Validation);
        let features = SummaryFeatures::fit(development, &train);
        let fit = fit_on_validation(
            &LabelledRows {
                rows: &features.of(development, &train),
                labels: &labels(development, &train)?,
            },
            &LabelledRows {
                rows: &features.of(development, &validation),
                labels: &labels(development, &validation)?,
            },
        )?;
        let scored = data.stays_of(split);
        let ids = scored.iter().map(|stay| data.stays[*stay].id.clone());
        Ok(Self {
            fit: BaselineFit {
                features: features.width(),
                penalty: fit.penalty(),
                training_stays: subsample.map(|_| train.len()),
            },
            ids: ids.collect(),
            probabilities: fit.probabilities(&features.of(data, &scored)),
        })
    }

    /// Writes the artifact.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let fit = serde_json::to_string(&self.fit)
            .map_err(|error| Error::file(path, format!("cannot be written: {error}")))?;
        parquet_file::write_with_text(
            path,
            vec![
                ("stay_id", Arc::new(StringArray::from(self.ids.clone()))),
                (
                    "probability",
                    Arc::new(Float64Array::from(self.probabilities.clone())),
                ),
            ],
            Compression::UNCOMPRESSED,
            (FIT, fit),
        )
    }

    /// Reads the artifact; its stays must be `ids`, in this order.
    pub fn read(path: &Path, ids: &[String]) -> Result<Self, Error> {
        let rows = StreamedRows::open(path, &PROBABILITIES)?;
        let fit = rows
            .text(FIT)
            .and_then(|text| serde_json::from_str(text).ok());
        let fit =
            fit.ok_or_else(|| Error::file(path, "does not say how the baseline was fitted"))?;
        let (found, probabilities) = probabilities_of(rows, path)?;
        if found != ids {
            return Err(Error::stage(
                "the baseline's data and the model's features are not of the same stays",
            ));
        }
        Ok(Self {
            fit,
            ids: found,
            probabilities,
        })
    }
}

/// The stays of a table opened with the columns [`PROBABILITIES`], and the probability of class 1 of each.
pub fn probabilities_of(rows: StreamedRows, path: &Path) -> Result<(Vec<String>, Vec<f64>), Error> {
    let (mut ids, mut probabilities) = (Vec::new(), Vec::new());
    for batch in rows {
        let batch = batch?;
        let of_batch: &StringArray = column(path, &batch, "stay_id")?;
        ids.extend(of_batch.iter().flatten().map(str::to_string));
        let of_batch: &Float64Array = column(path, &batch, "probability")?;
        probabilities.extend_from_slice(of_batch.values());
    }
    Ok((ids, probabilities))
}

fn labels(dataset: &Dataset, stays: &[usize]) -> Result<Vec<bool>, Error> {
    let label = |stay: &usize| {
        let stay = &dataset.stays[*stay];
        match stay.class()? {
            class @ (0 | 1) => Ok(class == 1),
            class => Err(Error::stage(format!(
                "stay {} has label {class}, and the baseline knows the labels 0 and 1",
                stay.id
            ))),
        }
    };
    stays.iter().map(label).collect()
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
            probabilities: vec![0.1 + 0.2, 1.0 - 1e-16],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.parquet");
        scores.write(&path).unwrap();
        assert_eq!(BaselineScores::read(&path, &scores.ids).unwrap(), scores);
        let error = BaselineScores::read(&path, &["7".into()]).unwrap_err();
        assert!(
            error.to_string().contains("not of the same stays"),
            "{error}"
        );
    }
}
