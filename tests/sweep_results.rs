//! What a sweep leaves to read: its table, its page and its best recipe.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::sweep::{RUN, SWEEP, test};

#[test]
fn the_table_is_sorted_by_the_objective_and_marks_the_best() {
    let mut test = test(SWEEP);
    let nothing = test.run_with(["sweep", "show", "sweep.toml"]).success();
    nothing.stdout_has("0 of 6 variants are done, 6 unfinished");
    test.run_with(["sweep", "best", "sweep.toml"])
        .failure(5)
        .stderr_has("`pipeline sweep`");
    let run = test
        .run_with(["sweep", "sweep.toml", "--quiet"])
        .success()
        .stderr_is("");
    let table = "\
      score score  seeds  X
best  31.5000 ± 0.7071    2/2  3
      21.5000 ± 0.7071    2/2  2
      11.5000 ± 0.7071    2/2  1

6 of 6 variants are done
";
    let squeezed = |text: &str| -> String {
        let lines = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let counted = format!("{table}executed: 13 command\ncached: nothing\n");
    assert_eq!(squeezed(&run.stdout), squeezed(&counted));
    let show = test.run_with(["sweep", "show", "sweep.toml"]).success();
    assert_eq!(squeezed(&show.stdout), squeezed(table));
    let every = test.run_with(["sweep", "show", "sweep.toml", "--every-seed"]);
    every.success().stdout_has("done").stdout_has("seed");
}

/// An objective that is null everywhere is no reason to run everything again.
#[test]
fn an_objective_that_is_undefined_everywhere_is_not_out_of_date() {
    let test = test(SWEEP);
    let base = std::fs::read_to_string(test.folder().join("base.toml")).expect("a recipe");
    let null = base.replace("$((X * 10 + PIPELINE_SEED))", "null");
    let mut test = test.file("base.toml", null);
    let problem = "all 6 variants are done, and `score` of `score` is undefined in each of them";
    test.run_with(["sweep", "sweep.toml"])
        .success()
        .stderr_has(problem);
    test.run_with(["sweep", "show", "sweep.toml"])
        .success()
        .stderr_has(problem);
    test.run_with(["sweep", "best", "sweep.toml"])
        .failure(3)
        .stderr_has(problem)
        .stderr_has("hint: state another metric in `sweep.objective`");
    test.run_with(["sweep", "best", "sweep.toml", "--variant", "X=1,seed=1"])
        .success();
    // The odd seeds alone: a mean over the even ones is no match for one over all.
    let odd = base.replace(
        "$((X * 10 + PIPELINE_SEED))",
        "$([ $PIPELINE_SEED = 1 ] && echo null || echo 2)",
    );
    let mut test = test.file("base.toml", odd);
    test.run_with(["sweep", "sweep.toml", "--quiet"]).success();
    test.run_with(["sweep", "show", "sweep.toml"])
        .success()
        .stdout_has("2.0000 (1 of 2)");
    test.run_with(["sweep", "best", "sweep.toml"])
        .failure(3)
        .stderr_has("undefined in 3 of them, at least one of each setting");
}

#[test]
fn tables_for_programs_have_every_column() {
    let mut test = test(SWEEP);
    test.run_with(["sweep", "sweep.toml"]).success();
    let csv = test.run_with(["sweep", "show", "sweep.toml", "--format", "csv"]);
    csv.success().stdout_is(
        "\
setting,stages.score.env.X,variants,done,failed,objective.mean,objective.std,objective.n,score.score.mean,score.score.std,score.score.n
X=3,3,2,2,0,31.5,0.7071067811865476,2,31.5,0.7071067811865476,2
X=2,2,2,2,0,21.5,0.7071067811865476,2,21.5,0.7071067811865476,2
X=1,1,2,2,0,11.5,0.7071067811865476,2,11.5,0.7071067811865476,2
",
    );
    let every = [
        "sweep",
        "show",
        "sweep.toml",
        "--every-seed",
        "--format",
        "csv",
    ];
    let every = test.run_with(every).success();
    every.stdout_has(
        "\
variant,setting,stages.score.env.X,stages.score.seed,status,objective,score.score
\"X=1,seed=1\",X=1,1,1,done,11.0,11
",
    );
    test.run_with(["sweep", "show", "sweep.toml", "--format", "parquet"])
        .failure(2)
        .stderr_has("--write FILE");
    let write = [
        "sweep",
        "show",
        "sweep.toml",
        "--format",
        "parquet",
        "--write",
        "t.parquet",
    ];
    test.run_with(write).success().stdout_is("");
    let bytes = std::fs::read(test.folder().join("t.parquet")).expect("a table");
    assert_eq!(&bytes[..4], b"PAR1");
}

#[test]
fn the_best_recipe_runs_alone_from_where_it_is_and_finds_everything_in_the_store() {
    let mut test = test(SWEEP);
    let swept = test.run_with(RUN).success().json();
    std::fs::create_dir_all(test.folder().join("out/deep")).expect("a folder");
    let write = [
        "sweep",
        "best",
        "sweep.toml",
        "--write",
        "out/deep/best.toml",
    ];
    test.run_with(write).success().stdout_has("X=3,seed=1\n");
    test.run_with(write).failure(2).stderr_has("--force");
    for own in ["sweep.toml", "base.toml", "in/start.txt"] {
        let onto_itself = ["sweep", "best", "sweep.toml", "--force", "--write", own];
        test.run_with(onto_itself)
            .failure(2)
            .stderr_has("would be replaced");
    }
    let mode = |name: &str| {
        let metadata = std::fs::metadata(test.folder().join(name)).expect("a file");
        metadata.permissions().mode()
    };
    assert_eq!(mode("out/deep/best.toml"), mode("sweep.toml"));
    let alone = ["run", "out/deep/best.toml", "--format", "json"];
    let alone = test
        .run_with(alone)
        .success()
        .stderr_has("base: cached")
        .json();
    let digest = |record: &Value, name: &str| {
        let stages = record["stages"].as_array().expect("stages");
        let stage = stages.iter().find(|stage| stage["name"] == name);
        let stage = stage.unwrap_or_else(|| panic!("no {name}"));
        (stage["key"].clone(), stage["outputs"].clone())
    };
    for (stage, node) in swept["variants"][2]["stages"].as_object().expect("stages") {
        let node = node.as_str().expect("a name");
        assert_eq!(digest(&alone, stage), digest(&swept, node), "{stage}");
    }
    let statuses = alone["stages"].as_array().expect("stages").iter();
    assert!(
        statuses
            .into_iter()
            .all(|stage| stage["status"] == "cached")
    );
    let other = ["sweep", "best", "sweep.toml", "--variant", "X=1,seed=3"];
    test.run_with(other)
        .failure(2)
        .stderr_has("did you mean `X=1,seed=");
}

#[test]
fn what_varies_apart_has_parallel_coordinates_and_what_goes_together_is_one_thing() {
    let y = "\"2\"]\n\"stages.score.env.Y\" = [\"5\", \"6\"]";
    let mut apart = test(&SWEEP.replace("\"2\"]", &y.replace("\"2\"]", "\"2\", \"7\"]")));
    apart
        .run_with(["sweep", "sweep.toml", "--quiet"])
        .failure(3);
    let show = ["sweep", "show", "sweep.toml", "--format", "html"];
    let page = apart.run_with(show).success().stdout;
    assert_eq!(page.matches("<svg ").count(), 1 + 2);
    let drawn = after(&page, "id=\"parallel-desc\">");
    assert!(drawn.starts_with("A line for each setting. best: X=3,Y=5, 31.5000; 5 more, the last at 11.5000, and 2 without"));

    let zipped = SWEEP.replace("[sweep.grid]", "[sweep.zip]");
    let y = "\"2\"]\n\"stages.score.env.Y\" = [\"5\", \"6\", \"7\"]";
    let mut zipped = test(&zipped.replace("\"2\"]", y));
    zipped
        .run_with(["sweep", "sweep.toml", "--quiet"])
        .success();
    let page = zipped.run_with(show).success().stdout;
    assert_eq!(page.matches("<svg ").count(), 1);
    assert!(page.contains("X and 1 more with it"), "{page}");
}

/// Points of a page in the order of its text.
fn after<'a>(page: &'a str, mark: &str) -> &'a str {
    page.split_once(mark).map_or("", |(_, rest)| rest)
}

