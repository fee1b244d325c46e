//! The entry of MEDS-DEV and the recipe of ACES, on made-up patients; with the packages themselves where Python has them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use serde_json::Value;

use crate::document::{artifact, python_with, repository, stage};
use crate::harness::Test;
use crate::meds_layout;

const ENTRY: &str = "integrations/meds-dev/seqsetvae";

/// A command of the entry's `model.yaml`.
fn command(of: &str, mode: &str) -> String {
    let path = repository(&format!("{ENTRY}/model.yaml"));
    let text = std::fs::read_to_string(path).expect("an entry");
    let (_, section) = text.split_once(&format!("\n  {of}:\n")).expect("a section");
    let (_, block) = section
        .split_once(&format!("    {mode}: |-\n"))
        .expect("a command");
    let lines = block.lines().map_while(|line| line.strip_prefix("      "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs a command as MEDS-DEV does: with its braces replaced, in a script for bash.
fn run(test: &Test, command: &str, values: &[(&str, &str)]) {
    let mut script = format!("#!/bin/bash\nset -e\n{command}");
    for (name, value) in values {
        script = script.replace(&format!("{{{name}}}"), value);
    }
    let (_, output) = values
        .iter()
        .find(|(name, _)| *name == "output_dir")
        .expect("an output");
    let output = test.folder().join(output);
    std::fs::create_dir_all(&output).expect("a folder can be made");
    std::fs::write(output.join("cmd.sh"), &script).expect("a script can be written");
    succeed(
        Command::new("bash")
            .arg(output.join("cmd.sh"))
            .current_dir(test.folder())
            .env("PATH", path_with_the_program()),
    );
}

fn path_with_the_program() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_pipeline")).parent();
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", program.expect("a folder").display())
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("it starts");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        said(&output.stdout),
        said(&output.stderr)
    );
}

/// All commands, one after another; the file of predictions.
fn by_script(test: &Test) -> PathBuf {
    let model_dir = repository(ENTRY);
    let mut values = vec![
        ("dataset_dir", "meds"),
        ("labels_dir", "meds/labels/in_hospital_mortality"),
        ("model_dir", &*model_dir),
        ("demo", "True"),
        ("split", "held_out"),
        ("output_dir", "pretrained"),
    ];
    run(test, &command("unsupervised", "train"), &values);
    for (from, to, mode) in [
        ("pretrained", "trained", "train"),
        ("trained", "predicted", "predict"),
    ] {
        values.retain(|(name, _)| *name != "output_dir" && *name != "model_initialization_dir");
        values.extend([("model_initialization_dir", from), ("output_dir", to)]);
        run(test, &command("supervised", mode), &values);
    }
    test.folder().join("predicted/predictions.parquet")
}

fn rows(path: &Path) -> RecordBatch {
    let batches = pipeline_data::parquet_file::open(path).expect("a table");
    let mut batches = batches.build().expect("a reader");
    batches.next().expect("rows").expect("rows")
}

fn types(rows: &RecordBatch) -> Vec<(String, DataType)> {
    let schema = rows.schema();
    let fields = schema.fields().iter();
    fields
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect()
}

fn named(columns: &[(&str, DataType)]) -> Vec<(String, DataType)> {
    let columns = columns.iter();
    columns
        .map(|(name, of)| (name.to_string(), of.clone()))
        .collect()
}

fn prediction_schema() -> [(&'static str, DataType); 5] {
    [
        ("subject_id", DataType::Int64),
        (
            "prediction_time",
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ),
        ("boolean_value", DataType::Boolean),
        ("predicted_boolean_value", DataType::Boolean),
        ("predicted_boolean_probability", DataType::Float64),
    ]
}

#[test]
fn the_commands_of_the_meds_dev_entry_lead_from_events_to_predictions() {
    let test = meds_layout::write(Test::new());
    let path = by_script(&test);
    let found = rows(&path);
    assert_eq!(types(&found), named(&prediction_schema()));
    let subjects = found.column(0).as_primitive::<Int64Type>().values();
    // 12 is in the split, and has no label.
    assert_eq!(subjects.to_vec(), [9, 10, 11]);
    let labels: Vec<Option<bool>> = found.column(2).as_boolean().iter().collect();
    assert_eq!(labels, [Some(true), Some(false), Some(true)]);
    let probabilities = found.column(4).as_primitive::<Float64Type>().values();
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));

    let Some(python) = python_with("MEDS_DEV, meds_evaluation") else {
        eprintln!("notice: no Python with MEDS-DEV (PYTHON): its own command line is not tested");
        return;
    };
    let program = repository("tests/integrations/meds_dev.py");
    let ours = |arguments: &[&str]| {
        succeed(
            Command::new(&python)
                .arg(&program)
                .args(arguments)
                .current_dir(test.folder())
                .env("PATH", path_with_python(&python)),
        );
    };
    ours(&[
        "model",
        &repository(ENTRY),
        "model=seqsetvae",
        "mode=full",
        "dataset_type=full",
        "dataset_name=made_up",
        "task_name=mortality",
        "dataset_dir=meds",
        "labels_dir=meds/labels/in_hospital_mortality",
        "output_dir=theirs",
        "demo=true",
    ]);
    let theirs = test.folder().join("theirs/made_up/mortality/predict");
    let bytes = |path: &Path| std::fs::read(path).expect("a file");
    assert!(
        bytes(&theirs.join("predictions.parquet")) == bytes(&path),
        "MEDS-DEV and the script make the same predictions, bit for bit"
    );
    let predictions = format!("predictions_dir={}", theirs.display());
    ours(&["evaluation", &predictions, "output_dir=evaluated"]);
    let results = std::fs::read(test.folder().join("evaluated/results.json")).expect("results");
    let results: Value = serde_json::from_slice(&results).expect("JSON");
    let auroc = &results["samples_equally_weighted"]["roc_auc_score"];
    assert!(auroc.is_f64(), "{results}");
}

