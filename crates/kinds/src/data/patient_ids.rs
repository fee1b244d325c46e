//! Tables that are joined by ids of stays, and name the column of patients.

use crate::kind::StageCheck;
use pipeline_data::config::DataConfig;

impl StageCheck<'_> {
    /// Ids of stays and of patients may be the same numbers: joined by the wrong ones, a stay has another's label. Other
    /// columns of patients are found when the tables are read.
    pub(super) fn patient_ids(&mut self, data: &DataConfig) {
        let Some(patients) = data.source.patient_column() else {
            return;
        };
        if data.source.stay_columns().contains(&patients) {
            return;
        }
        let label = data.source.label_table().map(|table| &table.id);
        let label = label.map(|id| {
            (
                vec!["source", "labels", "id"],
                id,
                "one row a stay is expected, or state the label as a target with `subject` and `time`",
            )
        });
        let targets = data.targets.iter();
        let targets = targets.filter_map(|(name, table)| {
            let path = vec!["targets", name.as_str(), "id"];
            let help = "state `subject` and `time` in place of it";
            Some((path, table.id.as_ref()?, help))
        });
        let attributes = data.attributes.as_ref();
        let attributes = attributes.and_then(|table| table.id.as_ref());
        let attributes =
            attributes.map(|id| (vec!["attributes", "id"], id, "state it as `subject`"));
        for (path, column, help) in label.into_iter().chain(targets).chain(attributes) {
            if column != patients {
                continue;
            }
            let problem = "is the column of patients, and rows are joined by ids of stays";
            let mistake = self.mistake(&path, problem, "ids of patients");
            self.mistakes.push(mistake.help(help));
        }
    }
}
