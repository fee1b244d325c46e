//! MEDS: times that are none, and columns of nulls alone.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, StringArray,
    TimestampMicrosecondArray, TimestampNanosecondArray,
};

use super::meds::{MINUTE, config, dataset, write};
use super::{Built, refusal};

fn shard(times: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let rows = times.len();
    vec![
        ("subject_id", Arc::new(Int64Array::from(vec![1; rows]))),
        ("time", times),
        ("code", Arc::new(StringArray::from(vec!["HR"; rows]))),
        (
            "numeric_value",
            Arc::new(Float64Array::from(vec![80.0; rows])),
        ),
    ]
}

#[test]
fn the_mark_for_no_time_is_refused_and_null_is_none() {
    let times: [ArrayRef; 2] = [
        Arc::new(TimestampMicrosecondArray::from(vec![MINUTE, i64::MIN])),
        Arc::new(TimestampNanosecondArray::from(vec![MINUTE, i64::MIN])),
    ];
    for times in times {
        let folder = dataset();
        write(&folder.path().join("data/z.parquet"), shard(times));
        let text = refusal(&config(folder.path()));
        assert!(text.contains("z.parquet: row 2: time is NaT"), "{text}");
    }
    let folder = dataset();
    let nat: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN]));
    let label = vec![
        (
            "subject_id",
            Arc::new(Int64Array::from(vec![1])) as ArrayRef,
        ),
        ("prediction_time", nat),
        ("boolean_value", Arc::new(BooleanArray::from(vec![true]))),
    ];
    write(&folder.path().join("labels/death/1.parquet"), label);
    let text = refusal(&config(folder.path()));
    assert!(
        text.contains("1.parquet: row 1: prediction_time is NaT"),
        "{text}"
    );
}

#[test]
fn times_that_are_too_far_apart_are_refused_with_their_stay() {
    let folder = dataset();
    let far: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1 - i64::MAX, MINUTE]));
    write(&folder.path().join("data/z.parquet"), shard(far));
    let text = refusal(&config(folder.path()));
    assert!(
        text.contains("stay 1 (") && text.contains("292,000 years"),
        "{text}"
    );
}

#[test]
fn a_column_of_nulls_is_read_whatever_its_type() {
    let digests = |times: ArrayRef| {
        let folder = dataset();
        write(&folder.path().join("data/z.parquet"), shard(times));
        Built::of(&config(folder.path()), 1).unwrap().digests()
    };
    let nulls = TimestampMicrosecondArray::from(vec![None, None]);
    let expected = digests(Arc::new(nulls));
    assert_eq!(digests(Arc::new(NullArray::new(2))), expected);
    let folder = dataset();
    let expected = Built::of(&config(folder.path()), 1).unwrap().digests();
    let nothing = || Arc::new(NullArray::new(0)) as ArrayRef;
    let names = ["subject_id", "time", "code", "numeric_value"];
    let columns = names.map(|name| (name, nothing())).to_vec();
    write(&folder.path().join("data/empty.parquet"), columns);
    assert_eq!(
        Built::of(&config(folder.path()), 1).unwrap().digests(),
        expected
    );
    let columns = names[..1]
        .iter()
        .chain(&["prediction_time", "boolean_value"]);
    let columns = columns.map(|name| (*name, nothing())).collect();
    write(&folder.path().join("labels/death/empty.parquet"), columns);
    assert_eq!(
        Built::of(&config(folder.path()), 1).unwrap().digests(),
        expected
    );
}
