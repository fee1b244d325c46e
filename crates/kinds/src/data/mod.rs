//! Data stages: clinical time series as tables of events, stays and variables.

mod checks;
mod cohort_table;
mod patient_ids;
mod preparation;
mod section;
mod split_checks;
mod stage;

use std::collections::BTreeMap;

pub(crate) use checks::drop_taken_settings;
pub use cohort_table::{CohortGroup, CohortRow, CohortTable};

use crate::edges::{Reference, artifact, kind};
use crate::kind::{Around, ReportPart, ReportSection, StageCheck, StageKind};
use crate::results::{Outputs, StageResults};
use pipeline_data::config::{DataConfig, Labels, SplitRule, TargetTable};
use pipeline_error::Error;
use pipeline_stage::Node;

use stage::DataStage;

/// Stages whose inputs a data stage can make.
const LIKE: &[&str] = &["data", "import", "freeze", "finetune"];

impl StageKind for DataConfig {
    fn kind() -> &'static str {
        "data"
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }

    fn references(&self) -> Vec<Reference> {
        let mut stage = self.clone();
        let paths = stage.paths().into_iter();
        let made = paths.filter_map(|(field, path)| artifact(&field, path));
        let like = self.like.iter();
        made.chain(like.map(|stage| kind("like", stage, LIKE)))
            .collect()
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        let mut artifacts = vec![
            ("events", "events.parquet"),
            ("profile", "profile.json"),
            ("stays", "stays.parquet"),
            ("variables", "variables.parquet"),
        ];
        artifacts.extend((!self.targets.is_empty()).then_some(("targets", "targets.parquet")));
        artifacts
    }

    fn check(&self, check: &mut StageCheck) {
        check.data(self);
    }

    fn splits_subjects(&self) -> bool {
        true
    }

    fn is_without_labels(&self) -> bool {
        self.labels == Labels::None
    }

    fn targets(&self) -> Option<&BTreeMap<String, TargetTable>> {
        Some(&self.targets)
    }

    fn is_test_split_alone(&self) -> bool {
        self.split == SplitRule::All
    }

    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        let like = self.like.as_ref().and_then(|name| around.stage(name));
        let stage = DataStage {
            config: self.clone(),
            like_weights: like.is_some_and(|stage| !stage.splits_subjects()),
            seed: self.seed.unwrap_or_else(|| around.seed()),
        };
        vec![Node::of_stage(name, self.seed.is_some(), stage)]
    }

    fn results(outputs: &Outputs) -> Result<StageResults, Error> {
        Ok(StageResults {
            profile: outputs.json("profile")?,
            cohort: CohortTable::of_outputs(outputs)?,
            ..StageResults::default()
        })
    }

    fn report(stage: &str, _position: usize, results: &StageResults) -> ReportPart {
        let profile = results.profile.as_ref();
        Ok(profile.map(|profile| {
            let part = section::of_stage(stage, profile, results.cohort.as_ref());
            (ReportSection::Data, part)
        }))
    }
}
