//! Arguments, help, exit codes and streams.

use std::fs::File;
use std::process::Stdio;

use crate::harness::Test;
use crate::recipes::PRETRAIN;

#[test]
fn help_lists_commands_and_every_exit_code() {
    let mut help = Test::new().args(["--help"]).run().success();
    let commands = [
        "run",
        "plan",
        "explain",
        "graph",
        "check",
        "outputs",
        "export",
        "report",
        "sweep",
        "runs",
        "cache",
        "lock",
        "schema",
        "completions",
        "man",
    ];
    for command in commands {
        help = help.stdout_has(&format!("\n  {command} "));
    }
    help.stdout_has(
        "\
Exit codes:
  0    done
  2    the command line or a recipe is wrong; nothing ran
  3    a stage failed
  4    a weight import failed its audit
  5    out of date: something would have to run, or is not what the lock says
  6    the store is damaged
  70   the program has a fault: it panicked, and wrote a report
  130  stopped by Ctrl-C, TERM, USR1, USR2 or HUP; the same command goes on from there
",
    )
    .stderr_is("");
}

#[test]
fn a_command_s_help_lists_the_exit_codes_too() {
    for command in [
        "run", "plan", "explain", "graph", "check", "outputs", "export", "sweep", "runs", "lock",
    ] {
        let help = Test::new().args([command, "--help"]).run().success();
        help.stdout_has("Exit codes:").stdout_has("--format");
    }
}

#[test]
fn version_is_a_result() {
    let version = concat!("pipeline ", env!("CARGO_PKG_VERSION"), "\n");
    Test::new()
        .args(["--version"])
        .run()
        .success()
        .stdout_is(version);
}

#[test]
fn a_command_line_that_cannot_be_read_exits_2_and_leaves_stdout_empty() {
    let lines: [&[&str]; 8] = [
        &[],
        &["walk"],
        &["run"],
        &["check"],
        &["run", "recipe.toml", "--jobs", "0"],
        &["run", "recipe.toml", "--threads", "many"],
        &["run", "recipe.toml", "--format", "xml"],
        &["plan", "recipe.toml", "--keep-going"],
    ];
    for line in lines {
        let outcome = Test::new().args(line.iter().copied()).run().failure(2);
        assert!(!outcome.stdout_is("").stderr.is_empty(), "{line:?}");
    }
}

#[test]
fn a_misspelt_command_is_answered_with_the_right_one() {
    let outcome = Test::new().args(["chek", "recipe.toml"]).run().failure(2);
    outcome.stderr_has("'check'");
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_gpu_that_this_build_cannot_use_exits_2_and_says_how_to_build_it() {
    for command in ["run", "plan", "outputs"] {
        let arguments = [command, "recipe.toml", "--device", "cuda:0"];
        let outcome = Test::new().args(arguments).run().failure(2).stdout_is("");
        outcome.stderr_is(
            "\
error: --device cuda:0: this pipeline was built without CUDA
hint: build it with `cargo build --release --features cuda`, or use `--device cpu`
",
        );
    }
}

#[test]
fn an_override_without_a_value_exits_2() {
    let arguments = ["run", "recipe.toml", "--set", "stages.pretrain.epochs"];
    let outcome = Test::new().recipe(PRETRAIN).args(arguments).run();
    let outcome = outcome.failure(2).stdout_is("");
    outcome.stderr_has("error: ").stderr_has("PATH=VALUE");
}

#[test]
fn a_recipe_that_is_not_there_exits_2_and_is_named() {
    for command in ["run", "plan", "check", "outputs"] {
        let outcome = Test::new().args([command, "nowhere.toml"]).run().failure(2);
        outcome.stderr_has("error: ").stderr_has("nowhere.toml");
    }
}

#[test]
fn a_store_that_is_a_file_exits_2_and_is_named() {
    let mut test = Test::new().recipe(PRETRAIN).file("occupied", "");
    for command in ["run", "plan", "outputs"] {
        let outcome = test.run_with([command, "recipe.toml", "--store", "occupied"]);
        outcome.failure(2).stdout_is("").stderr_has("occupied");
    }
    let test = test.env("PIPELINE_STORE", "occupied");
    let outcome = test.args(["plan", "recipe.toml"]).run().failure(2);
    outcome.stdout_is("").stderr_has("occupied");
}

#[test]
fn an_unknown_stage_exits_2_and_is_answered_with_the_nearest() {
    let lines: [&[&str]; 4] = [
        &["run", "recipe.toml", "pretrian"],
        &["run", "recipe.toml", "--refresh", "pretrian"],
        &["plan", "recipe.toml", "pretrian"],
        &["outputs", "recipe.toml", "pretrian"],
    ];
    for line in lines {
        let outcome = Test::new()
            .recipe(PRETRAIN)
            .args(line.iter().copied())
            .run();
        let outcome = outcome.failure(2).stdout_is("").stderr_has("`pretrian`");
        outcome.stderr_has("hint: did you mean `pretrain`?");
    }
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    let mut child = Test::new()
        .args(["--help"])
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn standard_error_that_is_no_terminal_has_no_colour() {
    let outcome = Test::new().args(["run", "nowhere.toml"]).run().failure(2);
    assert!(!outcome.stderr.contains('\x1b'), "{outcome}");
}

#[test]
fn colour_is_there_for_those_who_force_it() {
    let forced = Test::new().env("CLICOLOR_FORCE", "1");
    let outcome = forced.args(["run", "nowhere.toml"]).run().failure(2);
    outcome.stderr_has("\x1b[1;31merror:\x1b[0m ");
}

#[test]
fn a_page_replaces_no_other_file() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["report", "recipe.toml", "--output", "recipe.toml"])
        .failure(2)
        .stderr_has("recipe.toml is there already, and is no .html file");
    let page = ["report", "recipe.toml", "--output", "page"];
    test.run_with(page).success();
    test.run_with(page).success();
    let twice = ["--output", "a.html", "--model-card", "a.html"];
    test.run_with([["report", "recipe.toml"].as_slice(), &twice].concat())
        .failure(2)
        .stderr_has("a.html is both the page and the model card");
}

