//! Several stays packed for one pass: rows of events, rows of sets, and where each begins.

use std::sync::{Arc, LazyLock};

use candle_core::{Device, Result, Tensor};

use super::ops::RowIndex;
use pipeline_data::dataset::Dataset;

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
    /// Variable of every event.
    pub variables: RowIndex,
    /// Z-score of every event, [events, 1].
    pub values: Tensor,
    /// Set of every event, u32 [events].
    pub set_of_event: Tensor,
    /// Index of every set in its stay, u32 [sets].
    pub positions: Tensor,
    /// Bucket of the time since the set before, of every set.
    pub time_buckets: RowIndex,
    /// Names of the variables.
    pub names: Arc<[String]>,
    /// Minute of every set.
    minutes: Vec<f64>,
    /// Variable and z-score of every event, on the host.
    events: Vec<(u32, f32)>,
}

impl Batch {
    /// Packs the given stays of `dataset`, in that order.
    pub fn new(dataset: &Dataset, stays: &[usize], device: &Device) -> Result<Self> {
        let mut set_starts = vec![0];
        let mut stay_starts = vec![0];
        let (mut variables, mut values) = (Vec::new(), Vec::new());
        let (mut set_of_event, mut positions, mut time_buckets) =
            (Vec::new(), Vec::new(), Vec::new());
        let mut minutes = Vec::new();
        for &stay in stays {
            let mut previous: Option<f64> = None;
            for (position, set) in dataset.stays[stay].sets.clone().enumerate() {
                let events = dataset.events_of(set);
                set_of_event.resize(set_of_event.len() + events.len(), positions.len() as u32);
                variables.extend_from_slice(&dataset.event_variable[events.clone()]);
                values.extend_from_slice(&dataset.event_value[events]);
                set_starts.push(variables.len());
                positions.push(position as u32);
                let minute = dataset.set_minute[set];
                // The difference is taken in 64 bits: late in a long stay 32 hold no minutes.
                let since = previous.map_or(0.0, |before| minute - before);
                time_buckets.push(time_bucket(since as f32));
                previous = Some(minute);
                minutes.push(minute);
            }
            stay_starts.push(positions.len());
        }
        let on_host = variables.iter().copied().zip(values.iter().copied());
        let on_host = on_host.collect();
        let events = variables.len();
        let sets = positions.len();
        Ok(Self {
            names: dataset.variables.as_slice().into(),
            stays: stays.to_vec(),
            set_starts: set_starts.into(),
            stay_starts: stay_starts.into(),
            variables: RowIndex::new(variables, device)?,
            values: Tensor::from_vec(values, (events, 1), device)?,
            set_of_event: Tensor::from_vec(set_of_event, events, device)?,
            positions: Tensor::from_vec(positions, sets, device)?,
            time_buckets: RowIndex::new(time_buckets, device)?,
            minutes,
            events: on_host,
        })
    }

    /// Minute of a set since its stay began.
    pub fn minute(&self, set: usize) -> f64 {
        self.minutes[set]
    }

    /// Time of every set since its stay's first, in units of so many minutes. The difference is taken in 64 bits.
    pub fn times_in(&self, minutes: f64) -> Vec<f32> {
        let stays = self
            .stay_starts
            .windows(2)
            .map(|pair| &self.minutes[pair[0]..pair[1]]);
        let since = |stay: &[f64]| -> Vec<f32> {
            let times = stay.iter().map(|minute| (minute - stay[0]) / minutes);
            times.map(|time| time as f32).collect()
        };
        stays.flat_map(since).collect()
    }

    /// Variable and z-score of every event from set `first` up to set `end`, that left out.
    pub fn events_between(
        &self,
        first: usize,
        end: usize,
    ) -> impl Iterator<Item = (usize, f32)> + '_ {
        let events = self.set_starts[first.min(end)]..self.set_starts[end];
        let events = self.events[events].iter();
        events.map(|(variable, value)| (*variable as usize, *value))
    }

    /// Minutes from each set of a stay that a set may attend to, itself included, to that set: the pairs of
    /// causal attention within stays, set after set, [pairs].
    pub fn gaps(&self) -> Result<Tensor> {
        let mut gaps = Vec::new();
        for pair in self.stay_starts.windows(2) {
            let minutes = &self.minutes[pair[0]..pair[1]];
            for (index, now) in minutes.iter().enumerate() {
                let before = minutes[..=index].iter();
                gaps.extend(before.map(|then| (now - then).max(0.0) as f32));
            }
        }
        let pairs = gaps.len();
        Tensor::from_vec(gaps, pairs, self.values.device())
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
        weights(&self.stay_starts, stays_in_all, self.values.device())
    }
}

fn weights(stay_starts: &[usize], stays_in_all: usize, device: &Device) -> Result<Tensor> {
    let mut weights = Vec::new();
    for pair in stay_starts.windows(2) {
        let sets = pair[1] - pair[0];
        let weight = 1.0 / (sets as f32 * stays_in_all as f32);
        weights.resize(weights.len() + sets, weight);
    }
    let sets = weights.len();
    Tensor::from_vec(weights, sets, device)
}

