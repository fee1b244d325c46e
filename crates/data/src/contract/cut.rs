//! How stays were cut before they became inputs. A model of stays that end somewhere gives whole stays other
//! probabilities, so whoever makes inputs for it from another source is told of a cut that this source lacks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{DataConfig, Labels, Negatives, Source, StaysTable};

/// The setting of a contract that lists them.
pub(crate) const CUT: &str = "cut";

/// A way to cut stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cut {
    /// A stay ends at its time of prediction.
    PredictionTimes,
    /// Every landmark is a stay of its own, which ends there.
    Landmarks,
    /// Stays end at their first positive row, and those without one at times that are drawn from these.
    Matched,
    /// Stays end at their first positive row.
    Onset,
    /// A value that the rows of a stay repeat stands once.
    Statics,
}

impl Cut {
    /// What the stays of a model are, by this cut.
    fn of_model(self) -> &'static str {
        match self {
            Self::PredictionTimes => "stays that end at their time of prediction",
            Self::Landmarks => {
                "landmarks: every one of them was a stay of its own, which ended at its time"
            }
            Self::Matched => {
                "stays that end at their first positive row, or at a time that was drawn (`negatives = \"matched\"`)"
            }
            Self::Onset => "stays that end at their first positive row",
            Self::Statics => {
                "stays in which a value that all rows repeat (age, sex) stands once, at minute 0"
            }
        }
    }
}

/// How the stays of a data stage are cut.
pub(crate) fn cuts_of(config: &DataConfig) -> Vec<Cut> {
    let (landmarks, negatives, has_row_label) = match &config.source {
        Source::Wide(source) => (
            source.landmarks,
            source.negatives,
            source.row_label.is_some(),
        ),
        Source::Physionet2019(source) => (source.landmarks, source.negatives, true),
        _ => (None, Negatives::Whole, false),
    };
    let by_label = (has_row_label && config.labels == Labels::Source).then_some(match negatives {
        _ if landmarks.is_some() => Cut::Landmarks,
        Negatives::Matched => Cut::Matched,
        Negatives::Whole => Cut::Onset,
    });
    let has_times = match &config.source {
        Source::Meds(source) => source.labels.is_some() || source.prediction_times.is_some(),
        source => stays_of(source).is_some_and(|stays| stays.prediction.is_some()),
    };
    let has_statics = match &config.source {
        Source::Wide(source) => !source.statics.is_empty(),
        Source::Physionet2019(_) => true,
        _ => false,
    };
    let times = has_times.then_some(Cut::PredictionTimes);
    let statics = has_statics.then_some(Cut::Statics);
    times.into_iter().chain(by_label).chain(statics).collect()
}

