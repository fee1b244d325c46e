//! Which bytes of a CSV file are a record: the same for every size and compression, and a quote
//! that is not closed takes in no row.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::document::{artifact, digests, kinds_in_store};
use crate::harness::{Outcome, Test};

const STAYS: &str = "stay_id,patient,fold,died,ward
1,11,train,0,A
2,12,train,1,A
3,13,tuning,0,B
4,14,held_out,1,B
";

const LONG: &str = r#"format = 1
[model]
input_dim = 16
[stages.events]
kind = "data"
split = { column = "fold" }
[stages.events.source]
format = "long"
files = ["FILES"]
id = "stay_id"
time = { column = "hour", as = "hours" }
variable = "item"
value = "value"
stays = { path = "stays.csv", id = "stay_id", subject = "patient" }
labels = { path = "stays.csv", id = "stay_id", column = "died" }
"#;

const WIDE: &str = r#"format = 1
[model]
input_dim = 16
[stages.events]
kind = "data"
split = { column = "fold" }
[stages.events.source]
format = "wide"
files = ["FILES"]
id = "stay_id"
time = { column = "hour", as = "hours" }
ignore = ["note"]
stays = { path = "stays.csv", id = "stay_id", subject = "patient" }
labels = { path = "stays.csv", id = "stay_id", column = "died" }
"#;

/// A recipe that reads one file of events and the table of stays.
fn test(recipe: &str, file: &str, text: impl AsRef<[u8]>) -> Test {
    Test::new()
        .recipe(&recipe.replace("FILES", file))
        .file("stays.csv", STAYS)
        .file(file, text)
        .args(["run", "recipe.toml", "--quiet", "--format", "json"])
}

/// The same with the file compressed by gzip.
fn gzipped(recipe: &str, text: &str) -> Test {
    let test = test(recipe, "events.csv", text);
    let gzip = Command::new("gzip")
        .arg("events.csv")
        .current_dir(test.folder())
        .status();
    assert!(gzip.expect("gzip is there").success());
    test.recipe(&recipe.replace("FILES", "events.csv.gz"))
}

#[track_caller]
fn refused(test: &Test) -> Outcome {
    let outcome = test.run().failure(3);
    assert_eq!(kinds_in_store(test), Vec::<String>::new());
    outcome
}

fn profile(document: &Value) -> Value {
    let path = artifact(document, "events", "profile");
    let text = std::fs::read_to_string(path).expect("a profile");
    serde_json::from_str(&text).expect("JSON")
}

/// A long table with these rows behind one of each stay.
fn long_table(rows: &str) -> String {
    let first: String = (1..=4)
        .map(|stay| format!("{stay},1,HR,8{stay},\n"))
        .collect();
    format!("stay_id,hour,item,value,note\n{first}{rows}")
}

#[test]
fn issue16_an_unclosed_quote_is_refused_with_its_line() {
    let unread = "1,2,HR,90,\"unclosed\n2,2,HR,71,\n2,3,HR,72,\n";
    let closed_by_another = "1,2,HR,90,\"unclosed\n2,2,HR,71,\n2,3,HR,72,\"fine\"\n";
    let in_a_name = "1,2,\"HR,90,x\n2,2,HR,71,\n2,3,HR\",72,\n";
    for rows in [unread, closed_by_another, in_a_name] {
        for test in [
            test(LONG, "events.csv", long_table(rows)),
            gzipped(LONG, &long_table(rows)),
            test(LONG, "events.csv", format!("\u{feff}{}", long_table(rows))),
            test(LONG, "events.csv", long_table(rows).replace('\n', "\r\n")),
        ] {
            let outcome = refused(&test).stderr_has("events.csv");
            outcome
                .stderr_has(": line 6: ")
                .stderr_has("closing quote is missing")
                .stderr_has("hint: close the quote");
        }
    }
    let rows = "stay_id,hour,HR,note\n1,1,80,\"unclosed\n2,1,70,\n3,1,75,\n4,1,102,\n";
    for test in [test(WIDE, "events.csv", rows), gzipped(WIDE, rows)] {
        refused(&test).stderr_has(": line 2: the quoted field that opens here");
    }
}

#[test]
fn issue16_an_unclosed_quote_of_a_small_table_is_refused_with_its_line() {
    let ward = |stays: &str| {
        let test = test(LONG, "events.csv", long_table(""));
        test.file("stays.csv", stays)
    };
    let swallowed = STAYS.replace("0,A", "0,\"5 East").replace("0,B", "0,5\"");
    for (stays, line) in [
        (STAYS.replace("0,B", "0,\"B"), 4),
        (swallowed, 2),
        (STAYS.replace("1,A", "1,\"A"), 3),
        (STAYS.replace("ward", "\"ward"), 1),
    ] {
        let outcome = refused(&ward(&stays)).stderr_has(&format!("stays.csv: line {line}: "));
        outcome.stderr_has("closing quote is missing");
    }
    let split = LONG
        .replace("{ column = \"fold\" }", "{ file = \"splits.csv\" }")
        .replace("FILES", "events.csv");
    let test = ward(STAYS)
        .file(
            "splits.csv",
            "stay,split\n1,train\n2,\"train\n3,test\n4,validation\n",
        )
        .recipe(&split);
    refused(&test).stderr_has("splits.csv: line 3: ");
}

