//! What a schema cannot say of a split rule.

use crate::kind::StageCheck;
use pipeline_data::config::{DataConfig, Source, SplitRule};

/// How far the shares of a split may be from a sum of 1.
const RATIO_TOLERANCE: f64 = 1e-9;

impl StageCheck<'_> {
    pub(super) fn split(&mut self, data: &DataConfig) {
        if self.states(&["without_split"]) && !data.split.may_miss_stays() {
            let problem = "is stated, and every stay has a split by this rule";
            let mistake = self
                .mistake(&["without_split"], problem, "without effect")
                .and(self.place(&["split"]), "the rule");
            self.mistakes.push(mistake.help("leave it out"));
        }
        match &data.split {
            SplitRule::Ratio(shares) | SplitRule::Independent(shares) => {
                let is_independent = matches!(data.split, SplitRule::Independent(_));
                let path = [
                    "split",
                    if is_independent {
                        "independent"
                    } else {
                        "ratio"
                    },
                ];
                let sum: f64 = shares.iter().sum();
                if shares.iter().any(|share| *share < 0.0) {
                    let mistake = self.mistake(&path, "has a negative share", "negative");
                    self.mistakes.push(mistake);
                } else if (sum - 1.0).abs() > RATIO_TOLERANCE {
                    let problem = format!("sums to {sum}, not to 1");
                    let mistake = self.mistake(&path, &problem, &format!("sums to {sum}"));
                    self.mistakes
                        .push(mistake.help("shares of train, validation and test"));
                }
            }
            SplitRule::Folders(_) if !matches!(data.source, Source::PatientParquet(_)) => {
                let mistake = self
                    .mistake(
                        &["split", "folders"],
                        "needs a source that has one folder a split",
                        "folders of splits",
                    )
                    .and(self.place(&["source", "format"]), "has none")
                    .help("only `patient-parquet` has them; use { file = … } or { ratio = […] }");
                self.mistakes.push(mistake);
            }
            SplitRule::Column(_) if !data.source.has_split_columns() => {
                let mistake = self
                    .mistake(
                        &["split", "column"],
                        "needs a source whose own table tells splits",
                        "a column of the source",
                    )
                    .and(
                        self.place(&["source", "format"]),
                        "tells none",
                    )
                    .help("`meds` does, and the table `stays` of `long` and `wide`; use { file = … } or { ratio = […] }");
                self.mistakes.push(mistake);
            }
            SplitRule::Folds(folds) if folds.fold >= folds.count => {
                let problem = format!(
                    "is {}, and the {} folds are counted from 0",
                    folds.fold, folds.count
                );
                let mistake = self.mistake(&["split", "folds", "fold"], &problem, "no such fold");
                self.mistakes
                    .push(mistake.help(format!("0 to {}", folds.count - 1)));
            }
            SplitRule::Folds(_) => {}
            SplitRule::All => self.whole_split(data),
            SplitRule::Column(_)
            | SplitRule::Folders(_)
            | SplitRule::File(_)
            | SplitRule::Lists(_) => {}
        }
    }

    /// Without a training split nothing can be learned from one.
    fn whole_split(&mut self, data: &DataConfig) {
        if data.has_statistics_of_its_own() {
            let problem = "leaves no training split to take statistics from";
            let mistake = self.mistake(&["split"], problem, "every stay is in the test split");
            self.mistakes.push(
                mistake.help("statistics = { path = … } takes those of other data: the variables of the data stage that the model was trained on"),
            );
        }
        if data.variables.min_stays > 0 {
            let problem = "counts stays of the training split, and there is none";
            let mistake = self
                .mistake(&["variables", "min_stays"], problem, "of no split")
                .and(self.place(&["split"]), "every stay is in the test split");
            self.mistakes
                .push(mistake.help("leave it out: the statistics say which variables there are"));
        }
    }
}
