//! Mistakes as they are shown.

use insta::assert_snapshot;

use super::{Folder, SMALL, spoilt};

#[test]
fn an_unknown_key_is_shown_with_the_nearest_known_one() {
    let folder = spoilt("epochs = 2", "epochs = 2\nbatchsize = 3");
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 1 mistake

    Error:
      × unknown key `batchsize` in `stages.pretrain`
        ╭─[a.toml:17:1]
     16 │ epochs = 2
     17 │ batchsize = 3
        · ────┬────
        ·     ╰── no key of kind `pretrain`
     18 │
        ╰────
      help: did you mean `batch_size`?
    "#);
}

#[test]
fn a_wrong_type_is_shown_with_where_its_value_comes_from() {
    let text =
        SMALL.replace("epochs = 2", "epochs = \"${vars.epochs}\"") + "\n[vars]\nepochs = true\n";
    let folder = Folder::with(&[("a.toml", &text)]);
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 1 mistake

    Error:
      × `stages.pretrain.epochs` must be an integer, not a boolean
        ╭─[a.toml:16:10]
     15 │ data = "events"
     16 │ epochs = "${vars.epochs}"
        ·          ────────┬───────
        ·                  ╰── a boolean
     17 │
        ╰────
        ╭─[a.toml:41:10]
     40 │ [vars]
     41 │ epochs = true
        ·          ──┬─
        ·            ╰── the value comes from here
        ╰────
    "#);
}

#[test]
fn a_missing_stage_is_shown_with_the_nearest_that_fits() {
    let folder = spoilt("model = \"frozen\"", "model = \"frosen\"");
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 1 mistake

    Error:
      × stages.classifier.model names `frosen`, and there is no such stage
        ╭─[a.toml:30:9]
     29 │ kind = "finetune"
     30 │ model = "frosen"
        ·         ────┬───
        ·             ╰── no stage of this name
     31 │ data = "events"
        ╰────
      help: did you mean `frozen`?
    "#);
}

#[test]
fn a_stage_of_the_wrong_kind_is_shown_with_both_places() {
    let folder = spoilt("model = \"frozen\"", "model = \"weights\"");
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 1 mistake

    Error:
      × stages.classifier.model must name a stage of kind `freeze`, and `weights` is of kind `import`
        ╭─[a.toml:30:9]
     18 │ [stages.weights]
     19 │ kind = "import"
        ·        ────┬───
        ·            ╰── its kind is stated here
     20 │ from = "pretrain"
     21 │ into = "classifier"
     22 │ new = ["cls_head.*"]
     23 │
     24 │ [stages.frozen]
     25 │ kind = "freeze"
     26 │ model = "weights"
     27 │
     28 │ [stages.classifier]
     29 │ kind = "finetune"
     30 │ model = "weights"
        ·         ────┬────
        ·             ╰── of kind `import`
     31 │ data = "events"
        ╰────
      help: `frozen` would fit
    "#);
}

#[test]
fn a_cycle_is_shown_with_every_edge() {
    let folder = spoilt(
        "epochs = 2",
        "epochs = 2\ninit = \"again\"\n\n[stages.again]\nkind = \"import\"\nfrom = \"pretrain\"\ninto = \"pretrain\"",
    );
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 1 mistake

    Error:
      × stages that need each other: pretrain → again → pretrain
        ╭─[a.toml:17:8]
     16 │ epochs = 2
     17 │ init = "again"
        ·        ───┬───
        ·           ╰── `pretrain` needs `again`
     18 │
     19 │ [stages.again]
     20 │ kind = "import"
     21 │ from = "pretrain"
        ·        ─────┬────
        ·             ╰── `again` needs `pretrain`
     22 │ into = "pretrain"
        ╰────
      help: one of them has to start from something else
    "#);
}

#[test]
fn two_mistakes_in_one_stage_are_both_shown() {
    let folder = spoilt("into = \"classifier\"\nnew", "intoo = \"classifier\"\nnew");
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 2 mistakes

    Error:
      × `stages.weights` has no `into`
        ╭─[a.toml:18:1]
     17 │
     18 │ [stages.weights]
        · ────────┬───────
        ·         ╰── `into` is missing
     19 │ kind = "import"
        ╰────
      help: into: The model the weights go into.

    Error:
      × unknown key `intoo` in `stages.weights`
        ╭─[a.toml:21:1]
     20 │ from = "pretrain"
     21 │ intoo = "classifier"
        · ──┬──
        ·   ╰── no key of kind `import`
     22 │ new = ["cls_head.*"]
        ╰────
      help: did you mean `into`?
    "#);
}

