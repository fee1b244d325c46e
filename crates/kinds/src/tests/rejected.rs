//! Every rule, by the first lines of what breaks it.

use super::{Folder, SMALL, spoilt};

pub(super) fn one(from: &str, to: &str, message: &str) {
    assert_eq!(spoilt(from, to).messages("a.toml", &[]), [message]);
}

#[test]
fn the_small_recipe_is_sound_so_that_each_mistake_below_is_the_one_made() {
    assert!(
        Folder::with(&[("a.toml", SMALL)])
            .messages("a.toml", &[])
            .is_empty()
    );
}

#[test]
fn ranges_of_numbers_are_kept() {
    one(
        "epochs = 2",
        "epochs = 0",
        "`stages.pretrain.epochs` must be at least 1, not 0",
    );
    one(
        "epochs = 2",
        "epochs = 2.0",
        "`stages.pretrain.epochs` must be an integer, not a float",
    );
    one(
        "epochs = 2",
        "epochs = 2\noptimizer = { lr = 0, betas = [0.9, 0.9], weight_decay = 0 }",
        "`stages.pretrain.optimizer.lr` must be greater than 0, not 0",
    );
    one(
        "epochs = 2",
        "epochs = 2\noptimizer = { lr = 1, betas = [0.9, 1], weight_decay = 0 }",
        "stages.pretrain.optimizer.betas.1 must be at least 0 and less than 1, not 1",
    );
    one(
        "epochs = 2",
        "epochs = 2\nmax_beta = nan",
        "`stages.pretrain.max_beta` must be finite, not NaN",
    );
    one(
        "epochs = 2",
        "epochs = 2\ndropout = 0.95",
        "`stages.pretrain.dropout` must be at most 0.9, not 0.95",
    );
    one(
        "epochs = 3",
        "epochs = 3\ndropout = [0.1, 0.1, 0.95]",
        "stages.classifier.dropout.2 must be between 0 and 0.9, not 0.95",
    );
    one(
        "epochs = 3",
        "epochs = 3\ndropout = [0.1, 0.1]",
        "`stages.classifier.dropout` must have 3 items, not 2",
    );
    one("format = 1", "format = 2", "`format` must be 1, not 2");
    one(
        "stays = 100",
        "stays = 20_000_000",
        "`stages.events.source.stays` must be at most 10000000, not 20000000",
    );
    one(
        "kind = \"data\"",
        "kind = \"data\"\nclip = 0",
        "`stages.events.clip` must be greater than 0, not 0",
    );
    one(
        "format = 1",
        "format = 1\nseed = -1",
        "`seed` must be at least 0, not -1",
    );
}

#[test]
fn a_column_of_subgroups_is_named_once() {
    one(
        "split = \"test\"",
        "split = \"test\"\nsubgroups = ['age', 'sex', 'age']",
        "stages.test.subgroups.2 names `age` again",
    );
}

#[test]
fn the_split_is_whole_and_fits_its_source() {
    one(
        "0.8",
        "0.7",
        "stages.events.split.ratio sums to 0.8999999999999999, not to 1",
    );
    one(
        "[0.8, 0.1, 0.1]",
        "[1.1, -0.1, 0]",
        "stages.events.split.ratio has a negative share",
    );
    one(
        "{ ratio = [0.8, 0.1, 0.1] }",
        "{ folders = { train = 'a', validation = 'b', test = 'c' } }",
        "stages.events.split.folders needs a source that has one folder a split",
    );
    one(
        "{ ratio = [0.8, 0.1, 0.1] }",
        "{ ratio = [0.8, 0.1, 0.1], file = 'a.toml' }",
        "`stages.events.split` takes one of `column`, `file`, `lists`, `folders`, `ratio`, `independent` or `folds`, not several",
    );
    one(
        "{ ratio = [0.8, 0.1, 0.1] }",
        "{}",
        "`stages.events.split` is empty",
    );
    one(
        "{ ratio = [0.8, 0.1, 0.1] }",
        "'splits.csv'",
        "`stages.events.split` must be a table with one of `column`, `file`, `lists`, `folders`, `ratio`, `independent` or `folds`, or \"all\", not a string",
    );
}

