//! Models that are asked about the same stays. The mean of their probabilities is what is said of a stay.

use std::sync::Arc;

use crate::asked::Asked;
use crate::dataset_artifacts::DATASET_ARTIFACTS;
use crate::evaluate::evaluation::Predictions;
use crate::feature_origin::FeatureOrigin;
use crate::kind::{Around, features_of};
use crate::model_artifact::ModelArtifact;
use crate::models::Models;
use crate::scoring::{Classifier, features_as};
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::feature_table::FeatureTable;
use pipeline_error::Error;
use pipeline_stage::{StageContext, StageInput};

/// The role of a stage of weights.
const MODEL: &str = "model";
/// The role of the data stage that is looked at.
const DATA: &str = "data";
/// The role of its features, under the backbone of a model.
const FEATURES: &str = "features";
/// The role of the data stage that a head was trained on, or of its features.
const DEVELOPMENT: &str = "development";

/// One or more models, and where the features come from that they look at.
pub struct Ensemble {
    data: String,
    members: Vec<Member>,
}

struct Member {
    model: String,
    features: FeatureOrigin,
    /// Where the features come from whose validation split something is chosen on, if it is not that of the features
    /// above.
    development: Option<FeatureOrigin>,
}

impl Ensemble {
    /// `models` that look at the data stage `data`; `development` says, of each, where the features come from whose
    /// validation split something is chosen on.
    pub fn new(
        around: &dyn Around,
        models: &Models,
        data: &str,
        development: impl Fn(&str) -> Option<FeatureOrigin>,
    ) -> Self {
        let member = |model: &str| Member {
            model: model.into(),
            features: features_of(around, model, data),
            development: development(model),
        };
        Self {
            data: data.into(),
            members: models.names().map(member).collect(),
        }
    }

    /// The data stage that is looked at.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Models in it.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether something may be chosen on the validation split of the data that are looked at.
    pub fn chooses_on_its_data(&self) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.development.is_none())
    }

    /// What is read; `artifacts` are those of the data stage that are needed beside features.
    pub fn inputs(&self, artifacts: &[&str]) -> Vec<StageInput> {
        let mut inputs = Vec::new();
        let (mut data, mut development) = (artifacts, Vec::new());
        for (number, member) in self.members.iter().enumerate() {
            let role = |role| self.role(role, number);
            inputs.push(StageInput::new(&role(MODEL), &member.model, &["weights"]));
            match &member.features {
                FeatureOrigin::Node(node) => {
                    inputs.push(StageInput::new(&role(FEATURES), node, &["features"]));
                }
                FeatureOrigin::Data(_) => data = DATASET_ARTIFACTS,
            }
            development.extend(member.development.iter().map(|origin| match origin {
                FeatureOrigin::Node(node) => {
                    StageInput::new(&role(DEVELOPMENT), node, &["features"])
                }
                FeatureOrigin::Data(stage) => {
                    StageInput::new(&role(DEVELOPMENT), stage, DATASET_ARTIFACTS)
                }
            }));
        }
        inputs.push(StageInput::new(DATA, &self.data, data));
        inputs.extend(development);
        inputs
    }

    /// A role of one of the models: numbered, where there are several.
    fn role(&self, role: &str, number: usize) -> String {
        match self.members.len() {
            1 => role.into(),
            _ => format!("{role}.{number}"),
        }
    }

    /// The models, each read when its turn comes; `purpose` says what for (`be evaluated`).
    pub fn read<'a>(
        &'a self,
        context: &'a StageContext<'a>,
        purpose: &'a str,
    ) -> impl Iterator<Item = Result<ReadModel<'a>, Error>> {
        (0..self.members.len()).map(move |number| {
            let weights = context.input(&self.role(MODEL, number), "weights")?;
            let artifact = ModelArtifact::read(weights)?;
            Ok(ReadModel {
                classifier: Classifier::of(&artifact, purpose)?,
                artifact,
                ensemble: self,
                number,
                context,
            })
        })
    }
}

/// A model of an ensemble that has been read.
pub struct ReadModel<'a> {
    /// Its head.
    pub classifier: Classifier,
    artifact: ModelArtifact,
    ensemble: &'a Ensemble,
    number: usize,
    context: &'a StageContext<'a>,
}

impl ReadModel<'_> {
    /// Fails unless the data that are looked at mean what its inputs do; says what is known of differences.
    pub fn check_inputs(&self) -> Result<Vec<String>, Error> {
        self.artifact.inputs.check(self.context)
    }

    /// The features that it looks at: those of a node, or computed of the stays that `chosen` takes of the data.
    pub fn features(
        &self,
        chosen: impl FnOnce(&Dataset) -> Vec<usize>,
    ) -> Result<Arc<FeatureTable>, Error> {
        let origin = &self.member().features;
        let role = match origin {
            FeatureOrigin::Node(_) => self.ensemble.role(FEATURES, self.number),
            FeatureOrigin::Data(_) => DATA.into(),
        };
        features_as(&role, origin, &self.artifact, self.context, chosen)
    }

    /// What it says of the validation split of the data that its head was trained on; none where something is chosen
    /// on the data that are looked at, or nothing at all.
    pub fn of_development(&self) -> Result<Option<Predictions>, Error> {
        let Some(origin) = &self.member().development else {
            return Ok(None);
        };
        let role = self.ensemble.role(DEVELOPMENT, self.number);
        let table = features_as(&role, origin, &self.artifact, self.context, |dataset| {
            dataset.stays_of(Split::Validation)
        })?;
        let (predictions, _) =
            (self.classifier).of_split(&table, Split::Validation, Asked::Label)?;
        Ok(Some(predictions))
    }

    fn member(&self) -> &Member {
        &self.ensemble.members[self.number]
    }
}
