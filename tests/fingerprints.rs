//! What keys depend on: those of the main job's stages are pinned, and places are no part of any.

mod left_out;

use std::collections::BTreeMap;
use std::path::Path;

use pipeline_recipe::Override;
use pipeline_stage::Node;
use pipeline_store::digest::Digest;
use pipeline_store::fingerprint::Fingerprint;

use crate::document::{repository, stage};
use crate::harness::Test;
use crate::physionet_layout::{self, FOLDER};

/// A key changes only on purpose. If one of these does though the recipe did not, every result of
/// that kind in every user's store is out of date: raise the kind's `code_version` if its results
/// changed (or `Fingerprint::FORMAT` if the encoding did), and else find out what moved the key.
const MAIN_JOB: [(&str, &str); 8] = [
    (
        "events",
        "f9e284d850f5eb8c5ed6eccf812a5073b66db1fbc9b8bd24e54ac0975dcd27e6",
    ),
    (
        "pretrain",
        "d1d1d1e2f6e3403fbbbf1ad9ded2d492cfe52db1ee407fc6b73cd4ab3ca4c58e",
    ),
    (
        "weights",
        "d2f4767f518e0dca9da6c47b898ddc7e14eb92cbef1c72aedb13d445303b8448",
    ),
    (
        "frozen",
        "3a191e0bde4126defe3475547dc500119c702980e0bbccd271dc611e3419df08",
    ),
    (
        "classifier:features",
        "ee8c0a236b460e13c95c15a90b704ec434dd13a7a5e9f1d3e2d6749b5b479588",
    ),
    (
        "classifier",
        "f95a0e871055482a321447d6155d29c9b0fc9d9303890596c8539a587842391f",
    ),
    (
        "test:baseline",
        "e0be1049dc11cc2c55f27982bebc83ee7ba67747b86c6af273cf4f6754bf29f5",
    ),
    (
        "test",
        "84dd3f81c65f123011988ba2b8e3f1e866162851d86e43788db43dc64f86080f",
    ),
];

/// The same of a head that is trained in epochs.
const IN_EPOCHS: [(&str, &str); 7] = [
    (
        "events",
        "f9e284d850f5eb8c5ed6eccf812a5073b66db1fbc9b8bd24e54ac0975dcd27e6",
    ),
    (
        "pretrain",
        "7571746aba8cc3da22f816a6aa24ee62544e3876e0602eff918ab35d2f20a972",
    ),
    (
        "weights",
        "08e8e40c025e63eaf6f66570bd950a1ba01cfc4fea5b0f159bc85d6cc7ad4756",
    ),
    (
        "frozen",
        "3a191e0bde4126defe3475547dc500119c702980e0bbccd271dc611e3419df08",
    ),
    (
        "classifier:features",
        "ee8c0a236b460e13c95c15a90b704ec434dd13a7a5e9f1d3e2d6749b5b479588",
    ),
    (
        "classifier",
        "2e65c7bd80d596cfc6211797e3e564355d3166a213c3a4ef4f96621144c22e58",
    ),
    (
        "test",
        "a878b5b4aced8cf6ba8ac369083fd1517dbea95c346a4152b152920f170ec1ce",
    ),
];

fn nodes_of(recipe: &str) -> Vec<Node> {
    let recipe =
        pipeline_kinds::load(Path::new(&repository(recipe)), &[]).expect("the recipe is sound");
    pipeline_kinds::nodes_of(&recipe)
}

/// The fingerprint of a node whose inputs are made up: each is the digest of its own name.
fn fingerprint(node: &Node) -> Fingerprint {
    let mut inputs = BTreeMap::new();
    for input in node.stage.inputs() {
        for artifact in input.artifacts {
            let name = format!("{}.{artifact}", input.role);
            inputs.insert(name.clone(), Digest::of_bytes(name.as_bytes()));
        }
    }
    assert!(node.stage.external_inputs().is_empty());
    Fingerprint {
        format: Fingerprint::FORMAT,
        kind: node.stage.kind().into(),
        code_version: node.stage.code_version(),
        fields: node.stage.fields(),
        inputs,
        seed: node.stage.seed(),
        device: "cpu".into(),
    }
}