#[test]
fn model_and_data_fit_each_other() {
    one(
        "orthonormal = 16",
        "orthonormal = 8",
        "stages.events.embeddings.orthonormal is 8, but model.input_dim is 16",
    );
    assert_eq!(
        spoilt("latent_dim = 8", "latent_dim = 10").messages("a.toml", &[]),
        [
            "model.transformer_heads: 8 heads do not divide latent_dim 10",
            "model.latent_dim: the head `mlp` halves latent_dim twice, and 10 is no multiple of 4",
        ]
    );
    let narrow = "latent_dim = 4\nheads = 2\ntransformer_heads = 2\nclassifier.head = ";
    let of_head = |head: &str| spoilt("latent_dim = 8", &format!("{narrow}\"{head}\""));
    assert_eq!(
        of_head("mlp").messages("a.toml", &[]),
        [
            "model.latent_dim: is 4, so the last norm of the head `mlp` has a single number (latent_dim / 4), and the head says the same of every stay"
        ]
    );
    assert!(of_head("linear").messages("a.toml", &[]).is_empty());
}

#[test]
fn tagged_tables_say_what_they_are() {
    one(
        "format = \"synthetic\", ",
        "",
        "`stages.events.source` has no `format`",
    );
    one(
        "kind = \"pretrain\"\n",
        "",
        "`stages.pretrain` has no `kind`",
    );
    one(
        "\"synthetic\"",
        "\"syntetic\"",
        "`stages.events.source.format` cannot be `syntetic`",
    );
    one(
        "kind = \"pretrain\"",
        "kind = 3",
        "`stages.pretrain.kind` must be a string, not an integer",
    );
    one(
        "from = \"pretrain\"",
        "from = 3",
        "`stages.weights.from` must be a string or a table, not an integer",
    );
    one(
        "from = \"pretrain\"",
        "from = { path = \"a.toml\", sha256 = \"00\" }",
        "`stages.weights.from.sha256` must match ^[0-9a-f]{64}$",
    );
    one(
        "stays = 100",
        "stays = 100, stay = 1",
        "unknown key `stay` in `stages.events.source`",
    );
}

#[test]
fn names_of_stages_and_patterns_are_well_formed() {
    one(
        "[stages.frozen]",
        "[stages.'a b']\nkind = \"freeze\"\nmodel = \"weights\"\n[stages.frozen]",
        "`a b` is no name for a stage",
    );
    let command = |table: &str| {
        format!("[stages.own]\nkind = \"command\"\nrun = \"a\"\n{table}\n[stages.frozen]")
    };
    for (table, message) in [
        (
            "outputs = { 'a b' = 'x' }",
            "`a b` is no name for an artifact",
        ),
        (
            "outputs = { a = 'x' }\nenv = { 'A-B' = 'x' }",
            "`A-B` is no name for a variable of the environment",
        ),
    ] {
        one("[stages.frozen]", &command(table), message);
    }
    let messages = spoilt("[\"cls_head.*\"]", "[\"cls_head.[a\"]").messages("a.toml", &[]);
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].starts_with("stages.weights.new.0 is no pattern: "),
        "{messages:?}"
    );
    let nothing = Folder::with(&[
        ("a.toml", "format = 1\n[stages]\n"),
        ("b.toml", "format = 1\n"),
    ]);
    assert_eq!(nothing.messages("a.toml", &[]), ["`stages` is empty"]);
    assert_eq!(
        nothing.messages("b.toml", &[]),
        ["the recipe has no `stages`"]
    );
}

#[test]
fn an_import_into_another_model_is_not_taken() {
    let text = SMALL.replace("into = \"classifier\"", "into = \"pretrain\"");
    assert_eq!(
        Folder::with(&[("a.toml", &text)]).messages("a.toml", &[]),
        ["stages.frozen.model names `weights`, which imports into `pretrain`"]
    );
    let text = format!(
        "{SMALL}\n[stages.again]\nkind = \"pretrain\"\ndata = \"events\"\nepochs = 1\ninit = \"weights\"\n"
    );
    assert_eq!(
        Folder::with(&[("a.toml", &text)]).messages("a.toml", &[]),
        ["stages.again.init names `weights`, which imports into `classifier`"]
    );
    one(
        "model = \"classifier\"",
        "model = \"weights\"",
        "stages.test.model names `weights`, some of whose parameters are new",
    );
}

#[test]
fn a_broken_stage_hides_no_mistake_of_another_and_causes_none() {
    let text = SMALL
        .replace("epochs = 2", "epochs = \"two\"")
        .replace("0.8", "0.9");
    assert_eq!(
        Folder::with(&[("a.toml", &text)]).messages("a.toml", &[]),
        [
            "stages.events.split.ratio sums to 1.1, not to 1",
            "`stages.pretrain.epochs` must be an integer, not a string",
        ]
    );
}

