//! The stage `evaluate`: scores a model on one split.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, StringArray, UInt32Array};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::data::load_dataset;
use super::evaluation::Evaluation;
use super::features::{FeatureOrigin, compute};
use super::json::{as_json, write_json};
use super::model_artifact::ModelArtifact;
use super::stage::{Stage, StageContext, StageInput, StageOutput};
use crate::data::dataset::Split;
use crate::data::feature_table::FeatureTable;
use crate::data::parquet_file::{self, Compression};
use crate::error::Error;
use crate::metrics;
use crate::model::classifier::Head;
use crate::model::config::ModelMode;
use crate::model::noise::Noise;
use crate::model::parameter::ParameterSource;
use crate::train::head::positive_scores;
use crate::train::to_device;

/// Scores a model.
pub struct EvaluateStage {
    /// The stage that holds the model.
    pub model: String,
    /// Where the features come from.
    pub features: FeatureOrigin,
    /// The split to score on.
    pub split: Split,
    /// Probability from which a stay is predicted positive.
    pub threshold: f64,
}

/// What a model says of the stays of a split.
struct Predictions {
    ids: Vec<String>,
    labels: Vec<u32>,
    probabilities: Vec<f64>,
    /// Row-major [stays, 2].
    logits: Vec<f32>,
}

impl EvaluateStage {
    fn features(
        &self,
        artifact: &ModelArtifact,
        context: &StageContext,
    ) -> Result<FeatureTable, Error> {
        match &self.features {
            FeatureOrigin::Node(_) => FeatureTable::read(context.input("features", "features")?),
            FeatureOrigin::Data(_) => {
                let dataset = load_dataset(context)?;
                compute(artifact, &dataset, &dataset.stays_of(self.split), context)
            }
        }
    }

    fn predict(
        &self,
        artifact: &ModelArtifact,
        table: &FeatureTable,
    ) -> Result<Predictions, Error> {
        let (labels, values) = table.of_split(self.split);
        if labels.is_empty() {
            return Err(Error::stage(format!(
                "the split {} has no stays",
                self.split.name()
            )));
        }
        let head = artifact
            .parameters
            .iter()
            .filter(|(name, _)| Head::owns(name))
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        let head = Head::new(
            &ParameterSource::given(&to_device(&head, &Device::Cpu)?),
            &artifact.config,
        )?;
        let features = Tensor::from_vec(values, (labels.len(), table.width), &Device::Cpu)?;
        let logits = head.forward(&features, [0.0; 3], &Noise::Off)?;
        Ok(Predictions {
            ids: (0..table.ids.len())
                .filter(|&row| table.splits[row] == self.split)
                .map(|row| table.ids[row].clone())
                .collect(),
            labels,
            probabilities: positive_scores(&logits)?,
            logits: logits.flatten_all()?.to_vec1()?,
        })
    }

    fn measure(&self, predictions: &Predictions) -> Result<Evaluation, Error> {
        if let Some(row) = predictions.labels.iter().position(|label| *label > 1) {
            return Err(Error::stage(format!(
                "stay {} has label {}, and evaluate knows the labels 0 and 1",
                predictions.ids[row], predictions.labels[row]
            )));
        }
        let labels: Vec<bool> = predictions.labels.iter().map(|label| *label == 1).collect();
        let scores = &predictions.probabilities;
        let positives = labels.iter().filter(|label| **label).count();
        let n = labels.len();
        Ok(Evaluation {
            accuracy: metrics::accuracy(&labels, scores, self.threshold)?,
            auroc: metrics::auroc(&labels, scores)?,
            average_precision: metrics::average_precision(&labels, scores)?,
            brier: metrics::brier(&labels, scores)?,
            log_loss: metrics::log_loss(&labels, scores)?,
            n,
            positives,
            prevalence: positives as f64 / n as f64,
            split: self.split,
            threshold: self.threshold,
        })
    }
}

impl Predictions {
    fn write(&self, path: &Path) -> Result<(), Error> {
        let logits = |class: usize| -> ArrayRef {
            let column = self.logits.iter().skip(class).step_by(2).copied();
            Arc::new(Float32Array::from_iter_values(column))
        };
        let probabilities = self.probabilities.clone();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("stay_id", Arc::new(StringArray::from(self.ids.clone()))),
            ("label", Arc::new(UInt32Array::from(self.labels.clone()))),
            ("probability", Arc::new(Float64Array::from(probabilities))),
            ("logit_0", logits(0)),
            ("logit_1", logits(1)),
        ];
        parquet_file::write(path, columns, Compression::UNCOMPRESSED)
    }
}

fn check_model(artifact: &ModelArtifact) -> Result<(), Error> {
    artifact.require_complete("be evaluated")?;
    if artifact.mode != ModelMode::Classifier {
        return Err(Error::stage(
            "a pretraining model has no classifier to evaluate",
        ));
    }
    let classes = artifact.config.classifier.num_classes;
    if classes != 2 {
        return Err(Error::stage(format!(
            "the model has {classes} classes, and evaluate scores two-class models only"
        )));
    }
    Ok(())
}

impl Stage for EvaluateStage {
    fn kind(&self) -> &'static str {
        "evaluate"
    }

    fn code_version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Value {
        json!({ "split": as_json(&self.split), "threshold": self.threshold })
    }

    fn inputs(&self) -> Vec<StageInput> {
        let model = StageInput::new("model", &self.model, &["weights"]);
        vec![model, self.features.input()]
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let artifact = ModelArtifact::read(context.input("model", "weights")?)?;
        check_model(&artifact)?;
        let predictions = self.predict(&artifact, &self.features(&artifact, context)?)?;
        let evaluation = self.measure(&predictions)?;
        predictions.write(&context.work.join("predictions.parquet"))?;
        write_json(&context.work.join("metrics.json"), &evaluation)?;
        Ok(StageOutput {
            artifacts: BTreeMap::from([
                ("metrics".into(), "metrics.json".into()),
                ("predictions".into(), "predictions.parquet".into()),
            ]),
            metrics: evaluation.metrics(),
        })
    }
}
