//! `pipeline export`.

use crate::document::artifact;
use crate::harness::Test;
use crate::recipes::PRETRAIN;

#[test]
fn an_artifact_is_copied_byte_by_byte_into_a_folder_or_a_file() {
    let mut test = Test::new().recipe(PRETRAIN);
    let run = ["run", "recipe.toml", "--format", "json"];
    let record = test.run_with(run).success().json();
    let export = ["export", "recipe.toml", "events", "stays"];
    let outcome = test.run_with(export.into_iter().chain(["."])).success();
    outcome.stdout_is("./stays.parquet\n").stderr_is("");
    test.run_with(["export", "recipe.toml", "pretrain", "checkpoint", "."])
        .success()
        .stdout_is("./checkpoint.safetensors\n");
    let stored = std::fs::read(artifact(&record, "events", "stays")).expect("a blob");
    let copy = test.folder().join("stays.parquet");
    assert!(stored == std::fs::read(&copy).expect("a copy"));
    assert!(std::fs::symlink_metadata(&copy).expect("a copy").is_file());

    test.run_with(export.into_iter().chain([".pipeline/stays.parquet"]))
        .failure(2)
        .stderr_has("whose files are its own");
    let again = test.run_with(export.into_iter().chain(["stays.parquet"]));
    again.failure(2).stdout_is("").stderr_has("--force");
    let forced = export.into_iter().chain(["stays.parquet", "--force"]);
    test.run_with(forced).success();
}

#[test]
fn what_is_out_of_date_exits_5_and_names_what_to_run() {
    let mut test = Test::new().recipe(PRETRAIN);
    let export = ["export", "recipe.toml", "events", "stays", "out.parquet"];
    test.run_with(export)
        .failure(5)
        .stdout_is("")
        .stderr_has("`pipeline run recipe.toml events`");
    assert!(!test.folder().join("out.parquet").exists());
}

#[test]
fn an_unknown_artifact_or_folder_exits_2() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "events"]).success();
    test.run_with(["export", "recipe.toml", "events", "stay", "."])
        .failure(2)
        .stderr_has("did you mean `stays`?");
    test.run_with(["export", "recipe.toml", "events", "stays", "none/x"])
        .failure(2)
        .stderr_has("none/x");
    let store = test.folder().join(".pipeline/format");
    std::fs::write(store, "2\n").expect("the format can be written");
    test.run_with(["run", "recipe.toml"])
        .failure(6)
        .stderr_has("a newer pipeline wrote it");
}

#[test]
fn neither_the_recipe_nor_what_it_extends_is_replaced() {
    let mut test = Test::new()
        .file("base.toml", PRETRAIN)
        .recipe("format = 1\nextends = [\"base.toml\"]\n");
    test.run_with(["run", "recipe.toml", "events"]).success();
    let export = ["export", "recipe.toml", "events", "stays"];
    for name in ["recipe.toml", "base.toml", "./base.toml"] {
        test.run_with(export.into_iter().chain([name, "--force"]))
            .failure(2)
            .stderr_has("and would be replaced")
            .stderr_has("hint: name another file");
    }
    std::fs::copy(
        test.folder().join("recipe.toml"),
        test.folder().join("own.html"),
    )
    .expect("a copy");
    test.run_with(["report", "own.html", "--output", "own.html"])
        .failure(2)
        .stderr_has("and would be replaced");
    let base = std::fs::read_to_string(test.folder().join("base.toml"));
    assert_eq!(base.expect("the recipe"), PRETRAIN);
}

/// The stage `name`, a program that reads a file or folder.
fn reader(name: &str, input: &str) -> String {
    format!(
        "\n[stages.{name}]\nkind = \"command\"\nrun = \"echo 1 > o\"\ninputs = {{ i = \"{input}\" }}\noutputs = {{ o = \"o\" }}\n"
    )
}

#[test]
fn no_file_that_a_stage_reads_is_replaced() {
    let inputs = [
        ("table", "table.csv"),
        ("folder", "folder"),
        ("page", "page.html"),
        ("card", "card.md"),
    ];
    let recipe = inputs.map(|(name, input)| reader(name, input)).concat();
    let mut test = Test::new().recipe(&format!("format = 1\n{recipe}"));
    let files = ["table.csv", "folder/deep/a", "page.html", "card.md"];
    for name in files {
        test = test.file(name, "ours");
    }
    test.run_with(["run", "recipe.toml"]).success();
    let export = ["export", "recipe.toml", "table", "o", "--force"];
    for name in ["table.csv", "folder/../folder/deep/a"] {
        test.run_with(export.iter().chain(&[name]))
            .failure(2)
            .stderr_has("is read, as ")
            .stderr_has("would be replaced");
    }
    for (option, name) in [("--output", "page.html"), ("--model-card", "card.md")] {
        test.run_with(["report", "recipe.toml", option, name])
            .failure(2)
            .stderr_has("would be replaced");
    }
    for name in files {
        let text = std::fs::read_to_string(test.folder().join(name));
        assert_eq!(text.expect("the input"), "ours", "{name}");
    }
    // Its neighbour is nobody's.
    test.run_with(export.iter().chain(&["folder.csv"]))
        .success();
}

#[test]
fn neither_weights_histories_nor_a_lock_replace_what_a_stage_reads() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml"]).success();
    test.run_with(["lock", "recipe.toml"]).success();
    let weights = ["export", "recipe.toml", "pretrain", "checkpoint"];
    let as_pytorch = |target| weights.into_iter().chain([target, "--layout", "pytorch"]);
    test.run_with(as_pytorch("w.safetensors")).success();
    let boards = ["export", "recipe.toml", "boards", "--layout", "tensorboard"];
    test.run_with(boards).success();

    let inputs = ["w.safetensors", "boards", "recipe.lock"];
    let names = ["weights", "histories", "locked"];
    let readers = names
        .iter()
        .zip(inputs)
        .map(|(name, input)| reader(name, input));
    let mut test = test.recipe(&[PRETRAIN.to_string(), readers.collect()].concat());
    test.run_with(["run", "recipe.toml"]).success();
    test.run_with(as_pytorch("w.safetensors").chain(["--force"]))
        .failure(2)
        .stderr_has("would be replaced");
    test.run_with(boards.iter().chain(&["--force"]))
        .failure(2)
        .stderr_has("would be replaced");
    test.run_with(["lock", "recipe.toml"])
        .failure(2)
        .stderr_has("would be replaced");
}

#[test]
fn safetensors_get_no_ending_of_another_format() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml"]).success();
    for name in ["q.pt", "q.PTH", "q.ckpt", "q.bin"] {
        let export = ["export", "recipe.toml", "pretrain", "checkpoint", name];
        test.run_with(export.into_iter().chain(["--layout", "pytorch"]))
            .failure(2)
            .stderr_has("ends as a file of torch.save, and safetensors are written")
            .stderr_has("hint: name it q.safetensors");
        assert!(!test.folder().join(name).exists());
    }
}
