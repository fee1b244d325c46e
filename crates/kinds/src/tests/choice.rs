//! On whose validation split something is chosen where the head is of a file.

use super::{Folder, SMALL};

const POINTS: &str =
    "operating_points = [{ kind = \"fixed\", threshold = 0.2 }, { kind = \"youden\" }]\n";

/// [`SMALL`], a head of a file, and a stage of `kind` that asks `model`.
fn asked(kind: &str, model: &str, more: &str) -> Folder {
    let split = match kind {
        "evaluate" => "split = \"test\"\n",
        _ => "",
    };
    let text = format!(
        "{SMALL}\n[stages.file]\nkind = \"import\"\nfrom = {{ path = \"w.safetensors\" }}\ninto = \"classifier\"\n\n\
         [stages.asks]\nkind = \"{kind}\"\nmodel = {model}\ndata = \"events\"\n{split}{more}"
    );
    Folder::with(&[("a.toml", &text), ("w.safetensors", "")])
}

#[test]
fn nothing_is_chosen_on_the_scored_cohort_unasked() {
    let unknown = |field: &str| {
        format!(
            "stages.asks.{field} is chosen on the validation split of the data that the head of `file` was trained on, and no \
             stage of this recipe trained it: that split is not known"
        )
    };
    for kind in ["evaluate", "predict"] {
        let messages = |model: &str, more: &str| asked(kind, model, more).messages("a.toml", &[]);
        let platt = "recalibrate = \"platt\"\n";
        assert_eq!(messages("\"file\"", platt), [unknown("recalibrate")]);
        assert_eq!(
            messages("\"file\"", POINTS),
            [unknown("operating_points.1")]
        );
        let both = "[\"classifier\", \"file\"]";
        assert_eq!(messages(both, platt), [unknown("recalibrate")]);
        // What is known, stated or not chosen is no mistake.
        let stated = format!("{platt}{POINTS}recalibrate_on = \"data\"\n");
        assert_eq!(messages("\"file\"", &stated), [""; 0]);
        assert_eq!(messages(both, &stated), [""; 0]);
        assert_eq!(messages("\"classifier\"", platt), [""; 0]);
        let fixed = "operating_points = [{ kind = \"fixed\", threshold = 0.2 }]\n";
        assert_eq!(messages("\"file\"", fixed), [""; 0]);
    }
    let shown = asked("predict", "\"file\"", POINTS).rendered("a.toml", &[]);
    assert!(
        shown.contains("on which split?") && shown.contains("recalibrate_on = \"data\""),
        "{shown}"
    );
}

#[test]
fn a_head_that_is_trained_on_after_its_import_has_a_known_split() {
    let text = SMALL.replace("from = \"pretrain\"", "from = { path = \"w.safetensors\" }");
    let text = text.replace("new = [\"cls_head.*\"]\n", "");
    let text = format!("{text}recalibrate = \"platt\"\n");
    let folder = Folder::with(&[("a.toml", &text), ("w.safetensors", "")]);
    assert_eq!(folder.messages("a.toml", &[]), [""; 0]);
}

#[test]
fn a_cohort_without_labels_chooses_nothing() {
    let more = "recalibrate = \"platt\"\nrecalibrate_on = \"data\"\n\n[stages.new]\nkind = \"data\"\n\
                source = { format = \"synthetic\", stays = 50 }\nlike = \"events\"\nlabels = \"none\"\nsplit = \"all\"\n";
    let folder = asked("predict", "\"classifier\"", more);
    let text = std::fs::read_to_string(folder.path("a.toml")).unwrap();
    let (before, after) = text.rsplit_once("data = \"events\"").unwrap();
    let folder = Folder::with(&[
        ("a.toml", &format!("{before}data = \"new\"{after}")),
        ("w.safetensors", ""),
    ]);
    assert_eq!(
        folder.messages("a.toml", &[]),
        ["stages.asks.data names `new`, whose stays have no labels"]
    );
}

#[test]
fn a_prediction_of_a_target_chooses_nothing_by_the_label() {
    let text = SMALL.replace(
        "kind = \"finetune\"\n",
        "kind = \"finetune\"\ntarget = \"sepsis\"\n",
    );
    let target = "[stages.events.targets.sepsis]\ntask = \"classification\"\nclasses = 2\npath = \"t.csv\"\nid = \"id\"\n";
    let messages = |more: &str| {
        let predict =
            "[stages.asks]\nkind = \"predict\"\nmodel = \"classifier\"\ndata = \"events\"\n";
        let text = format!("{text}\n{target}\n{predict}{more}");
        Folder::with(&[("a.toml", &text), ("t.csv", "id,sepsis\n1,0\n")]).messages("a.toml", &[])
    };
    let chosen = "would be chosen by the label, and the head says the target `sepsis`";
    for (more, field) in [
        ("recalibrate = \"platt\"\n", "recalibrate"),
        (POINTS, "operating_points"),
    ] {
        assert_eq!(messages(more), [format!("stages.asks.{field} {chosen}")]);
    }
    assert_eq!(messages("threshold = 0.3\n"), [""; 0]);
}
