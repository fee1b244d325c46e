//! What is told of tables that are read as they were not meant.

use super::super::patient_layout::{reference, small_layout};
use super::*;

/// A note of the stage with this in it.
#[track_caller]
fn told(config: &DataConfig, what: &str) {
    let notes = Built::of(config, 2).unwrap().notes;
    assert!(
        notes.iter().any(|note| note.contains(what)),
        "{what}: {notes:?}"
    );
}

#[track_caller]
fn untold(config: &DataConfig, what: &str) {
    let notes = Built::of(config, 2).unwrap().notes;
    assert!(
        !notes.iter().any(|note| note.contains(what)),
        "{what}: {notes:?}"
    );
}

fn events() -> String {
    long_text(&ROWS, |minute| minute.to_string())
}

fn folder() -> TempDir {
    folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        ("e.csv", events().as_bytes()),
    ])
}

fn with_subject(config: &mut DataConfig, subject: Option<&str>) {
    let Source::Long(source) = &mut config.source else {
        panic!("a long source")
    };
    let stays = source.stays.as_mut().unwrap();
    stays.subject = subject.map(str::to_string);
}

#[test]
fn a_column_of_patients_that_no_setting_names_is_told() {
    let folder = folder();
    let mut config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
    untold(&config, "ids of patients");
    with_subject(&mut config, None);
    told(&config, "`patient` looks like ids of patients");
}

#[test]
fn a_column_of_patients_in_the_table_of_labels_alone_is_told() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "places.csv",
        "stay,age,fold\n9,50,train\n10,,valid\n11,70,held_out\n12,51,train\n",
    );
    let labels = "stay,died\n9,0\n10,1\n11,0\n12,1\n";
    write("labels.csv", labels);
    let mut config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
    with_subject(&mut config, None);
    let Source::Long(source) = &mut config.source else {
        panic!("a long source")
    };
    source.stays.as_mut().unwrap().path = input(folder.path(), "places.csv");
    source.labels.as_mut().unwrap().path = input(folder.path(), "labels.csv");
    untold(&config, "ids of patients");
    let of_patients = "stay,subject_id,died\n9,1,0\n10,2,1\n11,3,0\n12,1,1\n";
    write("labels.csv", of_patients);
    told(&config, "`subject_id` looks like ids of patients");
}

#[test]
fn patients_of_stays_that_are_files_are_told_where_the_split_is_drawn() {
    let layout = small_layout();
    let labels = "ts_id,subject_id,in_hospital_mortality\n1,7,0\n2,7,1\n3,8,1\n";
    std::fs::write(layout.path().join("oc.csv"), labels).unwrap();
    let mut config = reference(layout.path());
    config.statistics = None;
    untold(&config, "ids of patients");
    config.split = SplitRule::Folds(Folds {
        count: 3,
        fold: 0,
        repeat: 0,
        stratified: false,
    });
    told(&config, "`subject_id` looks like ids of patients");
}

#[test]
fn labels_of_no_stay_are_told_with_the_first() {
    let folder = folder();
    let config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
    untold(&config, "labels belong to no stay");
    let Source::Long(source) = &config.source else {
        panic!("a long source")
    };
    let path: &Path = source.labels.as_ref().unwrap().path.as_ref();
    let (id, column) = ("stay", "died");
    let more = format!(
        "{}77,9,1,2150-01-01 00:00:00,train,0\n",
        std::fs::read_to_string(path).unwrap()
    );
    let labels = folder.path().join("labels.csv");
    std::fs::write(&labels, more).unwrap();
    let mut other = config.clone();
    let Source::Long(source) = &mut other.source else {
        panic!("a long source")
    };
    source.labels = Some(LabelTable {
        delimiter: None,
        path: InputPath::file(labels),
        id: id.into(),
        column: column.into(),
    });
    told(
        &other,
        "1 of 5 labels belong to no stay that was read, and are left out: for example `77`",
    );
}

#[test]
fn a_folder_that_names_a_column_is_told() {
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        ("grid/site=A/e.csv", events().as_bytes()),
    ]);
    let config = long(folder.path(), &["grid"], TimeUnit::Minutes);
    told(&config, "names of folders like `site=A` are not read");
    let text = events().replace("item,", "kind,");
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        ("item=HR/e.csv", text.as_bytes()),
    ]);
    let config = long(folder.path(), &["item=HR"], TimeUnit::Minutes);
    let error = Built::of(&config, 1).err().unwrap();
    let hint = error.hint().unwrap_or_default();
    assert!(
        hint.contains("the folder `item=HR` says it"),
        "{error} {hint}"
    );
}