/// More than 16 MiB: cut into pieces unless it is compressed.
fn large(note: impl Fn(usize) -> String) -> String {
    let mut text = long_table("1,2,HR,80,tube 5\" deep\n");
    for row in 0..40_000 {
        let note = note(row);
        let (stay, hour) = (1 + row % 4, 1 + row / 4 % 40);
        let _ = writeln!(text, "{stay},{hour},HR,{},{note}", 60 + row % 40);
    }
    assert!(text.len() > 17 << 20, "{}", text.len());
    text
}

#[test]
fn issue16_a_large_file_has_the_rows_that_it_has_compressed() {
    let pasted = |row: usize| {
        let lines = (0..13).map(|line| format!("1,2,HR,999,pasted {line:05} of {row:07}"));
        format!("\"{}\"", lines.collect::<Vec<_>>().join("\n"))
    };
    let inches = |row: usize| match row % 3 {
        0 => format!("{}5\" tube", "x".repeat(400)),
        1 => format!("\"{}\"\" \r\n\"", "y".repeat(500)),
        _ => format!("\"{}\"", "z, ".repeat(150)),
    };
    for (text, in_quotes) in [(large(pasted), 40_000 * 12), (large(inches), 0)] {
        let test = test(LONG, "events.csv", &text);
        let plain = test.run().success().json();
        let compressed = gzipped(LONG, &text).run().success().json();
        assert_eq!(digests(&plain), digests(&compressed));
        let profile = profile(&plain);
        assert_eq!(profile["counts"]["source_rows"], 40_005);
        assert_eq!(profile["counts"]["lines_in_quotes"], in_quotes);
        assert_eq!(profile["variables"]["HR"]["train"]["max"], 97.0);
    }
    let unclosed = large(|row| match row {
        30_000 => "\"unclosed".into(),
        _ => "n".repeat(450),
    });
    for test in [
        test(LONG, "events.csv", &unclosed),
        gzipped(LONG, &unclosed),
    ] {
        let outcome = refused(&test).stderr_has(": line 30007: ");
        outcome.stderr_has("longer than 1 MiB");
    }
}

#[test]
fn lines_in_quotes_that_look_like_rows_are_told() {
    let rows = "1,2,HR,80,\"see\n2,2,HR,999,\n2,3,HR,999,x\"\n";
    let test = test(LONG, "events.csv", long_table(rows)).args(["run", "recipe.toml"]);
    let outcome = test.run().success();
    outcome
        .stderr_has("warning: 2 lines inside quoted fields look like rows")
        .stderr_has("events.csv, line 6");
}

#[test]
fn a_setting_says_what_separates_fields() {
    let semicolons = |text: &str| text.replace(',', ";");
    let table = semicolons(&long_table(""));
    let test = test(LONG, "events.csv", &table);
    refused(&test)
        .stderr_has("events.csv: its header is the one column `stay_id;hour;item;value;note`")
        .stderr_has("delimiter = \";\"");
    let recipe = LONG.replace("FILES", "events.csv").replace(
        "id = \"stay_id\"\ntime",
        "delimiter = \";\"\nid = \"stay_id\"\ntime",
    );
    let test = test.recipe(&recipe);
    let read = test.run().success().json();
    let commas = self::test(LONG, "events.csv", long_table("")).run();
    assert_eq!(digests(&read), digests(&commas.success().json()));
    // Of the small tables, each has its own.
    let test = test.file("stays.csv", semicolons(STAYS));
    refused_again(&test).stderr_has("stays.csv: its header is the one column");
    let recipe = recipe.replace("\"stays.csv\",", "\"stays.csv\", delimiter = \";\",");
    test.recipe(&recipe).run().success();
    let odd = recipe.replace("delimiter = \";\"\n", "delimiter = \";;\"\n");
    let test = self::test(LONG, "events.csv", &table).recipe(&odd);
    test.run()
        .failure(2)
        .stderr_has("`stages.events.source.delimiter` must match")
        .stderr_has("The character that separates the fields of texts, or \"tab\"");
}

#[track_caller]
fn refused_again(test: &Test) -> Outcome {
    test.run().failure(3)
}

#[test]
fn a_file_that_is_no_table_is_called_what_it_is() {
    let table = long_table("");
    let wide: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let cases: [(&[u8], &str, &str); 8] = [
        (
            &[b"\xff\xfe", &wide[..]].concat(),
            "is UTF-16 text",
            "iconv -f UTF-16 ",
        ),
        (&wide, "is UTF-16 text", "iconv -f UTF-16LE -t UTF-8"),
        (b"PK\x03\x04\x14\0", "is a zip archive", "unzip"),
        (lfs.as_bytes(), "is a pointer of Git LFS", "git lfs pull"),
        (b"\n <!DOCTYPE HTML>\n<html>", "is an HTML page", "login"),
        (b"<html><body>", "is an HTML page", "browser"),
        (b"BZh91AY", "is compressed by bzip2", "bunzip2"),
        (
            b"stay_id,hour,item,value,note\n1,1,HR,1,\xe4\n",
            "line 2: not UTF-8 text",
            "iconv",
        ),
    ];
    for (bytes, what, hint) in cases {
        for events in [true, false] {
            let file = if events { "events.csv" } else { "stays.csv" };
            let test = test(LONG, "events.csv", &table).file(file, bytes);
            let outcome = refused(&test).stderr_has(&format!("{file}: {what}"));
            outcome.stderr_has("hint: ").stderr_has(hint);
        }
    }
    let shard = test(LONG, "events.parquet", lfs);
    refused(&shard).stderr_has("events.parquet: is a pointer of Git LFS");
}
