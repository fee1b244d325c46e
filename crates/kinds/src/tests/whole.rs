//! Recipes without mistakes.

use super::{Folder, SMALL};
use crate::StageConfig;
use crate::import::ImportFrom;
use pipeline_data::config::{Embeddings, Source, SplitRule};
use pipeline_data::dataset::Split;
use pipeline_train::config::Loss;
use pipeline_train::optimizer::Update;

const REFERENCE: &str = r#"#:schema ../schemas/recipe.schema.json
format = 1
name = "physionet2012"
extends = ["base.toml"]
seed = 2012

[vars]
root = "../data/physionet2012"

[model]
kind = "seqsetvae"
input_dim = 768
reduced_dim = 256
latent_dim = 256

[model.classifier]
fusion = "uncertainty"
pooling = "recency"
num_classes = 2

[stages.events]
kind = "data"
source = { format = "physionet-2012", records = ["${vars.root}/set-a", "${vars.root}/set-b"], outcomes = ["${vars.root}/a.txt"] }
split = { file = "${vars.root}/splits.csv" }

[stages.pretrain]
kind = "pretrain"
data = "events"
epochs = 20

[stages.weights]
kind = "import"
from = "pretrain"
into = "classifier"
new = ["cls_head.*"]
ignore = ["decoder.*"]

[stages.frozen]
kind = "freeze"
model = "weights"
trainable = ["cls_head.*"]

[stages.classifier]
kind = "finetune"
model = "frozen"
data = "events"
loss = { kind = "focal", alpha = 0.25, gamma = 2.0 }

[stages.test]
kind = "evaluate"
model = "classifier"
data = "events"
split = "test"
"#;

fn physionet() -> Folder {
    Folder::with(&[
        ("recipes/physionet.toml", REFERENCE),
        ("recipes/base.toml", "[model]\nheads = 4\n"),
        ("data/physionet2012/set-a/1.txt", ""),
        ("data/physionet2012/set-b/2.txt", ""),
        ("data/physionet2012/a.txt", ""),
        ("data/physionet2012/splits.csv", ""),
    ])
}

#[test]
fn the_reference_recipe_loads_with_defaults_in_and_paths_resolved() {
    let folder = physionet();
    let recipe = folder.sound("recipes/physionet.toml", &[]);
    assert_eq!((recipe.name.as_str(), recipe.seed), ("physionet2012", 2012));
    assert_eq!((recipe.model.heads, recipe.model.levels), (4, 2));
    let names: Vec<&str> = recipe
        .stages
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "events",
            "pretrain",
            "weights",
            "frozen",
            "classifier",
            "test"
        ]
    );
    let Some(StageConfig::Data(data)) = recipe.stage("events") else {
        panic!("events is a data stage")
    };
    let Source::Physionet2012(source) = &data.source else {
        panic!("{:?}", data.source)
    };
    assert_eq!(
        source.records[1].as_ref(),
        folder.path("recipes").join("../data/physionet2012/set-b")
    );
    assert_eq!(source.label, "In-hospital_death");
    assert_eq!(data.embeddings, Some(Embeddings::Orthonormal(768)));
    let Some(StageConfig::Finetune(stage)) = recipe.stage("classifier") else {
        panic!("classifier is a finetune stage")
    };
    let stated = Loss::Focal {
        alpha: 0.25,
        gamma: 2.0,
    };
    assert_eq!(stage.loss, Some(stated));
    assert_eq!(stage.batch_size, 32);
}

