//! Ids of stays and patients.

use super::*;

#[test]
fn issue16_a_whole_number_is_one_id_with_and_without_a_zero_fraction() {
    for file in FORMATS {
        let mut rows = EVENTS;
        rows[1].0 = "2.0";
        let stays = STAYS.replace("\n4,", "\n4.0,");
        assert_eq!(
            events(long(file, &stays, &rows, "")),
            ["1 HR 80", "2 HR 70", "3 HR 75", "4 HR 102"],
            "{file}"
        );
    }
}

#[test]
fn issue16_two_spellings_of_an_id_are_refused_with_both_places() {
    for file in FORMATS {
        for odd in ["02", "+2", "2e0", "02.0"] {
            let mut rows = EVENTS.to_vec();
            rows.push((odd, "HR", "170"));
            let place = match file {
                "charts.parquet" => "row 5",
                _ => "line 6",
            };
            let what =
                format!("{file}: {place}: stay id `{odd}` is spelled `2` at stays.csv line 3");
            refused(long(file, STAYS, &rows, ""), &what)
                .stderr_has("hint: write it in one way. If they spell one number, ids =");
            // As numbers they are one stay, as texts two, of which one is not of the cohort.
            let numbers = long(file, STAYS, &rows, "");
            let one = events(with_source(numbers, "ids = \"number\""));
            assert!(one.contains(&"2 HR 120".to_string()), "{one:?}");
            let two = events(with_source(long(file, STAYS, &rows, ""), "ids = \"text\""));
            assert!(two.contains(&"2 HR 70".to_string()), "{two:?}");
        }
    }
}

#[test]
fn issue16_two_spellings_are_found_in_tables_of_stays_labels_and_splits() {
    let stays = format!("{STAYS}03,15,60,train,0\n");
    let what = "stays.csv: line 6: stay_id `03` is spelled `3` at stays.csv line 4";
    refused(long("charts.csv", &stays, &EVENTS, ""), what);
    let stays = STAYS.replace(",12,", ",011,");
    let what = "stays.csv: line 3: patient `011` is spelled `11` at stays.csv line 2";
    refused(long("charts.csv", &stays, &EVENTS, ""), what);

    let by_file = |text: &str| {
        let test = long("charts.csv", STAYS, &EVENTS, "").file("splits.csv", text);
        let recipe = recipe(LONG, "charts.csv", "");
        test.recipe(&recipe.replace("{ column = \"fold\" }", "{ file = \"splits.csv\" }"))
    };
    let what =
        "splits.csv: `2` (the source) and `02` (splits.csv line 3) are two spellings of one id";
    refused(
        by_file("id,split\n1,train\n02,train\n3,val\n4,test\n"),
        what,
    );

    let no_cohort = |labels: &str| {
        let test = long("charts.csv", STAYS, &EVENTS, "").file("labels.csv", labels);
        let recipe = recipe(LONG, "charts.csv", "");
        let recipe = recipe.replace("{ column = \"fold\" }", "{ ratio = [0.5, 0.25, 0.25] }");
        let (head, _) = recipe.split_once("stays = ").expect("stays");
        test.recipe(&format!(
            "{head}labels = {{ path = \"labels.csv\", id = \"id\", column = \"died\" }}\n"
        ))
    };
    let what = "stay id `4` (charts.csv) is also spelled `4e0` (labels.csv line 5)";
    refused(no_cohort("id,died\n1,0\n2,1\n3,0\n4e0,1\n"), what);
    let rows = [EVENTS.as_slice(), &[("004", "HR", "1")]].concat();
    let test = table(
        no_cohort("id,died\n1,0\n2,1\n3,0\n4,1\n004,1\n"),
        "charts.csv",
        &csv(&rows),
    );
    let what =
        "`4` (charts.csv line 5) and `004` (charts.csv line 6) are two spellings of one stay id";
    refused(test, what);
}

#[test]
fn issue16_what_cannot_be_seen_or_says_nothing_is_no_id() {
    for file in FORMATS {
        for (odd, what) in [
            (
                "2\u{200b}",
                "stay_id `2\\u{200b}` holds the invisible character U+200B",
            ),
            (
                "\u{feff}2",
                "stay_id `\\u{feff}2` holds the invisible character U+FEFF",
            ),
            ("NA", "stay_id `NA` says that there is none"),
            ("", "the stay id is blank"),
        ] {
            let mut rows = EVENTS;
            rows[1].0 = odd;
            refused(long(file, STAYS, &rows, ""), what);
        }
    }
    let what = "stays.csv: line 3: patient `NA` says that there is none";
    refused(
        long("charts.csv", &STAYS.replace(",12,", ",NA,"), &EVENTS, ""),
        what,
    );
}

