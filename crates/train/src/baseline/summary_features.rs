use std::collections::HashMap;

use rayon::prelude::*;

use pipeline_data::dataset::Dataset;

/// Variables that are summarised at most: those that most stays of the training split have.
const MAX_VARIABLES: usize = 500;
/// Numbers of a variable: mean, minimum, maximum, last, count, missing.
const SUMMARIES: usize = 6;

/// What a simple model sees of a stay: for every variable the mean, minimum, maximum and last of its
/// values, how many there are, and whether there are none. Z-scored on the training split; values
/// that are missing become its mean, 0.
pub struct SummaryFeatures {
    /// The variables' names: other stays that are summarised may number theirs differently.
    variables: Vec<String>,
    /// Mean and standard deviation of every feature over the training split.
    scaling: Vec<(f64, f64)>,
}

impl SummaryFeatures {
    /// Chooses variables and takes means and deviations from `train`, indices of stays.
    pub fn fit(dataset: &Dataset, train: &[usize]) -> Self {
        let common = common_variables(dataset, train).into_iter();
        let mut features = Self {
            variables: common
                .map(|variable| dataset.variables[variable].clone())
                .collect(),
            scaling: Vec::new(),
        };
        let raw = features.raw(dataset, train);
        let width = features.variables.len() * SUMMARIES;
        features.scaling = (0..width)
            .into_par_iter()
            .map(|feature| moments(raw.iter().skip(feature).step_by(width).copied()))
            .collect();
        features
    }

    /// Numbers of a stay.
    pub fn width(&self) -> usize {
        self.scaling.len()
    }

    /// The features of stays, row-major [stays, width].
    pub fn of(&self, dataset: &Dataset, stays: &[usize]) -> Vec<f64> {
        let mut values = self.raw(dataset, stays);
        if self.width() > 0 {
            for row in values.chunks_mut(self.width()) {
                for (value, (mean, deviation)) in row.iter_mut().zip(&self.scaling) {
                    *value = match value.is_nan() || *deviation == 0.0 {
                        true => 0.0,
                        false => (*value - mean) / deviation,
                    };
                }
            }
        }
        values
    }

    /// As [`SummaryFeatures::of`] before scaling; what is missing is NaN.
    fn raw(&self, dataset: &Dataset, stays: &[usize]) -> Vec<f64> {
        let names = self.variables.iter().enumerate();
        let places: HashMap<&str, usize> = names.map(|(at, name)| (name.as_str(), at)).collect();
        let names = dataset.variables.iter();
        let place: Vec<Option<usize>> = names
            .map(|name| places.get(name.as_str()).copied())
            .collect();
        let rows: Vec<Vec<f64>> = stays
            .par_iter()
            .map(|stay| summarise(dataset, *stay, &place, self.variables.len()))
            .collect();
        rows.concat()
    }
}

fn common_variables(dataset: &Dataset, train: &[usize]) -> Vec<usize> {
    let mut stays_with = vec![0_u32; dataset.variables.len()];
    let mut seen_in = vec![usize::MAX; dataset.variables.len()];
    for &stay in train {
        for set in dataset.stays[stay].sets.clone() {
            for event in dataset.events_of(set) {
                let variable = dataset.event_variable[event] as usize;
                if seen_in[variable] != stay {
                    seen_in[variable] = stay;
                    stays_with[variable] += 1;
                }
            }
        }
    }
    let mut variables: Vec<usize> = (0..stays_with.len())
        .filter(|variable| stays_with[*variable] > 0)
        .collect();
    variables.sort_by_key(|variable| (std::cmp::Reverse(stays_with[*variable]), *variable));
    variables.truncate(MAX_VARIABLES);
    variables.sort_unstable();
    variables
}

fn summarise(
    dataset: &Dataset,
    stay: usize,
    place: &[Option<usize>],
    variables: usize,
) -> Vec<f64> {
    let mut row = vec![f64::NAN; variables * SUMMARIES];
    for summary in row.chunks_mut(SUMMARIES) {
        summary[4] = 0.0;
        summary[5] = 1.0;
    }
    for set in dataset.stays[stay].sets.clone() {
        for event in dataset.events_of(set) {
            let Some(at) = place[dataset.event_variable[event] as usize] else {
                continue;
            };
            let value = f64::from(dataset.event_value[event]);
            let summary = &mut row[at * SUMMARIES..][..SUMMARIES];
            let count = summary[4];
            summary[4] += 1.0;
            summary[5] = 0.0;
            let mean = if count > 0.0 { summary[0] } else { value };
            summary[0] = mean + (value - mean) / (count + 1.0);
            // `min` and `max` prefer the number to NaN.
            summary[1] = summary[1].min(value);
            summary[2] = summary[2].max(value);
            summary[3] = value;
        }
    }
    row
}

/// Mean and standard deviation of the numbers that are not missing.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let present = values.filter(|value| !value.is_nan());
    let count = present.clone().count() as f64;
    if count == 0.0 {
        return (0.0, 0.0);
    }
    let mean = present.clone().sum::<f64>() / count;
    let variance = present.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_data::dataset::{Split, Stay};

    /// Two variables; the first stay has 1, 5, 3 of the first, the second stay nothing but one of the second.
    fn dataset() -> Dataset {
        let stay = |id: &str, sets: std::ops::Range<usize>| Stay {
            id: id.into(),
            split: Split::Train,
            label: Some(0),
            sets,
        };
        Dataset {
            variables: vec!["a".into(), "b".into(), "never".into()],
            stays: vec![stay("1", 0..3), stay("2", 3..4)],
            set_minute: vec![0.0, 1.0, 2.0, 0.0],
            set_start: vec![0, 1, 2, 3, 4],
            event_variable: vec![0, 0, 0, 1],
            event_value: vec![1.0, 5.0, 3.0, 7.0],
            ..Dataset::default()
        }
    }

    #[test]
    fn a_stay_is_summarised_by_variable() {
        let dataset = dataset();
        let features = SummaryFeatures::fit(&dataset, &[0, 1]);
        assert_eq!(features.width(), 12);
        let raw = features.raw(&dataset, &[0]);
        assert_eq!(raw[..6], [3.0, 1.0, 5.0, 3.0, 3.0, 0.0]);
        assert!(raw[6..10].iter().all(|number| number.is_nan()));
        assert_eq!(raw[10..], [0.0, 1.0]);
    }

    #[test]
    fn other_stays_may_number_their_variables_differently_or_lack_some() {
        let features = SummaryFeatures::fit(&dataset(), &[0, 1]);
        let other = Dataset {
            variables: vec!["new".into(), "a".into()],
            event_variable: vec![1, 1, 1, 0],
            ..dataset()
        };
        let (own, others) = (features.of(&dataset(), &[0]), features.of(&other, &[0, 1]));
        assert_eq!(own, others[..12]);
        // The second stay has nothing but a variable that the training stays lack.
        assert_eq!((others[12 + 5], others[18 + 5]), (1.0, 1.0));
    }

    #[test]
    fn features_are_scaled_on_training_and_what_is_missing_is_its_mean() {
        let dataset = dataset();
        let features = SummaryFeatures::fit(&dataset, &[0, 1]);
        let scaled = features.of(&dataset, &[0, 1]);
        // Counts 3 and 0, missing 0 and 1; the mean of one stay's values has no deviation.
        assert_eq!((scaled[4], scaled[16]), (1.0, -1.0));
        assert_eq!((scaled[5], scaled[17]), (-1.0, 1.0));
        assert_eq!((scaled[0], scaled[12]), (0.0, 0.0));
        assert!(scaled.iter().all(|number| number.is_finite()));
    }
}
