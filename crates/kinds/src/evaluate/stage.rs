//! The stage `evaluate`: scores a model on one split.

use std::collections::BTreeMap;

use serde_json::Value;

use super::doubts::doubt;
use super::evaluation::{
    BaselineScores, EvaluationSettings, Measured, Measurement, MedsPredictions, Predictions,
};
use super::given::{GivenTable, PREDICTIONS_PATH, said_of, table_fields};
use crate::asked::{Asked, TARGETS};
use crate::ensemble::Ensemble;
use crate::json::{as_json, write_json};
use crate::overlap;
use crate::scoring::Classifier;
use pipeline_data::config::{PredictionTable, Task};
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::stay_columns::StayColumns;
use pipeline_data::target::Target;
use pipeline_error::Error;
use pipeline_metrics::Bootstrap;
use pipeline_stage::{ExternalInput, Stage, StageContext, StageInput, StageOutput};

/// What is said of thresholds and corrections that the scored data had no part in.
const CHOSEN_BEFORE: &str = "Thresholds and corrections were chosen on the validation split of the data that the head was \
     trained on.";

/// The role of the baseline's node, and its artifact.
const BASELINE: &str = "baseline";

/// Scores a model.
pub struct EvaluateStage {
    /// The models, and what they look at; none where a table is scored.
    pub ensemble: Ensemble,
    /// The table that is scored in place of models.
    pub table: Option<PredictionTable>,
    /// Other evaluate stages, each under its name.
    pub compare: BTreeMap<String, String>,
    /// The target that is scored; none: the label.
    pub target: Option<Target>,
    /// What is measured, and how.
    pub settings: EvaluationSettings,
    /// The node of the baseline, where one is asked for.
    pub baseline: Option<String>,
    /// Other data stages that the model comes from.
    pub behind: Vec<String>,
    /// Why subjects may be in both.
    pub allow_overlap: Option<String>,
    /// Seed of the resamples.
    pub seed: u64,
}

/// What the models say.
struct Said {
    /// Of the split that is scored.
    predictions: Predictions,
    /// Of the validation split, where something is chosen on it.
    validation: Option<Predictions>,
    /// What a reader has to know of it.
    caveats: Vec<String>,
    /// Stays of the split that have no value of the target.
    without_value: usize,
}

impl EvaluateStage {
    fn ask(
        &self,
        context: &StageContext,
        stays: &StayColumns,
        targets: Option<&StayColumns>,
    ) -> Result<Said, Error> {
        let asked = Asked::of(self.target.as_ref(), targets);
        match &self.table {
            Some(table) => {
                let given = GivenTable::read(table, self.target.as_ref(), context, stays)?;
                if self.settings.split != Split::Train {
                    given.refuse_training()?;
                }
                let validation = self.settings.needs_validation();
                let validation = validation.then(|| given.of_split(Split::Validation, asked));
                let (predictions, without_value) = given.of_split(self.settings.split, asked)?;
                Ok(Said {
                    predictions,
                    validation: validation.transpose()?.map(|(predictions, _)| predictions),
                    caveats: Vec::new(),
                    without_value,
                })
            }
            None => self.ask_models(context, asked),
        }
    }

    fn ask_models(&self, context: &StageContext, asked: Asked) -> Result<Said, Error> {
        let split = self.settings.split;
        let mut without_value = 0;
        let (mut scored, mut validation, mut caveats) = (Vec::new(), Vec::new(), Vec::new());
        for model in self.ensemble.read(context, "be evaluated") {
            let model = model?;
            let mut known = model.check_inputs()?;
            let told = model.classifier.must_say(self.target.as_ref());
            let taken = told.map_err(|e| e.with_hint(self.to_be_asked(&model.classifier)))?;
            known.extend(taken.inspect(|line| context.reporter.note(line)));
            for caveat in known {
                if !caveats.contains(&caveat) {
                    caveats.push(caveat);
                }
            }
            let table = model.features(|dataset| self.stays(dataset))?;
            let (predictions, without) = model.classifier.of_split(&table, split, asked)?;
            without_value = without;
            scored.push(predictions);
            match model.of_development()? {
                Some(predictions) => {
                    validation.push(predictions);
                    if !caveats.iter().any(|caveat| caveat == CHOSEN_BEFORE) {
                        caveats.push(CHOSEN_BEFORE.into());
                    }
                }
                None if self.settings.needs_validation() => {
                    let (predictions, _) =
                        model
                            .classifier
                            .of_split(&table, Split::Validation, asked)?;
                    validation.push(predictions);
                }
                None => {}
            }
        }
        Ok(Said {
            predictions: Predictions::together(scored)?.unwrap_or_default(),
            validation: Predictions::together(validation)?,
            caveats,
            without_value,
        })
    }

