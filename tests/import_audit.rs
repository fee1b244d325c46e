//! The strict import, from the outside: whatever does not fit exits 4, is named, and leaves no result.

use std::collections::BTreeMap;

use pipeline_checkpoint::{self as checkpoint, FloatTensor, write_safetensors};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::document::{artifact, kinds_in_store, repository, stage};
use crate::harness::{Outcome, Test};

/// What the reference stores and a classifier does not use.
const IGNORE: &str = r#"["decoder.*", "set_encoder.decoder_layers.*", "set_encoder.out.*", "alibi_slope", "time_tau"]"#;
const NEW: &str = r#"["cls_head.*"]"#;

/// A recipe that only imports, with the sizes of the fixture.
fn recipe(from: &str, new: &str, ignore: &str) -> String {
    format!(
        r#"
format = 1
name = "import"

[model]
kind = "seqsetvae"
input_dim = 12
reduced_dim = 8
latent_dim = 16
levels = 2
heads = 2
inducing_points = 3
ff_dim = 24
transformer_heads = 4
transformer_layers = 2

[stages.weights]
kind = "import"
from = {from}
inputs = "unknown"
into = "classifier"
new = {new}
ignore = {ignore}
"#
    )
}

type Tensors = BTreeMap<String, FloatTensor>;

/// The pretraining weights of the small reference model.
fn weights() -> Tensors {
    let path = repository("tests/fixtures/seqsetvae-small/pretrain.weights.safetensors");
    let checkpoint = checkpoint::read(path.as_ref()).expect("the fixture is sound");
    let tensors = checkpoint.tensors.into_iter();
    let read = tensors.map(|(name, tensor)| {
        let (values, _) = tensor.to_f32(false).expect("the fixture holds F32");
        let shape = tensor.shape().to_vec();
        (
            name,
            FloatTensor {
                shape,
                values: values.to_vec(),
            },
        )
    });
    read.collect()
}

