//! Stays without labels, and one whole split.

use arrow::array::{Array, Int64Array};

use super::{Built, refusal, synthetic};
use crate::config::*;
use crate::dataset::Split;
use crate::input_path::InputPath;
use crate::parquet_file;

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
