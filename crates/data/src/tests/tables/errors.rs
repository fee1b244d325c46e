//! What is wrong with tables is named, with file, line and stay.

use super::{
    ROWS, STAYS, folder_with, input, long, long_lines, long_text, wide, wide_parquet, wide_text,
};
use crate::config::*;
use crate::tests::{Built, refusal};

#[test]
fn a_bad_row_of_a_long_table_is_named_with_file_line_and_stay() {
    let good = long_text(&ROWS[..2], |minute| minute.to_string());
    for (row, what) in [
        (
            "9,1,HR,abc",
            "line 7: value `abc` of `HR` is not a finite number (stay 9)",
        ),
        ("9,1,HR,inf", "line 7: value `inf` of `HR`"),
        ("9,,HR,1", "line 7: no time (stay 9)"),
        (
            "9,soon,HR,1",
            "line 7: time `soon` is no time as minutes (stay 9)",
        ),
        ("9,-1,HR,1", "line 7: time `-1` is before 0 (stay 9)"),
        (
            "9,1e300,HR,1",
            "line 7: time `1e300` is beyond the times that are read",
        ),
        ("9,1,,1", "line 7: no item is named (stay 9)"),
        (",1,HR,1", "line 7: the stay id is blank"),
        ("9,1,HR", "line 7: 3 fields where the header has 4"),
        ("9,1,HR,\u{fffd}", "line 7: value `\u{fffd}`"),
    ] {
        let text = format!("{good}\n{row}\n9,2,HR,1\n");
        // The empty line before the bad row counts as a line.
        assert_eq!(good.lines().count(), 5);
        let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", text.as_bytes())]);
        let found = refusal(&long(folder.path(), &["e.csv"], TimeUnit::Minutes));
        assert!(found.contains(&format!("e.csv: {what}")), "{found}");
    }
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        ("e.csv", b"stay,time,item,value\n9,1,HR,\xff\n"),
        ("empty.csv", b""),
        ("other.csv", b"stay,time,name,value\n9,1,HR,1\n"),
        ("twice.csv", b"stay,time,item,value,value\n9,1,HR,1,1\n"),
        ("none/readme.txt", b""),
    ]);
    for (file, what) in [
        ("e.csv", "e.csv: line 2: not UTF-8 text"),
        ("empty.csv", "empty.csv: is empty"),
        (
            "other.csv",
            "other.csv: has no column `item`; it has `stay`, `time`, `name`, `value`",
        ),
        ("twice.csv", "twice.csv: has two columns `value`"),
        ("none", "none: holds no table"),
        ("x*.csv", "x*.csv: fits no file"),
    ] {
        let found = refusal(&long(folder.path(), &[file], TimeUnit::Minutes));
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn what_is_no_time_in_the_stated_unit_is_refused_in_parquet_as_well() {
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes())]);
    wide_parquet(&folder.path().join("wide.parquet"));
    let found = refusal(&wide(folder.path(), &["wide.parquet"], TimeUnit::Minutes));
    assert!(
        found.contains("wide.parquet: row 1: time `a duration of 0 µs` is no time as minutes"),
        "{found}"
    );
}

