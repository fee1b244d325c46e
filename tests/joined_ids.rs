//! Tables that are joined by ids of another kind than the source's stays have: both may be the same numbers.

use crate::harness::Test;

const STAYS: &str = "stay_id,hadm_id,fold,died
1,2,train,0
2,3,train,1
3,4,tuning,0
4,1,held_out,1
";
const CHARTS: &str = "stay_id,hour,item,value\n1,1,HR,81\n2,1,HR,82\n3,1,HR,83\n4,1,HR,84\n";
const SPLIT: &str = "split = { column = \"fold\" }";
const LABELS: &str = "labels = { path = \"stays.csv\", id = \"stay_id\", column = \"died\" }";

const RECIPE: &str = r#"format = 1
[model]
input_dim = 8
[stages.events]
kind = "data"
SPLIT
MORE
[stages.events.source]
format = "long"
files = ["charts.csv"]
id = "stay_id"
time = { column = "hour", as = "hours" }
variable = "item"
value = "value"
stays = { path = "stays.csv", id = "stay_id" }
LABELS
"#;

fn test(split: &str, more: &str, labels: &str) -> Test {
    let recipe = RECIPE
        .replace("SPLIT", split)
        .replace("MORE", more)
        .replace("LABELS", labels);
    Test::new()
        .recipe(&recipe)
        .file("stays.csv", STAYS)
        .file("charts.csv", CHARTS)
        .args(["run", "recipe.toml"])
}

/// A table of four rows whose first column is `id`.
fn table(id: &str, column: &str, values: [&str; 4]) -> String {
    let rows = (1..).zip(values);
    let rows = rows.map(|(id, value)| format!("{id},{value}\n"));
    format!("{id},{column}\n{}", rows.collect::<String>())
}

/// The settings of labels in a table of their own.
fn labelled_by(id: &str) -> Test {
    let labels = LABELS
        .replace("stays.csv", "labels.csv")
        .replace("stay_id", id);
    test(SPLIT, "", &labels).file("labels.csv", table(id, "died", ["0", "1", "0", "1"]))
}

const DIFFERS: &str = "stays.csv line 2 has stay_id `1` and hadm_id `2`";

#[test]
fn another_column_of_the_table_of_stays_is_no_id_of_stays() {
    let other = LABELS.replace("stay_id", "hadm_id");
    let outcome = test(SPLIT, "", &other).run().failure(3);
    outcome
        .stderr_has("source.labels.id: `hadm_id` is another id than `stay_id`: ")
        .stderr_has(DIFFERS)
        .stderr_has("hint: id = \"stay_id\" joins by the ids that the source has");
    labelled_by("hadm_id").run().failure(3).stderr_has(DIFFERS);
    let target = "targets.los = { path = \"los.csv\", task = \"regression\", id = \"hadm_id\" }";
    let attributes = "attributes = { path = \"los.csv\", id = \"hadm_id\", columns = [\"los\"] }";
    for (more, setting) in [(target, "targets.los.id"), (attributes, "attributes.id")] {
        let joined = test(SPLIT, more, LABELS);
        let joined = joined.file("los.csv", table("hadm_id", "los", ["1", "2", "3", "4"]));
        let outcome = joined.run().failure(3).stderr_has(DIFFERS);
        outcome.stderr_has(&format!("{setting}: `hadm_id` is another id"));
    }
    let splits = table("hadm_id", "split", ["test", "train", "train", "val"]);
    let divided = test("split = { file = \"splits.csv\" }", "", LABELS);
    let outcome = divided.file("splits.csv", splits).run().failure(3);
    outcome
        .stderr_has(DIFFERS)
        .stderr_has("hint: write a first column `stay_id`");
}

#[test]
fn a_column_of_the_rows_is_compared_too_and_one_that_repeats_the_id_is_as_good() {
    let without = STAYS.replace("hadm_id", "room");
    let charts = CHARTS.replace("value\n", "value,hadm_id\n");
    let charts = ["81,2", "82,3", "83,4", "84,1"]
        .iter()
        .fold(charts, |charts, value| charts.replace(&value[..2], value));
    let joined = labelled_by("hadm_id").file("stays.csv", &without);
    let outcome = joined.file("charts.csv", charts).run().failure(3);
    outcome.stderr_has("charts.csv line 2 has stay_id `1` and hadm_id `2`");
    let same = "stay_id,hadm_id,fold,died\n1,1,train,0\n2,2,train,1\n3,,tuning,0\n4,4,held_out,1\n";
    let joined = labelled_by("hadm_id").file("stays.csv", same);
    joined.run().success();
}

