//! Recipes that are wrong: exit 2 with file, line and excerpt, all mistakes at once, and nothing runs.

use crate::document::repository;
use crate::harness::{Outcome, Test};

/// The main job's recipe with pieces replaced.
fn recipe(changes: &[(&str, &str)]) -> String {
    let path = repository("tests/fixtures/recipes/mlp-head.toml");
    let mut text = std::fs::read_to_string(path).expect("the recipe is shipped");
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    text
}

/// The line on which this stands.
fn line_of(text: &str, fragment: &str) -> usize {
    let before = text.find(fragment).expect("it is in the recipe");
    1 + text[..before].matches('\n').count()
}

/// Every command that would use the recipe refuses it.
#[track_caller]
fn refused(text: &str) -> Outcome {
    let mut test = Test::new().recipe(text);
    for command in ["check", "plan", "outputs"] {
        test.run_with([command, "recipe.toml"])
            .failure(2)
            .stdout_is("");
    }
    let outcome = test
        .run_with(["run", "recipe.toml"])
        .failure(2)
        .stdout_is("");
    assert!(!test.folder().join(".pipeline").exists(), "nothing ran");
    outcome
}

/// Replaces `from` by `to`; the message says `what`, with the place of `to` and its line.
#[track_caller]
fn assert_shown(changes: &[(&str, &str)], place: &str, what: &[&str]) {
    let text = recipe(changes);
    let mut outcome = refused(&text);
    let line = line_of(&text, place);
    outcome = outcome.stderr_has(&format!("recipe.toml:{line}:"));
    let excerpt = text.lines().nth(line - 1).expect("the line is there");
    outcome = outcome.stderr_has(excerpt);
    for what in what {
        outcome = outcome.stderr_has(what);
    }
}

#[test]
fn an_unknown_key_is_shown_with_the_right_one() {
    let change = (
        "early_stopping = { patience = 15 }",
        "early_stoping = { patience = 15 }",
    );
    let what = [
        "unknown key `early_stoping`",
        "did you mean `early_stopping`?",
    ];
    assert_shown(&[change], change.1, &what);
}

#[test]
fn a_wrong_type_is_shown() {
    let change = ("epochs = 60", "epochs = \"many\"");
    assert_shown(
        &[change],
        change.1,
        &["stages.classifier.epochs", "an integer"],
    );
}

#[test]
fn a_value_out_of_range_is_shown() {
    let change = ("epochs = 4", "epochs = 0");
    assert_shown(
        &[change],
        change.1,
        &["`stages.pretrain.epochs` must be at least 1, not 0"],
    );
}

#[test]
fn a_stage_that_is_not_there_is_shown_with_the_nearest() {
    let change = ("from = \"pretrain\"", "from = \"pretrian\"");
    let what = [
        "stages.weights.from",
        "no such stage",
        "did you mean `pretrain`?",
    ];
    assert_shown(&[change], change.1, &what);
}

#[test]
fn a_stage_of_the_wrong_kind_is_shown_with_those_that_fit() {
    let change = ("model = \"frozen\"", "model = \"pretrain\"");
    let what = [
        "stages.classifier.model",
        "of kind `pretrain`",
        "`frozen` would fit",
    ];
    assert_shown(&[change], change.1, &what);
}

#[test]
fn a_ring_is_shown_with_every_stage_in_it() {
    let changes = [
        ("from = \"pretrain\"", "from = \"classifier\""),
        ("ignore = [\"decoder.*\"]", "ignore = []"),
    ];
    let turned: Vec<String> = (0..3)
        .map(|start| {
            let stages = ["weights", "classifier", "frozen"];
            let way: Vec<&str> = (0..4).map(|step| stages[(start + step) % 3]).collect();
            way.join(" → ")
        })
        .collect();
    let text = recipe(&changes);
    let outcome = refused(&text).stderr_has("stages that need each other: ");
    assert!(
        turned.iter().any(|way| outcome.stderr.contains(way)),
        "{outcome}"
    );
    for place in [
        "from = \"classifier\"",
        "model = \"weights\"",
        "model = \"frozen\"",
    ] {
        let line = line_of(&text, place);
        let number = format!("{line} │ {place}");
        assert!(outcome.stderr.contains(&number), "no {number}{outcome}");
    }
}

#[test]
fn a_variable_that_is_not_there_is_shown() {
    let change = ("${vars.stays}", "${vars.stay}");
    assert_shown(&[change], change.1, &["vars.stay", "did you mean"]);
}

/// It ended at the first `}`, and the rest of it went into the value.
#[test]
fn a_reference_in_the_default_of_another_is_refused() {
    let change = ("${vars.stays}", "${env:STAYS:-${vars.stays}}");
    assert_shown(
        &[change],
        change.1,
        &["a reference cannot hold another one"],
    );
}

#[test]
fn a_set_variable_that_is_not_there_is_refused_with_the_one_that_was_meant() {
    let text = recipe(&[]);
    let set = |set: &str| {
        let test = Test::new().recipe(&text);
        test.args(["plan", "recipe.toml", "--set", set])
            .run()
            .failure(2)
    };
    set("vars.stay=7")
        .stderr_has("there is no variable `stay`")
        .stderr_has("did you mean `vars.stays`?");
    set("extends=[\"other.toml\"]").stderr_has("`--set` of `extends`");
}

#[test]
fn a_recipe_that_is_no_toml_is_shown_where_it_breaks() {
    let change = ("epochs = 4", "epochs = = 4");
    assert_shown(&[change], change.1, &[]);
}

