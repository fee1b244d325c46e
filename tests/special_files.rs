//! Issue 19: what is no file is refused by what it is, at once, wherever an input or a place to write is named.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
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

const SAY: &str =
    "format = 1\n[stages.say]\nkind = \"command\"\nrun = \"echo 1 > o\"\noutputs = { o = \"o\" }\n";

#[test]
fn what_is_no_file_is_never_replaced_by_what_is_written() {
    let mut test = Test::new().recipe(SAY);
    test.run_with(["run", "recipe.toml"]).success();
    for name in ["pipe", "recipe.lock"] {
        pipe(&test, name);
    }
    symlink("pipe", test.folder().join("link")).expect("a link");
    for place in ["pipe", "link"] {
        for line in [
            &["export", "recipe.toml", "say", "o", place][..],
            &["export", "recipe.toml", "say", "o", place, "--force"],
            &["report", "recipe.toml", "--output", place],
            &["report", "recipe.toml", "--model-card", place],
        ] {
            test.run_with(line)
                .failure(2)
                .stderr_has("is a pipe, and a file is written")
                .stderr_has("hint: name a file\n");
        }
    }
    test.run_with(["lock", "recipe.toml"])
        .failure(2)
        .stderr_has("recipe.lock: is a pipe");
    for name in ["pipe", "recipe.lock"] {
        let found = fs::symlink_metadata(test.folder().join(name)).expect("it is there");
        assert!(found.file_type().is_fifo(), "{name}");
    }
    assert!(
        !test.folder().join("report.html").exists(),
        "nothing is written by halves"
    );
    for stream in ["/dev/stdout", "-"] {
        let outcome = test.run_with(["export", "recipe.toml", "say", "o", stream]);
        let outcome = outcome.failure(2).stderr_has("is an open stream");
        assert!(!outcome.stderr.contains("--force"), "{outcome}");
    }
}

#[test]
fn a_link_to_a_file_is_written_through() {
    let mut test = Test::new()
        .recipe(SAY)
        .file("far/page.html", "<!doctype html>");
    test.run_with(["run", "recipe.toml"]).success();
    test.run_with(["lock", "recipe.toml"]).success();
    let place = |name: &str| test.folder().join(name);
    fs::rename(place("recipe.lock"), place("far/lock")).expect("a lock");
    let links = [
        ("page.html", "far/page.html"),
        ("recipe.lock", "far/lock"),
        ("o", "far/o"),
    ];
    fs::write(place("far/o"), "old").expect("a file");
    for (link, end) in links {
        symlink(end, place(link)).expect("a link");
    }
    for line in [
        &["report", "recipe.toml", "--output", "page.html"][..],
        &["lock", "recipe.toml"],
        &["export", "recipe.toml", "say", "o", "o", "--force"],
    ] {
        test.run_with(line).success();
    }
    for (link, end) in links {
        let link = test.folder().join(link);
        assert!(link.is_symlink(), "{}", link.display());
        assert!(!test.folder().join(end).is_symlink());
    }
    let written = |name: &str| fs::read_to_string(test.folder().join(name)).expect("a file");
    assert_eq!(written("far/o"), "1\n");
    assert!(written("far/page.html").len() > 1000);
}
