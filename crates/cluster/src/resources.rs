//! What a job asks for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::memory_limit::MemoryLimit;
use crate::time_limit::TimeLimit;

/// So many stages one task may run.
pub const MOST_PACKED: u32 = 1000;

/// What a stage's job asks a cluster for. No result depends on it, and no key.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cpus: Option<u32>,
    /// Memory on the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem: Option<MemoryLimit>,
    /// GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// How long it may take until it is stopped, and goes on from its checkpoint in another turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeLimit>,
    /// How many equal stages of a sweep one task runs, one after the other. Left out: as many as took `pack_seconds` of the cluster in earlier runs; of what never ran, 10 if it is short by its kind, else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MOST_PACKED))]
    pub pack: Option<u32>,
}

impl Resources {
    /// These, and what they do not state from `below`.
    pub fn over(&self, below: &Self) -> Self {
        Self {
            cpus: self.cpus.or(below.cpus),
            mem: self.mem.or(below.mem),
            gpus: self.gpus.or(below.gpus),
            time: self.time.or(below.time),
            pack: self.pack.or(below.pack),
        }
    }

    /// With so many times the memory and time.
    pub fn scaled(&self, mem: f64, time: f64) -> Self {
        Self {
            mem: self.mem.map(|limit| limit.scaled(mem)),
            time: self.time.map(|limit| limit.scaled(time)),
            ..*self
        }
    }
}