/// Parquet events whose ids are this column, one for each id; and stays called so.
fn typed_ids(stays: [&str; 4], ids: ArrayRef) -> Test {
    let mut table = STAYS.to_string();
    for (old, new) in ["\n1,", "\n2,", "\n3,", "\n4,"].iter().zip(stays) {
        table = table.replace(old, &format!("\n{new},"));
    }
    let rows = ids.len();
    let test = Test::new().file("stays.csv", table);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("stay_id", ids),
        ("minute", Arc::new(Int64Array::from(vec![5; rows]))),
        ("item", Arc::new(StringArray::from(vec!["HR"; rows]))),
        (
            "value",
            Arc::new(Int64Array::from_iter_values(
                (0..rows as i64).map(|row| 80 + row),
            )),
        ),
    ];
    parquet(test, "charts.parquet", columns).recipe(&recipe(LONG, "charts.parquet", ""))
}

#[test]
fn issue16_integers_and_decimals_are_ids_exactly_and_floats_while_they_are_exact() {
    let large = [
        9_007_199_254_740_992_u64,
        9_007_199_254_740_993,
        1 << 63,
        u64::MAX,
    ];
    let names = large.map(|id| id.to_string());
    let names = names.each_ref().map(String::as_str);
    let expected: Vec<String> = (names.iter().zip(80..))
        .map(|(id, rate)| format!("{id} HR {rate}"))
        .collect();
    assert_eq!(
        events(typed_ids(
            names,
            Arc::new(UInt64Array::from(large.to_vec()))
        )),
        expected
    );
    for (precision, scale) in [(38, 0), (30, 2)] {
        let ids = large.map(|id| i128::from(id) * 10_i128.pow(scale));
        let ids =
            Decimal128Array::from(ids.to_vec()).with_precision_and_scale(precision, scale as i8);
        assert_eq!(
            events(typed_ids(names, Arc::new(ids.expect("fits")))),
            expected
        );
    }
    let fraction = Decimal128Array::from(vec![10, 15, 20, 30]).with_precision_and_scale(10, 1);
    let found = events(typed_ids(
        ["1", "1.5", "2", "3"],
        Arc::new(fraction.expect("fits")),
    ));
    assert!(found.contains(&"1.5 HR 81".to_string()), "{found:?}");

    let floats = |last: f64| Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, last]));
    assert_eq!(
        events(typed_ids(["1", "2", "3", "4"], floats(4.0)))[3],
        "4 HR 83"
    );
    for (last, what) in [
        (
            9_007_199_254_740_994.0,
            "charts.parquet: row 4: stay_id `9007199254740994` is a float from 2^53",
        ),
        (
            4.5,
            "charts.parquet: row 4: stay_id `4.5` is a float that is no whole number",
        ),
        (f64::INFINITY, "row 4: stay_id `inf`"),
    ] {
        refused(typed_ids(["1", "2", "3", "4"], floats(last)), what);
    }
    let single = Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0, 16_777_218.0]));
    refused(
        typed_ids(["1", "2", "3", "4"], single),
        "stay_id `16777218` is a float from 2^24",
    );
}

#[test]
fn issue16_ids_of_small_tables_are_exact_in_parquet_too() {
    let small = |ids: ArrayRef| {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("stay_id", ids),
            ("patient", Arc::new(Int64Array::from(vec![11, 12, 13, 14]))),
            (
                "fold",
                Arc::new(StringArray::from(vec![
                    "train", "train", "tuning", "held_out",
                ])),
            ),
            (
                "died",
                Arc::new(BooleanArray::from(vec![false, true, false, true])),
            ),
        ];
        let test = long("charts.csv", STAYS, &EVENTS, "");
        let recipe = recipe(LONG, "charts.csv", "").replace("stays.csv", "stays.parquet");
        parquet(test, "stays.parquet", columns).recipe(&recipe)
    };
    let floats = Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]);
    assert_eq!(events(small(Arc::new(floats))).len(), 4);
    let decimals = Decimal128Array::from(vec![100, 200, 300, 400]).with_precision_and_scale(10, 2);
    assert_eq!(events(small(Arc::new(decimals.expect("fits")))).len(), 4);
    let large = Float64Array::from(vec![1.0, 2.0, 3.0, 1e17]);
    refused(
        small(Arc::new(large)),
        "stays.parquet: row 4: stay_id `100000000000000000` is a float from 2^53",
    );
    let large = Float32Array::from(vec![1.0, 2.0, 3.0, 3.25]);
    refused(
        small(Arc::new(large)),
        "stays.parquet: row 4: stay_id `3.25` is a float that is no whole number",
    );
}