#[test]
fn overrides_that_cannot_be_read_are_shown_as_they_were_typed() {
    let folder = Folder::with(&[("a.toml", SMALL)]);
    let sets = [
        "stages.pretrain.epochs",
        "model.ff_dim=[1, 2",
        "model.kind.x=1",
        "model.ffdim=4",
    ];
    assert_snapshot!(folder.rendered("a.toml", &sets), @r#"
      × a.toml: 4 mistakes

    Error:
      × `--set` without a `=`
       ╭─[--set:1:1]
     1 │ stages.pretrain.epochs
       · ───────────┬──────────
       ·            ╰── no `=` in here
       ╰────
      help: write `--set PATH=VALUE`, for instance `--set stages.pretrain.epochs=3`

    Error:
      × `--set` with a value that is no TOML: unclosed array, expected `]`
       ╭─[--set:1:14]
     1 │ model.ff_dim=[1, 2
       ·              ──┬──
       ·                ╰── this value
       ╰────
      help: the shell may have taken the quotes: put '…' around PATH=VALUE

    Error:
      × `model.kind` must be a string, not a table
       ╭─[--set:1:7]
     1 │ model.kind.x=1
       ·       ──┬─
       ·         ╰── a table
       ╰────

    Error:
      × unknown key `ffdim` in `model`
       ╭─[--set:1:7]
     1 │ model.ffdim=4
       ·       ──┬──
       ·         ╰── unknown key
       ╰────
      help: did you mean `ff_dim`?
    "#);
}

#[test]
fn an_unknown_variable_is_shown_inside_its_string() {
    let text = SMALL.replace(
        "format = 1",
        "format = 1\nname = \"of ${vars.roof} and more\"",
    ) + "\n[vars]\nroot = \"x\"\n";
    let folder = Folder::with(&[("a.toml", &text)]);
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 1 mistake

    Error:
      × there is no variable `roof`
       ╭─[a.toml:2:12]
     1 │ format = 1
     2 │ name = "of ${vars.roof} and more"
       ·            ──────┬─────
       ·                  ╰── not in [vars]
     3 │
       ╰────
      help: did you mean ${vars.root}?
    "#);
}

#[test]
fn recipes_that_extend_each_other_are_named_in_a_ring() {
    let folder = Folder::with(&[
        ("a.toml", "extends = [\"b.toml\"]\n"),
        ("b.toml", "extends = [\"c.toml\"]\n"),
        ("c.toml", "format = 1\nextends = [\"b.toml\"]\n"),
    ]);
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 1 mistake

    Error:
      × recipes extend each other: b.toml → c.toml → b.toml
       ╭─[c.toml:2:12]
     1 │ format = 1
     2 │ extends = ["b.toml"]
       ·            ────┬───
       ·                ╰── leads back to where it came from
       ╰────
      help: put what they share into a recipe that extends none of them
    "#);
}

#[test]
fn places_in_two_files_are_both_shown() {
    let folder = Folder::with(&[
        ("small.toml", SMALL),
        (
            "a.toml",
            "extends = [\"small.toml\"]\n[model]\ninput_dim = 32\n",
        ),
    ]);
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 1 mistake

    Error:
      × stages.events.embeddings.orthonormal is 16, but model.input_dim is 32
        ╭─[small.toml:11:30]
     10 │ split = { ratio = [0.8, 0.1, 0.1] }
     11 │ embeddings = { orthonormal = 16 }
        ·                              ─┬
        ·                               ╰── numbers in an embedding
     12 │
        ╰────
      help: set both to 32, or state one and leave the other out: it is taken from there

    Advice:
      ☞ the other place
       ╭─[a.toml:3:13]
     2 │ [model]
     3 │ input_dim = 32
       ·             ─┬
       ·              ╰── numbers the model takes
       ╰────
    "#);
}

#[test]
fn all_syntax_errors_of_a_file_are_shown() {
    let folder = Folder::with(&[("a.toml", "format = \n[model\nlevels = 1 2\n")]);
    assert_snapshot!(folder.rendered("a.toml", &[]), @r#"
      × a.toml: 2 mistakes

    Error:
      × this is no TOML: string values must be quoted, expected literal string
       ╭─[a.toml:1:10]
     1 │ format =
       ·          ▲
       ·          ╰── here
     2 │ [model
       ╰────

    Error:
      × this is no TOML: unclosed table, expected `]`
       ╭─[a.toml:2:7]
     1 │ format =
     2 │ [model
       ·       ▲
       ·       ╰── here
     3 │ levels = 1 2
       ╰────
    "#);
}

#[test]
fn a_table_that_is_stated_in_vain_is_marked_itself() {
    let stated = "latent_dim = 8\n\n[model.classifier.readout]\nheads = 8";
    let shown = spoilt("latent_dim = 8", stated).rendered("a.toml", &[]);
    assert!(shown.contains("[a.toml:7:1]"), "{shown}");
    assert!(shown.contains("╰── stated here"), "{shown}");
}
