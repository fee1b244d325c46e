//! Any table: what is read is what was written, and no order of rows, files or shards matters.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use proptest::prelude::*;

use super::{Built, plain_long, synthetic};
use crate::config::*;
use crate::input_path::InputPath;
use crate::parquet_file::{Compression, write_nullable};

/// Stay, minute, variable, value.
type Row = (u32, u16, usize, i16);

const VARIABLES: [&str; 4] = ["HR", "pH, arterial", "say \"ah\"\nplease", "Temp"];
/// Every stay has this row, so that none is empty, and each split has a stay.
const SPLITS: [&str; 5] = ["train", "train", "validation", "test", "train"];

fn rows() -> impl Strategy<Value = Vec<(Row, usize)>> {
    let row = (0..5_u32, 0..50_u16, 0..4_usize, -300..300_i16);
    // The last number says which file the row is in.
    prop::collection::vec((row, 0..3_usize), 0..120)
}

/// The rows of a case with one for each stay and variable, so that all is in training.
fn whole(rows: &[(Row, usize)]) -> Vec<(Row, usize)> {
    let sure = (0..5)
        .flat_map(|stay| (0..4).map(move |variable| ((stay, 3, variable, stay as i16 * 7), 0)));
    rows.iter().copied().chain(sure).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn small_tables(root: &Path) {
    let lines: String = (0..5)
        .map(|stay| format!("{stay},{},{}\n", SPLITS[stay], stay % 2))
        .collect();
    std::fs::write(root.join("stays.csv"), format!("id,split,y\n{lines}")).unwrap();
}

fn long(rows: &[(Row, usize)]) -> Built {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    small_tables(root);
    std::fs::create_dir(root.join("events")).unwrap();
    for file in 0..3 {
        let lines: String = (rows.iter().filter(|row| row.1 == file))
            .map(|((stay, minute, variable, value), _)| {
                let name = quoted(VARIABLES[*variable]);
                format!("{stay},{minute},{name},{}\n", f64::from(*value) / 8.0)
            })
            .collect();
        let text = format!("id,minute,name,value\n{lines}");
        std::fs::write(root.join(format!("events/{file}.csv")), text).unwrap();
    }
    let path = |name: &str| InputPath::file(root.join(name));
    let config = DataConfig {
        source: Source::Long(LongSource {
            stays: Some(StaysTable {
                delimiter: None,
                path: path("stays.csv"),
                id: "id".into(),
                subject: None,
                start: None,
                prediction: None,
                variables: Vec::new(),
            }),
            ..plain_long(path("events/*.csv"), path("stays.csv"))
        }),
        split: SplitRule::Column("split".into()),
        ..synthetic(1)
    };
    Built::of(&config, 2).unwrap()
}

fn meds(rows: &[(Row, usize)]) -> Built {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |name: &str, columns: Vec<(&str, ArrayRef)>| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_nullable(&path, columns, Compression::SNAPPY).unwrap();
    };
    // A patient's clock begins with his first event: each has one at minute 0.
    let begins = (0..5).map(|stay| ((stay, 0, 3, 1), stay as usize % 3));
    let rows: Vec<(Row, usize)> = rows.iter().copied().chain(begins).collect();
    for file in 0..3 {
        let ours: Vec<Row> = (rows.iter().filter(|row| row.1 == file))
            .map(|row| row.0)
            .collect();
        let times = ours.iter().map(|row| i64::from(row.1) * 60_000_000);
        write(
            &format!("data/{file}.parquet"),
            vec![
                (
                    "subject_id",
                    Arc::new(Int64Array::from_iter_values(
                        ours.iter().map(|row| i64::from(row.0)),
                    )),
                ),
                (
                    "time",
                    Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
                ),
                (
                    "code",
                    Arc::new(StringArray::from_iter_values(
                        ours.iter().map(|row| VARIABLES[row.2]),
                    )),
                ),
                (
                    "numeric_value",
                    Arc::new(Float64Array::from_iter_values(
                        ours.iter().map(|row| f64::from(row.3) / 8.0),
                    )),
                ),
            ],
        );
    }
    let subjects = || -> ArrayRef { Arc::new(Int64Array::from_iter_values(0..5)) };
    let late = [1_000_000_000_000; 5];
    write(
        "labels/0.parquet",
        vec![
            ("subject_id", subjects()),
            (
                "prediction_time",
                Arc::new(TimestampMicrosecondArray::from_iter_values(late)),
            ),
            (
                "boolean_value",
                Arc::new(BooleanArray::from(vec![false, true, false, true, false])),
            ),
        ],
    );
    let splits = StringArray::from(SPLITS.to_vec());
    write(
        "metadata/subject_splits.parquet",
        vec![("subject_id", subjects()), ("split", Arc::new(splits))],
    );
    let config = DataConfig {
        source: Source::Meds(MedsSource {
            path: InputPath::file(root),
            labels: Some(InputPath::file(root.join("labels"))),
            label: "boolean_value".into(),
            prediction_times: None,
        }),
        split: SplitRule::Column("split".into()),
        ..synthetic(1)
    };
    Built::of(&config, 2).unwrap()
}

