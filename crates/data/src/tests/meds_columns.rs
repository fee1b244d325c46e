//! MEDS: which columns files have, of which types, and what is refused of them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, NullArray, StringArray,
    TimestampMicrosecondArray,
};

use super::meds::{MINUTE, config, dataset, write};
use super::{Built, refusal};

fn integers(numbers: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(numbers.to_vec()))
}

fn times(minutes: &[i64]) -> ArrayRef {
    let times = minutes.iter().map(|minute| minute * MINUTE);
    Arc::new(TimestampMicrosecondArray::from_iter_values(times))
}

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn numbers(numbers: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(numbers.to_vec()))
}

/// The refusal of the dataset with this file in place of its own.
fn refusal_with(file: &str, columns: Vec<(&str, ArrayRef)>) -> String {
    let folder = dataset();
    write(&folder.path().join(file), columns);
    refusal(&config(folder.path()))
}

#[test]
fn a_column_that_is_there_twice_is_refused() {
    let twice: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    let labels = vec![
        ("subject_id", integers(&[1])),
        ("prediction_time", times(&[30])),
        ("boolean_value", twice.clone()),
        ("boolean_value", twice),
    ];
    let found = refusal_with("labels/death/1.parquet", labels);
    assert!(found.contains("has two columns `boolean_value`"), "{found}");
    let shard = vec![
        ("subject_id", integers(&[1])),
        ("time", times(&[0])),
        ("code", texts(&["HR"])),
        ("code", texts(&["pH"])),
        ("numeric_value", numbers(&[1.0])),
    ];
    let found = refusal_with("data/z.parquet", shard);
    assert!(found.contains("has two columns `code`"), "{found}");
    let splits = vec![
        ("subject_id", integers(&[1, 2, 30])),
        ("split", texts(&["train", "tuning", "held_out"])),
        ("split", texts(&["train", "train", "train"])),
    ];
    let found = refusal_with("metadata/subject_splits.parquet", splits);
    assert!(found.contains("has two columns `split`"), "{found}");
}

#[test]
fn a_date_is_no_time_of_an_event() {
    let shard = vec![
        ("subject_id", integers(&[1])),
        ("time", Arc::new(Date32Array::from(vec![1])) as ArrayRef),
        ("code", texts(&["HR"])),
        ("numeric_value", numbers(&[1.0])),
    ];
    let found = refusal_with("data/z.parquet", shard);
    assert!(
        found.contains("`time` is of type Date32, where a timestamp is expected"),
        "{found}"
    );
}

#[test]
fn labels_of_one_patient_in_two_folders_are_two_tasks() {
    let folder = dataset();
    let task = |name: &str, subject: i64| {
        let columns = vec![
            ("subject_id", integers(&[subject])),
            ("prediction_time", times(&[25])),
            (
                "boolean_value",
                Arc::new(BooleanArray::from(vec![true])) as ArrayRef,
            ),
        ];
        let file = folder.path().join("labels").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        write(&file, columns);
    };
    task("death/more/1.parquet", 4);
    let built = Built::of(&config(folder.path()), 1).unwrap();
    assert!(
        built
            .notes
            .iter()
            .any(|note| note.contains("1 of 5 labels")),
        "{:?}",
        built.notes
    );
    task("death/other/1.parquet", 1);
    let found = refusal(&config(folder.path()));
    assert!(found.contains("they look like two tasks"), "{found}");
}

#[test]
fn a_shard_without_values_is_one_whose_values_are_all_null() {
    let digests = |values: Option<ArrayRef>| {
        let folder = dataset();
        let mut columns = vec![
            ("subject_id", integers(&[1, 1])),
            ("time", times(&[3, 4])),
            ("code", texts(&["HR", "cough"])),
        ];
        columns.extend(values.map(|values| ("numeric_value", values)));
        write(&folder.path().join("data/z.parquet"), columns);
        let built = Built::of(&config(folder.path()), 1).unwrap();
        assert!(built.load().variables.contains(&"cough".to_string()));
        built.digests()
    };
    let nulls = Float64Array::from(vec![None, None]);
    let expected = digests(Some(Arc::new(nulls)));
    assert_eq!(digests(None), expected);
    assert_eq!(digests(Some(Arc::new(NullArray::new(2)))), expected);
    let text = vec![
        ("subject_id", integers(&[1])),
        ("time", times(&[0])),
        ("code", texts(&["HR"])),
        ("numeric_value", texts(&["1"])),
    ];
    let found = refusal_with("data/z.parquet", text);
    assert!(
        found.contains("column `numeric_value` is of type Utf8"),
        "{found}"
    );
}

