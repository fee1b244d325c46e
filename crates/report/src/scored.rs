//! The artifact `predictions` of an evaluation, as it lies in a store.

use arrow::array::{Float64Array, StringArray, UInt32Array};

use pipeline_data::parquet_file;
use pipeline_error::Error;
use pipeline_runner::record::OutputRecord;

/// What an evaluation of two classes says of its stays.
pub struct ScoredStays {
    /// The stays.
    pub ids: Vec<String>,
    /// Whether each is positive.
    pub labels: Vec<bool>,
    /// The probability of it.
    pub probabilities: Vec<f64>,
}

impl ScoredStays {
    /// Reads them, through their digest; `None` for more than two classes, and if the store no longer has them.
    pub fn read(predictions: &OutputRecord) -> Result<Option<Self>, Error> {
        let path = &predictions.path;
        if !path.exists() {
            return Ok(None);
        }
        predictions.verify()?;
        let schema = parquet_file::open(path)?.schema().clone();
        if schema.index_of("probability").is_err() {
            return Ok(None);
        }
        let (mut ids, mut labels, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
        for batch in parquet_file::read(path, &["stay_id", "label", "probability"])? {
            let of_batch: &StringArray = parquet_file::column(path, &batch, "stay_id")?;
            ids.extend(of_batch.iter().flatten().map(str::to_string));
            let of_batch: &UInt32Array = parquet_file::column(path, &batch, "label")?;
            labels.extend(of_batch.values().iter().map(|label| *label > 0));
            let of_batch: &Float64Array = parquet_file::column(path, &batch, "probability")?;
            probabilities.extend_from_slice(of_batch.values());
        }
        Ok(Some(Self {
            ids,
            labels,
            probabilities,
        }))
    }
}
