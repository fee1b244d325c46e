//! Sweeps: the points of their spaces, and what is wrong with them.

use super::{Folder, SMALL};
use crate::StageConfig;
use crate::SweepRecipe;
use pipeline_error::Error;
use pipeline_recipe::Override;

const OBJECTIVE: &str = "\n[sweep]\nobjective = { stage = \"classifier\", metric = \"validation_auroc\", direction = \"maximize\" }\n";

fn folder(sweep: &str) -> Folder {
    Folder::with(&[("a.toml", &format!("{SMALL}{OBJECTIVE}{sweep}"))])
}

fn names(folder: &Folder) -> Vec<String> {
    let sweep = SweepRecipe::open(&folder.path("a.toml"), &[]);
    let points = sweep.and_then(|sweep| sweep.points());
    match points {
        Ok(points) => points.into_iter().map(|point| point.name).collect(),
        Err(error) => panic!("{}", folder.render(&error)),
    }
}

/// Opens, expands, and reads every variant.
fn mistakes(folder: &Folder) -> String {
    let whole = || {
        let sweep = SweepRecipe::open(&folder.path("a.toml"), &[])?;
        let points = sweep.points()?;
        sweep.check_later_rungs(&points)?;
        sweep.variants(points)
    };
    match whole() {
        Ok(_) => String::new(),
        Err(error) => folder.render(&error),
    }
}

#[test]
fn axes_are_combined_and_the_last_moves_fastest() {
    let folder = folder(
        r#"
list = [{ "stages.classifier.loss" = { kind = "cross-entropy" } }, { "stages.classifier.clip_norm" = 1 }]
exclude = [{ "stages.classifier.optimizer.lr" = 1e-3, "stages.classifier.clip_norm" = 1.0 }]
[sweep.grid]
"stages.classifier.optimizer.lr" = [1e-3, 1e-4]
[sweep.zip]
"stages.classifier.epochs" = [3, 6]
"stages.classifier.batch_size" = [32, 64]
[sweep.seeds]
"stages.classifier.seed" = [1, 2]
"#,
    );
    let names = names(&folder);
    assert_eq!(names.len(), 2 * 2 * 2 * 2 - 4);
    assert_eq!(
        names[..3],
        [
            "lr=0.001,epochs=3,batch_size=32,loss=cross-entropy~1310c2e5,seed=1",
            "lr=0.001,epochs=3,batch_size=32,loss=cross-entropy~1310c2e5,seed=2",
            "lr=0.001,epochs=6,batch_size=64,loss=cross-entropy~1310c2e5,seed=1",
        ]
    );
    assert_eq!(
        names[4],
        "lr=0.0001,epochs=3,batch_size=32,loss=cross-entropy~1310c2e5,seed=1"
    );
    assert_eq!(mistakes(&folder), "");
}

#[test]
fn what_is_drawn_depends_on_its_seed_and_path_alone() {
    let drawn = |count: usize, more: &str| {
        names(&folder(&format!(
            "[sweep.random]\ncount = {count}\ndraw.\"stages.classifier.optimizer.lr\" = {{ kind = \"log-uniform\", min = 1e-5, max = 1e-2 }}\n{more}"
        )))
    };
    let few = drawn(3, "");
    assert_eq!(few, drawn(5, "")[..3]);
    let more = drawn(
        3,
        "draw.\"stages.classifier.batch_size\" = { kind = \"integer\", min = 8, max = 64 }",
    );
    for (one, other) in few.iter().zip(&more) {
        assert!(other.starts_with(&format!("{one},batch_size=")), "{other}");
    }
    let choice = "draw.\"stages.classifier.sampling\" = { kind = \"choice\", values = [\"balanced\"] }\nseed = 9";
    assert!(!drawn(3, choice).contains(&few[0]));
}

#[test]
fn variables_seeds_and_whole_tables_can_be_varied() {
    let text = SMALL.replace("stays = 100", "stays = \"${vars.stays}\"");
    let text = format!(
        "{text}\n[vars]\nstays = 100\n{OBJECTIVE}[sweep.grid]\n\"vars.stays\" = [100, 200]\n\
         \"stages.classifier.optimizer\" = [{{ kind = \"sgd\", lr = \"${{vars.stays}}\" }}]\n\
         [sweep.seeds]\nseed = [4]\n"
    );
    let folder = Folder::with(&[("a.toml", &text)]);
    let sweep = SweepRecipe::open(&folder.path("a.toml"), &[]).unwrap();
    let variants = sweep.variants(sweep.points().unwrap()).unwrap();
    let variant = &variants[1];
    assert_eq!(variant.recipe.seed, 4);
    assert!(variant.point.name.ends_with(",seed=4"));
    assert!(!variant.point.setting.contains("seed=4"));
    let Some(StageConfig::Finetune(stage)) = variant.recipe.stage("classifier") else {
        panic!("classifier is a finetune stage")
    };
    assert_eq!(stage.optimizer.steps().base().lr, 100.0);
    assert_ne!(
        variants[0].recipe.stage("events"),
        variants[1].recipe.stage("events")
    );
}

