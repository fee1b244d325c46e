//! The one list of all kinds of stages that recipes can state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{ReportPart, StageKind};
use crate::resources;
use crate::results::{Outputs, StageResults};
use pipeline_data::config::DataConfig;
use pipeline_error::Error;

use crate::command::CommandTable;
use crate::diagnose::DiagnoseTable;
use crate::evaluate::EvaluateTable;
use crate::finetune::FinetuneTable;
use crate::freeze::FreezeTable;
use crate::import::ImportTable;
use crate::predict::PredictTable;
use crate::pretrain::PretrainTable;

macro_rules! stage_kinds {
    ($($(#[$doc:meta])* $variant:ident($table:ty),)+) => {
        /// One stage of a recipe.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        #[schemars(transform = resources::of_every_stage)]
        #[allow(clippy::large_enum_variant, reason = "a recipe has few stages")]
        pub enum StageConfig {
            $($(#[$doc])* $variant($table),)+
        }

        impl StageConfig {
            /// All kinds, as written in recipes.
            pub fn kinds() -> Vec<&'static str> {
                vec![$(<$table>::kind()),+]
            }

            /// The stage's kind, as written in recipes.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(StageConfig::$variant(_) => <$table>::kind(),)+
                }
            }

            /// What its kind knows of it.
            pub fn table(&self) -> &dyn StageKind {
                match self {
                    $(StageConfig::$variant(table) => table,)+
                }
            }
        }

        /// What people read of what a stage of this kind left.
        pub fn results(kind: &str, outputs: &Outputs) -> Result<StageResults, Error> {
            $(if kind == <$table>::kind() {
                return <$table>::results(outputs);
            })+
            Ok(StageResults::default())
        }

        /// What a report says of results of this kind.
        pub fn report(kind: &str, stage: &str, position: usize, results: &StageResults) -> ReportPart {
            $(if kind == <$table>::kind() {
                return <$table>::report(stage, position, results);
            })+
            Ok(None)
        }
    };
}

stage_kinds! {
    /// Reads clinical time series into `events`, `stays` and `variables`.
    Data(DataConfig),
    /// Trains the backbone by reconstruction.
    Pretrain(PretrainTable),
    /// Loads weights under a strict audit.
    Import(ImportTable),
    /// Separates trainable from frozen parameters.
    Freeze(FreezeTable),
    /// Trains what is not frozen on the labels.
    Finetune(FinetuneTable),
    /// Scores a model on a split.
    Evaluate(EvaluateTable),
    /// Looks for what is wrong with a model.
    Diagnose(DiagnoseTable),
    /// Runs a program with declared inputs and outputs.
    Command(CommandTable),
    /// Says what a model thinks of stays, labelled or not.
    Predict(PredictTable),
}
