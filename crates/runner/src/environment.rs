//! What a run was made with and where: kept with it, part of no key.

use std::fs;

use serde::{Deserialize, Serialize};

use pipeline_store as store;
use pipeline_store::fingerprint::Fingerprint;

/// The document `runs/ID/environment.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The build.
    pub versions: Versions,
    /// The machine.
    pub host: Host,
    /// Where tensors were computed: `cpu`, `cuda:0`.
    pub device: String,
}

/// What the program is and what it writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// This program's.
    pub pipeline: String,
    /// The compiler's, as it states it.
    pub rustc: String,
    /// What it compiled for.
    pub target: String,
    /// The encoding of fingerprints.
    pub fingerprint: u32,
    /// The layout of the store.
    pub store: u32,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Processors this process may use.
    pub cpus: usize,
    /// Their model, where the system tells.
    pub cpu: Option<String>,
    /// The operating system and the version of its kernel.
    pub os: String,
}

impl Environment {
    /// That of this process.
    pub fn here(device: &str) -> Self {
        Self {
            versions: Versions {
                pipeline: env!("CARGO_PKG_VERSION").into(),
                rustc: env!("PIPELINE_RUSTC").into(),
                target: env!("PIPELINE_TARGET").into(),
                fingerprint: Fingerprint::FORMAT,
                store: store::FORMAT,
            },
            host: Host {
                name: store::machine::host().into(),
                cpus: std::thread::available_parallelism().map_or(1, usize::from),
                cpu: store::machine::cpu().map(Into::into),
                os: os(),
            },
            device: device.into(),
        }
    }
}

fn os() -> String {
    match fs::read_to_string("/proc/sys/kernel/osrelease") {
        Ok(release) => format!("{} {}", std::env::consts::OS, release.trim()),
        Err(_) => std::env::consts::OS.into(),
    }
}