#[test]
fn the_references_layout_loads() {
    let folder = Folder::with(&[
        (
            "a.toml",
            r#"format = 1
[stages.events]
kind = "data"
source = { format = "patient-parquet", path = "patient_ehr", labels = { path = "oc.csv", id = "ts_id", column = "in_hospital_mortality" } }
split = { folders = { train = "train", validation = "valid", test = "test" } }
statistics = { path = "stats.csv" }
embeddings = { table = "cached.csv" }
duplicates = "keep"

[stages.old]
kind = "import"
from = { path = "best.ckpt", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
into = "pretrain"

[stages.pretrain]
kind = "pretrain"
init = "old"
data = "events"
epochs = 1
optimizer = { lr = 1, betas = [0, 0.5], weight_decay = 0 }
"#,
        ),
        ("patient_ehr/train/1.parquet", ""),
        ("oc.csv", ""),
        ("stats.csv", ""),
        ("cached.csv", ""),
        ("best.ckpt", ""),
    ]);
    let recipe = folder.sound("a.toml", &[]);
    assert_eq!(recipe.name, "a", "without a name, the file's");
    let Some(StageConfig::Data(data)) = recipe.stage("events") else {
        panic!("events is a data stage")
    };
    assert!(matches!(&data.split, SplitRule::Folders(folders) if folders.validation == "valid"));
    assert!(
        matches!(&data.embeddings, Some(Embeddings::Table(path)) if path.as_ref() == folder.path("cached.csv"))
    );
    let Some(StageConfig::Import(import)) = recipe.stage("old") else {
        panic!("old is an import stage")
    };
    assert!(
        matches!(&import.from, ImportFrom::File(file) if file.path.as_ref() == folder.path("best.ckpt"))
    );
    let Some(StageConfig::Pretrain(stage)) = recipe.stage("pretrain") else {
        panic!("pretrain is a pretrain stage")
    };
    assert_eq!(
        stage.optimizer.base().lr,
        1.0,
        "an integer where a number is wanted"
    );
}

#[test]
fn every_alias_of_a_split_is_read() {
    for (alias, split) in [
        ("valid", Split::Validation),
        ("val", Split::Validation),
        ("tuning", Split::Validation),
        ("validation", Split::Validation),
        ("held_out", Split::Test),
        ("train", Split::Train),
    ] {
        let folder = Folder::with(&[("a.toml", SMALL)]);
        let recipe = folder.sound("a.toml", &[&format!("stages.test.split={alias}")]);
        let Some(StageConfig::Evaluate(stage)) = recipe.stage("test") else {
            panic!("test is an evaluate stage")
        };
        assert_eq!(stage.split, split, "{alias}");
    }
}

#[test]
fn every_loss_and_every_seed_fits() {
    let folder = Folder::with(&[("a.toml", SMALL)]);
    let recipe = folder.sound(
        "a.toml",
        &[
            "stages.classifier.loss={ kind = 'cross-entropy' }",
            "seed=18446744073709551615",
        ],
    );
    assert_eq!(recipe.seed, u64::MAX);
    let Some(StageConfig::Finetune(stage)) = recipe.stage("classifier") else {
        panic!("classifier is a finetune stage")
    };
    // Left out: that of the task, which is the cross-entropy of classes.
    assert_eq!(stage.loss, Some(Loss::default()));
}

#[test]
fn an_optimizer_keeps_the_defaults_of_its_stage_where_it_states_nothing() {
    let folder = Folder::with(&[("a.toml", SMALL)]);
    let recipe = folder.sound(
        "a.toml",
        &[
            "stages.classifier.optimizer.lr=3e-4",
            "stages.pretrain.optimizer.eps=1e-6",
        ],
    );
    let Some(StageConfig::Finetune(stage)) = recipe.stage("classifier") else {
        panic!("classifier is a finetune stage")
    };
    let Update::AdamW(optimizer) = &stage.optimizer.steps().update else {
        panic!("AdamW is the default")
    };
    assert_eq!((optimizer.lr, optimizer.betas), (3e-4, [0.9, 0.98]));
    let Some(StageConfig::Pretrain(stage)) = recipe.stage("pretrain") else {
        panic!("pretrain is a pretrain stage")
    };
    let Update::AdamW(optimizer) = &stage.optimizer.update else {
        panic!("AdamW is the default")
    };
    assert_eq!(
        (optimizer.lr, optimizer.eps, optimizer.betas),
        (5e-5, 1e-6, [0.9, 0.999])
    );
}

#[test]
fn embeddings_that_are_not_stated_are_those_of_the_model() {
    let text = SMALL.replace("embeddings = { orthonormal = 16 }\n", "");
    for (sets, numbers) in [(&[][..], 16), (&["model.input_dim=24"][..], 24)] {
        let recipe = Folder::with(&[("a.toml", &text)]).sound("a.toml", sets);
        let Some(StageConfig::Data(data)) = recipe.stage("events") else {
            panic!("events is a data stage")
        };
        assert_eq!(data.embeddings, Some(Embeddings::Orthonormal(numbers)));
    }
}