#[test]
fn the_keys_of_the_main_job_are_pinned() {
    let keys = |recipe: &str| -> Vec<(String, String)> {
        let nodes = nodes_of(recipe);
        let keys = nodes
            .iter()
            .map(|node| (node.name.clone(), fingerprint(node).key().to_string()));
        keys.collect()
    };
    let pinned = |(name, key): (&str, &str)| (name.to_string(), key.to_string());
    assert_eq!(keys("recipes/finetune.toml"), MAIN_JOB.map(pinned));
    let in_epochs = "tests/fixtures/recipes/mlp-head.toml";
    assert_eq!(keys(in_epochs), IN_EPOCHS.map(pinned));
}

/// The small cohort in this folder.
fn cohort_at(folder: &str) -> (Test, String) {
    let test = physionet_layout::write(Test::new());
    let to = test.folder().join(folder);
    std::fs::rename(test.folder().join(FOLDER), &to).expect("a folder can be renamed");
    (test, to.to_string_lossy().into_owned())
}

#[test]
fn neither_the_place_nor_the_name_of_a_cohort_is_part_of_its_key() {
    let recipe = repository("recipes/physionet2012.toml");
    let key = |folder: &str| {
        let (test, root) = cohort_at(folder);
        let root = format!("vars.root={root}");
        let arguments = ["run", &recipe, "events", "--format", "json", "--set", &root];
        let document = test.args(arguments).run().success().json();
        stage(&document, "events")["key"].clone()
    };
    assert_eq!(key("here"), key("elsewhere"));
}

/// The keys of a recipe's nodes, their inputs made up, sorted: without names.
fn keys_of(path: &Path, changes: &[&str]) -> Vec<String> {
    let changes: Vec<Override> = changes.iter().map(|&text| Override::new(text)).collect();
    let recipe = pipeline_kinds::load(path, &changes).unwrap_or_else(|error| panic!("{error:?}"));
    let nodes = pipeline_kinds::nodes_of(&recipe);
    let mut keys: Vec<String> = nodes
        .iter()
        .map(|node| fingerprint(node).key().to_string())
        .collect();
    keys.sort();
    keys
}

#[test]
fn names_order_comments_and_spelling_are_no_part_of_any_key() {
    let original = std::fs::read_to_string(repository("tests/fixtures/recipes/mlp-head.toml"))
        .expect("it is there");
    let pinned = keys_of(
        Path::new(&repository("tests/fixtures/recipes/mlp-head.toml")),
        &[],
    );
    let keys = |text: &str| {
        let test = Test::new().recipe(text);
        keys_of(&test.folder().join("recipe.toml"), &[])
    };
    assert_eq!(keys(&original), pinned);
    let mut renamed = original.clone();
    for stage in [
        "events",
        "pretrain",
        "weights",
        "frozen",
        "classifier",
        "test",
    ] {
        renamed = renamed.replace(&format!("[stages.{stage}"), &format!("[stages.my-{stage}"));
        for field in ["data", "from", "model"] {
            let stated = |name: &str| format!("\n{field} = \"{name}\"");
            renamed = renamed.replace(&stated(stage), &stated(&format!("my-{stage}")));
        }
    }
    let renamed = renamed.replace("name = \"finetune\"", "name = \"another\"");
    assert!(renamed.contains("[stages.my-test]"));
    assert_eq!(keys(&renamed), pinned);
    let mut tables: Vec<&str> = original.split("\n[").collect();
    tables[1..].reverse();
    assert_eq!(keys(&tables.join("\n[")), pinned);
    let bare: Vec<&str> = original
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim_end())
        .collect();
    assert_eq!(keys(&bare.join("\n\n# another comment\n")), pinned);
    assert_eq!(keys(&original.replace("lr = 1e-3", "lr = 0.0010")), pinned);
}

