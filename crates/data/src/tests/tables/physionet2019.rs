//! PhysioNet 2019: labels and statics that rows repeat.

use std::path::Path;

use tempfile::TempDir;

use super::{folder_with, input};
use crate::config::*;
use crate::tests::{Built, refusal, synthetic};

const SEPSIS: [(&str, &str); 4] = [
    (
        "p000001.psv",
        "HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n80|NaN|50|1|NaN|NaN|-3|1|0\n90|37|50|1|NaN|NaN|-3|2|0\n",
    ),
    (
        "p000002.psv",
        "HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n100|NaN|60|0|1|0|-3|1|0\n110|38|60|0|1|0|-3|2|0\n120|39|60|0|1|0|-3|3|1\n130|39|60|0|1|0|-3|4|1\n",
    ),
    (
        "p000003.psv",
        "HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n70|36|70|0|1|0|-1|1|0\n",
    ),
    (
        "p000004.psv",
        "HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n75|36|71|0|1|0|-1|1|0\n",
    ),
];

fn sepsis(folder: &Path) -> DataConfig {
    DataConfig {
        source: Source::Physionet2019(Physionet2019Source {
            landmarks: None,
            negatives: Negatives::Whole,
            records: vec![input(folder, "set*")],
        }),
        split: SplitRule::File(input(folder, "splits.csv")),
        ..synthetic(1)
    }
}

fn sepsis_folder(change: impl Fn(&str, &str) -> String) -> TempDir {
    let files: Vec<(String, String)> = SEPSIS
        .iter()
        .map(|(name, text)| (format!("set/{name}"), change(name, text)))
        .collect();
    let mut files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    files.push((
        "splits.csv",
        b"id,split\np000001,train\np000002,train\np000003,valid\np000004,test\n",
    ));
    folder_with(&files)
}

#[test]
fn hours_from_the_first_positive_one_on_are_not_seen() {
    let folder = sepsis_folder(|_, text| text.to_string());
    let mut config = sepsis(folder.path());
    if let Source::Physionet2019(source) = &mut config.source {
        source.records = vec![input(folder.path(), "set")];
    }
    let built = Built::of(&config, 2).unwrap();
    let data = built.load();
    let stays: Vec<(&str, u32, usize)> = (data.stays.iter())
        .map(|stay| (stay.id.as_str(), stay.label.unwrap(), stay.sets.len()))
        .collect();
    // Minute 0 holds what is known at admission.
    assert_eq!(
        stays,
        [
            ("p000001", 0, 3),
            ("p000002", 1, 3),
            ("p000003", 0, 2),
            ("p000004", 0, 2)
        ]
    );
    assert_eq!(data.set_minute[..3], [0.0, 60.0, 120.0]);
    assert_eq!(built.report.counts["events_outside_window"], 4);
    assert_eq!(built.report.train.events, (3 + 3) + (5 + 3));
    assert!(
        !data
            .variables
            .iter()
            .any(|name| name == "SepsisLabel" || name == "ICULOS")
    );
}

#[test]
fn rows_that_contradict_each_other_are_refused() {
    let older = |name: &str, text: &str| match name {
        "p000002.psv" => text.replace("39|60|0|1|0|-3|4", "39|61|0|1|0|-3|4"),
        _ => text.to_string(),
    };
    let folder = sepsis_folder(older);
    let mut config = sepsis(folder.path());
    config.split = SplitRule::File(input(folder.path(), "splits.csv"));
    if let Source::Physionet2019(source) = &mut config.source {
        source.records = vec![input(folder.path(), "set/*.psv")];
    }
    let found = refusal(&config);
    assert!(
        found.contains("p000002.psv: line 5: `Age` of stay p000002 has several values"),
        "{found}"
    );
    let folder = sepsis_folder(|_, text| text.replace("|2|0\n", "|2|maybe\n"));
    if let Source::Physionet2019(source) = &mut config.source {
        source.records = vec![input(folder.path(), "set/*.psv")];
    }
    let found = refusal(&config);
    assert!(
        found
            .contains("p000001.psv: line 3: SepsisLabel `maybe` is neither 0 nor 1 (stay p000001)"),
        "{found}"
    );
}

#[test]
fn without_labels_their_column_is_no_variable_and_may_be_missing() {
    let whole = |folder: &TempDir| {
        let mut config = sepsis(folder.path());
        config.labels = Labels::None;
        if let Source::Physionet2019(source) = &mut config.source {
            source.records = vec![input(folder.path(), "set")];
        }
        Built::of(&config, 2).unwrap()
    };
    let with = whole(&sepsis_folder(|_, text| text.to_string()));
    let without = whole(&sepsis_folder(|_, text| {
        let lines = text.lines().filter_map(|line| line.rsplit_once('|'));
        lines.map(|(row, _)| format!("{row}\n")).collect()
    }));
    assert_eq!(with.digests(), without.digests());
    // Nothing is cut where nothing is said to be positive.
    assert_eq!(with.report.counts["events_outside_window"], 0);
    assert_eq!(with.report.train.events, (3 + 3) + (7 + 5));
}
