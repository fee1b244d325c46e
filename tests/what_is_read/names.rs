//! Names of variables and categories, and what says that there is nothing.

use super::*;

#[test]
fn issue16_a_category_is_the_text_that_is_written() {
    let codes = [
        "0117",
        "117",
        "250.0",
        "250.00",
        "999000011000001104",
        "999000011000001105",
        "1E3",
        "1000",
        "INF",
        "NaN",
        "None",
        "<0.01",
    ];
    for file in FORMATS {
        let mut rows = EVENTS.to_vec();
        rows.extend(codes.iter().map(|code| ("1", "code", *code)));
        let found = events(long(file, STAYS, &rows, "categorical = [\"code\"]"));
        for code in codes {
            let event = format!("1 code={code} 1");
            assert!(found.contains(&event), "{file}: {event} in {found:?}");
        }
        assert_eq!(found.len(), rows.len());
    }
    for file in ["grid.csv", "grid.csv.gz", "grid.parquet"] {
        let text = "stay_id,minute,unit\n1,0,01\n1,5,1\n2,0,1.0\n3,0,1\n4,0,1\n";
        let found = events(wide(file, text, "categorical = [\"unit\"]"));
        for event in ["1 unit=01 1", "1 unit=1 1", "2 unit=1.0 1"] {
            assert!(
                found.contains(&event.to_string()),
                "{file}: {event} in {found:?}"
            );
        }
        // Repeated in each row: one static event of the text.
        let text = "stay_id,minute,unit,HR\n1,0,007,80\n1,5,007,81\n2,0,7,80\n3,0,7,80\n4,0,7,80\n";
        let test = wide(file, text, "categorical = [\"unit\"]");
        let found = events(with_source(test, "statics = [\"unit\"]"));
        for event in ["1 unit=007 1", "2 unit=7 1"] {
            assert!(
                found.contains(&event.to_string()),
                "{file}: {event} in {found:?}"
            );
        }
    }
    // In the table of stays.
    let stays = STAYS.replace(",54,", ",1E1,").replace(",61,", ",10,");
    let test = long("charts.csv", &stays, &EVENTS, "categorical = [\"age\"]");
    let recipe = recipe(LONG, "charts.csv", "categorical = [\"age\"]");
    let recipe = recipe.replace(
        "subject = \"patient\"",
        "subject = \"patient\", variables = [\"age\"]",
    );
    let found = events(test.recipe(&recipe));
    for event in ["1 age=1E1 1", "2 age=10 1"] {
        assert!(found.contains(&event.to_string()), "{event} in {found:?}");
    }
}

/// The column `unit` of this type, in a grid of a row for each stay.
fn typed_grid(values: ArrayRef, more: &str) -> Test {
    let ids = Int64Array::from(vec![1, 2, 3, 4]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("stay_id", Arc::new(ids)),
        ("minute", Arc::new(Int64Array::from(vec![0; 4]))),
        ("unit", values),
        ("HR", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]))),
    ];
    let test = Test::new().file("stays.csv", STAYS);
    parquet(test, "grid.parquet", columns).recipe(&recipe(WIDE, "grid.parquet", more))
}

#[test]
fn issue16_typed_categories_are_exact_or_an_error() {
    let categorical = "categorical = [\"unit\"]";
    let large = UInt64Array::from(vec![1 << 63, (1 << 63) + 1, 1 << 63, 1 << 63]);
    let found = events(typed_grid(Arc::new(large), categorical));
    for event in [
        "1 unit=9223372036854775808 1",
        "2 unit=9223372036854775809 1",
    ] {
        assert!(found.contains(&event.to_string()), "{event} in {found:?}");
    }
    let floats = Float64Array::from(vec![Some(2.5), Some(3.0), None, Some(3.0)]);
    let found = events(typed_grid(Arc::new(floats), categorical));
    for event in ["1 unit=2.5 1", "2 unit=3 1"] {
        assert!(found.contains(&event.to_string()), "{event} in {found:?}");
    }
    let large = Float64Array::from(vec![2.0, 999_000_011_000_001_104.0, 1.0, 1.0]);
    let what = "grid.parquet: row 2: value of `unit` (stay 2): `999000011000001200` is a float from 2^53 on";
    refused(typed_grid(Arc::new(large), categorical), what);
    // As amounts, numbers of any size are read, and never as nothing.
    let large = UInt64Array::from(vec![1 << 63, 5, 1 << 63, 1 << 63]);
    let found = events(typed_grid(Arc::new(large), ""));
    assert!(
        found.contains(&"1 unit 9.223372036854776e18".to_string()),
        "{found:?}"
    );
}

