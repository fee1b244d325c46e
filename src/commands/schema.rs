//! `pipeline schema`: the documents of pipeline, described for programs.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::records::bundle::BundleRecord;
use crate::records::inspection::InspectRecord;
use crate::records::submission::{CancelRecord, SubmitRecord, WatchRecord};
use crate::records::sweep_plan::SweepPlanRecord;
use crate::terminal::stdout;
use pipeline_checkpoint::Audit;
use pipeline_error::Error;
use pipeline_kinds::bundle::published_source_schema;
use pipeline_kinds::diagnose::diagnosis::Diagnosis;
use pipeline_kinds::evaluate::evaluation::{Evaluation, EvaluationCurves, TargetEvaluation};
use pipeline_kinds::published_schema;
use pipeline_report::comparison::Comparison;
use pipeline_runner::Lock;
use pipeline_runner::record::{PlanRecord, RunRecord};
use pipeline_runner::sweep::record::SweepRecord;

#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// The document
    #[arg(value_enum, default_value_t = Document::Recipe)]
    name: Document,
}

/// A document that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Document {
    /// A recipe, as written
    Recipe,
    /// A recipe's lock
    Lock,
    /// How jobs are submitted on a cluster, as written
    Cluster,
    /// The source of `pipeline predict`, as written
    Source,
    /// What `run --format json` prints
    Run,
    /// What `plan --format json` prints
    Plan,
    /// What `compare --format json` prints
    Compare,
    /// What `sweep --format json` prints
    Sweep,
    /// What `submit --format json` prints
    Submit,
    /// What `watch --format json` prints
    Watch,
    /// What `cancel --format json` prints
    Cancel,
    /// What `sweep plan --format json` prints
    SweepPlan,
    /// What `inspect --format json` prints
    Inspect,
    /// What `inspect --format json` prints of a bundle
    Bundle,
    /// The artifact `audit` of an import stage
    Audit,
    /// The artifact `metrics` of an evaluate stage
    Metrics,
    /// The artifact `metrics` of an evaluate stage whose target is a number, or several labels
    TargetMetrics,
    /// The artifact `curves` of an evaluate stage
    Curves,
    /// The artifact `diagnosis` of a diagnose stage
    Diagnosis,
}

impl Document {
    fn schema(self) -> Value {
        match self {
            Document::Recipe => published_schema(),
            Document::Lock => generate::<Lock>(),
            Document::Cluster => pipeline_cluster::published_schema(),
            Document::Source => published_source_schema(),
            Document::Run => output::<RunRecord>(),
            Document::Plan => output::<PlanRecord>(),
            Document::Compare => output::<Comparison>(),
            Document::Sweep => output::<SweepRecord>(),
            Document::Submit => output::<SubmitRecord>(),
            Document::Watch => output::<WatchRecord>(),
            Document::Cancel => output::<CancelRecord>(),
            Document::SweepPlan => output::<SweepPlanRecord>(),
            Document::Inspect => output::<InspectRecord>(),
            Document::Bundle => output::<BundleRecord>(),
            Document::Audit => output::<Audit>(),
            Document::Metrics => output::<Evaluation>(),
            Document::TargetMetrics => output::<TargetEvaluation>(),
            Document::Curves => output::<EvaluationCurves>(),
            Document::Diagnosis => output::<Diagnosis>(),
        }
    }
}

/// Prints the schema.
pub fn execute(arguments: &SchemaArguments) -> Result<ExitCode, Error> {
    stdout::print_json(&arguments.name.schema())?;
    Ok(ExitCode::SUCCESS)
}

/// The schema of what is read.
fn generate<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    Schema::into(generator.into_root_schema_for::<T>())
}

/// The schema of what is written: fields with a default are there all the same.
fn output<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    Schema::into(generator.into_root_schema_for::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schemas_are_those_the_types_generate() {
        for document in Document::value_variants() {
            let name = document.to_possible_value().unwrap();
            let name = format!("schemas/{}.schema.json", name.get_name());
            let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
            let generated = serde_json::to_string_pretty(&document.schema()).unwrap() + "\n";
            if std::env::var_os("UPDATE_SCHEMAS").is_some_and(|value| value == "1") {
                std::fs::write(&path, &generated).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                generated == committed,
                "{name} is not what the types generate; write it anew with\n\
                 UPDATE_SCHEMAS=1 cargo test --release --bin pipeline the_committed_schema"
            );
        }
    }
}
