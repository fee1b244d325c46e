use std::path::Path;

use arrow::array::{Float64Array, UInt32Array};

use pipeline_data::parquet_file::{StreamedRows, column, open};
use pipeline_error::Error;

/// Bins of equal width from 0 to 1.
const BINS: usize = 20;

/// How the probabilities of an evaluation of two classes lie, by outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbabilityHistogram {
    /// Stays by bin: of those without the outcome, of those with it.
    pub stays: [[u64; BINS]; 2],
}

impl ProbabilityHistogram {
    /// Of the artifact `predictions`; none where it has no probability of one class.
    pub fn read(predictions: &Path) -> Result<Option<Self>, Error> {
        let schema = open(predictions)?.schema().clone();
        if schema.index_of("probability").is_err() {
            return Ok(None);
        }
        let mut stays = [[0; BINS]; 2];
        for batch in StreamedRows::open(predictions, &["label", "probability"])? {
            let batch = batch?;
            let labels: &UInt32Array = column(predictions, &batch, "label")?;
            let probabilities: &Float64Array = column(predictions, &batch, "probability")?;
            for (label, probability) in labels.values().iter().zip(probabilities.values()) {
                stays[usize::from(*label > 0)][bin(*probability)] += 1;
            }
        }
        Ok(Some(Self { stays }))
    }

    /// The steps of the outline of one outcome's share by bin: places from 0 to 1 and shares.
    pub fn steps(&self, outcome: usize) -> Vec<(f64, f64)> {
        let all: u64 = self.stays[outcome].iter().sum();
        let bins = self.stays[outcome].iter().enumerate();
        let steps = bins.flat_map(|(bin, stays)| {
            let share = *stays as f64 / all.max(1) as f64;
            let (from, to) = (bin as f64 / BINS as f64, (bin + 1) as f64 / BINS as f64);
            [(from, share), (to, share)]
        });
        steps.collect()
    }
}

/// The bin of a probability; 1 is in the last.
fn bin(probability: f64) -> usize {
    ((probability * BINS as f64) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_has_its_bin_and_shares_are_of_each_outcome() {
        assert_eq!([0.0, 0.0499, 0.05, 0.999, 1.0].map(bin), [0, 0, 1, 19, 19]);
        let mut stays = [[0; BINS]; 2];
        (stays[1][3], stays[1][4]) = (1, 3);
        let steps = ProbabilityHistogram { stays }.steps(1);
        assert_eq!(steps.len(), 2 * BINS);
        assert_eq!(
            steps[6..10],
            [(0.15, 0.25), (0.2, 0.25), (0.2, 0.75), (0.25, 0.75)]
        );
    }
}
