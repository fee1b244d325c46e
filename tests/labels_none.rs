//! Data without labels, and data that are one whole split.

use serde_json::Value;

use crate::document::artifact;
use crate::harness::{Outcome, Test};

const STAYS: &str = "stay_id,fold,died
1,train,0
2,train,1
3,train,0
4,tuning,0
5,tuning,1
6,held_out,1
";

/// A stage that pretrains on a long table; `LABELS` and `SPLIT` are to be filled in.
const RECIPE: &str = r#"format = 1
[model]
kind = "seqsetvae"
input_dim = 16
reduced_dim = 16
latent_dim = 8
levels = 1
heads = 2
ff_dim = 16
inducing_points = 2
transformer_heads = 2
transformer_layers = 1
[stages.events]
kind = "data"
LABELS
split = SPLIT
[stages.events.source]
format = "long"
files = ["events.csv"]
id = "stay_id"
time = { column = "hour", as = "hours" }
variable = "item"
value = "value"
stays = { path = "stays.csv", id = "stay_id" }
TABLE
[stages.pretrain]
kind = "pretrain"
data = "events"
epochs = 1
batch_size = 2
optimizer = { kind = "adamw", lr = 1e-3 }
"#;

const NONE: &str = "labels = \"none\"";
const TABLE: &str = "labels = { path = \"stays.csv\", id = \"stay_id\", column = \"died\" }";
const COLUMN: &str = "{ column = \"fold\" }";

fn recipe(labels: &str, split: &str, table: &str) -> String {
    RECIPE
        .replace("LABELS", labels)
        .replace("SPLIT", split)
        .replace("TABLE", table)
}

/// A test whose table has these events of every stay.
fn test(recipe: &str) -> Test {
    let rows: String = (1..=6)
        .map(|stay| {
            format!(
                "{stay},1,HR,{}\n{stay},2,HR,{}\n{stay},2,Na,13{stay}\n",
                70 + stay,
                80 + stay
            )
        })
        .collect();
    Test::new()
        .recipe(recipe)
        .file("stays.csv", STAYS)
        .file("events.csv", format!("stay_id,hour,item,value\n{rows}"))
        .args(["run", "recipe.toml", "--quiet", "--format", "json"])
}

/// What `check` says of a recipe with a mistake: nothing has run.
#[track_caller]
fn mistaken(recipe: &str) -> Outcome {
    let mut test = test(recipe);
    test.run().failure(2);
    test.run_with(["check", "recipe.toml"]).failure(2)
}

