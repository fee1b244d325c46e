//! The reference's layout: values that are missing, and booleans.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array};

use super::patient_layout::{numbers, reference, small_layout, text, write_parquet};
use super::{Built, refusal};

#[test]
fn values_that_are_missing_are_events_without_one_and_booleans_are_0_and_1() {
    let layout = small_layout();
    let mut config = reference(layout.path());
    config.statistics = None;
    let built = |values: ArrayRef| {
        let columns = vec![
            ("variable", text(&["HR", "flag", "HR"])),
            ("value", values),
            ("minute", numbers(&[0.0, 0.0, 1.0])),
        ];
        write_parquet(
            &layout.path().join("patient_ehr/train/1.0.parquet"),
            columns,
        );
        std::fs::write(
            layout.path().join("cached.csv"),
            "Key,e0\nHR,1\npH,2\nflag,3\n",
        )
        .unwrap();
        Built::of(&config, 1).unwrap()
    };
    let nulls = Float64Array::from(vec![Some(1.0), None, Some(3.0)]);
    let nulls = built(Arc::new(nulls));
    assert_eq!(nulls.report.train.events, 3);
    let nan = built(numbers(&[1.0, f64::NAN, 3.0]));
    assert_eq!(nan.digests(), nulls.digests());
    let booleans = BooleanArray::from(vec![true, false, false]);
    let booleans = built(Arc::new(booleans));
    assert_eq!(
        booleans.digests(),
        built(numbers(&[1.0, 0.0, 0.0])).digests()
    );
}

#[test]
fn names_that_look_alike_are_told_with_their_file_and_code_points() {
    let layout = small_layout();
    let mut config = reference(layout.path());
    config.statistics = None;
    let columns = vec![
        ("variable", text(&["HR", "\u{e9}", "e\u{301}"])),
        ("value", numbers(&[80.0, 1.0, 2.0])),
        ("minute", numbers(&[0.0, 0.0, 1.0])),
    ];
    let file = layout.path().join("patient_ehr/train/1.0.parquet");
    write_parquet(&file, columns);
    let found = refusal(&config);
    for (code_points, row) in [("U+00E9", 2), ("U+0065, U+0301", 3)] {
        let what = format!("` with {code_points} ({} row {row})", file.display());
        assert!(found.contains(&what), "{found}");
    }
}
