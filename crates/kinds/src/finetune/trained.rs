//! What a finetune stage trained, and the metrics of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::COUNTS;
use pipeline_train::config::HeadSettings;
use pipeline_train::head::TrainedHead;

/// What was trained, and what is told of it.
pub(super) struct Trained {
    /// The head, and what is open of the backbone.
    pub head: TrainedHead,
    /// Which epoch or penalty was kept: the metric's name and value.
    pub kept: (&'static str, Value),
    /// Stays that were learned from, and that there were.
    pub stays: (usize, usize),
}

impl Trained {
    /// What training in epochs gave.
    pub fn in_steps(head: TrainedHead, settings: &HeadSettings, stays: (usize, usize)) -> Self {
        let kept = (settings.options.keep.metric(), json!(head.best_epoch));
        Self { head, kept, stays }
    }

    /// Its metrics; `of_some`: it learned from some of the training stays.
    pub fn metrics(&self, of_some: bool) -> BTreeMap<String, Value> {
        let best = &self.head.best;
        let mut metrics = BTreeMap::from([
            (self.kept.0.to_string(), self.kept.1.clone()),
            ("validation_loss".into(), json!(best.loss)),
            ("validation_auroc".into(), json!(best.auroc)),
            (
                "validation_average_precision".into(),
                json!(best.average_precision),
            ),
        ]);
        if of_some {
            let counts = [self.stays.0, self.stays.1].map(|stays| json!(stays));
            metrics.extend(COUNTS.map(String::from).into_iter().zip(counts));
        }
        metrics
    }
}
