//! The stage `diagnose`: looks for what is wrong with a model.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::diagnosis::{Diagnosis, Subject, Verdict};
use crate::dataset_artifacts::{DATASET_ARTIFACTS, load_dataset};
use crate::feature_origin::FeatureOrigin;
use crate::features::compute;
use crate::inputs::contract_of_data;
use crate::json::{as_json, write_json};
use crate::model_artifact::ModelArtifact;
use crate::training_context::TrainingContext;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::feature_table::FeatureTable;
use pipeline_error::Error;
use pipeline_model::config::ModelMode;
use pipeline_model::objective::Objective;
use pipeline_stage::{RecipePlace, Stage, StageContext, StageInput, StageOutput};

/// Looks at a model.
pub struct DiagnoseStage {
    /// The stage that holds the model.
    pub model: String,
    /// The data stage.
    pub data: String,
    /// Where the features come from.
    pub features: FeatureOrigin,
    /// The split to look at.
    pub split: Split,
    /// A pretrain stage, and what was asked of its model.
    pub pretrain: Option<(String, Objective)>,
    /// Seed of the controls.
    pub seed: u64,
}

impl DiagnoseStage {
    /// Features of the training split and of the split that is looked at.
    fn features(
        &self,
        artifact: &ModelArtifact,
        dataset: &Dataset,
        context: &StageContext,
    ) -> Result<FeatureTable, Error> {
        if let FeatureOrigin::Node(_) = &self.features {
            return FeatureTable::read(context.input("features", "features")?);
        }
        let mut stays = dataset.stays_of(Split::Train);
        if self.split != Split::Train {
            stays.extend(dataset.stays_of(self.split));
        }
        compute(artifact, dataset, &stays, context)
    }

    fn check(&self, artifact: &ModelArtifact, dataset: &Dataset) -> Result<(), Error> {
        artifact.require_complete("be diagnosed")?;
        if artifact.mode != ModelMode::Classifier {
            return Err(Error::stage(
                "a pretraining model has no classifier to diagnose",
            ));
        }
        if let Some(target) = &artifact.target {
            return Err(Error::stage(format!(
                "the model says the target `{}`, and a diagnosis compares with labels",
                target.name
            )));
        }
        for split in [Split::Train, self.split] {
            if dataset.stays_of(split).is_empty() {
                let message = format!("the split {} has no stays", split.name());
                return Err(Error::stage(message)
                    .with_hint("look at `split` in the data stage, and at the stays it dropped"));
            }
        }
        let classes = artifact.config.classifier.num_classes;
        for stay in &dataset.stays {
            let class = stay.class()?;
            if class as usize >= classes {
                return Err(Error::stage(format!(
                    "stay {} has label {class}, the model's classes are 0 to {}",
                    stay.id,
                    classes - 1
                ))
                .with_hint("diagnose the model on the data that it was trained for"));
            }
        }
        Ok(())
    }
}

/// Says what is not as it should be.
fn tell(diagnosis: &Diagnosis, context: &StageContext) {
    for finding in &diagnosis.findings {
        if finding.verdict != Verdict::Ok {
            let (verdict, name) = (finding.verdict.name(), &finding.name);
            context
                .reporter
                .note(&format!("{verdict}: {name}: {}", finding.what));
        }
    }
}

impl Stage for DiagnoseStage {
    fn kind(&self) -> &'static str {
        "diagnose"
    }

    fn code_version(&self) -> u32 {
        // 2: shuffled labels are a warning from three standard errors above chance on, no longer two.
        // 3: the data's inputs are compared with those of the weights.
        // 4: every stay has a pass of its own.
        // 5: the encoder's work is arranged as in version 5 of `pretrain`.
        // 6: buckets of times are those of version 7 of `pretrain`.
        // 7: sums are in the order of its version 8.
        7
    }

    fn fields(&self) -> Value {
        let objective = self
            .pretrain
            .as_ref()
            .map(|(_, objective)| as_json(objective));
        json!({ "split": self.split, "objective": objective })
    }

    fn place_in_recipe(&self, field: &str) -> RecipePlace {
        match &self.pretrain {
            Some((stage, _)) if field == "objective" => {
                RecipePlace::Top(format!("stages.{stage}.objective"))
            }
            _ => RecipePlace::Stage(field.into()),
        }
    }

    fn seed(&self) -> Option<u64> {
        Some(self.seed)
    }

    fn uses_device(&self) -> bool {
        true
    }

    fn inputs(&self) -> Vec<StageInput> {
        let mut inputs = vec![
            StageInput::new("model", &self.model, &["weights"]),
            StageInput::new("data", &self.data, DATASET_ARTIFACTS),
        ];
        if let FeatureOrigin::Node(_) = self.features {
            inputs.push(self.features.input());
        }
        if let Some((stage, _)) = &self.pretrain {
            inputs.push(StageInput::new("pretrain", stage, &["checkpoint"]));
        }
        inputs
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let artifact = ModelArtifact::read(context.input("model", "weights")?)?;
        let contract = contract_of_data(context)?;
        artifact.inputs.check_with(&contract, context)?;
        let dataset = load_dataset(context)?;
        self.check(&artifact, &dataset)?;
        let pretrained = match &self.pretrain {
            None => None,
            Some((_, objective)) => {
                let path = context.input("pretrain", "checkpoint")?;
                let pretrained = ModelArtifact::read(path)?;
                pretrained.inputs.check_with(&contract, context)?;
                Some((pretrained, *objective))
            }
        };
        let table = self.features(&artifact, &dataset, context)?;
        let subject = Subject {
            artifact: &artifact,
            dataset: &dataset,
            table: &table,
            split: self.split,
            stays: dataset.stays_of(self.split),
            seed: self.seed,
            device: context.tensor_device()?,
            context,
        };
        let model = context.input_digest("model", "weights")?.to_string();
        let pretrained = pretrained.as_ref();
        let pretrained = pretrained.map(|(artifact, objective)| (artifact, *objective));
        let diagnosis = Diagnosis::make(&subject, model, pretrained)?;
        tell(&diagnosis, context);
        write_json(&context.work.join("diagnosis.json"), &diagnosis)?;
        Ok(StageOutput {
            artifacts: BTreeMap::from([("diagnosis".into(), "diagnosis.json".into())]),
            metrics: diagnosis.metrics(),
        })
    }
}
