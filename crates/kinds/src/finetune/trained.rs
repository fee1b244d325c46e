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
    /// Which epoch, or penalty and scaling, was kept: the metrics' names and values.
    pub kept: Vec<(&'static str, Value)>,
    /// Stays that were learned from, and that there were.
    pub stays: (usize, usize),
}

impl Trained {
    /// What training in epochs gave.
    pub fn in_steps(head: TrainedHead, settings: &HeadSettings, stays: (usize, usize)) -> Self {
        let kept = vec![(settings.options.keep.metric(), json!(head.best_epoch))];
        Self { head, kept, stays }
    }

    /// Its metrics; `of_some`: it learned from some of the training stays.
    pub fn metrics(&self, of_some: bool) -> BTreeMap<String, Value> {
        let best = &self.head.best;
        let mut metrics = BTreeMap::from([
            ("validation_loss".into(), json!(best.loss)),
            ("validation_auroc".into(), json!(best.auroc)),
            (
                "validation_average_precision".into(),
                json!(best.average_precision),
            ),
        ]);
        let kept = self.kept.iter();
        metrics.extend(kept.map(|(name, value)| ((*name).to_string(), value.clone())));
        if of_some {
            let counts = [self.stays.0, self.stays.1].map(|stays| json!(stays));
            metrics.extend(COUNTS.map(String::from).into_iter().zip(counts));
        }
        metrics
    }
}
