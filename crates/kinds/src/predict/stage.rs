//! The stage `predict`: model + data → what the model thinks of every stay.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::PredictionFormat;
use super::rows::Rows;
use crate::evaluate::evaluation::{Predictions, rules};
use crate::feature_origin::FeatureOrigin;
use crate::json::as_json;
use crate::model_artifact::ModelArtifact;
use crate::scoring::{Classifier, development_features, development_input, features_from};
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::stay_columns::StayColumns;
use pipeline_error::Error;
use pipeline_metrics::{BinaryScores, Recalibration, RecalibrationMethod, ThresholdRule};
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

    /// The predicted class at every threshold, and the thresholds by the names of these columns.
    fn classes(
        &self,
        probabilities: &[f64],
        validation: Option<&BinaryScores>,
        rows: &mut Rows,
    ) -> Result<BTreeMap<String, Value>, Error> {
        let mut thresholds = BTreeMap::new();
        let rules = rules(self.threshold, &self.operating_points);
        for (number, rule) in rules.iter().enumerate() {
            let threshold = match (rule, validation) {
                (ThresholdRule::Fixed { threshold }, _) => *threshold,
                (rule, Some(validation)) => {
                    rule.choose(validation.ranking()).map_err(|reason| {
                        Error::stage(format!("no threshold keeps {}: {reason}", as_json(rule)))
                    })?
                }
                (_, None) => {
                    return Err(Error::stage(
                        "there is no validation split to choose a threshold on",
                    ));
                }
            };
            let name = match number {
                0 => "predicted".to_string(),
                number => format!("predicted_{number}"),
            };
            rows.flags(
                &name,
                probabilities.iter().map(|p| *p >= threshold).collect(),
            );
            thresholds.insert(format!("{name}.threshold"), json!(threshold));
        }
        Ok(thresholds)
    }
}

/// The probability of the positive class, or of each of more than two.
fn probabilities(predictions: &Predictions, rows: &mut Rows) -> Vec<f64> {
    let positive = predictions.positive_probabilities();
    if predictions.classes == 2 {
        rows.numbers("probability", positive.clone());
        return positive;
    }
    let all = predictions.probabilities();
    for class in 0..predictions.classes {
        let column = all.iter().skip(class).step_by(predictions.classes).copied();
        rows.numbers(&format!("probability_{class}"), column.collect());
    }
    positive
}

impl Stage for PredictStage {
    fn kind(&self) -> &'static str {
        "predict"
    }

    fn code_version(&self) -> u32 {
        1
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
            logits: classifier.logits(&table.ids, table.values, width)?,
            ids: table.ids,
            labels: Vec::new(),
            classes: classifier.classes,
        };
        let stays = StayColumns::read(context.input("data", "stays")?)?;
        let places = stays.rows_of(&predictions.ids)?;
        let subjects = stays.subjects()?;
        let mut rows = Rows::default();
        rows.text("stay_id", predictions.ids.clone());
        rows.text(
            "subject_id",
            places.iter().map(|&row| subjects[row].clone()).collect(),
        );
        if let Some(times) = stays.prediction_times()? {
            rows.times(
                "prediction_time",
                places.iter().map(|&row| times[row]).collect(),
            );
        }
        let positive = probabilities(&predictions, &mut rows);
        let validation = self.validation(&classifier, &artifact, context)?;
        if let (Some(method), Some(validation)) = (self.recalibrate, &validation) {
            let fit = Recalibration::of_validation(method, validation)?;
            let corrected = positive.iter().map(|probability| fit.apply(*probability));
            rows.numbers("recalibrated_probability", corrected.collect());
        }
        let mut metrics = BTreeMap::from([("stays".to_string(), json!(predictions.ids.len()))]);
        if classifier.classes == 2 {
            metrics.extend(self.classes(&positive, validation.as_ref(), &mut rows)?);
        }
        let file = self.format.file();
        rows.write(&context.work.join(file), self.format)?;
        Ok(StageOutput {
            artifacts: BTreeMap::from([("predictions".into(), file.into())]),
            metrics,
        })
    }
}
