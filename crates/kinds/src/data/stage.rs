//! The stage `data`: a source of clinical time series → events, stays, variables.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::inputs::Inputs;
use crate::json::as_json;
use crate::model_artifact::ModelArtifact;
use pipeline_data::config::embeddings::{MODEL_FIELD, ModelFiles};
use pipeline_data::config::{DataConfig, Embeddings, Source, SplitRule, TimeColumn};
use pipeline_data::{self as data, Like};
use pipeline_error::Error;
use pipeline_stage::{ExternalInput, RecipePlace, Stage, StageContext, StageInput, StageOutput};
use pipeline_store::ArtifactFile;

/// The field that names another data stage, and its role.
const LIKE: &str = "like";

/// Reads a source.
pub struct DataStage {
    /// What is read, and how.
    pub config: DataConfig,
    /// Whether `like` names a stage of weights.
    pub like_weights: bool,
    /// The stage's own seed, or the recipe's.
    pub seed: u64,
}

impl DataStage {
    fn draws_random_numbers(&self) -> bool {
        matches!(self.config.source, Source::Synthetic(_))
            || self.config.source.has_matched_negatives()
            || matches!(
                self.config.split,
                SplitRule::Ratio(_) | SplitRule::Independent(_) | SplitRule::Folds(_)
            )
            || matches!(self.config.embeddings, Some(Embeddings::Orthonormal(_)))
    }

    /// The stage that this one is like.
    fn like(&self, context: &StageContext) -> Result<Like, Error> {
        if !self.like_weights {
            return Like::read(
                context.input(LIKE, "variables")?,
                context.input(LIKE, "profile")?,
            );
        }
        match ModelArtifact::read(context.input(LIKE, "weights")?)?.inputs {
            Inputs::Known { contract, .. } => Ok(Like::of_weights(contract)),
            Inputs::Unknown => Err(Error::Audit {
                message: "nobody knows what the inputs of the weights mean that this stage is to be like".into(),
                hint: Some("state them in the import, with inputs = { data = \"STAGE\" }, or be like a data stage".into()),
            }),
        }
    }

    /// The settings, with the places of the artifacts they name.
    fn located(&self, context: &StageContext) -> Result<DataConfig, Error> {
        let mut config = self.config.clone();
        for (field, path) in config.paths() {
            if let Some(made) = path.artifact() {
                let place = context.input(&field, &made.artifact)?;
                path.locate(place);
            }
        }
        Ok(config)
    }
}

