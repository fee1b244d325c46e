//! Issue 20: a list of ids a split, and stays that no split is told of.

use crate::document::stage;
use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run};
use crate::issue16_tables::{self, STAYS, WITHOUT_START, charts, count, long};

/// Ids, one a line.
fn list(ids: impl Iterator<Item = usize>) -> String {
    ids.map(|id| format!("{id}\n")).collect()
}

/// The cohort, divided by three lists of which the last is `test`.
fn divided(test: &str, more: &str) -> (Test, Outcome) {
    let rule = "split = { lists = { train = \"train.txt\", validation = \"validation.txt\", test = \"test.txt\" } }";
    let one = data("one", "one", more).replace("split = { ratio = [0.6, 0.2, 0.2] }", rule);
    let mut cohort = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1)
        .file("train.txt", list(0..36))
        .file("validation.txt", list(36..48))
        .file("test.txt", test)
        .recipe(&[MODEL, &one].concat());
    let outcome = run(&mut cohort, &["one"]);
    (cohort, outcome)
}

#[test]
fn a_list_of_ids_is_a_split() {
    let (_, outcome) = divided(&list(48..60), "");
    let document = outcome.success().json();
    let metrics = &stage(&document, "one")["metrics"];
    let stays = ["train.stays", "validation.stays", "test.stays"].map(|name| metrics[name].clone());
    assert_eq!(stays, [36, 12, 12]);
}

#[test]
fn what_lists_leave_open_or_say_twice_is_named() {
    let (_, outcome) = divided(&list(48..59), "");
    outcome
        .failure(3)
        .stderr_has("stay 59")
        .stderr_has("has no split in train.txt, validation.txt, test.txt")
        .stderr_has("add the stay's id as a line of one of the lists")
        .stderr_has("without_split = \"drop\"");
    let (_, outcome) = divided(&format!("{}7\n", list(48..60)), "");
    outcome
        .failure(3)
        .stderr_has("test.txt: line 13: 7 is in train too, on train.txt line 8");
    let (_, outcome) = divided("48,test\n", "");
    outcome
        .failure(3)
        .stderr_has("test.txt: line 1: `48,test` is more than an id, and each line is one");
}

#[test]
fn stays_without_a_split_are_left_out_where_the_recipe_says_so() {
    let (_, outcome) = divided(&list(48..55), "without_split = \"drop\"");
    let outcome = outcome
        .success()
        .stderr_has("5 stays without a split are dropped");
    let document = outcome.json();
    let metrics = &stage(&document, "one")["metrics"];
    assert_eq!(metrics["test.stays"], 7);
    assert_eq!(metrics["stays_without_split"], 5);

    let drawn = data("one", "one", "without_split = \"drop\"");
    let mut test =
        cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1).recipe(&[MODEL, &drawn].concat());
    test.run_with(["check", "recipe.toml"])
        .failure(2)
        .stderr_has("without_split is stated, and every stay has a split by this rule");
}

#[test]
fn an_empty_cell_of_a_split_file_or_column_is_no_split() {
    let rows = (0..60).map(|id| match id {
        0..36 => format!("{id},train\n"),
        36..48 => format!("{id},validation\n"),
        48..55 => format!("{id},test\n"),
        _ => format!("{id},\n"),
    });
    let splits = format!("id,split\n{}", rows.collect::<String>());
    let of_file = |more: &str| {
        let rule = "split = { file = \"splits.csv\" }";
        let one = data("one", "one", more).replace("split = { ratio = [0.6, 0.2, 0.2] }", rule);
        let mut cohort = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1)
            .file("splits.csv", &splits)
            .recipe(&[MODEL, &one].concat());
        run(&mut cohort, &["one"])
    };
    of_file("")
        .failure(3)
        .stderr_has("has no split in splits.csv")
        .stderr_has("without_split = \"drop\"");
    let document = of_file("without_split = \"drop\"").success().json();
    let metrics = &stage(&document, "one")["metrics"];
    assert_eq!(metrics["test.stays"], 7);
    assert_eq!(metrics["stays_without_split"], 5);

    let of_column = |more: &str| {
        let time = "{ column = \"charttime\", as = \"timestamp\" }";
        let recipe = long("charts.csv", time, WITHOUT_START);
        let test = Test::new()
            .recipe(&recipe.replace("kind =", &format!("{more}\nkind =")))
            .file("charts.csv", charts(["2150-05-01 08:30"; 4]))
            .file("stays.csv", STAYS.replacen("train", "", 1));
        issue16_tables::run(test)
    };
    of_column("")
        .failure(3)
        .says("stay 1 (")
        .says("has no split in the source");
    let outcome = of_column("without_split = \"drop\"").success();
    assert_eq!(count(&outcome, "stays_without_split"), 1);
}