#[test]
fn ids_of_another_kind_by_their_name_are_told() {
    let without = STAYS.replace("hadm_id", "room");
    for (id, kind) in [("hadm_id", "stays of another kind"), ("row_id", "rows")] {
        let joined = labelled_by(id).file("stays.csv", &without);
        let note = format!("source.labels.id: `{id}` is named like ids of {kind}");
        joined.run().success().stderr_has(&note);
    }
    for id in ["icustay_id", "STAYID", "id", "case"] {
        let joined = labelled_by(id).file("stays.csv", &without);
        let outcome = joined.run().success();
        assert!(!outcome.stderr.contains("is named like ids"), "{outcome}");
    }
}

#[test]
fn the_id_of_the_rows_is_compared_with_that_of_the_table_of_stays() {
    let by = |id: &str, stays: &str| {
        let recipe = RECIPE
            .replace("SPLIT", SPLIT)
            .replace("MORE", "")
            .replace("LABELS", LABELS)
            .replacen("id = \"stay_id\"", &format!("id = \"{id}\""), 1);
        let test = Test::new().recipe(&recipe).file("stays.csv", stays);
        let test = test.file("charts.csv", CHARTS.replace("stay_id", id));
        test.args(["run", "recipe.toml"]).run()
    };
    let without = STAYS.replace("hadm_id", "room");
    for (id, kind) in [
        ("hadm_id", "stays of another kind"),
        ("subject_id", "patients"),
    ] {
        let note = format!("source.id: `{id}` is named like ids of {kind}");
        by(id, &without).success().stderr_has(&note);
    }
    let outcome = by("icustay_id", &without).success();
    assert!(!outcome.stderr.contains("is named like ids"), "{outcome}");
    by("hadm_id", STAYS).failure(3).stderr_has(DIFFERS);
}

#[test]
fn a_name_of_patients_is_refused_where_no_setting_says_who_they_are() {
    for id in ["subject_id", "uniquepid", "PatientID"] {
        let outcome = labelled_by(id).run().failure(3);
        let what = format!(
            "source.labels.id: `{id}` is called like a column of patients, and rows are joined by ids of stays"
        );
        outcome
            .stderr_has(&what)
            .stderr_has("`subject` in source.stays names the patients of stays");
    }
    // A word may be anything, and one stay a patient may have one id.
    labelled_by("patient").run().success();
    let same = "stay_id,mrn,fold,died\n1,1,train,0\n2,2,train,1\n3,3,tuning,0\n4,4,held_out,1\n";
    let joined = labelled_by("mrn").file("stays.csv", same);
    joined.run().success();
    let splits = table("subject_id", "split", ["test", "train", "train", "val"]);
    let divided = test("split = { file = \"splits.csv\" }", "", LABELS);
    let outcome = divided.file("splits.csv", splits).run().failure(3);
    outcome.stderr_has("split.file: `subject_id` is called like a column of patients");
}

#[test]
fn patients_that_no_setting_names_are_joined_with_none() {
    let target = "targets.los = { path = \"los.csv\", task = \"regression\", subject = \"subject_id\", time = \"at\" }";
    let attributes =
        "attributes = { path = \"los.csv\", subject = \"subject_id\", columns = [\"los\"] }";
    for (more, setting) in [
        (target, "targets.los.subject"),
        (attributes, "attributes.subject"),
    ] {
        let joined = test(SPLIT, more, LABELS);
        let joined = joined.file(
            "los.csv",
            table("subject_id", "at,los", ["1,1", "2,2", "3,3", "4,4"]),
        );
        let what = format!(
            "{setting}: `subject_id` joins by patients, and source.stays names no column of them"
        );
        let outcome = joined.run().failure(3).stderr_has(&what);
        outcome.stderr_has("hint: stays = { …, subject = \"COLUMN\" }");
    }
}

/// Where each stay is its own patient, as with landmarks, a split file may call the ids as patients are called.
#[test]
fn a_split_of_patients_holds_where_each_stay_is_its_own() {
    let recipe = r#"format = 1
[model]
input_dim = 8
[stages.events]
kind = "data"
split = { file = "splits.csv" }
[stages.events.source]
format = "wide"
files = ["grid.csv"]
id = "pid"
time = { column = "hour", as = "hours" }
row_label = "sepsis"
landmarks = { every_hours = 3, horizon_hours = 4 }
"#;
    let (mut grid, mut splits) = (
        "pid,hour,HR,sepsis\n".to_string(),
        "patient_id,split\n".to_string(),
    );
    for stay in 1..=30 {
        let split = ["train", "train", "train", "validation", "test"][stay / 2 % 5];
        splits += &format!("{stay},{split}\n");
        for hour in 0..20 {
            let label = u8::from(stay % 2 == 1 && hour >= 8);
            grid += &format!("{stay},{hour},{},{label}\n", 60 + (7 * stay + hour) % 9);
        }
    }
    let test = Test::new().recipe(recipe).file("grid.csv", grid);
    let test = test.file("splits.csv", splits);
    test.args(["run", "recipe.toml"]).run().success();
}