#[test]
fn the_hint_about_a_label_that_is_no_class_is_one_that_helps() {
    for (label, hint) in [
        (Some(-1.0), "take the row out if the stay has no label"),
        (Some(0.5), "a number is learned as a target"),
        (None, "without_label = \"drop\""),
    ] {
        let folder = dataset();
        let labels = vec![
            ("subject_id", integers(&[1])),
            ("prediction_time", times(&[20])),
            (
                "boolean_value",
                Arc::new(Float64Array::from(vec![label])) as ArrayRef,
            ),
        ];
        write(&folder.path().join("labels/death/1.parquet"), labels);
        let error = Built::of(&config(folder.path()), 1).err().unwrap();
        assert!(error.hint().unwrap().contains(hint), "{label:?}: {error}");
    }
}

/// The notes about the dataset with two more events of patient 1, or why it is refused.
fn with_two(codes: [&str; 2], values: [f64; 2]) -> Result<Vec<String>, String> {
    let folder = dataset();
    let columns = vec![
        ("subject_id", integers(&[1, 1])),
        ("time", times(&[3, 4])),
        ("code", texts(&codes)),
        ("numeric_value", numbers(&values)),
    ];
    write(&folder.path().join("data/z.parquet"), columns);
    let mut config = config(folder.path());
    let categorical = codes.contains(&"vent").then(|| "vent".to_string());
    config.categorical = categorical.into_iter().collect();
    let built = Built::of(&config, 1);
    built
        .map(|built| built.notes)
        .map_err(|error| error.to_string())
}

#[test]
fn codes_that_look_alike_are_told_and_those_that_are_equal_are_refused() {
    let has = |notes: &[String], told: &str| notes.iter().any(|note| note.contains(told));
    let notes = with_two(["drug//\u{b5}g", "drug//\u{3bc}g"], [1.0, 2.0]).unwrap();
    let told = "`drug//\u{3bc}g` with U+03BC and `drug//\u{b5}g` with U+00B5 look alike and are two variables";
    assert!(has(&notes, told), "{notes:?}");
    let notes = with_two(["vent", "vent"], [0.0, -0.0]).unwrap();
    let told = "`vent=0` and `vent=-0` may say the same and are two categories";
    assert!(has(&notes, told), "{notes:?}");
    let notes = with_two(["vent", "drug"], [0.0, 1.0]).unwrap();
    assert!(!has(&notes, " and are two "), "{notes:?}");
    let refusal = with_two(["pain", "pa\u{200b}in"], [1.0, 2.0]).unwrap_err();
    assert!(
        refusal.contains("are two spellings of one variable"),
        "{refusal}"
    );
}

#[test]
fn texts_of_values_are_told_not_to_be_read() {
    let told = |text: Option<&str>| {
        let folder = dataset();
        let shard = vec![
            ("subject_id", integers(&[1])),
            ("time", times(&[3])),
            ("code", texts(&["HR"])),
            ("numeric_value", numbers(&[80.0])),
            (
                "text_value",
                Arc::new(StringArray::from(vec![text])) as ArrayRef,
            ),
        ];
        write(&folder.path().join("data/z.parquet"), shard);
        let built = Built::of(&config(folder.path()), 1).unwrap();
        let mut notes = built.notes.into_iter();
        notes.find(|note| note.contains("`text_value`"))
    };
    assert!(told(Some("sinus")).is_some_and(|note| note.starts_with("1 of ")));
    assert_eq!(told(None), None);
}