impl Stage for DataStage {
    fn kind(&self) -> &'static str {
        "data"
    }

    fn code_version(&self) -> u32 {
        // 5: categories are called as they are written (`0117`, `250.00`, `1.0`), those of F32 columns by their
        // shortest text; a stay whose id is spelled `0123` keeps that id. Large CSV files are cut between records,
        // hidden files and second forms of a table are not read, endings count in any case, and the profile names
        // the files that are not read.
        // Minutes are F64; windows are half-open; births of MEDS belong to minute 0; what the window or cleaning
        // leaves out is counted as that; rows without a parameter are skipped.
        // 6: the table of variables holds the settings that say what inputs mean.
        // 7: names of variables are trimmed in every format; numbers of cleaning rules meet values of 32 bits; what was
        // read of columns of one name, floats of 2⁵³ and tables of other stays is refused now.
        // 8: dates and durations of Parquet that name a category or a stay are called as in a table of stays; columns of
        // attributes with codes like `0117` are text, and `NA` is a word among texts; what begins with `_` or `~$` is not
        // read; ids among inputs, copies of files, classes from 1 and text behind quotes are refused now.
        // 9: names of files that are listed one by one are in the key where they say something, and all names of a file
        // in a folder; a gap is before the last event where there is no prediction.
        // 10: the table of variables says how stays were cut; of what a model does not know no value is read.
        // 11: INT96 times outside 1677–2262 do not wrap; `missing` meets numbers however they are written, and labels;
        // codes among attributes stay texts; targets by time are told as the source's times; compressed records of
        // PhysioNet 2012 are read. Tables joined by ids of another kind, and categories of one name, are refused now.
        // 12: embeddings of texts are the same on every CPU with AVX2 and FMA; time 0 of a dated wide table is the first event,
        // whatever a row's label says; times that cannot be counted, look-alikes of names, former versions of a table and
        // two tasks in one folder are refused now.
        12
    }

    fn fields(&self) -> Value {
        let mut config = self.config.clone();
        config.seed = None;
        // A name: what it stands for is an input.
        config.like = None;
        // As rules were called before `ratio` kept the classes' shares: what they draw is what it was.
        let drawn = match (config.shares_of_classes(), &config.split) {
            (Some(shares), _) => Some(json!({ "stratified": shares })),
            (None, SplitRule::Independent(shares)) => Some(json!({ "ratio": shares })),
            (None, _) => None,
        };
        let mut fields = as_json(&config);
        if let Some(drawn) = drawn {
            fields["split"] = drawn;
        }
        // How much is read at a time changes no result.
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("memory");
        }
        // Contents, not places: a path is an input, and a cohort that was moved is the same one.
        for (field, path) in self.config.clone().paths() {
            let pointer = format!("/{}", field.replace('.', "/"));
            if let Some(place) = fields.pointer_mut(&pointer) {
                *place = match path.artifact() {
                    Some(_) => Value::Null,
                    None => json!(self.config.said_by_path(&field, (*path).as_ref())),
                };
            }
        }
        fields
    }

    fn place_in_recipe(&self, field: &str) -> RecipePlace {
        let name = match (&self.config.split, field.strip_prefix("split.")) {
            (SplitRule::Ratio(_), Some("stratified")) => "split.ratio",
            (SplitRule::Independent(_), Some("ratio")) => "split.independent",
            _ => field,
        };
        RecipePlace::Stage(name.into())
    }

    fn seed(&self) -> Option<u64> {
        self.draws_random_numbers().then_some(self.seed)
    }

    fn inputs(&self) -> Vec<StageInput> {
        let mut config = self.config.clone();
        let paths = config.paths().into_iter();
        let made = paths.filter_map(|(field, path)| {
            let made = path.artifact()?;
            Some(StageInput::new(&field, &made.stage, &[&made.artifact]))
        });
        let like = self.config.like.iter();
        let artifacts: &[&str] = match self.like_weights {
            true => &["weights"],
            false => &["profile", "variables"],
        };
        let like = like.map(|stage| StageInput::new(LIKE, stage, artifacts));
        made.chain(like).collect()
    }

    fn external_inputs(&self) -> Vec<ExternalInput> {
        let mut config = self.config.clone();
        let paths = config.paths().into_iter();
        let external = paths.filter(|(_, path)| path.artifact().is_none());
        // What a zone's name means is in a file of the machine.
        let zone = self.config.source.time().and_then(TimeColumn::zone_file);
        let zone = zone.map(|path| ExternalInput {
            of_data: false,
            field: "source.time.zone".into(),
            path,
        });
        external
            .flat_map(|(field, path)| files_read(field, path.as_ref()))
            .chain(zone)
            .collect()
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let mut notes = |line: String| context.reporter.note(&line);
        let config = self.located(context)?;
        let (seed, work, interrupted) = (self.seed, context.work, context.interrupted);
        let report = match config.like {
            None => data::build(&config, seed, work, interrupted, &mut notes)?,
            Some(_) => {
                let like = self.like(context)?;
                data::build_like(&config, &like, seed, work, interrupted, &mut notes)?
            }
        };
        let mut artifacts: BTreeMap<String, ArtifactFile> = ["events", "stays", "variables"]
            .into_iter()
            .map(|name| (name.to_string(), format!("{name}.parquet").into()))
            .collect();
        artifacts.insert("profile".into(), "profile.json".into());
        if !self.config.targets.is_empty() {
            artifacts.insert("targets".into(), "targets.parquet".into());
        }
        Ok(StageOutput {
            artifacts,
            metrics: report.metrics(),
        })
    }
}

/// What of `path` is read. Of a sentence model's folder that is a few files: what else lies there
/// (weights for other programs, a README) is no reason to read the data again.
fn files_read(field: String, path: &Path) -> Vec<ExternalInput> {
    if field != MODEL_FIELD {
        let path = path.to_path_buf();
        let of_data = true;
        return vec![ExternalInput {
            field,
            path,
            of_data,
        }];
    }
    let files = ModelFiles::of(path).expected().into_iter();
    files
        .map(|(what, path)| ExternalInput {
            field: format!("{field}.{what}"),
            path,
            of_data: true,
        })
        .collect()
}
