//! The derived stage `baseline`: a simple model, fitted and asked once for all models that stand beside it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::evaluation::BaselineScores;
use crate::asked::{Asked, TARGETS};
use crate::dataset_artifacts::{DATASET_ARTIFACTS, load_dataset, load_dataset_as};
use crate::json::as_json;
use crate::says::Says;
use pipeline_data::dataset::Split;
use pipeline_data::stay_columns::StayColumns;
use pipeline_data::subsample::Subsample;
use pipeline_data::target::Target;
use pipeline_error::Error;
use pipeline_stage::{Stage, StageContext, StageInput, StageOutput};
use pipeline_train::baseline::Baseline;

/// The role of the data that it is fitted to, where these are not those that are scored.
const DEVELOPMENT: &str = "development";
/// The role of the targets of those.
const DEVELOPMENT_TARGETS: &str = "development-targets";

/// Fits a simple model and scores a split with it.
pub struct BaselineStage {
    /// The model.
    pub baseline: Baseline,
    /// The data stage that is scored.
    pub data: String,
    /// The split that is scored.
    pub split: Split,
    /// The target that is scored; none: the label.
    pub target: Option<Target>,
    /// The data stage that the models learned from, where it is another: so does the baseline.
    pub development: Option<String>,
    /// The training stays that it is fitted to: those that the models learned from; none: all.
    pub subsample: Option<Subsample>,
}

impl Stage for BaselineStage {
    fn kind(&self) -> &'static str {
        "baseline"
    }

    fn code_version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Value {
        let mut fields = json!({ "baseline": self.baseline, "split": self.split });
        if let Some(subsample) = &self.subsample {
            fields["subsample"] = as_json(subsample);
        }
        if let Some(target) = &self.target {
            fields["target"] = as_json(target);
        }
        fields
    }

    fn inputs(&self) -> Vec<StageInput> {
        let data = StageInput::new("data", &self.data, DATASET_ARTIFACTS);
        let development = self.development.iter();
        let development =
            development.map(|stage| StageInput::new(DEVELOPMENT, stage, DATASET_ARTIFACTS));
        let mut inputs: Vec<StageInput> = std::iter::once(data).chain(development).collect();
        if self.target.is_some() {
            inputs.push(StageInput::new(TARGETS, &self.data, &[TARGETS]));
            let development = self.development.iter();
            inputs.extend(
                development.map(|stage| StageInput::new(DEVELOPMENT_TARGETS, stage, &[TARGETS])),
            );
        }
        inputs
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let data = load_dataset(context)?;
        let elsewhere = self.development.as_ref();
        let elsewhere = elsewhere
            .map(|_| load_dataset_as(DEVELOPMENT, context))
            .transpose()?;
        let development = elsewhere.as_ref().unwrap_or(&data);
        let target = self.target.as_ref();
        let targets = |role: &str| -> Result<Option<StayColumns>, Error> {
            let read = target.map(|_| StayColumns::read(context.input(role, TARGETS)?));
            read.transpose()
        };
        let of_data = targets(TARGETS)?;
        let of_elsewhere = match elsewhere {
            Some(_) => targets(DEVELOPMENT_TARGETS)?,
            None => None,
        };
        let of_development = of_elsewhere.as_ref().or(of_data.as_ref());
        let scores = BaselineScores::fit(
            (development, Asked::of(target, of_development)),
            self.subsample.as_ref(),
            (&data, Asked::of(target, of_data.as_ref())),
            self.split,
        )?;
        let says = target.map_or(Says::Classes(2), Says::of_target);
        scores.write(&context.work.join("baseline.parquet"), &says)?;
        let fit = as_json(&scores.fit);
        let metrics = fit.as_object().into_iter().flatten();
        Ok(StageOutput {
            artifacts: BTreeMap::from([("baseline".into(), "baseline.parquet".into())]),
            metrics: metrics
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        })
    }
}