/// The cuts that the settings of a contract state; of contracts from before they were stated, none.
pub(crate) fn cuts_in(settings: &BTreeMap<String, String>) -> Vec<Cut> {
    let stated = settings.get(CUT);
    stated
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// What to tell of a source that makes inputs for a model of stays that were cut in these ways.
pub(crate) fn warnings(of_model: &[Cut], config: &DataConfig) -> Vec<String> {
    let own = cuts_of(config);
    let is_lacking = |cut: &&Cut| {
        let is_met = match cut {
            // Values of a table of stays stand once, too. Other formats have no rows that repeat one.
            Cut::Statics => match &config.source {
                Source::Wide(source) => source
                    .stays
                    .as_ref()
                    .is_some_and(|stays| !stays.variables.is_empty()),
                _ => true,
            },
            // Whoever states when stays end has been heard.
            _ => own.contains(&Cut::PredictionTimes),
        };
        !own.contains(cut) && !is_met
    };
    let lacking = of_model.iter().filter(is_lacking);
    let line = |cut: &Cut| {
        let (lack, other) = match cut {
            Cut::Statics => (
                "this source has no `statics`",
                "rows that repeat it get other probabilities",
            ),
            _ => (
                "this source does not say where its stays end",
                "whole stays get other probabilities",
            ),
        };
        format!(
            "warning: the model learned from {}, and {lack}: {other}. {}",
            cut.of_model(),
            remedy(*cut, config)
        )
    };
    lacking.map(line).collect()
}

/// What to do about a cut that a source lacks, in its own settings.
fn remedy(cut: Cut, config: &DataConfig) -> String {
    let labelled = config.labels == Labels::Source;
    let by_rows = labelled && matches!(config.source, Source::Wide(_) | Source::Physionet2019(_));
    match (cut, &config.source) {
        (Cut::Statics, _) => {
            "State `statics = [\"COLUMN\"]`, or `stays.variables` of a table of stays".into()
        }
        (Cut::Landmarks, _) if by_rows => {
            "State `landmarks` beside the labels of rows, as the model's data did".into()
        }
        (Cut::Matched, _) if by_rows => {
            "State `negatives = \"matched\"` beside the labels of rows".into()
        }
        (Cut::Landmarks, Source::Meds(_)) => {
            "State `prediction_times`, with a row for every landmark".into()
        }
        (_, Source::Meds(_)) => "State `prediction_times`".into(),
        (Cut::Landmarks, Source::Long(_) | Source::Wide(_)) => {
            "Every stay of the source gets one prediction: write a stay for every landmark, and state its end by \
             `stays.prediction` or write its rows up to there"
                .into()
        }
        (Cut::Landmarks, _) => {
            "Every stay of the source gets one prediction: write a stay for every landmark, with its rows up to there"
                .into()
        }
        (_, Source::Long(_) | Source::Wide(_)) => {
            "State `stays.prediction`, or cut the rows yourself".into()
        }
        _ => "Cut the rows yourself; if they are cut, nothing is amiss".into(),
    }
}

fn stays_of(source: &Source) -> Option<&StaysTable> {
    match source {
        Source::Long(source) => source.stays.as_ref(),
        Source::Wide(source) => source.stays.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(source: Value, labels: &str) -> DataConfig {
        let stage = json!({ "source": source, "labels": labels, "split": "all" });
        serde_json::from_value(stage).unwrap()
    }

    fn hours(more: Value) -> Value {
        let mut source = json!({ "format": "physionet-2019", "records": ["a"] });
        let all = source.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        source
    }

    fn rows(format: &str, more: Value) -> Value {
        let mut source = json!({
            "format": format, "files": ["a.csv"], "id": "id", "time": { "column": "t", "as": "hours" },
        });
        let all = source.as_object_mut().unwrap();
        if format == "long" {
            all.extend([
                ("variable".into(), "v".into()),
                ("value".into(), "x".into()),
            ]);
        }
        all.extend(more.as_object().unwrap().clone());
        source
    }

    fn times() -> Value {
        json!({ "stays": { "path": "s.csv", "id": "id", "prediction": "p" } })
    }

    #[test]
    fn a_source_says_how_its_stays_are_cut() {
        let landmarks = json!({ "landmarks": { "every_hours": 6.0, "horizon_hours": 6.0 } });
        let meds = |more: &str| json!({ "format": "meds", "path": "m", more: "m/labels/t" });
        for (source, labels, expected) in [
            (hours(json!({})), "source", vec![Cut::Onset, Cut::Statics]),
            (hours(json!({})), "none", vec![Cut::Statics]),
            (
                hours(landmarks),
                "source",
                vec![Cut::Landmarks, Cut::Statics],
            ),
            (
                hours(json!({ "negatives": "matched" })),
                "source",
                vec![Cut::Matched, Cut::Statics],
            ),
            (rows("wide", json!({})), "source", vec![]),
            (
                rows("wide", json!({ "row_label": "y" })),
                "source",
                vec![Cut::Onset],
            ),
            (
                rows("wide", json!({ "statics": ["age"] })),
                "none",
                vec![Cut::Statics],
            ),
            (rows("long", times()), "none", vec![Cut::PredictionTimes]),
            (rows("long", json!({})), "none", vec![]),
            (meds("labels"), "source", vec![Cut::PredictionTimes]),
            (meds("prediction_times"), "none", vec![Cut::PredictionTimes]),
            (
                json!({ "format": "synthetic", "stays": 20 }),
                "source",
                vec![],
            ),
        ] {
            assert_eq!(
                cuts_of(&config(source.clone(), labels)),
                expected,
                "{source}"
            );
        }
    }

    #[test]
    fn a_cut_that_the_source_lacks_is_told_once_with_what_to_do() {
        let told = |cut: Cut, source: Value| warnings(&[cut], &config(source, "none"));
        for cut in [
            Cut::PredictionTimes,
            Cut::Landmarks,
            Cut::Matched,
            Cut::Onset,
        ] {
            let whole = told(cut, rows("long", json!({})));
            assert_eq!(whole.len(), 1);
            assert!(whole[0].contains("`stays.prediction`"), "{whole:?}");
            assert!(told(cut, rows("long", times())).is_empty(), "{cut:?}");
            assert_eq!(told(cut, hours(json!({}))).len(), 1);
            let meds = told(cut, json!({ "format": "meds", "path": "m" }));
            assert!(meds[0].contains("`prediction_times`"), "{meds:?}");
        }
        let landmarks = told(Cut::Landmarks, hours(json!({})));
        assert!(
            landmarks[0].contains("a stay for every landmark"),
            "{landmarks:?}"
        );
        let repeated = told(Cut::Statics, rows("wide", json!({})));
        assert!(repeated[0].contains("`statics"), "{repeated:?}");
        assert!(told(Cut::Statics, rows("long", json!({}))).is_empty());
        assert!(told(Cut::Statics, rows("wide", json!({ "statics": ["age"] }))).is_empty());
        assert!(warnings(&[], &config(rows("long", json!({})), "none")).is_empty());
        let same = config(hours(json!({})), "source");
        assert!(warnings(&cuts_of(&same), &same).is_empty());
    }
}
