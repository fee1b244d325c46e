//! What a finetune stage trained, and the metrics of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{COUNTS, OF_CLASSES, OF_NUMBERS, PENALTY, STANDARDISED};
use crate::model_artifact::ModelArtifact;
use pipeline_model::classifier::Head;
use pipeline_train::config::HeadSettings;
use pipeline_train::head::TrainedHead;
use pipeline_train::linear_head::{FeatureScaling, LinearHeadSettings, SolvedHead};
use pipeline_train::number_scale::NumberScale;

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

    /// What a solver gave.
    pub fn solved(
        solved: SolvedHead,
        settings: &LinearHeadSettings,
        stays: (usize, usize),
    ) -> Self {
        let mut kept = vec![(PENALTY, json!(solved.penalty))];
        if settings.optimizer.scaling.len() > 1 {
            let standardised = solved.scaling == FeatureScaling::Standard;
            kept.push((STANDARDISED, json!(u8::from(standardised))));
        }
        Self {
            head: solved.head,
            kept,
            stays,
        }
    }

    /// Its metrics; `of_some`: it learned from some of the training stays.
    pub fn metrics(&self, of_some: bool) -> BTreeMap<String, Value> {
        let best = &self.head.best;
        let scores = match best.errors {
            Some(errors) => [
                (OF_NUMBERS[0], json!(errors.mae)),
                (OF_NUMBERS[1], json!(errors.r2)),
            ],
            None => [
                (OF_CLASSES[0], json!(best.auroc)),
                (OF_CLASSES[1], json!(best.average_precision)),
            ],
        };
        let mut metrics = BTreeMap::from([("validation_loss".into(), json!(best.loss))]);
        let scores = scores.into_iter();
        metrics.extend(scores.map(|(name, value)| (name.to_string(), value)));
        let kept = self.kept.iter();
        metrics.extend(kept.map(|(name, value)| ((*name).to_string(), value.clone())));
        if of_some {
            let counts = [self.stays.0, self.stays.1].map(|stays| json!(stays));
            metrics.extend(COUNTS.map(String::from).into_iter().zip(counts));
        }
        metrics
    }
}

/// The head, whose output layer gave standard deviations, so that it gives units.
pub(super) fn in_units(
    mut head: TrainedHead,
    artifact: &ModelArtifact,
    scale: Option<NumberScale>,
) -> TrainedHead {
    if let Some(scale) = scale {
        let layer = Head::output_layer(artifact.config.classifier.head);
        scale.layer_in_units(&mut head.parameters, layer);
    }
    head
}
