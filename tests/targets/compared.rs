//! Comparisons of evaluate stages are of one truth.

use crate::harness::Test;
use crate::inputs::{MODEL, data, run};

use super::{STAYS, TARGETS, cohort};

/// Data of two stages with the same stays and labels; in each, `asked` is the column of the table of targets.
fn data_of(first: &str, second: &str) -> String {
    let of = |name: &str, column: &str| {
        let target = format!(
            "\n[stages.{name}.targets.asked]\ntask = \"classification\"\npath = \"targets.csv\"\nid = \"id\"\ncolumn = \"{column}\"\n"
        );
        data(name, "one", "") + &target
    };
    [MODEL, &of("one", first), TARGETS, &of("two", second)].concat()
}

/// An evaluate stage of a table that says something of every stay.
fn given(name: &str, data: &str, more: &str) -> String {
    format!(
        "\n[stages.{name}]\nkind = \"evaluate\"\ndata = \"{data}\"\nsplit = \"train\"\nbootstrap = {{ resamples = 20 }}\n\
         predictions = {{ path = \"said.csv\", probability = \"said\" }}\n{more}\n"
    )
}

fn compared(recipe: &str) -> Test {
    let said: String = (0..STAYS)
        .map(|stay| format!("{stay},0.{}\n", 1 + stay * 7 % 9))
        .collect();
    cohort()
        .file("said.csv", format!("stay_id,said\n{said}"))
        .recipe(recipe)
}

#[test]
fn stages_that_score_different_targets_are_no_comparison() {
    let of = |first: &str, second: &str| {
        let ours = format!("{second}\ncompare = {{ theirs = \"theirs\" }}");
        let stages = [given("theirs", "one", first), given("ours", "one", &ours)];
        let mut test = compared(&[data_of("high", "high"), stages.concat()].concat());
        test.run_with(["check", "recipe.toml"])
    };
    let asked = "target = \"asked\"";
    of("", asked).failure(2).stderr_has(
        "stages.ours.compare.theirs names `theirs`, which scores the label; this stage scores the target `asked`",
    );
    of(asked, "")
        .failure(2)
        .stderr_has("names `theirs`, which scores the target `asked`; this stage scores the label");
    of("", "").success();
    of(asked, asked).success();
}

#[test]
fn stages_whose_targets_share_a_name_alone_are_no_comparison() {
    let of = |second: &str| {
        let asked = "target = \"asked\"";
        let ours = format!("{asked}\ncompare = {{ theirs = \"theirs\" }}");
        let stages = [given("theirs", "two", asked), given("ours", "one", &ours)];
        let mut test = compared(&[data_of("high", second), stages.concat()].concat());
        run(&mut test, &["ours"])
    };
    of("high").success();
    of("odd")
        .failure(3)
        .stderr_has("compare.theirs: it scores another truth: `label` of stay")
        .stderr_has("hint: both stages have to score the same split of the same data");
}
