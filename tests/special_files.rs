//! Issue 19: what is no file is refused by what it is, at once, wherever an input is named.

use std::process::Command;

use crate::harness::{Outcome, Test};

fn pipe(test: &Test, name: &str) {
    let made = Command::new("mkfifo")
        .arg(test.folder().join(name))
        .status();
    assert!(made.expect("mkfifo is there").success());
}

fn refused(outcome: Outcome, name: &str, what: &str) {
    assert!(
        matches!(outcome.code, Some(2..=4)),
        "{name} is not refused{outcome}"
    );
    outcome.stderr_has(name).stderr_has(what);
}

#[test]
fn issue19_a_recipe_that_never_ends_or_is_a_pipe_is_refused() {
    let mut test = Test::new()
        .recipe("format = 1\nextends = [\"/dev/zero\"]\n")
        .file("piped.toml", "format = 1\nextends = [\"pipe\"]\n")
        .file("long.toml", "# ".repeat(9 << 20));
    pipe(&test, "pipe");
    refused(
        test.run_with(["check", "recipe.toml"]),
        "/dev/zero",
        "is a device",
    );
    refused(test.run_with(["check", "piped.toml"]), "pipe", "is a pipe");
    refused(test.run_with(["check", "pipe"]), "pipe", "is a pipe");
    refused(
        test.run_with(["check", "/dev/zero"]),
        "/dev/zero",
        "is a device",
    );
    let long = test.run_with(["check", "long.toml"]);
    refused(long, "long.toml", "has more than 16777216 bytes");
}

#[test]
fn issue19_pipes_and_devices_are_no_inputs_of_programs_data_and_imports() {
    let command = "[stages.one]\nkind = \"command\"\nrun = \"cat {inputs.a} > b\"\n\
        inputs = { a = \"PATH\" }\noutputs = { b = \"b\" }\n";
    let data = "[stages.one]\nkind = \"data\"\n\
        source = { format = \"patient-parquet\", path = \"PATH\" }\n\
        labels = \"none\"\nsplit = { ratio = [0.6, 0.2, 0.2] }\n";
    let import = "[model]\ninput_dim = 16\n[stages.one]\nkind = \"import\"\n\
        from = { path = \"PATH\" }\ninto = \"pretrain\"\ninputs = \"unknown\"\n";
    for stage in [command, data, import] {
        for (path, what) in [("pipe", "is a pipe"), ("/dev/zero", "is a device")] {
            let recipe = format!("format = 1\n{}", stage.replace("PATH", path));
            let mut test = Test::new().recipe(&recipe);
            pipe(&test, "pipe");
            for command in ["plan", "run"] {
                refused(test.run_with([command, "recipe.toml"]), path, what);
            }
        }
    }
    // One of the files below a folder.
    let recipe = format!("format = 1\n{}", command.replace("PATH", "folder"));
    let mut test = Test::new().recipe(&recipe).file("folder/a", "1");
    pipe(&test, "folder/b");
    refused(
        test.run_with(["run", "recipe.toml"]),
        "folder/b",
        "is a pipe",
    );
}

#[test]
fn issue19_a_pipe_is_no_checkpoint_to_inspect() {
    let mut test = Test::new();
    pipe(&test, "weights.ckpt");
    let outcome = test.run_with(["inspect", "weights.ckpt"]);
    refused(outcome, "weights.ckpt", "is a pipe");
}
