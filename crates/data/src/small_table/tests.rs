use std::path::PathBuf;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, FixedSizeBinaryArray, Int64Array, ListArray,
    TimestampSecondArray,
};
use arrow::datatypes::Int64Type;

use super::*;
use crate::parquet_file::{Compression, write_nullable};

fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, bytes).unwrap();
    let outcome = SmallTable::read(&path).and_then(|table| table.column("b").map(drop));
    outcome.unwrap_err().to_string()
}

#[test]
fn a_malformed_table_is_refused_with_its_line() {
    assert!(refusal(b"").contains("table.csv: is empty"));
    assert!(refusal(b"a,b\n").contains("no rows"));
    let ragged = "1 fields where the header has 2";
    assert!(refusal(b"a,b\n1,2\n3\n").contains(&format!("line 3: {ragged}")));
    assert!(refusal(b"a,b\r\n1,2\r\n\r\n3\r\n").contains(&format!("line 4: {ragged}")));
    assert!(refusal(b"a,b\n1,2\n\xff,2\n").contains("line 3: not UTF-8"));
    assert!(refusal(b"a,c\n1,2\n").contains("no column `b`; it has `a`, `c`"));
    assert!(refusal(b"b,b\n1,2\n").contains("two columns `b`"));
}

#[test]
fn issue16_a_quote_that_is_not_closed_is_refused_with_the_line_it_is_on() {
    let missing = "its own closing quote is missing";
    for (table, line) in [
        ("a,b,c\n1,2,\"3\n4,5,6\n", 2),
        ("a,b,c\r\n1,2,3\r\n\r\n1,2,\"3\r\n4,5,6\r\n7,8,9\"\r\n", 4),
        ("a,b,c\n1,2,\"3\n4,5,\"x\"\n", 2),
        ("a,b,c\r1,2,3\r1,\"2,3\r4,\"5,6\r", 3),
        ("a,b,\"c\n1,2,3\n", 1),
    ] {
        let refusal = refusal(table.as_bytes());
        assert!(
            refusal.contains(&format!("line {line}: ")),
            "{table:?}: {refusal}"
        );
        assert!(refusal.contains(missing), "{table:?}: {refusal}");
    }
}

#[test]
fn a_field_may_hold_line_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let text = "a,b,c\n\"say\nso\",\"5\"\" x\n then\",3\n4,5 \" 5,6\n";
    std::fs::write(&path, text).unwrap();
    let table = SmallTable::read(&path).unwrap();
    assert_eq!(table.rows.len(), 2);
    assert_eq!(&table.rows[0].fields[0], "say\nso");
    assert_eq!(
        (table.rows[1].line, &table.rows[1].fields[1]),
        (5, "5 \" 5")
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_part_of_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, b"\xef\xbb\xbfa, b\r\n1,2\r\n").unwrap();
    let table = SmallTable::read(&path).unwrap();
    assert_eq!(table.header, ["a", "b"]);
    assert_eq!(table.rows[0].line, 2);
    assert_eq!(table.number(&table.rows[0], 1).unwrap(), 2.0);
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    write_nullable(&path, columns, Compression::SNAPPY).unwrap();
    (folder, path)
}

#[test]
fn a_column_of_lists_or_of_bytes_is_refused_with_its_type_where_it_is_asked_for() {
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(7)])]);
    let uuid = FixedSizeBinaryArray::try_from_iter([[7_u8; 16]].into_iter()).unwrap();
    let (_folder, path) = parquet(vec![
        ("list", Arc::new(list)),
        ("uuid", Arc::new(uuid)),
        ("id", Arc::new(Int64Array::from(vec![7]))),
    ]);
    let table = SmallTable::read(&path).unwrap();
    assert_eq!(&table.rows[0].fields[table.column("id").unwrap()], "7");
    for (name, data_type) in [("list", "List("), ("uuid", "FixedSizeBinary(16)")] {
        let found = table.column(name).unwrap_err().to_string();
        let what = format!("column `{name}` is of type {data_type}");
        assert!(found.contains(&what), "{found}");
    }
}

#[test]
fn booleans_are_0_and_1_and_a_second_column_of_a_name_is_seen() {
    let of = |flag: Option<bool>| -> ArrayRef { Arc::new(BooleanArray::from(vec![flag])) };
    let (_folder, path) = parquet(vec![
        ("yes", of(Some(true))),
        ("no", of(Some(false))),
        ("none", of(None)),
        ("twice", of(None)),
        ("twice", of(None)),
    ]);
    let table = SmallTable::read(&path).unwrap();
    let number = |name: &str| table.number_if_any(&table.rows[0], table.column(name).unwrap());
    assert_eq!(number("yes"), Some(1.0));
    assert_eq!(number("no"), Some(0.0));
    assert_eq!(number("none"), None);
    let found = table.column("twice").unwrap_err().to_string();
    assert!(found.contains("has two columns `twice`"), "{found}");
}

#[test]
fn a_time_of_a_typed_column_needs_no_reading() {
    let times = TimestampSecondArray::from(vec![Some(253_402_214_400), None]);
    let days = Date32Array::from(vec![Some(1), None]);
    let (_folder, path) = parquet(vec![("time", Arc::new(times)), ("day", Arc::new(days))]);
    let table = SmallTable::read(&path).unwrap();
    let of = |row: usize, column| table.time(&table.rows[row], column);
    let found = of(0, 0).map(|time| (time.microseconds, time.is_day));
    assert_eq!(found, Some((253_402_214_400_000_000, false)), "9999-12-31");
    let found = of(0, 1).map(|time| (time.microseconds, time.is_day));
    assert_eq!(found, Some((86_400_000_000, true)));
    assert_eq!((of(1, 0), of(1, 1)), (None, None));
}