#[test]
fn a_path_that_does_not_exist_is_named_with_the_folder_it_starts_from() {
    let folder = spoilt("from = \"pretrain\"", "from = { path = \"best.ckpt\" }");
    let messages = folder.messages("a.toml", &[]);
    assert_eq!(
        messages,
        [
            "`stages.weights.from.path` cannot be read: best.ckpt: No such file or directory (os error 2)"
        ]
    );
}

#[test]
fn extends_must_be_readable_and_a_list_of_files() {
    one(
        "format = 1",
        "format = 1\nextends = 'b.toml'",
        "`extends` must be an array of strings, not a string",
    );
    one(
        "format = 1",
        "format = 1\nextends = [1]",
        "`extends` must be an array of strings, not an integer",
    );
    one(
        "format = 1",
        "format = 1\nextends = ['b.toml']",
        "b.toml cannot be read: No such file or directory (os error 2)",
    );
    one(
        "format = 1",
        "format = 1\nextends = ['${vars.x}.toml']",
        "`extends` is read before the variables",
    );
}

#[test]
fn variables_are_whole_and_fit_where_they_are_used() {
    let with = |vars: &str, name: &str| {
        let text = SMALL.replace(
            "format = 1",
            &format!("format = 1\nname = \"{name}\"\nvars = {vars}"),
        );
        Folder::with(&[("a.toml", &text)]).messages("a.toml", &[])
    };
    assert_eq!(
        with("{ a = '${vars.b}', b = 'x${vars.a}' }", "${vars.a}"),
        ["variables that need each other: a → b → a"]
    );
    assert_eq!(
        with("{ a = [1] }", "x${vars.a}"),
        ["vars.a is an array and cannot be part of a string"]
    );
    assert_eq!(
        with("{ a = [1] }", "${vars.a}"),
        ["`name` must be a string, not an array"]
    );
    assert_eq!(with("{}", "${vars.a"), ["this `${` is never closed"]);
    assert_eq!(with("{}", "${a}"), ["this is no reference"]);
    assert_eq!(
        with("{}", "${env:A}"),
        ["the environment variable A is not set"]
    );
}

#[test]
fn variables_that_repeat_each_other_do_not_fill_the_memory() {
    let doubled = |link: fn(&str) -> String| {
        let links = (0..30).map(|i| format!("v{i} = {}\n", link(&format!("${{vars.v{}}}", i + 1))));
        let text = format!("{SMALL}\n[vars]\n{}v30 = 'x'\n", links.collect::<String>());
        Folder::with(&[("a.toml", &text)]).messages("a.toml", &[])
    };
    let larger = ["variables make the recipe larger than 8 MiB"];
    assert_eq!(doubled(|next| format!("'{next}{next}{next}'")), larger);
    assert_eq!(
        doubled(|next| format!("['{next}', '{next}', '{next}']")),
        larger
    );

    let chain = (0..10_000).map(|i| format!("v{i} = ['${{vars.v{}}}']\n", i + 1));
    let text = format!("{SMALL}\n[vars]\n{}v10000 = 1\n", chain.collect::<String>());
    let found = Folder::with(&[("a.toml", &text)]).messages("a.toml", &[]);
    assert!(
        found[0].starts_with("a chain of more than 32 variables"),
        "{found:?}"
    );
}

#[test]
fn of_very_many_mistakes_the_first_are_shown_and_the_others_counted() {
    let more: String = (0..500).map(|i| format!("x{i} = ]\n")).collect();
    let text = format!("{more}{SMALL}");
    let found = Folder::with(&[("a.toml", &text)]).messages("a.toml", &[]);
    assert_eq!(found.len(), 101);
    assert!(
        found[100].ends_with("more mistakes, which are not shown"),
        "{}",
        found[100]
    );
}

#[test]
fn rows_with_labels_say_where_these_are_and_only_once() {
    let messages = |more: &str| {
        let wide = format!(
            "{{ format = 'wide', files = ['a.csv'], id = 'id', time = {{ column = 't', as = 'hours' }}{more} }}"
        );
        let text = SMALL.replace("{ format = \"synthetic\", stays = 100 }", &wide);
        Folder::with(&[("a.toml", &text), ("a.csv", ""), ("b.csv", "")]).messages("a.toml", &[])
    };
    let table = ", labels = { path = 'b.csv', id = 'id', column = 'y' }";
    let column = ", row_label = 'y'";
    assert_eq!(
        messages(""),
        ["stages.events.source says nowhere what the labels are"]
    );
    assert_eq!(
        messages(&format!("{table}{column}")),
        ["stages.events.source.row_label has `labels` beside it"]
    );
    assert_eq!(messages(table), [""; 0]);
    assert_eq!(messages(column), [""; 0]);
}