#[test]
fn issue16_items_are_told_apart_by_their_numbers() {
    for file in FORMATS {
        let rows = EVENTS.map(|(stay, _, value)| (stay, "220045", value));
        let mut rows = rows.to_vec();
        rows.push(("1", "220045.0", "81"));
        let (first, second) = match file {
            "charts.parquet" => ("row 1", "row 5"),
            _ => ("line 2", "line 6"),
        };
        let what = format!(
            "`220045` ({file} {first}) and `220045.0` ({file} {second}) are two spellings of one variable"
        );
        refused(long(file, STAYS, &rows, ""), &what);
        let found = events(with_source(
            long(file, STAYS, &rows, ""),
            "ids = \"number\"",
        ));
        assert!(found.contains(&"1 220045 80.5".to_string()), "{found:?}");
    }
    let text = "stay_id,minute,220045,220045.0\n1,0,80,81\n2,0,70,71\n3,0,75,76\n4,0,102,103\n";
    refused(
        wide("grid.csv", text, ""),
        "`220045` (a column of grid.csv) and `220045.0` (a column of grid.csv)",
    );
}

#[test]
fn issue16_missing_markers_are_for_numbers_and_a_recipe_may_list_more() {
    for file in FORMATS {
        // The name of a variable is what it is.
        let rows = EVENTS.map(|(stay, _, value)| (stay, "NA", value));
        assert_eq!(events(long(file, STAYS, &rows, ""))[0], "1 NA 80", "{file}");
        let listed = with_source(long(file, STAYS, &rows, ""), "missing = [\"NA\"]");
        refused(
            listed,
            "no item is named (stay 1): `NA` is among source.missing",
        );
        // A category, too, with a note.
        let rows = ["None", "Mask", "None", "Mask"];
        let rows: Vec<(&str, &str, &str)> = (["1", "2", "3", "4"].iter().zip(rows))
            .map(|(stay, device)| (*stay, "device", device))
            .collect();
        let categorical = "categorical = [\"device\"]";
        let mut test = long(file, STAYS, &rows, categorical);
        let outcome = test.run_with(["run", "recipe.toml", "events"]).success();
        outcome.stderr_has("categories that are called like a missing value: `device=None`");
        assert_eq!(events(test)[0], "1 device=None 1", "{file}");
        let listed = with_source(
            long(file, STAYS, &rows, categorical),
            "missing = [\"None\"]",
        );
        assert_eq!(events(listed)[0], "1 device 1", "{file}");
        // A number that is not there is presence.
        let mut rows = EVENTS.to_vec();
        rows.extend([("1", "pain", "N/A"), ("2", "pain", "-999")]);
        let listed = with_source(long(file, STAYS, &rows, ""), "missing = [\"-999\"]");
        let found = events(listed);
        for event in ["1 pain 1", "2 pain 1"] {
            assert!(found.contains(&event.to_string()), "{file}: {found:?}");
        }
    }
}

#[test]
fn issue16_the_error_of_a_value_says_what_it_looks_like() {
    for file in FORMATS {
        for (value, what) in [
            ("<0.01", "limit of detection"),
            ("37 C", "a unit or mark, `C`"),
            ("inf", "infinite"),
            ("sinus", "categorical = [\"HR\"]"),
        ] {
            let mut rows = EVENTS;
            rows[0].2 = value;
            let outcome = refused(
                long(file, STAYS, &rows, ""),
                &format!("value `{value}` of `HR`"),
            );
            outcome.stderr_has(what);
        }
    }
    for (value, what) in [
        ("\"1,234\"", "separators of thousands"),
        ("\"36,5\"", "decimal comma"),
    ] {
        let mut rows = EVENTS;
        rows[0].2 = value;
        refused(long("charts.csv", STAYS, &rows, ""), "charts.csv: line 2").stderr_has(what);
    }
}