#[test]
fn settings_of_a_list_that_would_have_one_name_have_two() {
    let folder = folder(
        "list = [{ \"stages.classifier.epochs\" = 3 }, { \"stages.pretrain.epochs\" = 3 }, { \"stages.pretrain.epochs\" = 4 }]\n",
    );
    let names = names(&folder);
    assert_ne!(names[0], names[1]);
    assert!(names[0].starts_with("epochs=3~"), "{names:?}");
    assert_eq!(names[2], "epochs=4");
}

#[test]
fn a_mistake_of_many_variants_is_told_once_and_where_it_is_written() {
    let text = mistakes(&folder(
        r#"
[sweep.grid]
"stages.classifier.optimizer.lrr" = [1e-3, 1e-4]
"stages.classifier.epochs" = [3, 0]
"stages.clasifier.batch_size" = [8, 16]
"#,
    ));
    insta::assert_snapshot!(text, @r#"
      × a.toml: 3 mistakes

    Error:
      × unknown key `lrr` in `stages.classifier.optimizer`
        ╭─[a.toml:44:30]
     43 │ [sweep.grid]
     44 │ "stages.classifier.optimizer.lrr" = [1e-3, 1e-4]
        ·                              ─┬─
        ·                               ╰── unknown key
     45 │ "stages.classifier.epochs" = [3, 0]
        ╰────
      help: did you mean `lr`?

    Error:
      × `stages.classifier.epochs` must be at least 1, not 0
        ╭─[a.toml:45:34]
     44 │ "stages.classifier.optimizer.lrr" = [1e-3, 1e-4]
     45 │ "stages.classifier.epochs" = [3, 0]
        ·                                  ┬
        ·                                  ╰── must be at least 1
     46 │ "stages.clasifier.batch_size" = [8, 16]
        ╰────

    Error:
      × there is no stage `clasifier`
        ╭─[a.toml:46:9]
     45 │ "stages.classifier.epochs" = [3, 0]
     46 │ "stages.clasifier.batch_size" = [8, 16]
        ·         ────┬────
        ·             ╰── no stage of this name
        ╰────
      help: did you mean `classifier`?
    "#);
}

#[test]
fn every_slip_in_the_space_has_its_error() {
    for (sweep, message) in [
        ("", "the sweep varies nothing"),
        (
            "grid.\"stages.classifier.epochs\" = []",
            "`stages.classifier.epochs` has no values",
        ),
        (
            "grid.\"stages.classifier.epochs\" = [3, 3]",
            "`stages.classifier.epochs = 3` comes twice",
        ),
        (
            "grid.stages.classifier.epochs = [3, 4]",
            "`sweep.grid.stages` must be an array, not a table",
        ),
        (
            "list = [{ stages.classifier.epochs = 3 }]",
            "`stages` is no setting of a stage",
        ),
        ("grid.\"sweep.grid\" = [1]", "`sweep` cannot be varied"),
        (
            "zip = { \"stages.classifier.epochs\" = [3, 4], \"stages.classifier.batch_size\" = [8] }",
            "`stages.classifier.batch_size` has 1 values, `stages.classifier.epochs` has 2",
        ),
        (
            "grid.\"stages.classifier.loss\" = [{ kind = \"cross-entropy\" }]\nseeds.\"stages.classifier.loss.seed\" = [1]",
            "`stages.classifier.loss` and `stages.classifier.loss.seed` set the same",
        ),
        (
            "grid.\"stages.classifier.epochs\" = [3, 4]\nlist = [{ \"stages.classifier.epochs\" = 5 }]",
            "`stages.classifier.epochs` is varied twice",
        ),
        (
            "seeds.\"stages.classifier.epochs\" = [3, 4]",
            "`stages.classifier.epochs` is no seed",
        ),
        (
            "grid.\"stages.classifier.epochs\" = [3, 4]\nexclude = [{ \"stages.classifier.epochs\" = 5 }]",
            "this excludes nothing",
        ),
        (
            "grid.\"stages.classifier.epochs\" = [3]\nexclude = [{ \"stages.classifier.epochs\" = 3 }]",
            "every variant is excluded",
        ),
        (
            "grid.\"stages.classifier.epochs\" = [3, 4]\nexclude = [{ \"stages.classifier.epoch\" = 3 }]",
            "`stages.classifier.epoch` is excluded, but not varied",
        ),
        (
            "random = { count = 2, draw = { \"stages.classifier.clip_norm\" = { kind = \"uniform\", min = 2, max = 1 } } }",
            "`stages.classifier.clip_norm` has a `min` that is not below its `max`",
        ),
        (
            "grid.\"stages.classifier.epochs\" = [3, 4]\nhalving = { path = \"stages.classifier.epochs\", rungs = [1, 2] }",
            "`stages.classifier.epochs` grows from rung to rung, and is varied, too",
        ),
        (
            "grid.\"stages.classifier.clip_norm\" = [3, 4]\nhalving = { path = \"stages.classifier.epochs\", rungs = [2, 2] }",
            "the rungs of `halving` do not rise",
        ),
        (
            "seeds.\"stages.classifier.seed\" = [3, 4]\nhalving = { rungs = [1, 3] }",
            "needs more seeds than the 2 there are",
        ),
        (
            "grid.\"stages.classifier.clip_norm\" = [3, 4]\nhalving = { path = \"stages.classifier.epoch\", rungs = [2, 3] }",
            "unknown key `epoch` in `stages.classifier`",
        ),
        (
            "grid.\"stages.classifier.optimizer.lr\" = [1e-3, 1e-4]\nhalving = { path = \"stages.pretrain.batch_size\", rungs = [2, 3], keep = 1 }",
            "`sweep.halving.keep` must be less than 1, not 1",
        ),
    ] {
        let text = mistakes(&folder(sweep));
        assert!(text.contains(message), "{sweep}\n{text}");
    }
}

#[test]
fn a_space_without_end_is_refused_before_it_is_built() {
    let values: Vec<String> = (1..=100).map(|number| number.to_string()).collect();
    let axis = |path: &str| format!("\"stages.classifier.{path}\" = [{}]\n", values.join(", "));
    let sweep = ["epochs", "batch_size", "accumulate"].map(axis).concat();
    let text = mistakes(&folder(&format!("[sweep.grid]\n{sweep}")));
    assert!(text.contains("more than 10000 combinations"), "{text}");
}

#[test]
fn a_set_that_every_variant_replaces_is_refused() {
    let set = |sweep: &str, set: &str| {
        let folder = folder(sweep);
        let sweep = SweepRecipe::open(&folder.path("a.toml"), &[Override::new(set)]);
        match sweep.and_then(|sweep| sweep.points()) {
            Ok(_) => String::new(),
            Err(error) => folder.render(&error),
        }
    };
    let grid = "grid.\"stages.classifier.epochs\" = [3, 4]\n";
    let text = set(grid, "stages.classifier.epochs=5");
    assert!(
        text.contains("`--set stages.classifier.epochs=…` changes nothing"),
        "{text}"
    );
    assert_eq!(set(grid, "stages.classifier.batch_size=5"), "");
    let grows = "grid.\"stages.pretrain.clip_norm\" = [3, 4]\nhalving = { path = \"stages.classifier.epochs\", rungs = [2, 3] }\n";
    let text = set(grows, "stages.classifier.epochs=5");
    assert!(
        text.contains("`--set stages.classifier.epochs=…` changes nothing: the rungs"),
        "{text}"
    );
    // The second setting of the list leaves it as it is.
    let list =
        "list = [{ \"stages.classifier.epochs\" = 3 }, { \"stages.classifier.batch_size\" = 8 }]\n";
    assert_eq!(set(list, "stages.classifier.epochs=5"), "");
}

#[test]
fn what_cannot_be_varied_is_told_once_and_refused_by_whoever_asks() {
    let text = mistakes(&folder("grid.\"extends\" = [[\"a\"], [\"b\"]]\n"));
    assert!(text.contains("`extends` cannot be varied"), "{text}");
    assert!(!text.contains("comes twice"), "{text}");
    let folder = folder("grid.\"stages.classifier.epochs\" = [3]\n");
    let mut sweep = SweepRecipe::open(&folder.path("a.toml"), &[]).unwrap();
    for path in ["extends", "name", "remote.url"] {
        let values = std::collections::BTreeMap::from_iter([(path.to_string(), "x".into())]);
        let error = sweep
            .asked(&values)
            .err()
            .map(|error| folder.render(&error));
        let error = error.unwrap_or_default();
        assert!(error.contains("cannot be varied"), "{path}: {error}");
    }
}

#[test]
fn nobody_chooses_by_the_test_split_unless_they_say_so() {
    let with = |objective: &str| {
        let text = format!(
            "{SMALL}\n[sweep]\nobjective = {{ {objective}, metric = \"auroc\", direction = \"maximize\" }}\ngrid.\"stages.classifier.epochs\" = [3, 4]\n"
        );
        mistakes(&Folder::with(&[("a.toml", &text)]))
    };
    let text = with("stage = \"test\"");
    assert!(
        text.contains("the objective is measured on the test split, by `test`"),
        "{text}"
    );
    assert_eq!(with("stage = \"test\", allow_test = true"), "");
    let text = with("stage = \"tset\"");
    assert!(text.contains("did you mean `test`?"), "{text}");
}

#[test]
fn a_recipe_without_the_table_is_no_sweep_and_one_with_it_is_still_a_recipe() {
    let folder = folder("grid.\"stages.classifier.epochs\" = [3, 4]\n");
    assert!(folder.sound("a.toml", &[]).has_sweep);
    let plain = Folder::with(&[("a.toml", SMALL)]);
    let error = SweepRecipe::open(&plain.path("a.toml"), &[]).unwrap_err();
    assert!(matches!(error, Error::Usage { .. }));
}

#[test]
fn a_resolved_variant_names_its_files_from_where_it_is_written() {
    let text = SMALL.replace(
        "split = { ratio = [0.8, 0.1, 0.1] }",
        "split = { file = \"data/splits.csv\" }",
    );
    let text = format!(
        "{text}{OBJECTIVE}grid.\"stages.events.split.file\" = [\"data/splits.csv\", \"other.csv\"]\n"
    );
    let folder = Folder::with(&[
        ("in/a.toml", &text),
        ("in/data/splits.csv", ""),
        ("in/other.csv", ""),
        ("out/deep/x", ""),
    ]);
    let sweep = SweepRecipe::open(&folder.path("in/a.toml"), &[]).unwrap();
    let variants = sweep.variants(sweep.points().unwrap()).unwrap();
    let resolved = sweep.resolve(&variants[1].point).unwrap();
    let absolute = resolved.to_string();
    let whole = folder.path("in/other.csv").display().to_string();
    assert!(absolute.contains(&whole), "absolute paths stay: {absolute}");
    std::fs::write(folder.path("out/deep/b.toml"), absolute).unwrap();
    let written = folder.sound("out/deep/b.toml", &[]);
    assert_eq!(written.stages, variants[1].recipe.stages);
    assert!(!written.has_sweep);
}

#[test]
fn on_a_rung_every_setting_has_its_amount_and_keeps_its_name_in_the_space() {
    let folder = folder(
        "halving = { path = \"stages.classifier.epochs\", rungs = [2, 9] }\n\
         grid.\"stages.classifier.clip_norm\" = [1, 2]\n\
         seeds.\"stages.classifier.seed\" = [1, 2]\n",
    );
    let sweep = SweepRecipe::open(&folder.path("a.toml"), &[]).unwrap();
    let points = sweep.on_rung(1, &sweep.points().unwrap());
    assert_eq!(points.len(), 4);
    let (setting, point) = &points[3];
    assert_eq!(setting, "clip_norm=2");
    assert_eq!(point.setting, "clip_norm=2,epochs=9");
    let variants = sweep.variants(vec![point.clone()]).unwrap();
    let Some(StageConfig::Finetune(stage)) = variants[0].recipe.stage("classifier") else {
        panic!("classifier is a finetune stage")
    };
    assert_eq!((stage.epochs, stage.seed), (9, Some(2)));
}

#[test]
fn a_rung_may_be_a_number_of_seeds() {
    let folder = folder(
        "halving = { rungs = [1, 3] }\n\
         grid.\"stages.classifier.clip_norm\" = [1, 2]\n\
         seeds.\"stages.classifier.seed\" = [7, 8, 9]\n",
    );
    let sweep = SweepRecipe::open(&folder.path("a.toml"), &[]).unwrap();
    let names = |rung| -> Vec<String> {
        let points = sweep.on_rung(rung, &sweep.points().unwrap()).into_iter();
        points.map(|(_, point)| point.name).collect()
    };
    assert_eq!(names(0), ["clip_norm=1,seed=7", "clip_norm=2,seed=7"]);
    assert_eq!(names(1).len(), 6);
}
