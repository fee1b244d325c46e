//! Whole tables: indexes, labels, splits, MEDS.

use super::*;

#[test]
fn issue16_a_row_number_is_no_variable() {
    for (file, name, hint) in [
        ("grid.csv", "", "ignore = [\"\"]"),
        ("grid.csv.gz", "Unnamed: 0", "ignore = [\"Unnamed: 0\"]"),
        ("grid.csv", "index", "ignore = [\"index\"]"),
        (
            "grid.parquet",
            "__index_level_0__",
            "ignore = [\"__index_level_0__\"]",
        ),
    ] {
        let text = format!("{name},stay_id,minute,HR\n0,1,0,80\n1,2,0,70\n2,3,0,75\n3,4,0,102\n");
        refused(wide(file, &text, ""), &format!("{file}: ")).stderr_has(hint);
        let ignored = with_source(wide(file, &text, ""), hint);
        assert_eq!(events(ignored)[0], "1 HR 80", "{file} {name}");
    }
}

#[test]
fn issue16_labels_may_be_true_and_false_and_what_is_none_is_left_out_on_request() {
    let stays = STAYS
        .replace(",train,0", ",train,False")
        .replace(",held_out,1", ",held_out,TRUE");
    assert_eq!(events(long("charts.csv", &stays, &EVENTS, "")).len(), 4);
    for none in ["", "NaN", "NA"] {
        let stays = format!("{STAYS}5,15,60,train,{none}\n");
        let rows = [EVENTS.as_slice(), &[("5", "HR", "99")]].concat();
        let what = format!("stays.csv: line 6: label `{none}` of stay 5 is not a whole number");
        refused(long("charts.csv", &stays, &rows, ""), &what)
            .stderr_has("without_label = \"drop\"");
        let dropped = long("charts.csv", &stays, &rows, "without_label = \"drop\"");
        assert_eq!(events(dropped).len(), 4, "{none}");
    }
    let grid = |none: &str| {
        format!(
            "stay_id,minute,HR,sepsis\n1,0,80,0\n2,0,70,True\n2,1,71,1\n3,0,75,0\n4,0,102,False\n1,1,80,{none}\n"
        )
    };
    let recipe = |more: &str| {
        let recipe = recipe(WIDE, "grid.csv", more);
        let (head, _) = recipe.split_once("labels = ").expect("labels");
        format!("{head}row_label = \"sepsis\"\n")
    };
    let test = |none: &str, more: &str| wide("grid.csv", &grid(none), "").recipe(&recipe(more));
    refused(
        test("NaN", ""),
        "grid.csv: line 7: sepsis `NaN` is neither 0 nor 1",
    );
    let more = "without_label = \"drop\"\nwithout_events = \"drop\"";
    // The label of stay 1 is that of its other row; stay 2 is positive before anything is seen.
    assert_eq!(events(test("NaN", more)).len(), 4);
}

#[test]
fn issue16_a_split_file_is_of_stays_or_of_patients_and_never_of_both() {
    let stays = "stay_id,patient,died\n1,2,0\n2,3,1\n3,4,0\n4,1,1\n";
    let rows = "1,held_out\n2,train\n3,train\n4,tuning\n";
    let test = |header: &str, file: &str| {
        let recipe = recipe(LONG, "charts.csv", "")
            .replace("{ column = \"fold\" }", &format!("{{ file = \"{file}\" }}"));
        table(
            long("charts.csv", stays, &EVENTS, ""),
            file,
            &format!("{header},split\n{rows}"),
        )
        .recipe(&recipe)
    };
    let splits = |mut test: Test| {
        test.run_with(["run", "recipe.toml", "events"]).success();
        let path = test
            .run_with(["outputs", "recipe.toml", "events", "stays"])
            .success();
        let batches = read(Path::new(path.stdout.trim()), &["stay_id", "split"]).expect("is read");
        let texts = |name: &str| {
            let column = batches[0].column_by_name(name).expect("is there").clone();
            let column = column
                .as_any()
                .downcast_ref::<StringArray>()
                .cloned()
                .expect("is text");
            (0..column.len())
                .map(|row| column.value(row).to_string())
                .collect::<Vec<_>>()
        };
        texts("stay_id")
            .into_iter()
            .zip(texts("split"))
            .collect::<BTreeMap<_, _>>()
    };
    let expected = |splits: [&str; 4]| -> BTreeMap<String, String> {
        (1..)
            .map(|stay: i32| stay.to_string())
            .zip(splits.map(String::from))
            .collect()
    };
    for file in ["splits.csv", "splits.csv.gz", "splits.parquet"] {
        for header in ["patient", "subject_id"] {
            let found = splits(test(header, file));
            assert_eq!(
                found,
                expected(["train", "train", "validation", "test"]),
                "{file} {header}"
            );
        }
        let found = splits(test("stay_id", file));
        assert_eq!(
            found,
            expected(["test", "train", "train", "validation"]),
            "{file}"
        );
        refused(
            test("id", file),
            "its ids `id` are both stays' and patients'",
        )
        .stderr_has("hint: call the first column stay_id, or subject_id");
    }
}