/// By stay, minute and variable: the mean of what was measured, by the plainest means.
fn expected(rows: &[(Row, usize)]) -> BTreeMap<(u32, u16, String), f64> {
    let mut values: BTreeMap<(u32, u16, String), Vec<f64>> = BTreeMap::new();
    for ((stay, minute, variable, value), _) in rows {
        let key = (*stay, *minute, VARIABLES[*variable].to_string());
        values.entry(key).or_default().push(f64::from(*value) / 8.0);
    }
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    values
        .into_iter()
        .map(|(key, values)| (key, mean(values)))
        .collect()
}

/// Mean and deviation of a variable over the training split.
fn statistics(expected: &BTreeMap<(u32, u16, String), f64>, name: &str) -> (f64, f64) {
    let is_training = |stay: u32| SPLITS[stay as usize] == "train";
    let values: Vec<f64> = (expected.iter())
        .filter(|((stay, _, variable), _)| is_training(*stay) && variable == name)
        .map(|(_, value)| *value)
        .collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>();
    (mean, (squares / values.len() as f64).sqrt())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_read_is_what_was_written(rows in rows()) {
        let rows = whole(&rows);
        let expected = expected(&rows);
        let data = long(&rows).load();
        let mut found = BTreeMap::new();
        for stay in &data.stays {
            let number: u32 = stay.id.parse().unwrap();
            prop_assert_eq!(stay.label, Some(number % 2));
            for set in stay.sets.clone() {
                for event in data.events_of(set) {
                    let name = data.variables[data.event_variable[event] as usize].clone();
                    let key = (number, data.set_minute[set] as u16, name);
                    prop_assert!(found.insert(key, data.event_value[event]).is_none());
                }
            }
        }
        prop_assert_eq!(found.len(), expected.len());
        for (key, value) in &expected {
            let (mean, std) = statistics(&expected, &key.2);
            let score = (value - mean) / std;
            let difference = (f64::from(found[key]) - score).abs();
            prop_assert!(difference < 1e-5 * (1.0 + score.abs()), "{:?}: {} is not {}", key, found[key], score);
        }
    }

    #[test]
    fn no_order_of_rows_files_or_shards_changes_a_byte(rows in rows(), seed in any::<u64>()) {
        let rows = whole(&rows);
        let mut shuffled = rows.clone();
        // A fixed permutation of this case: sorted by a hash of place and seed, and dealt anew to files.
        let hash = |index: usize| *blake3::hash(format!("{seed} {index}").as_bytes()).as_bytes();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&index| hash(index));
        for (place, &from) in order.iter().enumerate() {
            shuffled[place] = (rows[from].0, hash(from)[0] as usize % 3);
        }
        prop_assert_eq!(long(&rows).digests(), long(&shuffled).digests());
        prop_assert_eq!(meds(&rows).digests(), meds(&shuffled).digests());
    }
}