/// For every value of the main job's recipe another one that is sound, and how many of its seven
/// keys that changes by itself (what its contents change further down is another matter).
const CHANGES: &[(&str, &str, usize)] = &[
    ("seed", "2013", 4),
    ("model.classifier.fusion", "'none'", 1),
    ("model.classifier.num_classes", "3", 1),
    ("model.classifier.pooling", "'multiscale'", 1),
    ("model.decoder_queries", "'variables'", 2),
    ("model.ff_dim", "48", 2),
    ("model.heads", "4", 2),
    ("model.inducing_points", "5", 2),
    ("model.input_dim", "16", 3),
    ("model.latent_dim", "64", 2),
    ("model.latent_norm", "true", 2),
    ("model.levels", "1", 2),
    ("model.reduced_dim", "16", 2),
    ("model.time_bias", "'elapsed'", 2),
    ("model.transformer_heads", "2", 2),
    ("model.transformer_layers", "1", 2),
    ("model.value_encoding", "'affine'", 2),
    ("stages.events.categorical", "['Gender']", 1),
    ("stages.events.duplicates", "'keep'", 1),
    ("stages.events.source.stays", "100", 1),
    ("stages.events.split.ratio", "[0.8, 0.1, 0.1]", 1),
    ("stages.events.variables.drop", "['Glucose']", 1),
    ("stages.events.variables.min_stays", "2", 1),
    ("stages.events.without_events", "'drop'", 1),
    ("stages.events.without_label", "'drop'", 1),
    ("stages.pretrain.batch_size", "8", 1),
    ("stages.pretrain.beta_warmup_steps", "201", 1),
    ("stages.pretrain.clip_norm", "0.3", 1),
    ("stages.pretrain.dropout", "0.1", 1),
    ("stages.pretrain.epochs", "5", 1),
    ("stages.pretrain.free_bits", "0.1", 1),
    ("stages.pretrain.max_beta", "0.1", 1),
    ("stages.pretrain.monitor.active_variance", "0.02", 1),
    ("stages.pretrain.monitor.min_active_fraction", "0.2", 1),
    ("stages.pretrain.monitor.min_kl_over_floor", "1.2", 1),
    ("stages.pretrain.monitor.min_logvar_variance", "1e-5", 1),
    ("stages.pretrain.monitor.min_variance_deviation", "0.1", 1),
    ("stages.pretrain.monitor.window", "50", 1),
    ("stages.pretrain.objective", "'elbo'", 1),
    ("stages.pretrain.optimizer.betas", "[0.9, 0.99]", 1),
    ("stages.pretrain.optimizer.eps", "1e-7", 1),
    ("stages.pretrain.optimizer.lr", "2e-3", 1),
    ("stages.pretrain.optimizer.weight_decay", "0.03", 1),
    ("stages.pretrain.accumulate", "2", 1),
    ("stages.pretrain.keep", "'last'", 1),
    ("stages.pretrain.schedule.kind", "'cosine'", 1),
    ("stages.pretrain.schedule.warmup_steps", "5", 1),
    ("stages.pretrain.validate_every", "2", 1),
    ("stages.weights.ignore", "['decoder.*', 'x.*']", 1),
    ("stages.weights.new", "['cls_head.**']", 1),
    ("stages.weights.model_changes", "['heads']", 1),
    ("stages.weights.assume", "['heads']", 1),
    ("stages.weights.input_changes", "['statistics']", 1),
    ("stages.weights.names", "'exact'", 1),
    ("stages.weights.allow_narrowing", "true", 1),
    ("stages.weights.rename", "[{ prefix = 'a.', to = 'b.' }]", 1),
    ("stages.frozen.max_trainable_fraction", "0.2", 1),
    ("stages.frozen.trainable", "['cls_head.**']", 1),
    ("stages.classifier.batch_size", "16", 1),
    ("stages.classifier.clip_norm", "0.4", 1),
    ("stages.classifier.dropout", "[0.1, 0.1, 0.1]", 1),
    ("stages.classifier.early_stopping.min_delta", "0.1", 1),
    ("stages.classifier.early_stopping.patience", "3", 1),
    ("stages.classifier.epochs", "7", 1),
    ("stages.classifier.loss.alpha", "0.5", 1),
    ("stages.classifier.loss.gamma", "1.0", 1),
    ("stages.classifier.optimizer.betas", "[0.9, 0.99]", 1),
    ("stages.classifier.optimizer.eps", "1e-7", 1),
    ("stages.classifier.optimizer.lr", "2e-3", 1),
    ("stages.classifier.optimizer.weight_decay", "0.03", 1),
    ("stages.classifier.select", "'loss'", 1),
    ("stages.classifier.accumulate", "2", 1),
    ("stages.classifier.keep", "'last'", 1),
    ("stages.classifier.schedule.kind", "'cosine'", 1),
    ("stages.classifier.schedule.warmup_steps", "5", 1),
    ("stages.classifier.validate_every", "2", 1),
    ("stages.classifier.class_weights", "'balanced'", 1),
    ("stages.classifier.sampling", "'balanced'", 1),
    ("stages.test.bootstrap.level", "0.9", 1),
    ("stages.test.bootstrap.resamples", "500", 1),
    ("stages.test.operating_points", "[{ kind = 'youden' }]", 1),
    ("stages.test.split", "'validation'", 1),
    ("stages.test.subgroups", "['events']", 1),
    ("stages.test.threshold", "0.4", 1),
];