#[test]
fn a_sweep_has_a_page_with_effects_and_every_error_once() {
    let mut test = test(&SWEEP.replace("\"2\"]", "\"2\", \"7\"]"));
    test.run_with(["sweep", "sweep.toml", "--quiet"]).failure(3);
    let show = ["sweep", "show", "sweep.toml", "--format", "html"];
    let page = test.run_with(show).success().stdout;
    let sections: Vec<&str> = page
        .split("<section id=\"")
        .skip(1)
        .filter_map(|part| part.split('"').next())
        .collect();
    assert_eq!(sections, ["summary", "effects", "settings", "failures"]);
    assert!(page.contains("6 of 8 variants are done, 2 failed."));
    // X alone has more than one value.
    assert_eq!(page.matches("<svg ").count(), 1);
    let effect = after(&page, "id=\"effect-0-desc\">");
    assert!(effect.starts_with(
        "score score by X. 3 settings; mean: 11.5000 at 1, 21.5000 at 2, 31.5000 at 3."
    ));
    let failures = after(&page, "<section id=\"failures\"");
    assert_eq!(failures.matches("<code>X=7,seed=").count(), 2);
    for outside in ["http:", "https:", " src=", "<script", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let written = ["--write", "page.html"];
    test.run_with(show.into_iter().chain(written))
        .success()
        .stdout_is("");
    let file = test.folder().join("page.html");
    assert_eq!(std::fs::read_to_string(file).expect("it is written"), page);

    let unknown = [
        "sweep",
        "show",
        "sweep.toml",
        "--format",
        "html",
        "--store",
        "empty",
    ];
    let nothing = test.run_with(unknown).success().stdout;
    assert!(nothing.contains("No setting has it for all of its seeds yet"));
    assert!(!nothing.contains("<svg "));
}
