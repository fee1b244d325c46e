use super::*;

fn file_of(columns: Vec<(&str, ArrayRef)>) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    write_nullable(&path, columns, Compression::SNAPPY).unwrap();
    (folder, path)
}

#[test]
fn vectors_read_back_as_they_were_written() {
    let numbers = vec![1.0, 2.0, 3.0, 4.0];
    let unwritten = Path::new("table.parquet");
    let column = vectors(unwritten, 2, numbers.clone()).unwrap();
    let (_folder, path) = file_of(vec![("vector", column)]);
    let batches = read(&path, &["vector"]).unwrap();
    let (width, found) = vector_column(&path, &batches[0], "vector").unwrap();
    assert_eq!((width, found), (2, &numbers[..]));
    assert!(vectors(unwritten, 3, numbers).is_err());
}

/// Found by fuzzing: the library panics where a page ends beyond its column.
#[test]
fn a_damaged_file_is_refused_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    std::fs::write(&path, include_bytes!("../tests/damaged.parquet")).unwrap();
    let refusal = read(&path, &["stay_id", "split"]).unwrap_err().to_string();
    assert!(
        refusal.contains("table.parquet: cannot be read: it is damaged"),
        "{refusal}"
    );
}

#[test]
fn nulls_other_types_and_absent_columns_are_named() {
    let holes: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.0), None]));
    let (_folder, path) = file_of(vec![("holes", holes)]);
    let absent = read(&path, &["other"]).unwrap_err().to_string();
    assert!(absent.ends_with("table.parquet: no column `other`"));
    let of = |number: f32| -> ArrayRef { Arc::new(Float32Array::from(vec![number])) };
    let (_twice, two) = file_of(vec![("a", of(1.0)), ("b", of(2.0)), ("a", of(3.0))]);
    let twice = read(&two, &["b", "a"]).unwrap_err().to_string();
    assert!(twice.ends_with("has two columns `a`"), "{twice}");
    assert_eq!(read(&two, &["b"]).unwrap()[0].num_columns(), 1);
    let batches = read(&path, &["holes"]).unwrap();
    let refused = column::<Float32Array>(&path, &batches[0], "holes").unwrap_err();
    assert!(refused.to_string().contains("`holes` has nulls"));
    std::fs::write(&path, "").unwrap();
    assert!(open(&path).unwrap_err().to_string().contains("is empty"));
}

#[test]
fn a_codec_that_is_not_built_in_is_named_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    // Two rows of pyarrow's.
    std::fs::write(&path, include_bytes!("../tests/brotli.parquet")).unwrap();
    let error = read(&path, &["v"]).unwrap_err().to_string();
    let expected = "a.parquet: is Parquet compressed by brotli, which is not read";
    assert!(error.ends_with(expected), "{error}");
}