/// Values that no key holds, or of which there is only one.
const NOT_CHANGED: &[&str] = &[
    // There is one format, one model family.
    "format",
    "model.kind",
    "name",
    // Tied to the model's `input_dim`, which is changed above.
    "stages.events.embeddings.orthonormal",
    // What a stage is, and which others it reads: their contents are part of the key.
    "stages.events.kind",
    // How much is read at a time changes no result.
    "stages.events.memory",
    "stages.events.source.format",
    "stages.pretrain.kind",
    "stages.pretrain.data",
    // How often it is written down what to go on from; the result is the same.
    "stages.pretrain.checkpoint_seconds",
    // Another optimizer has other settings; see `settings_that_are_left_out_here_change_keys_too`.
    "stages.pretrain.optimizer.kind",
    "stages.classifier.optimizer.kind",
    "stages.weights.kind",
    "stages.weights.from",
    "stages.weights.into",
    "stages.frozen.kind",
    "stages.frozen.model",
    "stages.classifier.kind",
    "stages.classifier.data",
    "stages.classifier.model",
    "stages.classifier.loss.kind",
    // Refused while every layer of the transformer is frozen.
    "stages.classifier.transformer_dropout",
    "stages.test.kind",
    "stages.test.data",
    "stages.test.model",
];

#[test]
fn every_value_of_a_recipe_is_part_of_a_key() {
    let path = repository("tests/fixtures/recipes/mlp-head.toml");
    let path = Path::new(&path);
    let pinned = keys_of(path, &[]);
    let (_, resolved) = pipeline_kinds::resolve(path, &[]).expect("the recipe is sound");
    for value in &resolved.values {
        let whole = match value.table.as_str() {
            "" => value.key.clone(),
            table => format!("{table}.{}", value.key),
        };
        let change = CHANGES.iter().find(|(name, ..)| *name == whole);
        let Some((_, other, expected)) = change else {
            assert!(
                NOT_CHANGED.contains(&whole.as_str()),
                "{whole} is not changed"
            );
            continue;
        };
        let mut changes = vec![format!("{whole}={other}")];
        if whole == "model.input_dim" {
            changes.push(format!("stages.events.embeddings.orthonormal={other}"));
        }
        if let Some(stage) = whole.strip_suffix("schedule.warmup_steps") {
            changes.push(format!("{stage}schedule.kind='constant'"));
        }
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        let keys = keys_of(path, &changes);
        let changed = keys.iter().filter(|key| !pinned.contains(key)).count();
        assert_eq!(changed, *expected, "{whole} = {other}");
    }
    let names: Vec<&str> = CHANGES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(resolved.values.len(), names.len() + NOT_CHANGED.len());
}

/// A reader of JSON that is off in the last bit makes another number of one in five, and another key: a sound action
/// was thrown out, and could not be pushed.
#[test]
fn numbers_of_17_digits_keep_their_key_in_the_store() {
    for hours in ["1.8107490539550781", "1.0238095238095237"] {
        let recipe = format!(
            "format = 1\n[stages.events]\nkind = \"data\"\nsource = {{ format = \"synthetic\", stays = 30 }}\n\
             split = {{ ratio = [0.6, 0.2, 0.2] }}\nembeddings = {{ orthonormal = 16 }}\nhours = {hours}\n"
        );
        let mut test = Test::new().recipe(&recipe);
        test.run_with(["run", "recipe.toml"]).success();
        test.run_with(["cache", "verify"]).success();
        test.run_with(["plan", "recipe.toml", "--check"]).success();
    }
}
