//! The stage `predict`: model + data → what the model thinks of every stay.

use serde_json::{Value, json};

use super::rows::Rows;
use super::{CALIBRATION, CALIBRATION_FILE, Calibration, PredictionFormat};
use crate::evaluate::evaluation::{Predictions, rules};
use crate::feature_origin::FeatureOrigin;
use crate::model_artifact::ModelArtifact;
use crate::scoring::{Classifier, development_features, development_input, features_from};
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::stay_columns::StayColumns;
use pipeline_error::Error;
use pipeline_metrics::{BinaryScores, RecalibrationMethod, ThresholdRule};
use pipeline_stage::{Stage, StageContext, StageInput, StageOutput};

/// Predicts.
pub struct PredictStage {
    /// The stage that holds the model.
    pub model: String,
    /// The data stage.
    pub data: String,
    /// Where the features come from.
    pub features: FeatureOrigin,
    /// Where those come from on whose validation split something is chosen; none: nothing is.
    pub validation: Option<FeatureOrigin>,
    /// Probability from which a stay is predicted positive.
    pub threshold: f64,
    /// More thresholds.
    pub operating_points: Vec<ThresholdRule>,
    /// How probabilities are corrected.
    pub recalibrate: Option<RecalibrationMethod>,
    /// How predictions are written.
    pub format: PredictionFormat,
}

impl PredictStage {
    /// What the model says of the validation split that something is chosen on.
    fn validation(
        &self,
        classifier: &Classifier,
        artifact: &ModelArtifact,
        context: &StageContext,
    ) -> Result<Option<BinaryScores>, Error> {
        let Some(origin) = &self.validation else {
            return Ok(None);
        };
        let table = development_features(origin, artifact, context)?;
        let predictions = classifier.of_split(&table, Split::Validation)?;
        let probabilities = predictions.positive_probabilities();
        BinaryScores::new(predictions.is_positive(), probabilities).map(Some)
    }
}

impl Stage for PredictStage {
    fn kind(&self) -> &'static str {
        "predict"
    }

    /// 2: every stay has a pass of its own, and thresholds and correction are an artifact.
    fn code_version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Value {
        json!({
            "threshold": self.threshold,
            "operating_points": self.operating_points,
            "recalibrate": self.recalibrate,
            "format": self.format,
        })
    }

    fn inputs(&self) -> Vec<StageInput> {
        let model = StageInput::new("model", &self.model, &["weights"]);
        let mut inputs = vec![model, self.features.input()];
        if let FeatureOrigin::Node(_) = self.features {
            inputs.push(StageInput::new("data", &self.data, &["stays", "variables"]));
        }
        inputs.extend(self.validation.iter().map(development_input));
        inputs
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let artifact = ModelArtifact::read(context.input("model", "weights")?)?;
        let classifier = Classifier::of(&artifact, "predict")?;
        artifact.inputs.check(context)?;
        let all = |dataset: &Dataset| (0..dataset.stays.len()).collect();
        let table = features_from(&self.features, &artifact, context, all)?;
        let width = table.width;
        let predictions = Predictions {
            logits: classifier.logits(&table.ids, &table.values, width)?,
            ids: table.ids,
            labels: Vec::new(),
            classes: classifier.classes,
        };
        let validation = self.validation(&classifier, &artifact, context)?;
        let rules = match classifier.classes {
            2 => rules(self.threshold, &self.operating_points),
            _ => Vec::new(),
        };
        let calibration = Calibration::choose(self.recalibrate, &rules, validation.as_ref())?;
        let columns = StayColumns::read(context.input("data", "stays")?)?;
        let stays = columns
            .names()?
            .of_rows(&columns.rows_of(&predictions.ids)?);
        let probabilities = predictions.probabilities();
        let rows = Rows::of(stays, &probabilities, classifier.classes, &calibration);
        let file = self.format.file();
        rows.write(&context.work.join(file), self.format)?;
        calibration.write(&context.work.join(CALIBRATION_FILE))?;
        let mut metrics = calibration.metrics();
        metrics.insert("stays".into(), json!(predictions.ids.len()));
        let artifacts = [(CALIBRATION, CALIBRATION_FILE), ("predictions", file)];
        Ok(StageOutput {
            artifacts: artifacts
                .map(|(name, file)| (name.to_string(), file.into()))
                .into(),
            metrics,
        })
    }
}