/// The sets of a batch that are decoded: all, or all that follow another one.
#[derive(Clone, Debug)]
pub struct DecodedSets {
    /// First event of every set, and the number of events.
    pub set_starts: Arc<[usize]>,
    /// Set of every event, u32 [events].
    pub set_of_event: Tensor,
    /// First of these sets of every stay, and the number of sets.
    stay_starts: Arc<[usize]>,
    /// Where only some sets are decoded: their events among the batch's, and for each set the set of the batch
    /// before it.
    pub chosen: Option<Chosen>,
    /// Stays, as indices into the dataset, and their events.
    events_by_stay: Vec<(usize, usize)>,
}

/// Places in a batch.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Events that are decoded.
    pub events: RowIndex,
    /// The set that stands before each set that is decoded.
    pub before: RowIndex,
}

impl DecodedSets {
    /// Stays, as indices into the dataset, and how many events of each are decoded.
    pub fn events_by_stay(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.events_by_stay.iter().copied()
    }

    /// As [`Batch::set_weights`], of these sets.
    pub fn weights(&self, stays_in_all: usize) -> Result<Tensor> {
        weights(&self.stay_starts, stays_in_all, self.set_of_event.device())
    }
}

impl Batch {
    /// Every set.
    pub fn all_sets(&self) -> Result<DecodedSets> {
        Ok(DecodedSets {
            set_starts: self.set_starts.clone(),
            set_of_event: self.set_of_event.clone(),
            stay_starts: self.stay_starts.clone(),
            chosen: None,
            events_by_stay: self
                .stays
                .iter()
                .copied()
                .zip(self.events_by_stay())
                .collect(),
        })
    }

    /// Every set but the first of each stay.
    pub fn following_sets(&self) -> Result<DecodedSets> {
        let mut set_starts = vec![0];
        let mut stay_starts = vec![0];
        let mut set_of_event = Vec::new();
        let (mut events, mut before) = (Vec::new(), Vec::new());
        let mut events_by_stay = Vec::with_capacity(self.stays.len());
        for (stay, sets) in self.stays.iter().zip(self.stay_starts.windows(2)) {
            let following = sets[0] + 1..sets[1];
            let events_before = events.len();
            for set in following {
                set_of_event.resize(
                    set_of_event.len() + self.set_starts[set + 1] - self.set_starts[set],
                    before.len() as u32,
                );
                events.extend(self.set_starts[set] as u32..self.set_starts[set + 1] as u32);
                set_starts.push(events.len());
                before.push(set as u32 - 1);
            }
            stay_starts.push(before.len());
            events_by_stay.push((*stay, events.len() - events_before));
        }
        let device = self.values.device();
        Ok(DecodedSets {
            set_starts: set_starts.into(),
            set_of_event: Tensor::from_vec(set_of_event, events.len(), device)?,
            stay_starts: stay_starts.into(),
            chosen: Some(Chosen {
                events: RowIndex::new(events, device)?,
                before: RowIndex::new(before, device)?,
            }),
            events_by_stay,
        })
    }
}

/// Number of edges below log1p(Δt): 63 edges, evenly spaced in log from half a minute to a day.
///
/// torch's `logspace` has the ends in single precision, by which the last edge is 1439.9996: sets a day apart, as of daily
/// measurements, are beyond it.
fn time_bucket(minutes: f32) -> u32 {
    static EDGES: LazyLock<Vec<f32>> = LazyLock::new(|| {
        let [low, high] = [0.5f64, 1440.0].map(|end| f64::from(end.log10() as f32));
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
    use pipeline_data::dataset::{Split, Stay};

    #[test]
    fn buckets_span_half_a_minute_to_a_day() {
        assert_eq!(time_bucket(0.0), 0);
        assert_eq!(time_bucket(-5.0), 0);
        assert_eq!(time_bucket(0.51), 1);
        assert_eq!(time_bucket(2000.0), 63);
        // As torch.bucketize(torch.log1p(Δt), torch.log1p(torch.logspace(log10(0.5), log10(1440), 63))).
        let gaps = [0.5, 1.0, 5.0, 15.0, 60.0, 240.0, 720.0, 1439.99, 1440.0];
        assert_eq!(gaps.map(time_bucket), [0, 6, 18, 27, 38, 49, 57, 62, 63]);
        assert!(time_bucket(60.0) < time_bucket(70.0));
    }

    #[test]
    fn stays_are_packed_in_the_order_given() -> Result<()> {
        let stay = |id: &str, sets| Stay {
            id: id.into(),
            split: Split::Train,
            label: Some(0),
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
            batch.time_buckets.rows.to_vec1::<u32>()?,
            [0, time_bucket(60.0), 0]
        );
        assert_eq!(batch.events_by_stay().collect::<Vec<_>>(), [3, 2]);
        assert_eq!(batch.set_weights(2)?.to_vec1::<f32>()?, [0.25, 0.25, 0.5]);

        assert_eq!(batch.gaps()?.to_vec1::<f32>()?, [0.0, 60.0, 0.0, 0.0]);

        let following = batch.following_sets()?;
        assert_eq!(&*following.set_starts, &[0, 2]);
        assert_eq!(following.set_of_event.to_vec1::<u32>()?, [0, 0]);
        assert_eq!(following.weights(2)?.to_vec1::<f32>()?, [0.5]);
        assert_eq!(
            following.events_by_stay().collect::<Vec<_>>(),
            [(1, 2), (0, 0)]
        );
        let chosen = following.chosen.expect("not all sets");
        assert_eq!(chosen.events.rows.to_vec1::<u32>()?, [1, 2]);
        assert_eq!(chosen.before.rows.to_vec1::<u32>()?, [0]);
        Ok(())
    }
}
