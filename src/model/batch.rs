//! Several stays packed for one pass: rows of events, rows of sets, and where each begins.

use std::sync::{Arc, LazyLock};

use candle_core::{Device, Result, Tensor};

use crate::data::dataset::Dataset;

/// Buckets of the time between two sets.
pub const TIME_BUCKETS: usize = 64;

/// Stays packed without padding: events of all sets, sets of all stays.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The stays, as indices into the dataset.
    pub stays: Vec<usize>,
    /// First event of every set, and the number of events.
    pub set_starts: Arc<[usize]>,
    /// First set of every stay, and the number of sets.
    pub stay_starts: Arc<[usize]>,
    /// Variable of every event, u32 [events].
    pub variables: Tensor,
    /// Z-score of every event, [events, 1].
    pub values: Tensor,
    /// Set of every event, u32 [events].
    pub set_of_event: Tensor,
    /// Index of every set in its stay, u32 [sets].
    pub positions: Tensor,
    /// Bucket of the time since the set before, u32 [sets].
    pub time_buckets: Tensor,
}

impl Batch {
    /// Packs the given stays of `dataset`, in that order.
    pub fn new(dataset: &Dataset, stays: &[usize], device: &Device) -> Result<Self> {
        let mut set_starts = vec![0];
        let mut stay_starts = vec![0];
        let (mut variables, mut values) = (Vec::new(), Vec::new());
        let (mut set_of_event, mut positions, mut time_buckets) =
            (Vec::new(), Vec::new(), Vec::new());
        for &stay in stays {
            let mut previous: Option<f32> = None;
            for (position, set) in dataset.stays[stay].sets.clone().enumerate() {
                let events = dataset.events_of(set);
                set_of_event.resize(set_of_event.len() + events.len(), positions.len() as u32);
                variables.extend_from_slice(&dataset.event_variable[events.clone()]);
                values.extend_from_slice(&dataset.event_value[events]);
                set_starts.push(variables.len());
                positions.push(position as u32);
                let minute = dataset.set_minute[set];
                time_buckets.push(time_bucket(previous.map_or(0.0, |before| minute - before)));
                previous = Some(minute);
            }
            stay_starts.push(positions.len());
        }
        let events = variables.len();
        let sets = positions.len();
        Ok(Self {
            stays: stays.to_vec(),
            set_starts: set_starts.into(),
            stay_starts: stay_starts.into(),
            variables: Tensor::from_vec(variables, events, device)?,
            values: Tensor::from_vec(values, (events, 1), device)?,
            set_of_event: Tensor::from_vec(set_of_event, events, device)?,
            positions: Tensor::from_vec(positions, sets, device)?,
            time_buckets: Tensor::from_vec(time_buckets, sets, device)?,
        })
    }

    /// Number of sets.
    pub fn sets(&self) -> usize {
        self.set_starts.len() - 1
    }

    /// Events of every stay, in order.
    pub fn events_by_stay(&self) -> impl Iterator<Item = usize> + '_ {
        self.stay_starts
            .windows(2)
            .map(|pair| self.set_starts[pair[1]] - self.set_starts[pair[0]])
    }

    /// Weight of every set in the mean over `stays_in_all` stays of each stay's mean over its sets: [sets].
    pub fn set_weights(&self, stays_in_all: usize) -> Result<Tensor> {
        let mut weights = Vec::with_capacity(self.sets());
        for pair in self.stay_starts.windows(2) {
            let sets = pair[1] - pair[0];
            let weight = 1.0 / (sets as f32 * stays_in_all as f32);
            weights.resize(weights.len() + sets, weight);
        }
        Tensor::from_vec(weights, self.sets(), self.values.device())
    }
}

/// Number of edges below log1p(Δt): 63 edges, evenly spaced in log from half a minute to a day.
fn time_bucket(minutes: f32) -> u32 {
    static EDGES: LazyLock<Vec<f32>> = LazyLock::new(|| {
        let (low, high) = (0.5f64.log10(), 1440f64.log10());
        let step = (high - low) / (TIME_BUCKETS - 2) as f64;
        (0..TIME_BUCKETS - 1)
            .map(|i| (10f64.powf(low + step * i as f64) as f32).ln_1p())
            .collect()
    });
    let elapsed = minutes.max(0.0).ln_1p();
    EDGES.partition_point(|edge| *edge < elapsed) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Split, Stay};

    #[test]
    fn buckets_span_half_a_minute_to_a_day() {
        assert_eq!(time_bucket(0.0), 0);
        assert_eq!(time_bucket(-5.0), 0);
        assert_eq!(time_bucket(0.51), 1);
        assert_eq!(time_bucket(2000.0), 63);
        assert!(time_bucket(60.0) < time_bucket(70.0));
    }

    #[test]
    fn stays_are_packed_in_the_order_given() -> Result<()> {
        let stay = |id: &str, sets| Stay {
            id: id.into(),
            split: Split::Train,
            label: 0,
            sets,
        };
        let dataset = Dataset {
            variables: vec!["HR".into(), "GCS".into()],
            stays: vec![stay("1", 0..1), stay("2", 1..3)],
            set_minute: vec![0.0, 10.0, 70.0],
            set_start: vec![0, 2, 3, 5],
            event_variable: vec![0, 1, 0, 1, 0],
            event_value: vec![1.0, 2.0, 3.0, 4.0, 5.0],
            ..Dataset::default()
        };
        let batch = Batch::new(&dataset, &[1, 0], &Device::Cpu)?;
        assert_eq!(&*batch.set_starts, &[0, 1, 3, 5]);
        assert_eq!(&*batch.stay_starts, &[0, 2, 3]);
        assert_eq!(batch.set_of_event.to_vec1::<u32>()?, [0, 1, 1, 2, 2]);
        assert_eq!(batch.positions.to_vec1::<u32>()?, [0, 1, 0]);
        assert_eq!(
            batch.time_buckets.to_vec1::<u32>()?,
            [0, time_bucket(60.0), 0]
        );
        assert_eq!(batch.events_by_stay().collect::<Vec<_>>(), [3, 2]);
        assert_eq!(batch.set_weights(2)?.to_vec1::<f32>()?, [0.25, 0.25, 0.5]);
        Ok(())
    }
}