    /// How to score a head that says another thing than is asked.
    fn to_be_asked(&self, head: &Classifier) -> String {
        match (&head.target, &self.target) {
            (Some(said), Some(asked)) if said.name == asked.name => {
                "the target of the data stage needs the classes or columns that the head learned, in their order".into()
            }
            (Some(said), _) => format!(
                "target = \"{}\" scores what the head learned; heads of several targets need a stage each",
                said.name
            ),
            (None, _) if head.untold => format!(
                "leave `target` out, which scores the label, or state a classification of {} classes",
                head.says.outputs()
            ),
            (None, _) => {
                "leave `target` out, which scores the label; `labels` of the data stage says which column that is".into()
            }
        }
    }

    /// The split that is scored and, where something is chosen on it, validation.
    fn stays(&self, dataset: &Dataset) -> Vec<usize> {
        let mut stays = dataset.stays_of(self.settings.split);
        if self.chooses_on_its_own() && self.settings.split != Split::Validation {
            stays.extend(dataset.stays_of(Split::Validation));
        }
        stays
    }

    /// Whether something is chosen on the validation split of the data that are scored.
    fn chooses_on_its_own(&self) -> bool {
        let on_its_data = self.table.is_some() || self.ensemble.chooses_on_its_data();
        self.settings.needs_validation() && on_its_data
    }

    /// Says what makes numbers look better than they are.
    fn warn(&self, context: &StageContext) {
        let note = |line: &str| context.reporter.note(line);
        match self.settings.split {
            Split::Train => note(
                "the model was fitted to the split that is scored: these numbers say how well, not how good it is",
            ),
            Split::Validation if self.chooses_on_its_own() => {
                note("thresholds and corrections were chosen on the split that is scored");
            }
            Split::Validation | Split::Test => {}
        }
    }

    /// What the models of other stages say of the same stays.
    fn others(
        &self,
        context: &StageContext,
        predictions: &Predictions,
    ) -> Result<Vec<(String, Vec<f64>)>, Error> {
        let others = self.compare.keys().enumerate().map(|(number, with)| {
            let path = context.input(&compare_role(number), "predictions")?;
            let said = said_of(path, predictions).map_err(|what| {
                Error::stage(format!("compare.{with}: {what}"))
                    .with_hint("both stages have to score the same split of the same data")
            })?;
            Ok((with.clone(), said))
        });
        others.collect()
    }

    fn measure(
        &self,
        said: &Said,
        stays: &StayColumns,
        rows: &[usize],
        context: &StageContext,
    ) -> Result<Measured, Error> {
        let predictions = &said.predictions;
        let baseline = self.baseline.as_ref();
        let baseline = baseline.map(|_| {
            let path = context.input(BASELINE, BASELINE)?;
            BaselineScores::read(path, &predictions.ids, &predictions.says)
        });
        let subjects = stays.subjects()?;
        let subjects: Vec<&str> = rows.iter().map(|row| subjects[*row].as_str()).collect();
        Measurement {
            settings: &self.settings,
            predictions,
            validation: said.validation.as_ref(),
            target: self.target.as_ref(),
            without_value: said.without_value,
            models: self.ensemble.len().max(1),
            caveats: said.caveats.clone(),
            baseline: baseline.transpose()?,
            others: self.others(context, predictions)?,
            stays,
            rows,
            bootstrap: Bootstrap::new(self.settings.bootstrap, self.seed, &subjects),
        }
        .run()
    }
}

/// The role of another evaluate stage.
fn compare_role(number: usize) -> String {
    format!("compare.{number}")
}

