//! What a recipe says about watching the posterior.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the posterior is watched for collapse. It never changes the weights: a number below one of the thresholds `min_…` is a warning, said once when it begins and counted in the metric `collapse_warnings`. A threshold of 0 never warns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorSettings {
    /// Optimizer steps over which the posterior of training is summarised. Within a shorter training there are no warnings but those of the validation split.
    #[schemars(range(min = 1, max = 1000))]
    pub window: usize,
    /// A latent dimension is active if the variance of its mu across sets is above this (Burda et al. 2016).
    #[schemars(range(min = 0.0))]
    pub active_variance: f64,
    /// Warns if a smaller share of the latent dimensions is active.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_active_fraction: f64,
    /// Warns if the KL of a set is less than this many times its floor, `free_bits` · `latent_dim` nats. Without free bits there is no floor and no warning.
    #[schemars(range(min = 0.0))]
    pub min_kl_over_floor: f64,
    /// Warns if the posterior's variance, mean over sets, is nearer than this to 1, the prior's, in every latent dimension.
    #[schemars(range(min = 0.0))]
    pub min_variance_deviation: f64,
    /// Warns if the variance of logvar across sets, mean over latent dimensions, is less than this: the same uncertainty for every set.
    #[schemars(range(min = 0.0))]
    pub min_logvar_variance: f64,
}

impl Default for MonitorSettings {
    fn default() -> Self {
        Self {
            window: 100,
            active_variance: 0.01,
            min_active_fraction: 0.1,
            min_kl_over_floor: 1.1,
            min_variance_deviation: 0.05,
            min_logvar_variance: 1e-4,
        }
    }
}