/// The folder of a Python's programs first, then that of ours.
fn path_with_python(python: &str) -> String {
    let folder = Path::new(python).parent().unwrap_or(Path::new(""));
    format!("{}:{}", folder.display(), path_with_the_program())
}

#[test]
fn labels_of_an_aces_task_are_found_and_learned_where_python_has_es_aces() {
    let Some(python) = python_with("aces") else {
        eprintln!("notice: no Python with es-aces (PYTHON): recipes/aces.toml is not run");
        return;
    };
    let task = std::fs::read_to_string(repository("recipes/aces/coma.yaml")).expect("a task");
    let predicates = "predicates:\n  icu_admission:\n    code: SEX//F\n  coma:\n    code: Temp\n    value_min: 38\n    value_min_inclusive: True\n";
    let base = repository("recipes/aces.toml");
    let mut test = meds_layout::write(Test::new().env("PYTHON", &python))
        .file("predicates.yaml", predicates)
        .file(
            "task.yaml",
            task.replace("trigger: icu_admission", "trigger: _RECORD_START"),
        )
        .recipe(&format!(
            "format = 1\nextends = [\"{base}\"]\n\n[stages.labels.inputs]\ntask = \"task.yaml\"\npredicates = \"predicates.yaml\"\n\n[stages.pretrain]\nepochs = 1\n"
        ));
    // No data, as for the data stage; and an ending that is one however it is written.
    let data = test.folder().join("meds/data");
    let hidden = data.join(".ipynb_checkpoints");
    std::fs::create_dir(&hidden).expect("a folder can be made");
    std::fs::copy(data.join("0.parquet"), hidden.join("0.parquet")).expect("a copy");
    std::fs::rename(data.join("1.parquet"), data.join("1.PARQUET")).expect("another name");
    let document = test.run_with(["run", "recipe.toml", "--format", "json"]);
    let document = document.success().json();
    let labels = rows(&artifact(&document, "labels", "labels"));
    assert_eq!(types(&labels), named(&prediction_schema()[..3]));
    let subjects = labels.column(0).as_primitive::<Int64Type>().values();
    let labels = labels.column(2).as_boolean();
    let found: BTreeMap<i64, bool> = (subjects.iter().copied())
        .zip(labels.iter().flatten())
        .collect();
    // The temperatures of hours 27 and 36 of the second day, in meds_layout.
    let feverish = |id: i64| [3, 4].iter().any(|hour| (id * 7 + hour * 5) % 11 % 3 == 2);
    let expected = (1..=12).map(|id| (id, feverish(id)));
    assert_eq!(found, expected.collect());
    assert_eq!(stage(&document, "test")["metrics"]["n"], 4);

    for (line, key) in [
        ("    label: coma\n", "`label`"),
        ("    index_timestamp: end\n", "`index_timestamp`"),
    ] {
        let without = task.replace("trigger: icu_admission", "trigger: _RECORD_START");
        test = test.file("task.yaml", without.replace(line, ""));
        let outcome = test.run_with(["run", "recipe.toml", "labels"]);
        outcome.failure(3).stderr_has(&format!(
            "is null: a window of the task needs the key {key}"
        ));
    }
}

#[test]
fn the_search_for_shards_ends_where_links_lead_back_to_a_folder() {
    let Some(python) = python_with("pyarrow.parquet") else {
        eprintln!("notice: no Python with pyarrow (PYTHON): links among shards are not tested");
        return;
    };
    let test = Test::new().file("data/train/0.parquet", "");
    let data = test.folder().join("data");
    for (name, target) in [("back", "."), ("again", "."), ("tuning", "train")] {
        std::os::unix::fs::symlink(target, data.join(name)).expect("a link can be made");
    }
    let program = "import runpy, signal, sys\nsignal.alarm(60)\n\
                   found = runpy.run_path(sys.argv[1])['shards_below'](sys.argv[2])\n\
                   assert [path.name for path in found] == ['0.parquet'], found\n";
    succeed(
        Command::new(python)
            .args(["-c", program])
            .arg(repository("recipes/programs/aces_labels.py"))
            .arg(data),
    );
}