#[test]
fn a_bad_row_of_the_table_of_stays_is_named() {
    let events = long_text(&ROWS, |minute| minute.to_string());
    for (from, to, what) in [
        (
            "\n12,1,51",
            "\n12,1,old",
            "stays.csv: line 5: age `old` is not a finite number",
        ),
        ("\n12,1", "\n10.0,1", "line 5: stay 10 is at "),
        ("\n12,1", "\n,1", "line 5: the stay id is blank"),
        (
            "12,1,51,2150-01-01 00:00:00,train",
            "12,1,51,2150-01-01 00:00:00,fold3",
            "line 5: fold `fold3` of stay 12 is no split",
        ),
        (
            "12,1,51,2150-01-01 00:00:00",
            "12,1,51,yesterday",
            "line 5: admitted `yesterday` of stay 12 is no time as timestamp",
        ),
        (
            "\n12,1,",
            "\n12,,",
            "line 5: patient `` of stay 12 names no patient",
        ),
        (
            "12,1,51",
            "12,3,51",
            "patient 3 is in two splits: stay 11 in test, stay 12 in train",
        ),
        ("train,1\n", "train,x\n", "line 5: label `x` of stay 12"),
    ] {
        let text = STAYS.replace(from, to);
        assert_ne!(text, STAYS);
        let folder = folder_with(&[("stays.csv", text.as_bytes()), ("e.csv", events.as_bytes())]);
        let unit = match what.contains("timestamp") {
            true => TimeUnit::Timestamp,
            false => TimeUnit::Minutes,
        };
        let found = refusal(&long(folder.path(), &["e.csv"], unit));
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn rows_that_are_all_of_other_stays_are_refused_with_the_first() {
    let text = long_text(&ROWS, |minute| minute.to_string()).replace("\n", "\nA");
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", text.as_bytes())]);
    let text = text.trim_end_matches('A');
    std::fs::write(folder.path().join("e.csv"), text).unwrap();
    let found = refusal(&long(folder.path(), &["e.csv"], TimeUnit::Minutes));
    let rows = text.lines().count() - 1;
    assert!(
        found.contains(&format!(
            "none of the source's {rows} rows belongs to a stay of"
        )),
        "{found}"
    );
    assert!(found.contains("for example `A9` on line 2"), "{found}");
}

#[test]
fn a_column_that_says_whose_or_when_a_stay_is_is_no_input_of_a_wide_table() {
    let table = wide_text(&ROWS);
    let with = |name: &str| {
        let lines = table.lines().enumerate();
        let lines = lines.map(|(at, line)| match at {
            0 => format!("{line},{name}\n"),
            _ => format!("{line},{at}\n"),
        });
        lines.collect::<String>()
    };
    for (name, setting) in [
        ("patient", "source.stays.subject"),
        ("fold", "split.column"),
    ] {
        let folder = folder_with(&[
            ("stays.csv", STAYS.as_bytes()),
            ("died.csv", b"stay,died\n9,0\n10,1\n11,0\n12,1\n"),
            ("w.csv", with(name).as_bytes()),
        ]);
        let mut config = wide(folder.path(), &["w.csv"], TimeUnit::Minutes);
        // The table of stays is not that of labels, whose every column is an outcome.
        if let Source::Wide(source) = &mut config.source
            && let Some(labels) = &mut source.labels
        {
            labels.path = input(folder.path(), "died.csv");
        }
        let found = refusal(&config);
        let what = format!("variable `{name}` is the column that {setting} names");
        assert!(found.contains(&what), "{found}");
        config.variables.drop = vec![name.into()];
        assert!(Built::of(&config, 1).is_ok());
    }
}

#[test]
fn a_stay_that_is_predicted_before_it_begins_is_refused_with_both_times() {
    let minutes = long_text(&ROWS, |minute| minute.to_string());
    for (asked, what) in [
        (
            Some("a"),
            "line 3: stay 10 is predicted before it begins: p `4` is before a `5`",
        ),
        (
            None,
            "line 4: stay 11 is predicted before it begins: p `-1` is before time 0",
        ),
    ] {
        let table = "stay,patient,age,a,p,fold,died\n9,1,5,0,0,train,0\n10,2,5,5,4,valid,1\n11,3,5,0,-1,test,1\n";
        let folder = folder_with(&[
            ("stays.csv", table.as_bytes()),
            ("e.csv", minutes.as_bytes()),
        ]);
        let mut config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
        if let Source::Long(source) = &mut config.source
            && let Some(stays) = &mut source.stays
        {
            stays.start = asked.map(String::from);
            stays.prediction = Some("p".into());
        }
        let found = refusal(&config);
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn a_table_with_its_former_versions_is_refused_however_its_files_are_named() {
    let text = long_text(&ROWS, |minute| minute.to_string());
    let with = |beside: &str| {
        folder_with(&[
            ("stays.csv", STAYS.as_bytes()),
            ("lake/d/data/ward=1/part-0.csv", text.as_bytes()),
            (beside, b"{}"),
        ])
    };
    for (beside, what, format) in [
        ("_delta_log/0.json", "a Delta Lake table", "delta"),
        (".hoodie/hoodie.properties", "an Apache Hudi table", "hudi"),
        (
            "metadata/v2.metadata.json",
            "an Apache Iceberg table",
            "iceberg",
        ),
        (
            "metadata/0-a.gz.metadata.json",
            "an Apache Iceberg table",
            "iceberg",
        ),
        (
            "metadata/v1.metadata.json.gz",
            "an Apache Iceberg table",
            "iceberg",
        ),
    ] {
        let folder = with(&format!("lake/d/{beside}"));
        for files in ["lake", "lake/d", "lake/d/data", "lake/d/data/*/*.csv"] {
            let config = long(folder.path(), &[files], TimeUnit::Minutes);
            let error = Built::of(&config, 1).err().expect("a refusal");
            let found = error.to_string();
            assert!(found.contains(&format!("lake/d: is {what}")), "{found}");
            let hint = error.hint().unwrap_or_default();
            assert!(
                hint.contains(&format!("read.format(\"{format}\")")),
                "{hint}"
            );
        }
    }
    // MEDS has a folder of this name, too, and anybody may describe a table.
    for beside in [
        "dataset.json",
        "charts.metadata.json",
        "vitals.metadata.json",
        "v0.4.metadata.json",
    ] {
        let folder = with(&format!("lake/d/metadata/{beside}"));
        assert!(Built::of(&long(folder.path(), &["lake"], TimeUnit::Minutes), 1).is_ok());
    }
}

#[test]
fn names_that_look_alike_are_told_with_their_places_and_code_points() {
    let lines = long_lines(&ROWS, |minute| minute.to_string()).concat();
    for rows in [
        ["9,1,\u{b5}g,1", "10,1,\u{3bc}g,2"],
        ["9,1,rhythm,\u{b5}g", "10,1,rhythm,\u{3bc}g"],
    ] {
        let text = format!("stay,time,item,value\n{}\n{lines}", rows.join("\n"));
        let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", text.as_bytes())]);
        let mut config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
        let found = refusal(&config);
        for (letter, code_point, line) in [("\u{b5}", "U+00B5", 2), ("\u{3bc}", "U+03BC", 3)] {
            assert!(
                found.contains(&format!("{letter}g` with {code_point} (")),
                "{found}"
            );
            assert!(found.contains(&format!("e.csv line {line})")), "{found}");
        }
        if let Source::Long(source) = &mut config.source {
            source.ids = Some(Ids::Text);
        }
        assert!(Built::of(&config, 1).is_ok());
    }
    let [one, other] = ["pH", "\u{ff50}\u{ff28}"].map(|name| wide_text(&ROWS).replace("pH", name));
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        ("a.csv", one.as_bytes()),
        ("b.csv", other.as_bytes()),
    ]);
    let found = refusal(&wide(folder.path(), &["a.csv", "b.csv"], TimeUnit::Minutes));
    assert!(
        found.contains("with U+FF50, U+FF28 (a column of "),
        "{found}"
    );
    assert!(found.contains("b.csv)"), "{found}");
}

#[test]
fn an_outcome_is_no_input() {
    let text = format!(
        "{}9,1,died,1\n",
        long_text(&ROWS, |minute| minute.to_string())
    );
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", text.as_bytes())]);
    let mut config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
    let found = refusal(&config);
    assert!(
        found.contains("variable `died` is called like a column of the labels"),
        "{found}"
    );
    config.variables.only = Some(vec!["HR".into(), "died".into()]);
    assert!(
        refusal(&config).contains("variable `died`"),
        "also where it is named among `only`"
    );
    config.variables.only = None;
    config.variables.drop = vec!["died".into()];
    assert!(Built::of(&config, 1).is_ok());
    // Age stands in the table of labels, too, but the recipe names it as a variable.
    if let Source::Long(source) = &mut config.source
        && let Some(stays) = &mut source.stays
    {
        stays.variables.push("died".into());
        config.variables.drop.clear();
    }
    assert!(
        refusal(&config).contains("variable `died`"),
        "also where it is named a static one"
    );
}