#[test]
fn no_machine_has_so_many_threads() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "--threads", "99999"])
        .failure(2)
        .stderr_has("at most 1024 threads");
}

#[test]
fn a_result_that_standard_output_does_not_take_is_a_failure() {
    let lines: [&[&str]; 6] = [
        &["help"],
        &["--help"],
        &["--version"],
        &["help", "run"],
        &["help", "error"],
        &["schema"],
    ];
    let mut test = Test::new();
    for line in lines {
        let full = File::options().write(true).open("/dev/full");
        let mut command = test.args_of(line.iter().copied());
        let output = command.stdout(full.expect("a full device")).output();
        let output = output.expect("the program ends");
        assert_eq!(output.status.code(), Some(3), "{line:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.starts_with("error: standard output: "), "{told}");
        assert!(
            told.ends_with("hint: send the output to another place\n"),
            "{told}"
        );
    }
}

#[test]
fn a_variable_that_is_empty_is_named() {
    let test = |name: &str| Test::new().recipe(PRETRAIN).env(name, "");
    for (variable, line) in [
        ("PIPELINE_STORE", &["plan", "recipe.toml"][..]),
        ("PIPELINE_CLUSTER", &["submit", "recipe.toml"]),
    ] {
        let outcome = test(variable).args(line.iter().copied()).run().failure(2);
        outcome.stderr_is(&format!(
            "error: the environment variable {variable} is empty\n\
             hint: give it a value, or `unset {variable}`\n"
        ));
    }
    let given = ["plan", "recipe.toml", "--store", "elsewhere"];
    test("PIPELINE_STORE").args(given).run().success();
}

#[test]
fn help_of_a_word_that_is_no_subcommand_is_refused() {
    let mut test = Test::new();
    test.run_with(["help", "run", "plan"])
        .failure(2)
        .stdout_is("")
        .stderr_has("`run` has no subcommand `plan`");
    test.run_with(["help", "sweep", "shwo"])
        .failure(2)
        .stderr_has("did you mean `pipeline help sweep show`?");
    test.run_with(["help", "sweep", "show"]).success();
}

#[test]
fn a_document_of_a_cluster_is_not_called_a_recipe() {
    let mut test = Test::new()
        .recipe(PRETRAIN)
        .file("cluster.toml", "partition = \"a\"\n");
    let submit = ["submit", "recipe.toml", "--cluster"];
    test.run_with(submit.into_iter().chain(["cluster.toml"]))
        .failure(2)
        .stderr_has("the cluster document has no `format`");
    let outcome = test.run_with(submit.into_iter().chain(["nope"])).failure(2);
    assert!(!outcome.stderr.contains("hint:"), "{outcome}");
}
