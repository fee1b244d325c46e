//! Every error that a message names has a page, and the example on it ends in that error.

use std::collections::BTreeSet;

use pipeline_error::Code;

use crate::document::repository;
use crate::harness::Test;
use crate::readme::replay;

const FOLDER: &str = "docs/errors";

/// The last command of each page of an exit code ends with it, and names the page.
fn examples_end_in_their_error(exit_code: u8) {
    for code in Code::ALL
        .iter()
        .filter(|code| code.exit_code() == exit_code)
    {
        let name = code.name();
        let mut outcomes = replay(&format!("{FOLDER}/{name}.md"), Test::new());
        let last = outcomes.pop().expect("a page has an example");
        for before in outcomes {
            before.success();
        }
        let last = last.failure(exit_code.into());
        let note = last.stderr.lines().last().unwrap_or_default();
        let names = note.strip_prefix("note: pipeline help error ");
        let names = names.unwrap_or_else(|| panic!("{name} is not named{last}"));
        assert!(names.split(' ').any(|one| one == name), "{name}{last}");
    }
}

#[test]
fn the_examples_of_recipes_end_in_their_errors() {
    examples_end_in_their_error(2);
}

#[test]
fn the_examples_of_stages_end_in_their_errors() {
    examples_end_in_their_error(3);
}

#[test]
fn the_examples_of_weights_end_in_their_errors() {
    examples_end_in_their_error(4);
}

#[test]
fn the_examples_of_results_that_are_not_there_end_in_their_errors() {
    examples_end_in_their_error(5);
    examples_end_in_their_error(6);
}

#[test]
fn the_example_of_an_interrupt_ends_in_it() {
    examples_end_in_their_error(130);
}

/// No command makes the program panic: the example is as the message looks.
#[test]
fn the_example_of_a_panic_names_its_page() {
    let page = std::fs::read_to_string(repository("docs/errors/program-fault.md"));
    let page = page.expect("a page");
    let end = "\nnote: pipeline help error program-fault\n```\n";
    assert!(page.contains(end), "{page}");
    let error = pipeline_error::Error::fault("index 7 of 3");
    assert!(page.contains(&format!("\nerror: {error} (")), "{page}");
    assert_eq!(error.code(), Some(Code::ProgramFault));
}

#[test]
fn every_failure_of_a_run_that_keeps_going_names_its_page() {
    let test = Test::new()
        .file("events.csv", "stay,minute,item\n1,0,HR\n")
        .recipe(
            r#"
format = 1

[model]
input_dim = 8

[stages.events]
kind = "data"
labels = "none"
source = { format = "long", files = ["events.csv"], id = "stay", time = { column = "minute" }, variable = "item", value = "value" }
split = { ratio = [0.6, 0.2, 0.2] }

[stages.list]
kind = "command"
run = "exit 3"
outputs = { rows = "rows.csv" }
"#,
        );
    let line = ["run", "recipe.toml", "--quiet", "--keep-going"];
    test.args(line)
        .run()
        .failure(3)
        .stderr_has("\nnote: pipeline help error missing-column\n")
        .stderr_has("\nnote: pipeline help error program-failed\n");
}

#[test]
fn help_prints_the_pages_and_lists_them_all() {
    let mut test = Test::new();
    let list = test.run_with(["help", "error"]).success().stderr_is("");
    let mut files: BTreeSet<String> = std::fs::read_dir(repository(FOLDER))
        .expect("pages")
        .map(|entry| entry.expect("a page").file_name().to_string_lossy().into())
        .collect();
    assert!(files.remove("README.md"));
    for code in Code::ALL {
        let name = code.name();
        let page =
            std::fs::read_to_string(repository(&format!("{FOLDER}/{name}.md"))).expect("a page");
        let shown = test
            .run_with(["help", "error", name])
            .success()
            .stderr_is("");
        shown.stdout_is(&page);
        assert!(
            list.stdout.contains(&format!("\n  {name} ")),
            "{name}{list}"
        );
        assert!(files.remove(&format!("{name}.md")));
    }
    assert!(files.is_empty(), "pages of no error: {files:?}");
    let two = test
        .run_with(["help", "error", "unknown-key", "lock-drift"])
        .success();
    two.stdout_has("# unknown-key\n")
        .stdout_has("\n# lock-drift\n");
    let unknown = test
        .run_with(["help", "error", "unknwon-key"])
        .failure(2)
        .stdout_is("");
    unknown
        .stderr_is("error: there is no error `unknwon-key`\nhint: did you mean `unknown-key`?\n");
}

#[test]
fn help_of_a_command_is_what_its_option_prints() {
    let mut test = Test::new();
    for command in [vec![], vec!["run"], vec!["cache", "gc"]] {
        let option = command.iter().copied().chain(["--help"]);
        let expected = test.run_with(option).success().stdout;
        let topic = ["help"].into_iter().chain(command);
        test.run_with(topic).success().stdout_is(&expected);
    }
    test.run_with(["help", "walk"]).failure(2).stdout_is("");
}
