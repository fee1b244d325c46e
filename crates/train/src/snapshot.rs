//! Where a training stands.

use serde::{Deserialize, Serialize};

use super::bits;
use super::history::History;
use super::monitor::Watched;
use super::task_sums::TaskSums;
use super::validation::Validation;
use pipeline_checkpoint::FloatTensor;
use pipeline_model::host::HostParameters;

/// Everything that the rest of a training depends on, to the bit. `V` is what is kept of a validation
/// besides the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<V = Validation> {
    /// How far training is.
    pub position: Position,
    /// The parameters.
    pub parameters: HostParameters,
    /// The optimizer's first moments (a momentum's buffer), flat; empty if it keeps none.
    pub first_moments: HostParameters,
    /// The optimizer's second moments, flat; empty if it keeps none.
    pub second_moments: HostParameters,
    /// Rows of the epochs that are over.
    pub history: History,
    /// The best epoch so far.
    pub best: Option<Best<V>>,
    /// What the posterior's monitor has seen.
    pub watched: Watched,
}

impl<V> Snapshot<V> {
    /// Whether it is of a training that starts from parameters like these, with an optimizer
    /// that keeps so many moments.
    pub fn fits(&self, initial: &HostParameters, moments: usize) -> bool {
        let alike = |tensors: &HostParameters, shape: fn(&FloatTensor) -> Vec<usize>| {
            let mut pairs = initial.iter().zip(tensors);
            initial.len() == tensors.len()
                && pairs.all(|((name, tensor), (other, found))| {
                    name == other && found.shape == shape(tensor)
                })
        };
        alike(&self.parameters, |tensor| tensor.shape.clone())
            && [&self.first_moments, &self.second_moments]
                .into_iter()
                .enumerate()
                .all(|(index, kept)| match index < moments {
                    true => alike(kept, |tensor| vec![tensor.values.len()]),
                    false => kept.is_empty(),
                })
    }
}

/// How far training is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Optimizer steps of it that are done: each of one batch, or of several that are accumulated.
    pub batches: usize,
    /// Optimizer steps taken.
    pub step: u64,
    /// Sums over their stays.
    pub totals: Totals,
}

/// Sums over the stays of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Reconstruction losses.
    #[serde(with = "bits")]
    pub reconstruction: f64,
    /// KL losses.
    #[serde(with = "bits")]
    pub kl: f64,
    /// Losses of the tasks.
    #[serde(default)]
    pub tasks: TaskSums,
    /// Norms of the gradients before clipping, over steps.
    #[serde(with = "bits")]
    pub gradient_norm: f64,
    /// Stays.
    pub stays: usize,
}

/// The epoch that is kept of those that are over: the best, or the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Best<V = Validation> {
    /// Which one, counted from 1.
    pub epoch: usize,
    /// Validation after it.
    pub validation: V,
    /// The parameters after it.
    pub parameters: HostParameters,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::monitor::PosteriorSummary;
    use crate::monitor::tests::watched;
    use pipeline_model::tasks::TaskLosses;

    fn tasks(summary: f64) -> TaskSums {
        TaskSums::of(&TaskLosses {
            summary: Some(summary),
            forecast: Some(1.0 / 7.0),
        })
    }

    /// One whose every part is told from the others.
    pub fn snapshot() -> Snapshot {
        let tensors = |value: f32| {
            let tensor = FloatTensor {
                shape: vec![2],
                values: vec![value, -0.0],
            };
            HostParameters::from([("w".to_string(), tensor)])
        };
        let mut history = History::default();
        history.push([
            ("epoch", Some(1.0)),
            ("kl", Some(0.1 + 0.2)),
            ("auroc", None),
        ]);
        Snapshot {
            position: Position {
                epoch: 2,
                batches: 7,
                step: 31,
                totals: Totals {
                    reconstruction: 1.0 / 3.0,
                    kl: f64::MIN_POSITIVE,
                    tasks: tasks(0.1 + 0.2),
                    gradient_norm: 1e300,
                    stays: 56,
                },
            },
            parameters: tensors(1.5),
            first_moments: tensors(f32::MIN_POSITIVE),
            second_moments: tensors(3.0),
            history,
            best: Some(Best {
                epoch: 1,
                validation: Validation {
                    reconstruction: 0.1,
                    kl: 0.2,
                    tasks: tasks(1e-300),
                    posterior: PosteriorSummary {
                        kl: 1e-17,
                        ..PosteriorSummary::default()
                    },
                },
                parameters: tensors(9.0),
            }),
            watched: watched(2),
        }
    }

    #[test]
    fn a_snapshot_fits_parameters_of_its_names_and_shapes_only() {
        let tensors = |name: &str, shape: &[usize]| {
            let tensor = FloatTensor {
                shape: shape.to_vec(),
                values: vec![0.0; 2],
            };
            HostParameters::from([(name.to_string(), tensor)])
        };
        assert!(snapshot().fits(&tensors("w", &[2]), 2));
        assert!(!snapshot().fits(&tensors("v", &[2]), 2));
        assert!(!snapshot().fits(&tensors("w", &[2, 1]), 2));
        assert!(!snapshot().fits(&HostParameters::new(), 2));
        let without_moments = Snapshot {
            second_moments: HostParameters::new(),
            ..snapshot()
        };
        assert!(!without_moments.fits(&tensors("w", &[2]), 2));
        assert!(without_moments.fits(&tensors("w", &[2]), 1));
        assert!(!snapshot().fits(&tensors("w", &[2]), 1));
    }
}
