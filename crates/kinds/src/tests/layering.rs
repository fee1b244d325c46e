//! `extends`, `[vars]` and `--set`.

use super::{Folder, SMALL};
use crate::import::{CheckpointFile, ImportFrom, ImportTable};
use crate::{Recipe, StageConfig, load};
use pipeline_data::config::{Source, SplitRule};

fn epochs(recipe: &Recipe) -> usize {
    match recipe.stage("pretrain") {
        Some(StageConfig::Pretrain(stage)) => stage.epochs,
        other => panic!("{other:?}"),
    }
}

fn split(recipe: &Recipe) -> &SplitRule {
    match recipe.stage("events") {
        Some(StageConfig::Data(data)) => &data.split,
        other => panic!("{other:?}"),
    }
}

fn import<'a>(recipe: &'a Recipe, name: &str) -> &'a ImportTable {
    match recipe.stage(name) {
        Some(StageConfig::Import(stage)) => stage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn extended_recipes_are_merged_in_order_and_this_file_comes_last() {
    let folder = Folder::with(&[
        ("small.toml", SMALL),
        (
            "b/more.toml",
            "[model]\nlevels = 3\nff_dim = 7\n[stages.pretrain]\nepochs = 5\n",
        ),
        (
            "a.toml",
            "extends = ['small.toml', 'b/more.toml']\n[model]\nff_dim = 9\n[stages.weights]\nnew = ['a', 'b']\n",
        ),
    ]);
    let recipe = folder.sound("a.toml", &[]);
    assert_eq!((recipe.model.levels, recipe.model.ff_dim), (3, 9));
    assert_eq!(recipe.model.latent_dim, 8, "from the first");
    assert_eq!(epochs(&recipe), 5, "from the second");
    assert_eq!(
        import(&recipe, "weights").new,
        ["a", "b"],
        "arrays are replaced"
    );
    assert_eq!(recipe.stages.len(), 6);
}

#[test]
fn a_description_is_of_the_recipe_that_states_it() {
    let folder = Folder::with(&[
        ("small.toml", SMALL),
        (
            "b.toml",
            "extends = ['small.toml']\ndescription = 'B.'\nauthors = ['A']\n",
        ),
        ("c.toml", "extends = ['b.toml']\n"),
        ("d.toml", "extends = ['b.toml']\ndescription = 'D.'\n"),
    ]);
    let description = |name: &str| folder.sound(name, &[]).description;
    assert_eq!(description("b.toml").as_deref(), Some("B."));
    assert_eq!(description("c.toml"), None);
    assert_eq!(description("d.toml").as_deref(), Some("D."));
    assert_eq!(folder.sound("c.toml", &[]).authors, ["A"]);
}

#[test]
fn a_table_of_another_variant_replaces_the_one_below() {
    let folder = Folder::with(&[
        ("small.toml", SMALL),
        (
            "a.toml",
            "extends = ['small.toml']\n[stages.events]\nsplit = { file = 'splits.csv' }\n\
             [stages.classifier]\nloss = { kind = 'cross-entropy' }\n",
        ),
        ("splits.csv", ""),
    ]);
    let recipe = folder.sound("a.toml", &[]);
    assert!(matches!(split(&recipe), SplitRule::File(_)));
    let again = Folder::with(&[
        ("small.toml", SMALL),
        (
            "a.toml",
            "extends = ['small.toml']\n[stages.events.source]\nstays = 7\n",
        ),
    ]);
    let recipe = again.sound("a.toml", &[]);
    let Some(StageConfig::Data(data)) = recipe.stage("events") else {
        panic!("events is a data stage")
    };
    assert!(
        matches!(&data.source, Source::Synthetic(source) if source.stays == 7),
        "the format is the one below"
    );
}

#[test]
fn one_recipe_may_be_extended_along_two_ways() {
    let folder = Folder::with(&[
        ("small.toml", SMALL),
        ("b.toml", "extends = ['small.toml']\n[model]\nlevels = 3\n"),
        ("c.toml", "extends = ['small.toml']\n[model]\nff_dim = 9\n"),
        ("a.toml", "extends = ['b.toml', 'c.toml']\n"),
    ]);
    let recipe = folder.sound("a.toml", &[]);
    assert_eq!((recipe.model.levels, recipe.model.ff_dim), (3, 9));
}

#[test]
fn a_string_that_is_one_variable_takes_its_type() {
    let text = SMALL
        .replace("epochs = 2", "epochs = \"${vars.epochs}\"")
        .replace("[0.8, 0.1, 0.1]", "\"${vars.shares}\"")
        + "\n[vars]\nepochs = 4\nshares = [0.5, \"${vars.rest}\", 0.25]\nrest = \"${vars.quarter}\"\nquarter = 0.25\n";
    let recipe = Folder::with(&[("a.toml", &text)]).sound("a.toml", &[]);
    assert_eq!(epochs(&recipe), 4);
    assert_eq!(split(&recipe), &SplitRule::Ratio([0.5, 0.25, 0.25]));
}

#[test]
fn the_environment_is_read_and_its_defaults_as_in_a_shell() {
    let text = SMALL.replace(
        "format = 1",
        "format = 1\nname = \"${env:A}-${env:B:-b}-${env:C:-c}-${env:D:-}-$${env:A}-${vars.n}\"\nvars = { n = 3 }",
    );
    let mut folder = Folder::with(&[("a.toml", &text)]);
    folder.env = vec![("A", "one"), ("C", "")];
    let recipe = folder.sound("a.toml", &[]);
    assert_eq!(recipe.name, "one-b-c--${env:A}-3");
}

#[test]
fn a_variable_is_read_in_the_type_that_its_place_has() {
    let text = SMALL.replace("epochs = 2", "epochs = \"${env:EPOCHS:-3}\"")
        + "\n[vars]\nseed = 7\n[stages.own]\nkind = \"command\"\noutputs = { o = \"o\" }\n\
           run = [\"python\", \"${vars.seed}\"]\nenv = { SEED = \"${vars.seed}\" }\n";
    let mut folder = Folder::with(&[("a.toml", &text)]);
    let recipe = folder.sound("a.toml", &[]);
    assert_eq!(epochs(&recipe), 3);
    let Some(StageConfig::Command(own)) = recipe.stage("own") else {
        panic!("own is a command")
    };
    assert_eq!(own.env["SEED"], "7");
    folder.env = vec![("EPOCHS", "5")];
    assert_eq!(epochs(&folder.sound("a.toml", &[])), 5);
    folder.env = vec![("EPOCHS", "2.5")];
    assert_eq!(
        folder.messages("a.toml", &[]),
        ["`stages.pretrain.epochs` must be an integer, not the text that the environment has"]
    );
    // Text that was written in the recipe is the text that was meant.
    let quoted = Folder::with(&[("a.toml", &SMALL.replace("epochs = 2", "epochs = '2'"))]);
    assert_eq!(
        quoted.messages("a.toml", &[]),
        ["`stages.pretrain.epochs` must be an integer, not a string"]
    );
}

#[test]
fn an_optimizer_of_another_kind_replaces_the_one_below() {
    let base = SMALL.replace(
        "epochs = 2",
        "epochs = 2\noptimizer = { kind = \"adamw\", betas = [0.8, 0.9] }",
    );
    let with = |over: &str| {
        let text = format!("extends = ['base.toml']\n[stages.pretrain]\noptimizer = {over}\n");
        Folder::with(&[("base.toml", &base), ("a.toml", &text)]).messages("a.toml", &[])
    };
    assert_eq!(
        with("{ kind = 'sgd', lr = 0.1 }"),
        Vec::<String>::new(),
        "sgd has no betas"
    );
    assert_eq!(with("{ kind = 'adamw', lr = 0.1 }"), Vec::<String>::new());
    // A kind that is not stated is the default.
    let base = base.replace("kind = \"adamw\", ", "");
    let text =
        "extends = ['base.toml']\n[stages.pretrain]\noptimizer = { kind = 'sgd', lr = 0.1 }\n";
    let folder = Folder::with(&[("base.toml", &base), ("a.toml", text)]);
    assert_eq!(folder.messages("a.toml", &[]), Vec::<String>::new());
}

#[test]
fn a_path_starts_where_its_first_characters_were_written() {
    let weights = |path: &str| {
        format!(
            "\n[stages.file]\nkind = \"import\"\nfrom = {{ path = \"{path}\" }}\ninto = \"classifier\"\n"
        )
    };
    let base = format!(
        "{SMALL}{}\n[vars]\nroot = \"files\"\n",
        weights("${vars.root}/w.ckpt")
    );
    let folder = Folder::with(&[
        ("base/small.toml", &base),
        ("base/files/w.ckpt", ""),
        ("other/w.ckpt", ""),
        ("a.toml", "extends = ['base/small.toml']\n"),
        (
            "b.toml",
            "extends = ['base/small.toml']\nvars = { root = 'other' }\n",
        ),
    ]);
    let path = |recipe: &Recipe| match &import(recipe, "file").from {
        ImportFrom::File(CheckpointFile { path, .. }) => path.as_ref().to_path_buf(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        path(&folder.sound("a.toml", &[])),
        folder.path("base/files/w.ckpt")
    );
    assert_eq!(
        path(&folder.sound("b.toml", &[])),
        folder.path("other/w.ckpt")
    );
    // Paths of --set start from the current directory, which has a Cargo.toml in tests.
    let set = folder.sound("a.toml", &["stages.file.from.path=Cargo.toml"]);
    assert_eq!(path(&set), std::path::Path::new("Cargo.toml"));
}

#[test]
fn overrides_are_toml_values_or_bare_words_and_the_last_one_holds() {
    let folder = Folder::with(&[("a.toml", SMALL)]);
    let recipe = folder.sound(
        "a.toml",
        &[
            "name=a b=c",
            "stages.pretrain.epochs = 7",
            "stages.pretrain.epochs=8",
            "stages.events.split={ ratio = [0.5, 0.25, 0.25] }",
            "stages.weights.new.0='head.*'",
            "stages.classifier.optimizer.lr=3e-4",
            "stages.classifier.optimizer.betas=[0.9, 0.9]",
            "stages.classifier.optimizer.weight_decay=0",
        ],
    );
    assert_eq!(recipe.name, "a b=c");
    assert_eq!(epochs(&recipe), 8);
    assert_eq!(split(&recipe), &SplitRule::Ratio([0.5, 0.25, 0.25]));
    assert_eq!(import(&recipe, "weights").new, ["head.*"]);
    let Some(StageConfig::Finetune(stage)) = recipe.stage("classifier") else {
        panic!("classifier is a finetune stage")
    };
    assert_eq!(stage.optimizer.steps().base().lr, 3e-4);
}

#[test]
fn a_recipe_that_is_not_there_is_named() {
    let error = load("nowhere/a.toml".as_ref(), &[]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().starts_with("nowhere/a.toml: "), "{error}");
}
