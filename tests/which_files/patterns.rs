//! Paths, patterns and the folders that they lead to, however a recipe spells them.

use super::*;

const THIRD: &str = "stay_id,hour,item,value\n1,3,HR,71\n2,3,HR,72\n3,3,HR,73\n4,3,HR,74\n";

#[test]
fn issue16_a_pattern_may_be_spelled_in_any_way() {
    let test = charts().file("charts/deep/er/b.csv", MORE);
    let root = test.folder().display().to_string();
    let recipe = |files: &str| {
        LONG.replace("\"charts\"", files)
            .replace("\"stays", "\"../stays")
    };
    let expected = rows_read(&test);
    assert_eq!(expected, 8);
    let mut test = test.file("recipes/sub/x", "");
    for (files, rows) in [
        ("\"../charts/*.csv\"".to_string(), 4),
        ("\"../charts/**/*.csv\"".into(), 8),
        ("\"sub/../../charts/**/b.csv\"".into(), 4),
        ("\"../char?s/a.[c]sv\"".into(), 4),
        ("\"../charts/{a,deep/er/b}.csv\"".into(), 8),
        (format!("\"{root}/charts/**/*.csv\""), 8),
        (format!("\"{root}/*/a.csv\", \"../charts/*/*/*.csv\""), 8),
    ] {
        test = test.file("recipes/recipe.toml", recipe(&files));
        let run = ["run", "recipes/recipe.toml", "--format", "json"];
        let document = test.run_with(run).success().json();
        let counts = &profile(&document, "events")["counts"];
        assert_eq!(counts["source_rows"], rows, "{files}");
        test.run_with(["check", "recipes/recipe.toml"]).success();
        test.run_with(["check", "recipes/recipe.toml", "--resolved"])
            .success();
        let plan = test.run_with(["plan", "recipes/recipe.toml"]).success();
        plan.stdout_has("everything is up to date");
    }
    // A new file that fits is a reason to run again.
    let mut test = test.file("charts/c/d.csv", THIRD);
    let plan = test.run_with(["plan", "recipes/recipe.toml"]).success();
    plan.stdout_has("everything is up to date");
    let test = test.file("recipes/recipe.toml", recipe("\"../charts/**/*.csv\""));
    let test = test.args(["run", "recipes/recipe.toml"]);
    test.run().success();
    let mut test = test.file("charts/e.csv", MORE);
    let plan = test.run_with(["plan", "recipes/recipe.toml"]).success();
    plan.stdout_has("source.files.0");
    for (files, what) in [
        (
            "\"../charts/*.parquet\"",
            "../charts/*.parquet: this pattern fits no file",
        ),
        ("\"../charts/[.csv\"", "is no pattern of paths"),
        ("\"../nowhere/*.csv\"", "nowhere: No such file"),
        ("\"../charts/z.csv\"", "z.csv: No such file"),
    ] {
        test = test.file("recipes/recipe.toml", recipe(files));
        let outcome = test.run_with(["check", "recipes/recipe.toml"]).failure(2);
        outcome
            .stderr_has(what)
            .stderr_has("paths are relative to the file");
    }
    // Where one file is meant, a pattern is none.
    let one = LONG.replace("{ path = \"stays.csv\"", "{ path = \"stay*.csv\"");
    let mut test = test.recipe(&one);
    test.run_with(["check", "recipe.toml"])
        .failure(2)
        .stderr_has("stay*.csv: No such file");
}

#[test]
fn a_folder_of_text_files_is_refused_with_the_pattern_that_reads_them() {
    let test = charts();
    fs::rename(
        test.folder().join("charts/a.csv"),
        test.folder().join("charts/a.txt"),
    )
    .expect("a file");
    let outcome = refused(&test).stderr_has("charts: holds no table (*.csv");
    outcome.stderr_has("files = [\"FOLDER/*.txt\"]");
    assert_eq!(rows_read(&reading(test, "\"charts/*.txt\"")), 4);
}

#[test]
fn folders_that_name_a_column_are_told_however_their_files_are_named() {
    let told = "names of folders like `site=A` are not read";
    let notes = |files: &str| {
        let test = Test::new()
            .file("stays.csv", STAYS)
            .file("charts/site=A/a.csv", ROWS)
            .file("charts/site=B/b.csv", MORE)
            .args(["run", "recipe.toml"]);
        reading(test, files).run().success().stderr
    };
    for files in [
        "\"charts\"",
        "\"charts/*/*.csv\"",
        "\"**/[ab].csv\"",
        "\"charts/site=A\", \"charts/site=B\"",
        "\"charts/site=A/a.csv\", \"charts/site=B/b.csv\"",
    ] {
        let notes = notes(files);
        assert!(notes.contains(told), "{files}: {notes}");
    }
    // Of one folder that is named itself, the column would say nothing.
    let notes = notes("\"charts/site=A\"");
    assert!(!notes.contains("names of folders"), "{notes}");
}
