//! What a classifier says of stays: logits from features, and the validation split that thresholds are chosen on.

use std::collections::BTreeSet;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::asked::{Asked, named};
use crate::dataset_artifacts::load_dataset_as;
use crate::evaluate::ChosenOn;
use crate::evaluate::evaluation::Predictions;
use crate::feature_origin::FeatureOrigin;
use crate::features::compute;
use crate::kind::{Around, Lookup, StageKind, features_of};
use crate::model_artifact::ModelArtifact;
use crate::says::Says;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::feature_table::FeatureTable;
use pipeline_data::target::Target;
use pipeline_error::Error;
use pipeline_model::classifier::Head;
use pipeline_model::config::ModelMode;
use pipeline_model::host::to_device;
use pipeline_model::noise::Noise;
use pipeline_model::parameter::ParameterSource;
use pipeline_stage::StageContext;

/// The head of a model, and what it says.
pub struct Classifier {
    head: Head,
    /// What its outputs say.
    pub says: Says,
    /// The target that they say; none: the label.
    pub target: Option<Target>,
    /// Whether the label is taken for granted, because its file does not tell what they say.
    pub untold: bool,
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
            says: Says::of_model(artifact),
            target: artifact.target.clone(),
            untold: artifact.head_untold,
        })
    }

    /// Outputs of the stays `ids`, row-major [stays, outputs], of their features, row-major [stays, width]; each stay by
    /// itself, so that its last bits do not depend on those beside it.
    pub fn outputs(&self, ids: &[String], values: &[f32], width: usize) -> Result<Vec<f32>, Error> {
        let rows: Vec<Vec<f32>> = (ids.par_iter().zip(values.par_chunks_exact(width)))
            .map(|(id, features)| self.of_stay(id, features))
            .collect::<Result<_, Error>>()?;
        Ok(rows.concat())
    }

    /// Fails unless it says the target, or the label where it is none. Says so if a target is taken for granted.
    pub fn must_say(&self, asked: Option<&Target>) -> Result<Option<String>, Error> {
        let said = self.target.as_ref();
        if said == asked {
            return Ok(None);
        }
        let (said, asked) = match (said, asked) {
            (None, Some(asked)) if self.untold => return self.taken_to_say(asked).map(Some),
            (Some(said), Some(asked)) if said.name == asked.name => {
                (self.says.describe(), Says::of_target(asked).describe())
            }
            _ => (named(said), named(asked)),
        };
        let message = format!("the model's head says {said}, and {asked} is asked");
        Err(Error::stage(message))
    }

    /// That it is taken to say the target, of a head whose file does not tell. Fails unless its outputs can be: of what is
    /// no class, nobody knows how outputs are to be read.
    fn taken_to_say(&self, asked: &Target) -> Result<String, Error> {
        let (target, wanted) = (named(Some(asked)), Says::of_target(asked));
        if wanted == self.says {
            return Ok(format!(
                "the head is taken to say {target}: its file does not tell what it was trained on"
            ));
        }
        let of = |says: &Says| format!("{} (outputs: {})", says.describe(), says.outputs());
        Err(Error::stage(format!(
            "the head's file does not tell what it was trained on: it is taken to say {}, and {target} is {}",
            of(&self.says),
            of(&wanted)
        )))
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

    /// What it says of the stays of a split whose truth is known, and how many have no value of what is asked.
    pub fn of_split(
        &self,
        table: &FeatureTable,
        split: Split,
        asked: Asked,
    ) -> Result<(Predictions, usize), Error> {
        self.must_say(asked.target())?;
        let known = asked.of_features(table, split)?;
        let ids = table.ids(&known.rows);
        known.check_classes(&ids, self.says.outputs())?;
        let vectors = table.vectors(&known.rows);
        let predictions = Predictions {
            outputs: vec![self.outputs(&ids, &vectors, table.width)?],
            ids,
            truth: Some(known.truth),
            given: None,
            says: self.says.clone(),
            target: asked.target().cloned(),
        };
        Ok((predictions, known.without))
    }
}

/// The features that a stage reads as `role`: those of a node, or computed of the stays that `chosen` takes of the data.
pub fn features_as(
    role: &str,
    origin: &FeatureOrigin,
    artifact: &ModelArtifact,
    context: &StageContext,
    chosen: impl FnOnce(&Dataset) -> Vec<usize>,
) -> Result<Arc<FeatureTable>, Error> {
    match origin {
        FeatureOrigin::Node(_) => FeatureTable::read_shared(context.input(role, "features")?),
        FeatureOrigin::Data(_) => {
            let dataset = load_dataset_as(role, context)?;
            compute(artifact, &dataset, &chosen(&dataset), context).map(Arc::new)
        }
    }
}

/// Where the features of the stays come from that the head was trained on, if another stage than `data` says which
/// those are.
pub fn development_of(around: &dyn Around, model: &str, data: &str) -> Option<FeatureOrigin> {
    let trained_on = head_trained_on(around, model)?;
    (trained_on != data).then(|| features_of(around, model, &trained_on))
}

/// Where the features of the stays come from on whose validation split something is chosen; none where that is the split
/// of the data that the head was trained on and no stage of the recipe trained it, which a check of the recipe refuses.
pub fn validation_of(
    around: &dyn Around,
    model: &str,
    data: &str,
    chosen_on: ChosenOn,
) -> Option<FeatureOrigin> {
    let chosen_on = match chosen_on {
        ChosenOn::Data => data.to_string(),
        ChosenOn::Development => head_trained_on(around, model)?,
    };
    Some(features_of(around, model, &chosen_on))
}

/// The data stage that the head of the stage `model` was trained on; none where no stage of the recipe trained it.
fn head_trained_on(around: &dyn Around, model: &str) -> Option<String> {
    let head = head_of(&|name| around.stage(name), model)?;
    head.head_trained_on().map(str::to_string)
}

/// The stage that trained the head of the stage `model`; none where no stage of the recipe did. Stages may still name each
/// other in a ring.
pub fn head_of<'a>(stage: &Lookup<'a>, model: &str) -> Option<&'a dyn StageKind> {
    let mut behind = behind(stage, model);
    behind.find_map(|found| found.filter(|found| found.head_trained_on().is_some()))
}

/// Whether the head of the stage `model` was trained by no stage of the recipe, but came with an import. Of a stage that
/// could not be read, or that comes from one, nothing is known.
pub fn head_is_foreign(stage: &Lookup, model: &str) -> bool {
    let found: Option<Vec<&dyn StageKind>> = behind(stage, model).collect();
    let comes_whole = |stage: &&dyn StageKind| {
        let imported = stage.imported();
        imported.is_some_and(|how| how.into == ModelMode::Classifier && !how.has_new)
    };
    found.is_some_and(|found| {
        found.iter().any(comes_whole) && found.iter().all(|stage| stage.head_trained_on().is_none())
    })
}

/// The stage `model` and those that it comes from, nearest first; none for a name that no stage has. What data are made
/// like of has no part in a model.
fn behind<'a>(stage: &Lookup<'a>, model: &str) -> impl Iterator<Item = Option<&'a dyn StageKind>> {
    let (mut seen, mut ahead) = (BTreeSet::new(), vec![model.to_string()]);
    std::iter::from_fn(move || {
        let name = loop {
            let name = ahead.pop()?;
            if seen.insert(name.clone()) {
                break name;
            }
        };
        let found = stage(&name);
        let read = found.filter(|found| !found.splits_subjects());
        let references = read.map(StageKind::references).unwrap_or_default();
        ahead.extend(
            references
                .into_iter()
                .rev()
                .map(|reference| reference.stage),
        );
        Some(found)
    })
}
