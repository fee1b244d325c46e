//! What a run is asked to do.

use std::sync::Arc;

use super::lock::Lock;
use super::threads;
use pipeline_remote::Remote;

/// How to run, and what of it.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Stages that may execute at the same time; never more than `threads`.
    pub jobs: usize,
    /// Threads that all executing stages share.
    pub threads: usize,
    /// After a failure, go on with what does not depend on it.
    pub keep_going: bool,
    /// Stages to execute although their result is in the store.
    pub refresh: Vec<String>,
    /// The devices that stages compute on, of one class: `cpu`, `cuda:0`, `cuda:0,cuda:1`. A GPU has one stage at a time.
    pub device: String,
    /// Stages wanted, with what they need; none: all.
    pub targets: Vec<String>,
    /// Whether longer trainings go on where shorter ones of the same settings ended, to the same bits.
    pub continue_trainings: bool,
    /// Whether the run's record is for the eyes of whoever runs it alone: it holds values of the environment.
    pub private: bool,
    /// What the run must not differ from.
    pub lock: Option<Lock>,
    /// The remote cache, if there is one.
    pub remote: Option<Arc<Remote>>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            jobs: 1,
            threads: threads::of_this_process(),
            keep_going: false,
            refresh: Vec::new(),
            device: "cpu".into(),
            targets: Vec::new(),
            continue_trainings: false,
            private: false,
            lock: None,
            remote: None,
        }
    }
}

impl RunOptions {
    /// The devices' class: what they are, not which ones.
    pub(super) fn device_class(&self) -> &str {
        self.device.split(':').next().unwrap_or_default()
    }
}
