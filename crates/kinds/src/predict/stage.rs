//! The stage `predict`: model + data → what the model thinks of every stay.

use serde_json::{Value, json};

use super::checks::{CHOOSE_ELSEWHERE, chosen_by_label};
use super::rows::Rows;
use super::{CALIBRATION, CALIBRATION_FILE, Calibration, PredictionFormat};
use crate::ensemble::Ensemble;
use crate::evaluate::evaluation::{Predictions, needs_validation, rules};
use crate::says::Says;
use crate::scoring::Classifier;
use pipeline_data::stay_columns::StayColumns;
use pipeline_error::Error;
use pipeline_metrics::{BinaryScores, Recalibration, RecalibrationMethod, ThresholdRule};
use pipeline_stage::{Stage, StageContext, StageInput, StageOutput};

/// Predicts.
pub struct PredictStage {
    /// The models, and what they look at.
    pub ensemble: Ensemble,
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
    /// What the models say of every stay, and of the validation split that something is chosen on.
    fn ask(&self, context: &StageContext) -> Result<(Predictions, Option<BinaryScores>), Error> {
        let (mut all, mut validation) = (Vec::new(), Vec::new());
        for model in self.ensemble.read(context, "predict") {
            let model = model?;
            model.check_inputs()?;
            let classifier = &model.classifier;
            self.chooses_by_no_label(classifier)?;
            let table = model.features(|dataset| (0..dataset.stays.len()).collect())?;
            all.push(Predictions {
                outputs: vec![classifier.outputs(&table.ids, &table.values, table.width)?],
                ids: table.ids.clone(),
                says: classifier.says.clone(),
                target: classifier.target.clone(),
                ..Predictions::default()
            });
            validation.extend(model.of_development()?);
        }
        let validation = Predictions::together(validation)?;
        let scores = validation.map(|predictions| {
            let probabilities = predictions.positive_probabilities();
            BinaryScores::new(predictions.is_positive(), probabilities)
        });
        let all = Predictions::together(all)?;
        Ok((all.unwrap_or_default(), scores.transpose()?))
    }

    /// Fails where the label would choose thresholds or corrections for a head that says a target. A check of the recipe knows
    /// no target of a head that comes from a file.
    fn chooses_by_no_label(&self, classifier: &Classifier) -> Result<(), Error> {
        let chooses = needs_validation(self.recalibrate, &self.operating_points);
        let Some(target) = classifier.target.as_ref().filter(|_| chooses) else {
            return Ok(());
        };
        let (field, problem) = chosen_by_label(self.recalibrate, target);
        let hint = match classifier.says {
            Says::Classes(2) => CHOOSE_ELSEWHERE,
            _ => "leave it out: it needs two classes",
        };
        Err(Error::stage(format!("{field} {problem}")).with_hint(hint))
    }
}

impl Stage for PredictStage {
    fn kind(&self) -> &'static str {
        "predict"
    }

    /// 2: every stay has a pass of its own, and thresholds and correction are an artifact. 3: the encoder's work is arranged as
    /// in version 5 of `pretrain`. 4: buckets of times are those of its version 7. 5: what a head of a target
    /// says has no label beside it and is corrected by none. 6: sums are in the order of version 8 of `pretrain`.
    fn code_version(&self) -> u32 {
        6
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
        self.ensemble.inputs(&["stays", "variables"])
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let (predictions, validation) = self.ask(context)?;
        let rules = match predictions.says {
            Says::Classes(2) => rules(self.threshold, &self.operating_points),
            _ => Vec::new(),
        };
        let calibration = Calibration::choose(self.recalibrate, &rules, validation.as_ref())?;
        let warning = (calibration.recalibration.as_ref()).and_then(Recalibration::warning);
        warning.iter().for_each(|line| context.reporter.note(line));
        let columns = StayColumns::read(context.input("data", "stays")?)?;
        let rows_of = columns.rows_of(&predictions.ids)?;
        let stays = columns.names()?.of_rows(&rows_of);
        let values = predictions.values();
        let rows = match self.format {
            PredictionFormat::Meds => {
                let labels = match predictions.target {
                    // The label is no truth of a target.
                    Some(_) => None,
                    None => columns.labels_if_any(&rows_of)?,
                };
                let labels = labels.map(|all| all.iter().map(|class| *class > 0).collect());
                let left_out = calibration.left_out_of_meds();
                left_out.iter().for_each(|line| context.reporter.note(line));
                Rows::in_meds_schema(stays, labels, &values, &calibration)?
            }
            PredictionFormat::Parquet | PredictionFormat::Csv => {
                Rows::of(stays, &values, &predictions.says, &calibration)
            }
        };
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
