//! Predicts the stays of a source with a bundle: the source is read once, and no more of it is in memory than some stays.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Device, Tensor};
use serde_json::Value;

use super::{Bundle, PredictionSource, explanation};
use crate::evaluate::evaluation::Predictions;
use crate::features::FeatureExtractor;
use crate::predict::{PredictionFormat, RowWriter, Rows};
use crate::says::Says;
use crate::scoring::Classifier;
use pipeline_data::dataset::Dataset;
use pipeline_data::stay_chunks::StayChunks;
use pipeline_data::stay_columns::StayColumns;
use pipeline_data::{self as data, Like};
use pipeline_error::Error;
use pipeline_stage::{Progress, Reporter};

/// Events of the stays that are in memory at a time.
const EVENTS_AT_A_TIME: u64 = 1 << 17;

/// What is predicted, and how.
pub struct Prediction<'a> {
    /// The models.
    pub bundle: &'a Bundle,
    /// The stays.
    pub source: &'a PredictionSource,
    /// How the predictions are written.
    pub format: PredictionFormat,
    /// How many variables are named for each prediction.
    pub explain: usize,
    /// A folder for what does not fit into memory.
    pub work: &'a Path,
    /// Set when the user asks to stop.
    pub interrupted: &'a AtomicBool,
    /// Where progress and notes go.
    pub reporter: &'a dyn Reporter,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct PredictionSummary {
    /// Stays that were predicted.
    pub stays: u64,
    /// What was read and left out, as the metrics of a data stage.
    pub source: BTreeMap<String, Value>,
}

impl Prediction<'_> {
    /// Writes a row a stay to `to`, sorted by id, in the current rayon pool; errors say that it is `path`.
    /// [`Error::Interrupted`] soon after `interrupted` is set.
    pub fn run(&self, to: impl Write + Send, path: &Path) -> Result<PredictionSummary, Error> {
        let like = Like::of_weights(self.bundle.contract.clone());
        let mut notes = |line: String| self.reporter.note(&line);
        let config = self.source.config();
        let seed = self.source.seed;
        let report = data::build_like(
            &config,
            &like,
            seed,
            self.work,
            self.interrupted,
            &mut notes,
        )?;
        let scorer = Scorer::of(self.bundle)?;
        if self.format == PredictionFormat::Meds && scorer.says != Says::Classes(2) {
            let what = format!(
                "the model says {}, and the schema of MEDS has two classes",
                scorer.says.describe()
            );
            return Err(Error::stage(what).with_hint("leave --layout meds out"));
        }
        if self.format == PredictionFormat::Meds {
            let note = self.bundle.calibration.left_out_of_meds();
            note.iter().for_each(|line| self.reporter.note(line));
        }
        let table = |name: &str| self.work.join(format!("{name}.parquet"));
        let (events, stays, variables) = (table("events"), table("stays"), table("variables"));
        let mut chunks = StayChunks::open(&events, &stays, &variables, EVENTS_AT_A_TIME)?;
        let names = StayColumns::read(&stays)?.names()?;
        let total = chunks.stays() as u64;
        let mut rest = Some(to);
        let mut writer = None;
        while let Some((range, dataset)) = chunks.next_chunk()? {
            let values = scorer.values(&dataset, self.interrupted)?;
            let done = range.end as u64;
            let stays = names.of_rows(&range.collect::<Vec<_>>());
            let calibration = &self.bundle.calibration;
            let mut rows = match self.format {
                PredictionFormat::Meds => Rows::in_meds_schema(stays, None, &values, calibration)?,
                PredictionFormat::Parquet | PredictionFormat::Csv => {
                    Rows::of(stays, &values, &scorer.says, calibration)
                }
            };
            if self.explain > 0 {
                let removals = explanation::removals(&scorer, &dataset, &values, self.interrupted)?;
                explanation::add_columns(&removals, &dataset, self.explain, &mut rows);
            }
            match (&mut writer, rest.take()) {
                (None, Some(to)) => writer = Some(RowWriter::begin(to, path, self.format, rows)?),
                (Some(writer), _) => writer.append(rows)?,
                (None, None) => {}
            }
            self.reporter.progress(Progress {
                done,
                total,
                unit: "stays",
                message: String::new(),
            });
        }
        writer.map_or(Ok(()), RowWriter::finish)?;
        Ok(PredictionSummary {
            stays: total,
            source: report.metrics(),
        })
    }
}

/// The models of a bundle, ready.
pub(super) struct Scorer {
    members: Vec<(FeatureExtractor, Classifier)>,
    pub(super) says: Says,
}

impl Scorer {
    fn of(bundle: &Bundle) -> Result<Self, Error> {
        let contract = &bundle.contract;
        let shape = (contract.variables.len(), contract.embedding_dim);
        let embeddings = Tensor::from_slice(&contract.embeddings, shape, &Device::Cpu)?;
        let member = |model| {
            let extractor = FeatureExtractor::new(model, embeddings.clone(), Device::Cpu)?;
            Ok((extractor, Classifier::of(model, "predict")?))
        };
        let members = bundle.models.iter().map(member);
        let members: Vec<_> = members.collect::<Result<_, Error>>()?;
        let first = members.first();
        let says = first.map_or(Says::default(), |(_, classifier)| classifier.says.clone());
        Ok(Self { members, says })
    }

    /// The mean of what the models say, row-major [stays, outputs].
    pub(super) fn values(
        &self,
        dataset: &Dataset,
        interrupted: &AtomicBool,
    ) -> Result<Vec<f64>, Error> {
        let go_on = || match interrupted.load(Ordering::Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        };
        let ids: Vec<String> = dataset.stays.iter().map(|stay| stay.id.clone()).collect();
        let stays: Vec<usize> = (0..ids.len()).collect();
        let of_member = |(extractor, classifier): &(FeatureExtractor, Classifier)| {
            let features = extractor.of_stays(dataset, &stays, &go_on)?;
            classifier.outputs(&ids, &features, extractor.width)
        };
        let outputs = self.members.iter().map(of_member);
        let predictions = Predictions {
            outputs: outputs.collect::<Result<_, Error>>()?,
            says: self.says.clone(),
            ..Predictions::default()
        };
        Ok(predictions.values())
    }
}