#[test]
fn columns_that_not_every_file_of_a_wide_source_has_are_told() {
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        ("a.csv", b"stay,time,HR,Temp\n9,0,80,36\n10,0,81,37\n"),
        ("b.csv", b"stay,time,temp,HR\n11,0,36,82\n12,0,37,83\n"),
    ]);
    let mut config = wide(folder.path(), &["a.csv", "b.csv"], TimeUnit::Minutes);
    config.categorical.clear();
    let [a, b] = ["a.csv", "b.csv"].map(|name| folder.path().join(name).display().to_string());
    let note = format!(
        "`Temp` is a column of 1 of 2 files ({a}), `temp` is a column of 1 of 2 files ({b}): in the others"
    );
    told(&config, &note);
    let Source::Wide(source) = &mut config.source else {
        panic!("a wide source")
    };
    source.files.truncate(1);
    untold(&config, "is a column of");
}

#[test]
fn a_date_among_times_is_told() {
    let day = |minute: i64| match minute {
        0 => "2150-01-01".to_string(),
        minute => format!("2150-01-01 {:02}:{:02}:00", minute / 60 % 24, minute % 60),
    };
    let mixed = long_text(&ROWS, day);
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", mixed.as_bytes())]);
    let mut config = long(folder.path(), &["e.csv"], TimeUnit::Timestamp);
    config.without_events = StayPolicy::Drop;
    told(&config, "`2150-01-01`");
    let whole = mixed.replace("2150-01-01,", "2150-01-01 00:00:00,");
    std::fs::write(folder.path().join("e.csv"), whole).unwrap();
    untold(&config, "has no time of day");
}

#[test]
fn many_duplicates_are_told_with_their_variables() {
    let twice = events()
        + &events()
            .lines()
            .skip(1)
            .map(|line| format!("{line}\n"))
            .collect::<String>();
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", twice.as_bytes())]);
    let config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
    told(
        &config,
        "have the stay, the time and the variable of another one",
    );
    let once = self::folder();
    untold(
        &long(once.path(), &["e.csv"], TimeUnit::Minutes),
        "of another one",
    );
}

#[test]
fn classes_that_count_from_one_are_refused() {
    let from_one = STAYS.replace(",0\n", ",2\n");
    let text = events();
    let folder = folder_with(&[
        ("stays.csv", from_one.as_bytes()),
        ("e.csv", text.as_bytes()),
    ]);
    let error = refusal(&long(folder.path(), &["e.csv"], TimeUnit::Minutes));
    assert!(
        error.contains("the labels are 1, 2, and none is 0"),
        "{error}"
    );
}

#[test]
fn ids_among_the_columns_of_a_wide_table_are_no_inputs() {
    let table = wide_text(&ROWS);
    let mut lines = table.lines();
    let header = lines.next().unwrap();
    let rows: String = lines.map(|line| format!("{line},100\n")).collect();
    let text = format!("{header},hadm_id\n{rows}");
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("w.csv", text.as_bytes())]);
    let mut config = wide(folder.path(), &["w.csv"], TimeUnit::Minutes);
    let error = refusal(&config);
    assert!(
        error.contains("`hadm_id` is called like a column of ids"),
        "{error}"
    );
    let Source::Wide(source) = &mut config.source else {
        panic!("a wide source")
    };
    source.ignore.push("hadm_id".into());
    assert!(Built::of(&config, 1).is_ok());
}

#[test]
fn labels_that_are_numbers_are_no_classes() {
    let stays: String = (0..30)
        .map(|stay| format!("{stay},{stay},50,2150-01-01 00:00:00,train,{stay}\n"))
        .collect();
    let header = STAYS.lines().next().unwrap();
    let text = format!("{header}\n{stays}");
    let folder = folder_with(&[
        ("stays.csv", text.as_bytes()),
        ("e.csv", events().as_bytes()),
    ]);
    let error = refusal(&long(folder.path(), &["e.csv"], TimeUnit::Minutes));
    assert!(
        error.contains("the labels are 30 classes of 30 stays"),
        "{error}"
    );
}