fn profile(document: &Value) -> Value {
    let path = artifact(document, "events", "profile");
    let text = std::fs::read_to_string(path).expect("a profile");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn pretraining_needs_no_labels() {
    let bare = test(&recipe(NONE, COLUMN, ""));
    let document = bare.run().success().json();
    let splits = &profile(&document)["splits"];
    assert_eq!(splits["train"]["stays"], 3);
    assert!(splits["train"].get("positives").is_none(), "{splits}");
    // The same events, and the same model, as with labels.
    let with = test(&recipe("", COLUMN, TABLE));
    let labelled = with.run().success().json();
    assert_eq!(profile(&labelled)["splits"]["train"]["positives"], 1);
    for (stage, name) in [
        ("events", "events"),
        ("events", "variables"),
        ("pretrain", "checkpoint"),
    ] {
        let [one, other] = [&document, &labelled]
            .map(|document| std::fs::read(artifact(document, stage, name)).expect("it is there"));
        assert!(one == other, "{stage}: {name}");
    }
}

#[test]
fn pretraining_needs_no_test_split() {
    let whole = [NONE, ""].into_iter().zip(["", TABLE]);
    for (labels, table) in whole {
        let ratio = recipe(labels, "{ ratio = [0.6, 0.4, 0.0] }", table);
        let test = test(&ratio);
        let document = test.run().success().json();
        assert_eq!(profile(&document)["splits"]["test"]["stays"], 0);
    }
    // Where the split is a column, an empty split may be a slip of the pen, unless nothing can be scored.
    let shifted = STAYS.replace("held_out", "tuning");
    let labelled = test(&recipe("", COLUMN, TABLE)).file("stays.csv", &shifted);
    labelled
        .run()
        .failure(3)
        .stderr_has("the test split is empty");
    let bare = test(&recipe(NONE, COLUMN, "")).file("stays.csv", &shifted);
    bare.run().success();
    let bare = bare.file("stays.csv", STAYS.replace("tuning", "held_out"));
    bare.run()
        .failure(3)
        .stderr_has("the validation split is empty (train 3, validation 0, test 3 stays)")
        .stderr_has(
            "hint: the training and the validation split need at least one stay that has events",
        );
}

#[test]
fn labels_are_said_once_or_not_at_all() {
    mistaken(&recipe("", COLUMN, ""))
        .stderr_has("stages.events.source says nowhere what the labels are")
        .stderr_has("labels = { path = …, id = …, column = … }")
        .stderr_has("labels = \"none\" in `stages.events`");
    mistaken(&recipe(NONE, COLUMN, TABLE))
        .stderr_has("stages.events.source.labels is stated, and the stage has labels = \"none\"")
        .stderr_has("no label is read");
    mistaken(&recipe(
        &format!("{NONE}\nwithout_label = \"drop\""),
        COLUMN,
        "",
    ))
    .stderr_has("stages.events.without_label is stated, and the stage has labels = \"none\"");
    mistaken(&recipe("labels = \"some\"", COLUMN, TABLE)).stderr_has("`none`");
}

#[test]
fn what_learns_or_compares_labels_is_refused_before_anything_runs() {
    let learning = r#"
[stages.weights]
kind = "import"
from = "pretrain"
ignore = ["decoder.*"]
into = "classifier"
new = ["cls_head.*"]
[stages.frozen]
kind = "freeze"
model = "weights"
trainable = ["cls_head.*"]
max_trainable_fraction = 0.9
[stages.classifier]
kind = "finetune"
model = "frozen"
data = "events"
epochs = 1
batch_size = 2
optimizer = { kind = "adamw", lr = 1e-3 }
[stages.scores]
kind = "evaluate"
model = "classifier"
data = "events"
split = "test"
[stages.diagnosis]
kind = "diagnose"
model = "classifier"
data = "events"
"#;
    let labelled = recipe("", COLUMN, TABLE) + learning;
    let mut checked = test(&labelled);
    checked.run_with(["check", "recipe.toml"]).success();
    let outcome = mistaken(&(recipe(NONE, COLUMN, "") + learning));
    let refusals = ["classifier", "scores", "diagnosis"];
    refusals.into_iter().fold(outcome, |outcome, stage| {
        outcome.stderr_has(&format!(
            "stages.{stage}.data names `events`, whose stays have no labels"
        ))
    });
    // An empty split is found when it is scored.
    let empty = labelled
        .replace(COLUMN, "{ ratio = [0.7, 0.3, 0.0] }")
        .replace("format = 1", "format = 1\nseed = 4");
    let outcome = test(&empty)
        .args(["run", "recipe.toml", "scores", "--quiet"])
        .run();
    outcome
        .failure(3)
        .stderr_has("the split test has no stays")
        .stderr_has("hint: look at `split` in the data stage");
}

#[test]
fn one_whole_split_takes_its_statistics_from_elsewhere() {
    let only_data = |recipe: &str| {
        let (data, _) = recipe.split_once("[stages.pretrain]").expect("two stages");
        data.to_string()
    };
    let whole = only_data(&recipe(NONE, "\"all\"", ""));
    mistaken(&whole)
        .stderr_has("stages.events.split leaves no training split to take statistics from")
        .stderr_has("statistics = { path = … }");
    let given = whole.replace(
        NONE,
        "labels = \"none\"\nstatistics = { path = \"stats.csv\" }",
    );
    let rare = given.replace("split =", "variables = { min_stays = 1 }\nsplit =");
    let rare = test(&rare).file("stats.csv", "variable,mean,std\nHR,80,5\nNa,133,2\n");
    rare.run().failure(2).stderr_has(
        "stages.events.variables.min_stays counts stays of the training split, and there is none",
    );
    let learning = recipe(NONE, "\"all\"", "").replace(
        NONE,
        "labels = \"none\"\nstatistics = { path = \"stats.csv\" }",
    );
    let learning = test(&learning).file("stats.csv", "variable,mean,std\nHR,80,5\nNa,133,2\n");
    (learning.run().failure(2))
        .stderr_has("stages.pretrain.data names `events`, which has no training split");
    let run = test(&given).file("stats.csv", "variable,mean,std\nHR,80,5\nNa,133,2\n");
    let document = run.run().success().json();
    let profile = profile(&document);
    let stays = ["train", "validation", "test"].map(|split| &profile["splits"][split]["stays"]);
    assert_eq!(stays, [0, 0, 6]);
    assert_eq!(profile["variables"]["HR"]["test"]["events"], 12);
    mistaken(&given.replace("\"all\"", "\"everything\"")).stderr_has(
        "`stages.events.split` must be a table with one of `column`, `file`, `lists`, `folders`, `ratio`, `independent` or `folds`, or \"all\", not a string",
    );
}
