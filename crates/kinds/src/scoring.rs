//! What a classifier says of stays: logits from features, and the validation split that thresholds are chosen on.

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::dataset_artifacts::load_dataset_as;
use crate::evaluate::evaluation::Predictions;
use crate::feature_origin::FeatureOrigin;
use crate::features::compute;
use crate::kind::{Around, StageKind, features_of};
use crate::model_artifact::ModelArtifact;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::feature_table::FeatureTable;
use pipeline_error::Error;
use pipeline_model::classifier::Head;
use pipeline_model::config::ModelMode;
use pipeline_model::host::to_device;
use pipeline_model::noise::Noise;
use pipeline_model::parameter::ParameterSource;
use pipeline_stage::StageContext;

/// The head of a model, and how many classes it tells apart.
pub struct Classifier {
    head: Head,
    /// The number of classes.
    pub classes: usize,
}

impl Classifier {
    /// The head of a complete classifier; `purpose` says what for (`be evaluated`).
    pub fn of(artifact: &ModelArtifact, purpose: &str) -> Result<Self, Error> {
        artifact.require_complete(purpose)?;
        if artifact.mode != ModelMode::Classifier {
            return Err(Error::stage(format!(
                "a pretraining model has no classifier to {purpose}"
            )));
        }
        let own = artifact.parameters.iter();
        let own = own.filter(|(name, _)| Head::owns(name));
        let own = own.map(|(name, tensor)| (name.clone(), tensor.clone()));
        let parameters = to_device(&own.collect(), &Device::Cpu)?;
        Ok(Self {
            head: Head::new(&ParameterSource::given(&parameters), &artifact.config)?,
            classes: artifact.config.classifier.num_classes,
        })
    }

    /// Logits of the stays `ids`, row-major [stays, classes], of their features, row-major [stays, width]; each stay by
    /// itself, so that its last bits do not depend on those beside it.
    pub fn logits(&self, ids: &[String], values: &[f32], width: usize) -> Result<Vec<f32>, Error> {
        let rows: Vec<Vec<f32>> = (ids.par_iter().zip(values.par_chunks_exact(width)))
            .map(|(id, features)| self.of_stay(id, features))
            .collect::<Result<_, Error>>()?;
        Ok(rows.concat())
    }

    fn of_stay(&self, id: &str, features: &[f32]) -> Result<Vec<f32>, Error> {
        let features = Tensor::from_slice(features, (1, features.len()), &Device::Cpu)?;
        let logits = self.head.forward(&features, [0.0; 3], &Noise::Off)?;
        let logits: Vec<f32> = logits.flatten_all()?.to_vec1()?;
        match logits.iter().find(|logit| !logit.is_finite()) {
            None => Ok(logits),
            Some(logit) => Err(Error::stage(format!("stay {id}: a logit is {logit}"))),
        }
    }

    /// What it says of the labelled stays of a split.
    pub fn of_split(&self, table: &FeatureTable, split: Split) -> Result<Predictions, Error> {
        let (labels, classes) = (table.labels_of(split)?, self.classes);
        if labels.is_empty() {
            let message = format!("the split {} has no stays", split.name());
            return Err(Error::stage(message)
                .with_hint("look at `split` in the data stage, and at the stays it dropped"));
        }
        let ids = table.ids_of(split);
        if let Some(row) = labels.iter().position(|label| *label as usize >= classes) {
            return Err(Error::stage(format!(
                "stay {} has label {}, the model's classes are 0 to {}",
                ids[row],
                labels[row],
                classes - 1
            )));
        }
        Ok(Predictions {
            logits: vec![self.logits(&ids, &table.vectors_of(split), table.width)?],
            ids,
            labels,
            given: None,
            classes,
        })
    }
}

/// The features that a stage reads as `role`: those of a node, or computed of the stays that `chosen` takes of the data.
pub fn features_as(
    role: &str,
    origin: &FeatureOrigin,
    artifact: &ModelArtifact,
    context: &StageContext,
    chosen: impl FnOnce(&Dataset) -> Vec<usize>,
) -> Result<FeatureTable, Error> {
    match origin {
        FeatureOrigin::Node(_) => FeatureTable::read(context.input(role, "features")?),
        FeatureOrigin::Data(_) => {
            let dataset = load_dataset_as(role, context)?;
            compute(artifact, &dataset, &chosen(&dataset), context)
        }
    }
}

/// Where the features of the stays come from that the head was trained on, if another stage than `data` says which
/// those are.
pub fn development_of(around: &dyn Around, model: &str, data: &str) -> Option<FeatureOrigin> {
    let trained_on = head_trained_on(around, model)?;
    (trained_on != data).then(|| features_of(around, model, &trained_on))
}

/// Where the features of the stays come from on whose validation split something is chosen: those of the data that the
/// head was trained on; of weights that no stage of the recipe trained, of `data`.
pub fn validation_of(around: &dyn Around, model: &str, data: &str) -> FeatureOrigin {
    let trained_on = head_trained_on(around, model).unwrap_or_else(|| data.to_string());
    features_of(around, model, &trained_on)
}

/// The data stage that the head of the stage `model` was trained on; none where no stage of the recipe trained it.
fn head_trained_on(around: &dyn Around, model: &str) -> Option<String> {
    let head = head_of(&|name| around.stage(name), model)?;
    head.head_trained_on().map(str::to_string)
}

/// The stage that trained the head of the stage `model`; none where no stage of the recipe did. Stages may still name each
/// other in a ring.
pub fn head_of<'a>(
    stage: &dyn Fn(&str) -> Option<&'a dyn StageKind>,
    model: &str,
) -> Option<&'a dyn StageKind> {
    let (mut seen, mut ahead) = (BTreeSet::new(), vec![model.to_string()]);
    while let Some(name) = ahead.pop() {
        let Some(found) = stage(&name) else { continue };
        if found.head_trained_on().is_some() {
            return Some(found);
        }
        if seen.insert(name) {
            let references = found.references().into_iter().rev();
            ahead.extend(references.map(|reference| reference.stage));
        }
    }
    None
}
