//! Stays without labels, and one whole split.

use arrow::array::{Array, Int64Array};

use super::meds::{config as meds_config, dataset, labels};
use super::{Built, refusal, synthetic};
use crate::config::*;
use crate::dataset::Split;
use crate::input_path::InputPath;
use crate::parquet_file;
use crate::stay_columns::StayColumns;

fn unlabelled(stays: usize) -> DataConfig {
    DataConfig {
        labels: Labels::None,
        ..synthetic(stays)
    }
}

/// Whether the column of labels may hold nulls, and how many it holds.
fn nulls(built: &Built) -> (bool, usize) {
    let path = built.path("stays");
    let schema = parquet_file::open(&path).unwrap().schema().clone();
    let nullable = schema.field_with_name("label").unwrap().is_nullable();
    let batches = parquet_file::read(&path, &["label"]).unwrap();
    let labels: &Int64Array = parquet_file::nullable_column(&path, &batches[0], "label").unwrap();
    (nullable, labels.null_count())
}

#[test]
fn stays_without_labels_differ_in_the_label_alone() {
    // By classes the labelled ones would be divided otherwise.
    let split = SplitRule::Independent([0.7, 0.15, 0.15]);
    let built = |config: DataConfig| {
        let split = split.clone();
        Built::of(&DataConfig { split, ..config }, 2).unwrap()
    };
    let (with, without) = (built(synthetic(60)), built(unlabelled(60)));
    assert_eq!(nulls(&with), (false, 0));
    assert_eq!(nulls(&without), (true, 60));
    let ([events, _, variables], [others, _, their_variables]) =
        (with.digests(), without.digests());
    assert_eq!((events, variables), (others, their_variables));
    assert_eq!(without.report.train.positives, None);
    let metrics = without.report.metrics();
    assert!(metrics.keys().all(|name| !name.contains("positives")));
    let mut data = without.load();
    let error = data.stays[0].class().unwrap_err();
    assert!(
        error.to_string().contains("stay S000001 has no label"),
        "{error}"
    );
    for (stay, other) in data.stays.iter_mut().zip(with.load().stays) {
        assert_eq!(stay.label.take(), None);
        assert!(other.class().is_ok());
        assert_eq!(
            (&stay.id, stay.split, &stay.sets),
            (&other.id, other.split, &other.sets)
        );
    }
}

#[test]
fn a_test_split_may_be_empty_where_its_share_is_0_and_no_other_split() {
    let shares = |shares: [f64; 3], labels: Labels| DataConfig {
        labels,
        split: SplitRule::Ratio(shares),
        ..synthetic(60)
    };
    for labels in [Labels::Source, Labels::None] {
        let built = Built::of(&shares([0.6, 0.4, 0.0], labels), 1).unwrap();
        assert_eq!(built.report.test.stays, 0);
        assert_eq!(
            built.report.test.positives.is_some(),
            labels == Labels::Source
        );
        for (other, name) in [([0.0, 0.5, 0.5], "train"), ([0.5, 0.0, 0.5], "validation")] {
            let found = refusal(&shares(other, labels));
            assert!(
                found.contains(&format!("the {name} split is empty")),
                "{found}"
            );
        }
    }
}

#[test]
fn one_whole_split_is_scored_by_the_statistics_of_other_data() {
    let training = Built::of(&synthetic(200), 1).unwrap();
    let mut config = unlabelled(30);
    config.split = SplitRule::All;
    let found = refusal(&config);
    assert!(
        found.contains("no training split to take statistics from"),
        "{found}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statistics.csv");
    let rows: String = (training.load().variables.iter())
        .map(|name| format!("{name},1.0,2.0\n"))
        .collect();
    std::fs::write(&path, format!("variable,mean,std\n{rows}")).unwrap();
    config.statistics = Some(StatisticsFile {
        path: InputPath::file(path),
    });
    let built = Built::of(&config, 2).unwrap();
    let stays = [Split::Train, Split::Validation, Split::Test];
    let stays = stays.map(|split| built.load().stays_of(split).len());
    assert_eq!(stays, [0, 0, 30]);
}

#[test]
fn without_labels_every_patient_is_a_stay_of_all_his_events() {
    let folder = dataset();
    let labelled = Built::of(&meds_config(folder.path()), 1).unwrap();
    let mut config = meds_config(folder.path());
    config.labels = Labels::None;
    config.without_label = StayPolicy::Drop;
    if let Source::Meds(source) = &mut config.source {
        source.labels = None;
    }
    std::fs::remove_dir_all(folder.path().join("labels")).unwrap();
    let built = Built::of(&config, 2).unwrap();
    let data = built.load();
    let ids: Vec<&str> = data.stays.iter().map(|stay| stay.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "30"]);
    assert!(data.stays.iter().all(|stay| stay.label.is_none()));
    assert!(labelled.report.metrics()["source_rows"] == built.report.metrics()["source_rows"]);
    let lost = built.report.counts["events_outside_window"];
    assert!(lost < labelled.report.counts["events_outside_window"] || lost == 0);
}

#[test]
fn without_labels_times_of_prediction_make_the_stays_that_labels_make() {
    let folder = dataset();
    let root = folder.path();
    labels(&root.join("labels/death/1.parquet"), &[(99, 10, true)]);
    let labelled = meds_config(root);
    let Source::Meds(source) = labelled.source.clone() else {
        unreachable!("it is MEDS")
    };
    let asked = |times: InputPath| DataConfig {
        labels: Labels::None,
        source: Source::Meds(MedsSource {
            labels: None,
            label: "not_read".into(),
            prediction_times: Some(times),
            ..source.clone()
        }),
        ..labelled.clone()
    };
    let times = InputPath::file(root.join("labels/death"));
    let (with, without) = (
        Built::of(&labelled, 2).unwrap(),
        Built::of(&asked(times), 2).unwrap(),
    );
    let ([events, _, variables], [others, _, their_variables]) =
        (with.digests(), without.digests());
    assert_eq!((events, variables), (others, their_variables));
    let names = |built: &Built| {
        let stays = StayColumns::read(&built.path("stays")).unwrap();
        let names = stays.names().unwrap();
        (names.ids, names.subjects, names.times)
    };
    assert_eq!(names(&with), names(&without));
    let stays = StayColumns::read(&without.path("stays")).unwrap();
    assert_eq!(stays.labels_if_any(&[0]).unwrap(), None);
    let stays = StayColumns::read(&with.path("stays")).unwrap();
    assert!(stays.labels_if_any(&[0]).unwrap().is_some());

    // A patient without a time is no stay, and a time without a patient is counted.
    let few = [(1, 30, true), (30, -45, false), (98, 0, true)];
    labels(&root.join("times/0.parquet"), &few);
    let few = Built::of(&asked(InputPath::file(root.join("times"))), 2).unwrap();
    let ids = few.load().stays.into_iter().map(|stay| stay.id);
    assert_eq!(ids.collect::<Vec<_>>(), ["1", "30"]);
    assert_eq!(few.report.counts["unused_labels"], 1);
    assert_eq!(few.report.counts["rows_of_other_stays"], 5);
}