impl Stage for EvaluateStage {
    fn kind(&self) -> &'static str {
        "evaluate"
    }

    /// 4: the data's inputs are compared with those of the weights. 5: every stay has a pass of its own.
    /// 6: probabilities of `meds_predictions` are doubles, in a file that older releases of Polars read.
    /// 7: the encoder's work is arranged as in version 5 of `pretrain`; sums of calibration fits run in four lanes.
    /// 8, of numbers: means are those of the distances from the first stay, so that constants have no calibration and no R².
    /// 8, of subgroups: the text `missing` is no missing value.
    /// 9, of subgroups and numbers 10: one subject has no intervals, caveats tell of undefined resamples, calibration is
    /// found where Newton's method stopped, and of equal Youden indices the highest threshold is taken.
    /// 10, of subgroups and numbers 11: buckets of times are those of version 7 of `pretrain`.
    /// 11, of subgroups and numbers 12: a head from a file is scored by nothing but its target, and a caveat tells of a
    /// correction that reverses the ranking.
    /// 12, of subgroups and numbers 13: sums are in the order of version 8 of `pretrain`.
    fn code_version(&self) -> u32 {
        let numbers = (self.target.as_ref()).is_some_and(|target| target.task == Task::Regression);
        match numbers || !self.settings.subgroups.is_empty() {
            true => 13,
            false => 12,
        }
    }

    fn fields(&self) -> Value {
        let mut fields = as_json(&self.settings);
        if let Some(table) = &self.table {
            fields["predictions"] = table_fields(table);
        }
        if let Some(target) = &self.target {
            fields["target"] = as_json(target);
        }
        if !self.compare.is_empty() {
            fields["compare"] = self.compare.keys().cloned().collect();
        }
        // Left out where there is none, so that results from before it was asked keep their keys.
        if let Some(reason) = &self.allow_overlap {
            fields["allow_overlap"] = reason.as_str().into();
        }
        fields
    }

    fn seed(&self) -> Option<u64> {
        (self.settings.bootstrap.resamples > 0).then_some(self.seed)
    }

    fn inputs(&self) -> Vec<StageInput> {
        let mut inputs = self.ensemble.inputs(&["stays", "variables"]);
        let baseline = self.baseline.iter();
        inputs.extend(baseline.map(|node| StageInput::new(BASELINE, node, &[BASELINE])));
        let data = self.ensemble.data();
        let target = self.target.iter();
        inputs.extend(target.map(|_| StageInput::new(TARGETS, data, &[TARGETS])));
        let made = self.table.as_ref().and_then(|table| table.path.artifact());
        inputs.extend(
            made.map(|made| StageInput::new(PREDICTIONS_PATH, &made.stage, &[&made.artifact])),
        );
        let compared = self.compare.values().enumerate();
        inputs.extend(compared.map(|(number, stage)| {
            StageInput::new(&compare_role(number), stage, &["predictions"])
        }));
        let behind = self.behind.iter().enumerate();
        inputs.extend(
            behind
                .map(|(number, stage)| StageInput::new(&overlap::role(number), stage, &["stays"])),
        );
        inputs
    }

    fn external_inputs(&self) -> Vec<ExternalInput> {
        let outside = self
            .table
            .iter()
            .filter(|table| table.path.artifact().is_none());
        let input = |table: &PredictionTable| ExternalInput {
            field: PREDICTIONS_PATH.into(),
            path: table.path.as_ref().to_path_buf(),
            of_data: false,
        };
        outside.map(input).collect()
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        self.warn(context);
        let stays = StayColumns::read(context.input("data", "stays")?)?;
        let target = self.target.as_ref();
        let targets = target.map(|_| StayColumns::read(context.input(TARGETS, TARGETS)?));
        let targets = targets.transpose()?;
        let mut said = self.ask(context, &stays, targets.as_ref())?;
        let rows = stays.rows_of(&said.predictions.ids)?;
        let reason = self.allow_overlap.as_deref();
        if let Some(line) = overlap::check(context, &self.behind, &stays, &rows, reason)? {
            context.reporter.note(&line);
            said.caveats.push(line);
        }
        let mut measured = self.measure(&said, &stays, &rows, context)?;
        let inversion = measured.report.inversion();
        let of_measuring = measured.report.caveats()[said.caveats.len()..].to_vec();
        let doubts = doubt(&mut measured.report);
        for line in of_measuring.into_iter().chain(inversion).chain(doubts) {
            context.reporter.note(&line);
        }
        let file = |name: &str| context.work.join(name);
        let Said { predictions, .. } = &said;
        predictions.write(&file("predictions.parquet"), measured.columns)?;
        let meds = MedsPredictions::of(&stays, &predictions.ids, &rows)?;
        if meds.numbered {
            context.reporter.note(
                "some subject is called by no whole number: meds_predictions numbers them all",
            );
        }
        meds.write(
            &file("meds_predictions.parquet"),
            predictions,
            self.settings.threshold,
        )?;
        measured.report.write(&file("metrics.json"))?;
        write_json(&file("curves.json"), &measured.curves)?;
        Ok(StageOutput {
            artifacts: [
                ("curves", "curves.json"),
                ("meds_predictions", "meds_predictions.parquet"),
                ("metrics", "metrics.json"),
                ("predictions", "predictions.parquet"),
            ]
            .map(|(name, file)| (name.to_string(), file.into()))
            .into(),
            metrics: measured.report.metrics(),
        })
    }
}
