//! The hourly files of the PhysioNet/CinC Challenge 2019 (Reyna et al. 2020): `ID.psv`, one row an
//! hour of `ICULOS`, empty where nothing was measured (`NaN`), and `SepsisLabel`, which is 1 from
//! six hours before the onset of sepsis on.
//!
//! The task is that of the challenge's stays: will there be sepsis? What is measured from the first
//! positive hour on is not seen. Age, sex, units and the time of admission are events at minute 0.

use crate::config::{Labels, Physionet2019Source, StayPolicy, TimeColumn, TimeUnit, WideSource};

/// The column of the label.
const LABEL: &str = "SepsisLabel";

/// The column of a source without labels that is no variable all the same, if it is there.
pub(super) fn passed_over(labels: Labels) -> Option<&'static str> {
    (labels == Labels::None).then_some(LABEL)
}

/// The source as a table of hours.
pub(super) fn as_wide(source: &Physionet2019Source, labels: Labels) -> WideSource {
    let statics = ["Age", "Gender", "Unit1", "Unit2", "HospAdmTime"];
    WideSource {
        files: source.records.clone(),
        delimiter: None,
        id: None,
        time: TimeColumn {
            column: "ICULOS".into(),
            unit: TimeUnit::Hours,
            format: None,
            zone: None,
            negative: StayPolicy::Error,
        },
        ignore: Vec::new(),
        statics: statics.map(String::from).into(),
        stays: None,
        labels: None,
        row_label: (labels == Labels::Source).then(|| LABEL.into()),
        ids: None,
        missing: vec!["NaN".into()],
        landmarks: source.landmarks,
        negatives: source.negatives,
    }
}
