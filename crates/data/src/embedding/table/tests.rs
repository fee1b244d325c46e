use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int64Array, LargeListArray,
    ListArray, StringArray,
};
use arrow::datatypes::{Float32Type, Float64Type};

use super::*;
use crate::parquet_file::{Compression, write_nullable, write_with_text};

fn table(text: &str) -> Result<EmbeddingRows, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cached.csv");
    std::fs::write(&path, text).unwrap();
    of_variables(&path, &["HR", "pH"])
}

#[test]
fn a_table_gives_the_rows_of_the_variables_in_their_order() {
    let rows = table("e0,Key,e1\n1,pH,2\n0,other,0\n3,HR,4\n").unwrap();
    assert_eq!(
        (rows.dimension, rows.numbers),
        (2, vec![3.0, 4.0, 1.0, 2.0])
    );
}

#[test]
fn a_bad_embedding_table_is_named_with_its_line() {
    let refusal = |text| table(text).unwrap_err().to_string();
    assert!(refusal("Key,e0\nHR,1\n").contains("no embedding of `pH`"));
    assert!(refusal("Key,e0\nHR,1\npH,1,2\n").contains("line 3: 3 fields"));
    assert!(refusal("Key,e0\nHR,1\npH,x\n").contains("line 3: e0 `x` is not a finite number"));
    assert!(refusal("Key,e0\nHR,1\npH,1e300\n").contains("line 3: e0 is too large"));
    assert!(refusal("Key,e0\nHR,1\nHR,1\n").contains("line 3: Key `HR` is on line 2"));
    assert!(refusal("Key\nHR\npH\n").contains("no column of numbers"));
}

/// What is read of a Parquet file of these columns, which is called a CSV file.
#[test]
fn the_index_of_a_table_is_no_number_of_an_embedding() {
    for (text, what) in [
        (
            ",Key,0,1\n0,a,1,2\n1,b,3,4\n",
            "has a column without a name",
        ),
        (
            "Key,Unnamed: 0,x\na,0,1\nb,1,2\n",
            "column `Unnamed: 0` is the index",
        ),
        ("index,Key,x\n0,a,1\n1,b,2\n", "column `index` is the index"),
        ("Key,x,index\na,1,0\nb,2,1\n", "column `index` is the index"),
        ("Key,1,1\na,1,0\nb,2,1\n", "has two columns `1`"),
    ] {
        let error = table(text).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Result<EmbeddingRows, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cached.csv");
    write_nullable(&path, columns, Compression::SNAPPY).unwrap();
    of_variables(&path, &["HR", "pH"]).map_err(|error| error.to_string())
}

fn keys(names: &[&str]) -> (&'static str, ArrayRef) {
    ("Key", Arc::new(StringArray::from(names.to_vec())))
}

fn numbers(values: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

#[test]
fn parquet_holds_numbers_in_a_column_each_or_in_lists_of_any_kind() {
    let expected = EmbeddingRows {
        dimension: 2,
        numbers: vec![3.0, 4.0, 1.0, 2.0],
    };
    let names = || keys(&["pH", "other", "HR"]);
    let first: ArrayRef = Arc::new(Float32Array::from(vec![1.0, 0.0, 3.0]));
    let second: ArrayRef = Arc::new(Int64Array::from(vec![2, 0, 4]));
    let columns = parquet(vec![("e0", first), names(), ("e1", second)]);
    assert_eq!(columns.as_ref(), Ok(&expected));

    let row = |a, b| Some(vec![Some(a), Some(b)]);
    let rows = [row(1.0, 2.0), row(0.0, 0.0), row(3.0, 4.0)];
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(rows.clone());
    let large = LargeListArray::from_iter_primitive::<Float64Type, _, _>(rows);
    let row = |a, b| Some(vec![Some(a), Some(b)]);
    let rows = [row(1.0, 2.0), row(0.0, 0.0), row(3.0, 4.0)];
    let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2);
    for column in [
        Arc::new(lists) as ArrayRef,
        Arc::new(large),
        Arc::new(fixed),
    ] {
        let of_lists = parquet(vec![names(), ("embedding", column)]);
        assert_eq!(of_lists.as_ref(), Ok(&expected));
    }
}

#[test]
fn a_bad_parquet_table_is_named_with_its_row_and_column() {
    let refusal = |columns| parquet(columns).unwrap_err();
    let names = || keys(&["HR", "pH"]);
    let sound = || numbers(vec![Some(1.0), Some(2.0)]);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    for (columns, expected) in [
        (
            vec![names(), ("e0", numbers(vec![Some(1.0), None]))],
            "row 2: e0 is null",
        ),
        (
            vec![names(), ("e0", numbers(vec![Some(f64::NAN), Some(1.0)]))],
            "row 1: e0 NaN is not a finite number",
        ),
        (
            vec![names(), ("e0", numbers(vec![Some(1e300), Some(1.0)]))],
            "row 1: e0 is too large for f32",
        ),
        (
            vec![names(), ("unit", text)],
            "column `unit` is of type Utf8",
        ),
        (vec![names()], "no column of numbers"),
        (vec![("e0", sound())], "no column `Key`"),
        (
            vec![keys(&["HR", "HR"]), ("e0", sound())],
            "row 2: Key `HR` is in row 1 already",
        ),
        (
            vec![keys(&["HR", "x"]), ("e0", sound())],
            "no embedding of `pH`",
        ),
        (
            vec![names(), ("__index_level_0__", sound())],
            "`__index_level_0__` is the index of the table",
        ),
    ] {
        let reason = refusal(columns);
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn lists_of_two_lengths_with_holes_or_beside_numbers_are_refused() {
    type Row = Option<Vec<Option<f64>>>;
    let lists = |rows: [Row; 2]| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows))
    };
    let refusal = |rows| {
        let columns = vec![keys(&["HR", "pH"]), ("embedding", lists(rows))];
        parquet(columns).unwrap_err()
    };
    let one = || Some(vec![Some(1.0)]);
    let two = || Some(vec![Some(1.0), Some(2.0)]);
    assert!(refusal([one(), two()]).contains("row 2: 2 numbers, where others have 1"));
    assert!(refusal([one(), None]).contains("row 2: embedding is null"));
    assert!(refusal([two(), Some(vec![Some(1.0), None])]).contains("row 2: embedding[1] is null"));
    assert!(refusal([Some(vec![]), one()]).contains("row 1: embedding is empty"));
    let more = vec![
        keys(&["HR", "pH"]),
        ("embedding", lists([one(), one()])),
        ("e0", numbers(vec![Some(1.0), Some(2.0)])),
    ];
    assert!(
        parquet(more)
            .unwrap_err()
            .contains("beside `Key` and the lists of `embedding`: `e0`")
    );
    let other = vec![keys(&["HR", "pH"]), ("vector", lists([one(), one()]))];
    assert!(
        parquet(other)
            .unwrap_err()
            .contains("column `vector` holds lists")
    );
}