#[test]
fn an_id_in_decomposed_letters_is_another_spelling() {
    let text = events().replace("\n9,", "\nZoe\u{308},");
    let stays = STAYS.replace("\n9,", "\nZoë,");
    let folder = folder_with(&[("stays.csv", stays.as_bytes()), ("e.csv", text.as_bytes())]);
    let error = refusal(&long(folder.path(), &["e.csv"], TimeUnit::Minutes));
    assert!(error.contains("is spelled `Zoë`"), "{error}");
}

#[test]
fn files_that_are_stays_of_another_cohort_are_left_out() {
    let rows = |value: u32| format!("time,item,value\n0,HR,{value}\n5,HR,{}\n", value + 1);
    let mut files: Vec<(String, String)> = [9, 10, 11, 12, 99]
        .map(|stay| (format!("e/{stay}.csv"), rows(60 + stay)))
        .into();
    files.push(("stays.csv".into(), STAYS.into()));
    let files: Vec<(&str, &[u8])> = (files.iter())
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    let folder = folder_with(&files);
    let mut config = long(folder.path(), &["e"], TimeUnit::Minutes);
    let Source::Long(source) = &mut config.source else {
        panic!("a long source")
    };
    source.id = None;
    config.categorical.clear();
    let built = Built::of(&config, 2).unwrap();
    assert_eq!(built.report.counts["source_stays"], 4);
    assert!(
        built.notes.iter().any(|note| note.contains("`99`")),
        "{:?}",
        built.notes
    );
}

#[test]
fn numbers_for_a_missing_value_are_found_however_they_are_written() {
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        (
            "grid.csv",
            wide_text(&ROWS).replace("60.5", "-9999.0").as_bytes(),
        ),
    ]);
    let mut config = wide(folder.path(), &["grid.csv"], TimeUnit::Minutes);
    let with = |config: &mut DataConfig, missing: &[&str]| {
        let Source::Wide(source) = &mut config.source else {
            panic!("a wide source")
        };
        source.missing = missing.iter().map(|text| text.to_string()).collect();
        Built::of(config, 2).unwrap()
    };
    let measured = with(&mut config, &[]).report.counts["missing_markers"];
    for missing in ["-9999", "-9999.00"] {
        let built = with(&mut config, &[missing]);
        assert_eq!(built.report.counts["missing_markers"], measured + 1);
    }
    untold(&config, "source.missing lists");
    with(&mut config, &["-9998", "-9999"]);
    told(
        &config,
        "source.missing lists `-9998`, and no cell that was read says so",
    );
}

/// The long cohort whose source lists this for a missing value.
fn listing(folder: &Path, missing: &str) -> DataConfig {
    let mut config = long(folder, &["e.csv"], TimeUnit::Minutes);
    let Source::Long(source) = &mut config.source else {
        panic!("a long source")
    };
    source.missing = vec![missing.into()];
    config
}

#[test]
fn a_missing_value_may_be_said_by_an_attribute_alone() {
    let people = "stay,weight\n9,-8\n10,70\n11,80\n12,-8.0\n";
    let folder = self::folder();
    std::fs::write(folder.path().join("people.csv"), people).unwrap();
    let mut config = listing(folder.path(), "-8.00");
    told(
        &config,
        "source.missing lists `-8.00`, and no cell that was read says so",
    );
    config.attributes = Some(AttributeTable {
        path: input(folder.path(), "people.csv"),
        delimiter: None,
        id: Some("stay".into()),
        subject: None,
        columns: vec!["weight".into()],
    });
    untold(&config, "source.missing lists");
}

#[test]
fn labels_are_read_where_a_missing_value_is_written_as_they_are() {
    let folder = self::folder();
    let mut config = listing(folder.path(), "0");
    config.without_label = StayPolicy::Drop;
    untold(&config, "without a label");
}

#[test]
fn every_column_of_a_target_may_say_a_missing_value() {
    let folder = self::folder();
    let table = "stay,a,b\n9,NA,?\n10,0,1\n11,1,0\n12,1,1\n";
    std::fs::write(folder.path().join("t.csv"), table).unwrap();
    let mut config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
    let target = TargetTable {
        task: Task::MultiLabel,
        path: input(folder.path(), "t.csv"),
        delimiter: None,
        id: Some("stay".into()),
        subject: None,
        time: None,
        column: None,
        columns: vec!["a".into(), "b".into()],
        classes: None,
        missing: vec!["?".into(), "x".into()],
        without_value: StayPolicy::Drop,
    };
    config.targets.insert("findings".into(), target);
    told(
        &config,
        "targets.findings.missing lists `x`, and no cell that was read says so",
    );
}
