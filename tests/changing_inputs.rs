//! Issue 19: an input that is another one while a stage reads it is no input of its result, even if it is set back.

use crate::document::statuses;
use crate::harness::Test;

/// A program that finds other bytes in its input than the run did, which are set back before it ends.
fn swapped(swap: &str, back: &str) -> Test {
    Test::new().file("a.txt", "one\n").recipe(&format!(
        "format = 1\n[stages.one]\nkind = \"command\"\noutputs = {{ b = \"b\" }}\ninputs = {{ a = \"a.txt\" }}\n\
         env = {{ A = \"${{env:FOLDER}}/a.txt\" }}\n\
         run = \"{swap}; cat {{inputs.a}} > b; {back}\"\n"
    ))
}

#[test]
fn issue19_an_input_that_was_another_one_while_a_stage_read_it_is_no_input_of_its_result() {
    for (swap, back) in [
        // In place, its times set back.
        (
            "touch -r $A times && echo two > $A && touch -r times $A && rm times",
            "touch -r $A times && echo one > $A && touch -r times $A && rm times",
        ),
        // By another file under its name.
        (
            "cp $A $A.kept && echo two > $A.new && mv $A.new $A",
            "mv $A.kept $A",
        ),
    ] {
        let test = swapped(swap, back);
        let folder = test.folder().display().to_string();
        let mut test = test.env("FOLDER", &folder);
        let run = ["run", "recipe.toml", "--format", "json"];
        test.run_with(run)
            .failure(3)
            .stderr_has("was written to or replaced while the run was going on, and set back")
            .stderr_has("hint: the result was discarded");
        // Nothing was kept under the key of the bytes that are there.
        let again = test.run_with(run);
        assert_ne!(statuses(&again.json()), [("one", "cached")], "{again}");
    }
}