#[test]
fn an_override_that_fits_nothing_is_refused() {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let test = Test::new().args(["run", &recipe, "--set", "stages.pretrain.epoch=2"]);
    let outcome = test.run().failure(2).stdout_is("");
    outcome
        .stderr_has("epoch")
        .stderr_has("did you mean `epochs`?");
    assert!(!test.folder().join(".pipeline").exists());
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let changes = [
        ("heads = 2\ninducing", "head = 2\ninducing"),
        (
            "split = { ratio = [0.7, 0.1, 0.2] }",
            "split = { ratio = [0.7, 0.1, 0.3] }",
        ),
        ("epochs = 4", "epochs = 4.5"),
        ("from = \"pretrain\"", "from = \"pretraining\""),
        ("model = \"frozen\"", "model = \"events\""),
        ("split = \"test\"", "split = \"tset\""),
    ];
    let text = recipe(&changes);
    let mut outcome = refused(&text);
    let shown = outcome.stderr.matches("error: ").count();
    assert_eq!(shown, changes.len(), "{outcome}");
    for (_, place) in changes {
        let place = place.lines().next().expect("a line");
        let number = format!("recipe.toml:{}:", line_of(&text, place));
        outcome = outcome.stderr_has(&number).stderr_has(place);
    }
}

#[test]
fn issue19_a_very_long_value_is_shown_in_part_and_told_whole_to_programs() {
    let long = "long value ".repeat(3000);
    let loss = "loss = { kind = \"focal\", alpha = 0.25, gamma = 2.0 }";
    let text = recipe(&[(loss, &format!("loss = {{ kind = \"{long}\" }}"))]);
    let line = line_of(&text, "kind = \"long");
    let outcome = refused(&text)
        .stderr_has("characters left out) …")
        .stderr_has(&format!("recipe.toml:{line}:17"));
    let longest = outcome
        .stderr
        .lines()
        .map(|line| line.chars().count())
        .max();
    assert!(longest < Some(400), "{outcome}");
    let mut test = Test::new().recipe(&text);
    let document = test.run_with(["check", "recipe.toml", "--format", "json"]);
    document.failure(2).stdout_has(&long);
}

#[test]
fn a_misspelt_variable_of_a_recipe_that_extends_another_is_refused() {
    let base = repository("recipes/finetune.toml");
    let with = |vars: &str| {
        let text = format!("format = 1\nextends = [{base:?}]\n[vars]\n{vars}\n");
        Test::new()
            .recipe(&text)
            .args(["check", "recipe.toml"])
            .run()
    };
    with("stay = 200")
        .failure(2)
        .stderr_has("recipe.toml:4:1")
        .stderr_has("nothing reads the variable `stay`")
        .stderr_has("did you mean `stays`?");
    with("stays = \"${vars.staying}\"\nstaying = 200").success();
    // It may be for a recipe that extends this one.
    with("stays = 200\ncohort = \"north\"").success();
}

#[test]
fn a_variable_that_is_like_another_one_is_no_slip() {
    let base = "format = 1\n[vars]\nroot = \"a\"\ncohort_a = \"b\"\nsites = { south = \"c\" }\n\
        [stages.say]\nkind = \"command\"\noutputs = { o = \"o\" }\n\
        run = \"echo ${vars.root} ${vars.cohort_a} ${vars.sites.south} > o\"\n";
    let with = |vars: &str| {
        let text = format!("format = 1\nextends = [\"base.toml\"]\n[vars]\n{vars}\n");
        let test = Test::new().file("base.toml", base).recipe(&text);
        test.args(["check", "recipe.toml"]).run()
    };
    for sound in [
        "sites = { north = \"d\", south = \"e\" }",
        "sites = { north = \"d\" }",
        "root2 = \"d\"\ncohort_b = \"e\"",
        "root = \"d\"\nroots = \"e\"",
    ] {
        with(sound).success();
    }
    for (slip, meant) in [
        ("roots = \"d\"", "root"),
        ("sites = { soutth = \"d\" }", "sites.south"),
        ("sitse = { south = \"d\" }", "sites.south"),
    ] {
        let outcome = with(slip).failure(2);
        outcome.stderr_has(&format!("did you mean `{meant}`?"));
    }
}

#[test]
fn a_stage_that_would_close_a_ring_is_no_stage_that_fits() {
    let change = ("from = \"pretrain\"", "from = \"weights\"");
    assert_shown(&[change], change.1, &["hint: `pretrain` would fit"]);
}

#[test]
fn an_item_of_an_array_that_is_not_stated_is_refused_with_what_to_state() {
    let recipe = repository("recipes/finetune.toml");
    let set = "stages.classifier.optimizer.penalties.0=0.5";
    let outcome = Test::new().args(["check", &recipe, "--set", set]).run();
    outcome
        .failure(2)
        .stderr_has("set the whole array, stages.classifier.optimizer.penalties = […]");
}

#[test]
fn a_misspelt_shipped_recipe_is_answered_with_the_right_one() {
    let hint = "hint: did you mean the shipped recipe `finetune`?";
    let test = Test::new().recipe("format = 1\nextends = [\"fintune\"]\n");
    test.args(["check", "recipe.toml"])
        .run()
        .failure(2)
        .stderr_has(hint);
    let direct = Test::new().args(["check", "fintune"]).run();
    direct.failure(2).stderr_has(hint);
}