/// MEDS of four subjects, whose ids in the data are this column.
fn meds(ids: ArrayRef, times: ArrayRef, labels: ArrayRef, more: &str) -> Test {
    let test = Test::new();
    let folder = |name: &str| {
        let path = test.folder().join(name);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        path
    };
    let codes = StringArray::from(vec!["HR"; ids.len()]);
    let values = Float32Array::from(vec![80.0; ids.len()]);
    let data: Vec<(&str, ArrayRef)> = vec![
        ("subject_id", ids),
        ("time", times),
        ("code", Arc::new(codes)),
        ("numeric_value", Arc::new(values)),
    ];
    write_nullable(
        &folder("meds/data").join("0.parquet"),
        data,
        Compression::SNAPPY,
    )
    .expect("is written");
    let task: Vec<(&str, ArrayRef)> = vec![
        ("subject_id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        (
            "prediction_time",
            Arc::new(TimestampMillisecondArray::from(vec![1_000_000; 4])),
        ),
        ("boolean_value", labels),
    ];
    write_nullable(
        &folder("meds/labels").join("0.parquet"),
        task,
        Compression::SNAPPY,
    )
    .expect("is written");
    let recipe = format!(
        "format = 1\n[model]\ninput_dim = 8\n[stages.events]\nkind = \"data\"\nsplit = {{ file = \"splits.csv\" }}\n{more}\n\
         source = {{ format = \"meds\", path = \"meds\", labels = \"meds/labels\" }}\n"
    );
    let splits = "subject_id,split\n01,train\n2,train\n3.0,val\n4,test\n";
    test.file("splits.csv", splits).recipe(&recipe)
}

#[test]
fn issue16_meds_ids_and_times_are_exact_or_an_error() {
    let times = || Arc::new(TimestampMillisecondArray::from(vec![0; 4])) as ArrayRef;
    let labels = || Arc::new(BooleanArray::from(vec![true, false, true, false])) as ArrayRef;
    let ids = || Arc::new(Int64Array::from(vec![1, 2, 3, 4])) as ArrayRef;
    assert_eq!(events(meds(ids(), times(), labels(), "")).len(), 4);
    let decimals = Decimal128Array::from(vec![1, 2, 3, 4]).with_precision_and_scale(38, 0);
    let decimals = Arc::new(decimals.expect("fits"));
    assert_eq!(events(meds(decimals, times(), labels(), "")).len(), 4);
    let floats = Arc::new(Float64Array::from(vec![1.0, 1.25, 1.75, 4.0]));
    let what = "0.parquet: row 2: subject_id `1.25` is a float that is no whole number";
    refused(meds(floats, times(), labels(), ""), what);
    let large = Arc::new(UInt64Array::from(vec![1, 2, 3, u64::MAX]));
    let what = "0.parquet: row 4: subject_id `18446744073709551615` (UInt64) is beyond Int64";
    refused(meds(large, times(), labels(), ""), what);
    let late = Arc::new(TimestampMillisecondArray::from(vec![0, i64::MAX, 0, 0]));
    refused(meds(ids(), late, labels(), ""), "0.parquet: row 2: time `");
    let some = || {
        Arc::new(BooleanArray::from(vec![
            Some(true),
            Some(false),
            Some(true),
            Some(false),
        ])) as ArrayRef
    };
    assert_eq!(events(meds(ids(), times(), some(), "")).len(), 4);
    let none = || {
        Arc::new(BooleanArray::from(vec![
            Some(true),
            None,
            Some(true),
            Some(false),
        ])) as ArrayRef
    };
    refused(
        meds(ids(), times(), none(), ""),
        "row 2: boolean_value of subject 2 is no class",
    )
    .stderr_has("without_label = \"drop\"");
    assert_eq!(
        events(meds(ids(), times(), none(), "without_label = \"drop\"")).len(),
        3
    );
}

#[test]
fn issue16_a_file_s_name_is_an_id_as_any_other() {
    let test = |labels: &str, more: &str| {
        let recipe = recipe(LONG, "stays", "").replace("id = \"stay_id\"\n", "");
        let recipe = recipe.replace("{ column = \"fold\" }", "{ ratio = [0.5, 0.25, 0.25] }");
        let (head, _) = recipe.split_once("stays = ").expect("stays");
        let labels = format!("id,died\n{labels}");
        let test = Test::new()
            .file("labels.csv", labels)
            .file("stays/x.txt", "");
        let rows = "minute,item,value\n5,HR,80\n6,HR,81\n";
        let names = (7..20).map(|id| format!("stays/{id}.csv"));
        let test = names.fold(test, |test, name| table(test, &name, rows));
        let test = table(test, "stays/20.csv.gz", rows);
        test.recipe(&format!(
            "{head}labels = {{ path = \"labels.csv\", id = \"id\", column = \"died\" }}\n{more}\n"
        ))
    };
    let labels: String = (7..21).map(|id| format!("{id},{}\n", id % 2)).collect();
    let found = events(test(&labels, ""));
    assert_eq!(found.len(), 28);
    assert!(found.contains(&"20 HR 81".to_string()), "{found:?}");
    let odd = labels.replace("7,1\n8,", "007,1\n8,");
    let what = "stays/7.csv) is also spelled `007` (labels.csv line 2)";
    refused(test(&odd, ""), what);
    assert_eq!(events(test(&odd, "ids = \"number\"")).len(), 28);
}
