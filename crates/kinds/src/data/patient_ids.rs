//! Tables that are joined by ids of stays, and name the column of patients.

use crate::kind::StageCheck;
use pipeline_data::config::DataConfig;

impl StageCheck<'_> {
    /// Ids of stays and of patients may be the same numbers: joined by the wrong ones, a stay has another's label.
    pub(super) fn patient_ids(&mut self, data: &DataConfig) {
        let label = data.source.label_table().map(|table| &table.id);
        let label = label.map(|id| {
            (
                vec!["source", "labels", "id"],
                id,
                "one row a stay is expected, or state the label as a target with `subject`",
            )
        });
        let targets = data.targets.iter();
        let targets = targets.filter_map(|(name, table)| {
            let path = vec!["targets", name.as_str(), "id"];
            Some((path, table.id.as_ref()?, "state it as `subject`"))
        });
        let attributes = data.attributes.as_ref();
        let attributes = attributes.and_then(|table| table.id.as_ref());
        let attributes =
            attributes.map(|id| (vec!["attributes", "id"], id, "state it as `subject`"));
        for (path, column, help) in label.into_iter().chain(targets).chain(attributes) {
            if !data.source.names_patients(column) {
                continue;
            }
            let is_named = data.source.patient_column() == Some(column);
            let (problem, more) = match is_named {
                true => (
                    "is the column of patients, and rows are joined by ids of stays",
                    "",
                ),
                false => (
                    "is called like a column of patients, and rows are joined by ids of stays",
                    "; `subject` in source.stays names the patients of stays",
                ),
            };
            let mistake = self.mistake(&path, problem, "ids of patients");
            self.mistakes.push(mistake.help(format!("{help}{more}")));
        }
    }
}