#[test]
fn an_index_is_no_number_in_parquet_either() {
    let ones = || numbers(vec![Some(1.0), Some(2.0)]);
    let columns = vec![keys(&["a", "b"]), ("Unnamed: 0", ones()), ("x", ones())];
    let error = parquet(columns).unwrap_err();
    assert!(
        error.contains("column `Unnamed: 0` is the index"),
        "{error}"
    );
}

#[test]
fn the_index_that_pandas_notes_is_no_number_but_may_be_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cached.parquet");
    let found = |index: &str| {
        let columns = vec![
            keys(&["HR", "pH"]),
            ("0", numbers(vec![Some(1.0), Some(2.0)])),
            ("row", numbers(vec![Some(17.0), Some(18.0)])),
        ];
        let note = format!(r#"{{"index_columns": ["{index}"], "columns": []}}"#);
        write_with_text(&path, columns, Compression::SNAPPY, ("pandas", note)).unwrap();
        of_variables(&path, &["HR", "pH"]).map_err(|error| error.to_string())
    };
    let error = found("row").unwrap_err();
    assert!(error.contains("column `row` is the index"), "{error}");
    assert_eq!(found("Key").map(|rows| rows.dimension), Ok(2));
}

#[test]
fn whole_numbers_name_variables_by_their_digits() {
    let codes: ArrayRef = Arc::new(Int64Array::from(vec![220_045, (1 << 53) + 1]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cached.parquet");
    let columns = vec![("Key", codes), ("e0", numbers(vec![Some(1.0), Some(2.0)]))];
    write_nullable(&path, columns, Compression::SNAPPY).unwrap();
    let found = of_variables(&path, &["220045", "9007199254740993"]).unwrap();
    assert_eq!(found.numbers, [1.0, 2.0]);
}