/// A folder with these weights and a recipe that imports them.
fn test_of(tensors: &Tensors, new: &str, ignore: &str) -> Test {
    let test = Test::new().recipe(&recipe(r#"{ path = "weights.safetensors" }"#, new, ignore));
    let path = test.folder().join("weights.safetensors");
    write_safetensors(&path, tensors, &BTreeMap::new()).expect("weights can be written");
    test
}

fn run(test: &mut Test) -> Outcome {
    test.run_with(["run", "recipe.toml", "--format", "json"])
}

/// The import fails its audit and nothing of it can be found afterwards.
#[track_caller]
fn refused(mut test: Test) -> Outcome {
    let outcome = run(&mut test).failure(4);
    let document = outcome.json();
    assert_eq!(document["status"], "failed");
    let record = stage(&document, "weights");
    assert_eq!(record["status"], "failed");
    assert_eq!(record["outputs"], serde_json::json!({}));
    let error = record["error"].as_str().expect("an error");
    assert!(!error.is_empty());
    assert_eq!(kinds_in_store(&test), Vec::<String>::new());
    let outputs = test.run_with(["outputs", "recipe.toml", "weights", "weights"]);
    outputs.failure(5).stdout_is("");
    outcome
}

/// Any parameter that the classifier needs, and its name there.
const SOURCE: &str = "set_encoder.encoder_layers.1.mab1.ff.0.weight";
const TARGET: &str = "setvae.setvae.encoder_layers.1.mab1.ff.0.weight";

#[test]
fn weights_that_fit_are_loaded_and_every_one_is_accounted_for() {
    let tensors = weights();
    let mut test = test_of(&tensors, NEW, IGNORE);
    let document = run(&mut test).success().json();
    let audit = std::fs::read(artifact(&document, "weights", "audit")).expect("an audit");
    let audit: Value = serde_json::from_slice(&audit).expect("the audit is JSON");
    let count = |of: &str| audit[of].as_array().map_or(0, Vec::len);
    assert_eq!(count("loaded") + count("ignored"), tensors.len());
    assert_eq!(count("new"), 14);
    for loaded in audit["loaded"].as_array().into_iter().flatten() {
        let source = loaded["source"].as_str().expect("a name");
        assert_eq!(loaded["digest"], tensors[source].digest(), "{source}");
    }

    let written = checkpoint::read(&artifact(&document, "weights", "weights")).expect("weights");
    let (values, _) = written.tensors[TARGET].to_f32(false).expect("F32");
    assert_eq!(values.to_vec(), tensors[SOURCE].values);
}

#[test]
fn a_missing_tensor_is_named_with_what_to_do() {
    let mut tensors = weights();
    tensors.remove(SOURCE).expect("it is there");
    refused(test_of(&tensors, NEW, IGNORE))
        .stderr_has("missing from the checkpoint (1):")
        .stderr_has(TARGET)
        .stderr_has(&format!(r#"new = ["cls_head.*", "{TARGET}"]"#));
}

#[test]
fn an_unexpected_tensor_is_named_with_what_to_do() {
    let mut tensors = weights();
    let extra = FloatTensor {
        shape: vec![2],
        values: vec![1.0, 2.0],
    };
    tensors.insert("adapter.scale".into(), extra);
    let outcome = refused(test_of(&tensors, NEW, IGNORE));
    let outcome = outcome
        .stderr_has("unexpected")
        .stderr_has("adapter.scale [2] F32");
    outcome.stderr_has(r#""time_tau", "adapter.scale"]"#);
}

#[test]
fn a_transposed_tensor_is_named_with_both_shapes() {
    let mut tensors = weights();
    let tensor = tensors.get_mut(SOURCE).expect("it is there");
    assert_ne!(tensor.shape[0], tensor.shape[1]);
    let wanted = tensor.shape.clone();
    tensor.shape.reverse();
    let shapes = format!(
        "{:?} in the checkpoint, {wanted:?} in the model",
        tensor.shape
    );
    refused(test_of(&tensors, NEW, IGNORE))
        .stderr_has("different shape (1):")
        .stderr_has(SOURCE)
        .stderr_has(&shapes);
}

#[test]
fn a_number_that_is_none_is_named_with_its_place() {
    for (bad, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let mut tensors = weights();
        tensors.get_mut(SOURCE).expect("it is there").values[3] = bad;
        refused(test_of(&tensors, NEW, IGNORE))
            .stderr_has("not finite (1):")
            .stderr_has(TARGET)
            .stderr_has(&format!("the first is {shown} at 3"));
    }
}

#[test]
fn a_pattern_that_matches_nothing_is_named() {
    let new = r#"["cls_head.*", "pooler.*"]"#;
    let outcome = refused(test_of(&weights(), new, IGNORE));
    outcome
        .stderr_has("patterns without effect (1):")
        .stderr_has("pooler.*");
    let ignore = IGNORE.replace("]", r#", "optimizer_state.*"]"#);
    let outcome = refused(test_of(&weights(), NEW, &ignore));
    outcome
        .stderr_has("patterns without effect (1):")
        .stderr_has("optimizer_state.*");
}

#[test]
fn what_is_declared_new_must_be_missing_and_what_is_declared_ignored_unused() {
    let new = r#"["cls_head.*", "transformer.layers.0.*"]"#;
    refused(test_of(&weights(), new, IGNORE))
        .stderr_has("declared new, but present in the checkpoint")
        .stderr_has("transformer.layers.0.linear1.weight");
    let ignore = IGNORE.replace("]", r#", "post_transformer_norm.*"]"#);
    refused(test_of(&weights(), NEW, &ignore))
        .stderr_has("declared ignored, but used")
        .stderr_has("post_transformer_norm.bias");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let mut tensors = weights();
    tensors
        .remove("post_transformer_norm.bias")
        .expect("it is there");
    tensors.get_mut(SOURCE).expect("it is there").values[0] = f32::NAN;
    let extra = FloatTensor {
        shape: vec![],
        values: vec![0.5],
    };
    tensors.insert("temperature".into(), extra);
    refused(test_of(&tensors, r#"["cls_head.*", "pooler.*"]"#, IGNORE))
        .stderr_has("4 offences; nothing was loaded")
        .stderr_has("post_transformer_norm.bias [16]")
        .stderr_has("temperature [] F32")
        .stderr_has(TARGET)
        .stderr_has("pooler.*");
}

/// A Lightning checkpoint in the test's folder, imported with or without a pin.
fn lightning(bytes: &[u8], pin: Option<&str>) -> Test {
    let pin = pin.map_or(String::new(), |pin| format!(", sha256 = \"{pin}\""));
    let from = format!(r#"{{ path = "best.ckpt"{pin} }}"#);
    let recipe = recipe(&from, NEW, IGNORE);
    Test::new().recipe(&recipe).file("best.ckpt", bytes)
}

fn lightning_bytes() -> Vec<u8> {
    let path = repository("tests/fixtures/seqsetvae-small/pretrain.lightning.ckpt");
    std::fs::read(path).expect("the fixture is there")
}

#[test]
fn the_right_pin_passes_and_the_wrong_one_is_shown_beside_the_right() {
    let bytes = lightning_bytes();
    let sum: Vec<String> = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let right = sum.concat();
    run(&mut lightning(&bytes, Some(&right))).success();
    let wrong = "0123456789abcdef".repeat(4);
    let outcome = refused(lightning(&bytes, Some(&wrong)));
    outcome
        .stderr_has(&right)
        .stderr_has(&wrong)
        .stderr_has("best.ckpt");
}

#[test]
fn a_truncated_file_is_named() {
    let bytes = lightning_bytes();
    refused(lightning(&bytes[..bytes.len() / 2], None)).stderr_has("best.ckpt");
    let test = test_of(&weights(), NEW, IGNORE);
    let path = test.folder().join("weights.safetensors");
    let bytes = std::fs::read(&path).expect("weights");
    std::fs::write(&path, &bytes[..bytes.len() - 4]).expect("weights can be written");
    refused(test).stderr_has("weights.safetensors");
}

#[test]
fn a_folder_is_refused_before_the_run_and_the_checkpoint_in_it_is_named() {
    let recipe = recipe(r#"{ path = "folder" }"#, NEW, IGNORE);
    let mut test = Test::new()
        .recipe(&recipe)
        .file("folder/notes.txt", "weights");
    let path = test.folder().join("folder/w.safetensors");
    write_safetensors(&path, &weights(), &BTreeMap::new()).expect("weights can be written");
    let hint = "hint: name the checkpoint in it: \"";
    for command in ["check", "plan", "run"] {
        let outcome = test.run_with([command, "recipe.toml"]).failure(2);
        let outcome = outcome.stderr_has("folder: is a folder").stderr_has(hint);
        outcome.stderr_has("folder/w.safetensors\"\n");
    }
    let outcome = test.run_with(["inspect", "folder"]).failure(2);
    outcome.stderr_has("folder: is no file").stderr_has(hint);
    std::fs::write(path.with_file_name("__0_0.distcp"), "").expect("a file");
    let outcome = test.run_with(["check", "recipe.toml"]).failure(2);
    outcome.stderr_has("torch.distributed.checkpoint.format_utils dcp_to_torch /");
}

/// The import of good weights, and a freeze of them.
fn freeze(trainable: &str) -> Test {
    let import = recipe(r#"{ path = "weights.safetensors" }"#, NEW, IGNORE);
    let test = test_of(&weights(), NEW, IGNORE);
    test.recipe(&format!(
        "{import}\n[stages.frozen]\nkind = \"freeze\"\nmodel = \"weights\"\ntrainable = {trainable}\n"
    ))
}

#[test]
fn a_parameter_that_is_new_and_frozen_is_named() {
    let mut test = freeze(r#"["cls_head.12.*"]"#);
    let outcome = run(&mut test)
        .failure(4)
        .stderr_has("12 parameters are new");
    let mut outcome = outcome.stderr_has("make them trainable, or import weights that hold them");
    for layer in ["0", "1", "4", "5", "8", "9"] {
        outcome = outcome.stderr_has(&format!("cls_head.{layer}.weight"));
    }
    assert!(!outcome.stderr.contains("cls_head.12.weight"), "{outcome}");
    assert_eq!(kinds_in_store(&test), ["import"]);
}

#[test]
fn too_large_a_trainable_share_is_refused_with_the_limit() {
    let mut test = freeze(r#"["cls_head.*", "transformer.*"]"#);
    let outcome = run(&mut test).failure(2).stderr_has("the limit is 5 %");
    outcome.stderr_has("max_trainable_fraction");
    assert_eq!(kinds_in_store(&test), Vec::<String>::new());
    let wider = ["--set", "stages.frozen.max_trainable_fraction=0.5"];
    let run = ["run", "recipe.toml"].into_iter().chain(wider);
    test.run_with(run).success();
    assert_eq!(kinds_in_store(&test), ["freeze", "import"]);
}

#[test]
fn rules_of_the_recipe_rename_tensors_and_one_without_effect_is_refused() {
    let renamed: Tensors = weights()
        .into_iter()
        .map(
            |(name, tensor)| match name.strip_prefix("transformer.layers.") {
                Some(rest) => (format!("blocks/{}", rest.replacen('.', "/", 1)), tensor),
                None => (name, tensor),
            },
        )
        .collect();
    assert!(renamed.keys().any(|name| name.starts_with("blocks/")));
    let rule = r#"rename = [{ pattern = 'blocks/(\d+)/(.*)', to = "transformer.layers.$1.$2" }]"#;
    let text = recipe(r#"{ path = "weights.safetensors" }"#, NEW, IGNORE);
    let test = test_of(&renamed, NEW, IGNORE).recipe(&format!("{text}{rule}\n"));
    let mut test = test;
    let document = run(&mut test).success().json();
    let plain = run(&mut test_of(&weights(), NEW, IGNORE)).success().json();
    assert_eq!(
        stage(&document, "weights")["outputs"]["weights"]["digest"],
        stage(&plain, "weights")["outputs"]["weights"]["digest"]
    );
    let idle = test_of(&weights(), NEW, IGNORE).recipe(&format!("{text}{rule}\n"));
    refused(idle).stderr_has("transformer.layers.$1.$2` matches no tensor");
    let wrong = rule.replace("$2", "$3");
    let mut wrong = test_of(&weights(), NEW, IGNORE).recipe(&format!("{text}{wrong}\n"));
    let outcome = run(&mut wrong).failure(2);
    outcome.stderr_has("stages.weights.rename.0.to names group $3, and the pattern has 2");
}

#[test]
fn a_sharded_checkpoint_is_one_input_and_a_changed_shard_is_seen() {
    let (mut one, mut two) = (Tensors::new(), Tensors::new());
    let mut map = serde_json::Map::new();
    for (number, (name, tensor)) in weights().into_iter().enumerate() {
        let (shard, file) = match number % 2 {
            0 => (&mut one, "one.safetensors"),
            _ => (&mut two, "two.safetensors"),
        };
        map.insert(name.clone(), file.into());
        shard.insert(name, tensor);
    }
    let index = serde_json::json!({ "weight_map": map }).to_string();
    let text = recipe(r#"{ path = "m.safetensors.index.json" }"#, NEW, IGNORE);
    let mut test = Test::new()
        .file("m.safetensors.index.json", index)
        .recipe(&text);
    let write = |test: &Test, name: &str, tensors: &Tensors| {
        let path = test.folder().join(name);
        write_safetensors(&path, tensors, &BTreeMap::new()).expect("weights can be written");
    };
    write(&test, "one.safetensors", &one);
    write(&test, "two.safetensors", &two);
    let document = run(&mut test).success().json();
    let plain = run(&mut test_of(&weights(), NEW, IGNORE)).success().json();
    assert_eq!(
        stage(&document, "weights")["outputs"]["weights"]["digest"],
        stage(&plain, "weights")["outputs"]["weights"]["digest"]
    );
    let tensor = two.values_mut().next().expect("a tensor");
    tensor.values[0] += 1.0;
    write(&test, "two.safetensors", &two);
    let plan = test.run_with(["plan", "recipe.toml"]).success();
    plan.stdout_has("content of input `stages.weights.from.path.shard2` changed");
}
