//! What a bundle is made of.

use super::trained;

#[test]
fn issue17_a_bundle_is_made_of_what_predicts_and_is_up_to_date() {
    let mut test = trained();
    for (stage, code, what) in [
        (
            "test",
            2,
            "`test` is a stage of kind evaluate, and a bundle is made of a predict stage",
        ),
        ("events", 2, "`events` is a stage of kind data"),
        ("pretrain", 2, "`pretrain` is a stage of kind pretrain"),
        ("frozen", 4, "the model cannot be bundled"),
        ("clasifier", 2, "classifier"),
    ] {
        test.run_with(["bundle", "recipe.toml", stage, "bundle"])
            .failure(code)
            .stderr_has(what);
        assert!(!test.folder().join("bundle").exists(), "{stage}");
    }
    test.run_with([
        "bundle",
        "recipe.toml",
        "predictions",
        "bundle",
        "--set",
        "seed=9",
    ])
    .failure(5);
    test.run_with(["bundle", "recipe.toml", "classifier", "bundle"])
        .success();
    test.run_with(["bundle", "recipe.toml", "classifier", "bundle"])
        .failure(2)
        .stderr_has("bundle: is there already");
    test.run_with(["bundle", "recipe.toml", "predictions", "bundle", "--force"])
        .success();
    test.run_with(["bundle", "recipe.toml", "predictions", "one", "--force"])
        .failure(2)
        .stderr_has("one: holds something else, and would be deleted");
    test.run_with([
        "bundle",
        "recipe.toml",
        "predictions",
        "b2",
        "--license",
        "free as beer",
    ])
    .failure(2);
}
