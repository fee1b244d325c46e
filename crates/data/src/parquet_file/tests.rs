use arrow::array::{BooleanArray, DictionaryArray, Int8Array, TimestampMicrosecondArray};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::data_type::{Int96, Int96Type};
use parquet::schema::parser::parse_message_type;

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

/// Times as Spark writes them: nanoseconds of a day, and the number of the day by the Julian calendar.
#[test]
fn times_of_int96_do_not_wrap_around() {
    const DAY: i64 = 86_400_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    let schema = parse_message_type("message m { required int96 time; }").unwrap();
    let file = File::create(&path).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut table = SerializedFileWriter::new(file, Arc::new(schema), properties).unwrap();
    let mut group = table.next_row_group().unwrap();
    let mut cells = group.next_column().unwrap().unwrap();
    let times: Vec<Int96> = [0, 65_744, 279_000, -150_000]
        .iter()
        .map(|day| {
            let mut time = Int96::new();
            time.set_data(60_000, 0, (2_440_588 + day) as u32);
            time
        })
        .collect();
    let writer = cells.typed::<Int96Type>();
    writer.write_batch(&times, None, None).unwrap();
    cells.close().unwrap();
    group.close().unwrap();
    table.close().unwrap();

    let batches = read(&path, &["time"]).unwrap();
    let found: &TimestampMicrosecondArray = column(&path, &batches[0], "time").unwrap();
    let expected = [
        60,
        65_744 * DAY + 60,
        279_000 * DAY + 60,
        -150_000 * DAY + 60,
    ];
    assert_eq!(found.values().to_vec(), expected);
}

#[test]
fn booleans_that_are_stored_as_keys_are_booleans() {
    let keys = Int8Array::from(vec![Some(1), None, Some(0)]);
    let flags = BooleanArray::from(vec![false, true]);
    let column: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(flags)));
    // The library does not write such a column: the file only says that it was one.
    let schema = Schema::new(vec![Field::new("flag", column.data_type().clone(), true)]);
    let mut properties = WriterProperties::builder().build();
    parquet::arrow::add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
    let rows = RecordBatch::try_from_iter_with_nullable([("flag", flags.clone(), true)]).unwrap();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let file = File::create(&path).unwrap();
    let mut table = ArrowWriter::try_new_with_options(file, rows.schema(), options).unwrap();
    table.write(&rows).unwrap();
    table.close().unwrap();
    let found = read(&path, &["flag"]).unwrap();
    assert_eq!(found[0].column(0), &flags);
}
