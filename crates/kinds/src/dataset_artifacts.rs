use pipeline_data::dataset::Dataset;
use pipeline_error::Error;
use pipeline_stage::StageContext;

/// The artifacts that [`load_dataset`] needs under the role `data`.
pub const DATASET_ARTIFACTS: &[&str] = &["events", "stays", "variables"];

/// Loads the data artifacts that the stage declared under the role `data`.
pub fn load_dataset(context: &StageContext) -> Result<Dataset, Error> {
    load_dataset_as("data", context)
}

/// The same under another role.
pub fn load_dataset_as(role: &str, context: &StageContext) -> Result<Dataset, Error> {
    Dataset::load(
        context.input(role, "events")?,
        context.input(role, "stays")?,
        context.input(role, "variables")?,
    )
}
