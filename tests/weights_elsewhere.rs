//! Weights in the forms that torch, its wrappers and people save them in, through the program.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use pipeline_checkpoint::{self as checkpoint, FloatTensor, write_safetensors};
use serde_json::{Value, json};

use crate::document::{artifact, python_with, repository};
use crate::harness::{Outcome, Test};

type Tensors = BTreeMap<String, FloatTensor>;

const RECIPE: &str = "recipes/reference-finetune.toml";

/// The pretraining weights of the small reference model.
fn reference() -> Tensors {
    let path = repository("tests/fixtures/seqsetvae-small/pretrain.weights.safetensors");
    let checkpoint = checkpoint::read(path.as_ref()).expect("the fixture is sound");
    let tensors = checkpoint.tensors.into_iter();
    let read = tensors.map(|(name, tensor)| {
        let shape = tensor.shape().to_vec();
        let values = tensor.into_f32(false).expect("the fixture holds F32");
        (name, FloatTensor { shape, values })
    });
    read.collect()
}

fn renamed(tensors: &Tensors, name: impl Fn(&str) -> String) -> Tensors {
    let all = tensors.iter();
    all.map(|(old, tensor)| (name(old), tensor.clone()))
        .collect()
}

fn write(path: &Path, tensors: &Tensors) {
    write_safetensors(path, tensors, &BTreeMap::new()).expect("weights can be written");
}

/// Imports `tensors` as the shipped recipe imports the reference's; `more` are further `--set`.
fn imported(tensors: &Tensors, more: &[&str]) -> Outcome {
    imported_in(&mut folder_of(tensors), more)
}

fn folder_of(tensors: &Tensors) -> Test {
    let test = Test::new().recipe(&format!(
        "format = 1\nextends = [{:?}]\n[stages.weights]\nfrom = {{ path = \"w.safetensors\" }}\n",
        repository(RECIPE)
    ));
    write(&test.folder().join("w.safetensors"), tensors);
    test
}

fn imported_in(test: &mut Test, more: &[&str]) -> Outcome {
    let run = ["run", "recipe.toml", "weights", "--format", "json"];
    let set = more.iter().flat_map(|value| ["--set", *value]);
    test.run_with(run.into_iter().chain(set))
}

#[test]
fn issue16_a_wrapper_s_prefix_goes_before_patterns_are_matched() {
    let tensors = reference();
    let weights = |outcome: &Outcome| {
        std::fs::read(artifact(&outcome.json(), "weights", "weights")).expect("weights")
    };
    let mut plain = folder_of(&tensors);
    let expected = weights(&imported_in(&mut plain, &[]).success());
    for prefix in [
        "module.",
        "_orig_mod.",
        "model.",
        "module._orig_mod.",
        "_forward_module.module.",
        "_fsdp_wrapped_module.",
    ] {
        let wrapped = renamed(&tensors, |name| format!("{prefix}{name}"));
        let mut test = folder_of(&wrapped);
        let outcome = imported_in(&mut test, &[]).success();
        assert_eq!(weights(&outcome), expected, "{prefix}");
        outcome.stderr_has(&format!("`{prefix}`, which every name had, taken away"));
        let exact = imported_in(&mut test, &["stages.weights.names='exact'"]);
        exact.failure(4).stderr_has("offences; nothing was loaded");
    }
}

#[test]
fn issue16_a_tensor_that_is_ignored_need_not_have_the_prefix() {
    let mut wrapped = renamed(&reference(), |name| format!("model.{name}"));
    let alone = FloatTensor {
        shape: vec![2],
        values: vec![0.5, 2.0],
    };
    wrapped.insert("criterion.weight".into(), alone);
    let ignore = r#"stages.weights.ignore=["decoder.*", "set_encoder.decoder_layers.*", "set_encoder.out.*", "alibi_slope", "time_tau", "criterion.*"]"#;
    let outcome = imported(&wrapped, &[ignore]).success();
    outcome.stderr_has("`model.`, which every name had but some that are ignored, taken away");
    // Without the pattern nobody says that it is no part of the model.
    let outcome = imported(&wrapped, &[]).failure(4);
    outcome.stderr_has("criterion.weight [2] F32");
}

#[test]
fn issue16_rules_and_suggestions_speak_of_names_without_the_prefix() {
    let wrapped = renamed(&reference(), |name| {
        let name = name.replace("set_encoder.", "encoder.");
        format!("module.{name}")
    });
    let rename = r#"stages.weights.rename=[{ prefix = "encoder.", to = "set_encoder." }]"#;
    // `set_encoder.out.*` is what they are called after the rules.
    imported(&wrapped, &[rename]).success();
    let names = r#"stages.weights.ignore=["decoder.*", "encoder.decoder_layers.*", "encoder.out.*", "alibi_slope", "time_tau"]"#;
    imported(&wrapped, &[rename, names]).success();

    let outcome = imported(&wrapped, &[rename, "stages.weights.ignore=[]"]).failure(4);
    let outcome = outcome.stderr_has(r#"ignore = ["alibi_slope", "decoder.*""#);
    assert!(!outcome.stderr.contains("\"module."), "{outcome}");
}

#[test]
fn embeddings_behind_a_wrapper_s_prefix_are_compared_by_a_run_and_inspect_says_so() {
    let mut wrapped = reference();
    let others = FloatTensor {
        shape: vec![1, 12],
        values: vec![0.5; 12],
    };
    wrapped.insert("inputs.embeddings".into(), others);
    let wrapped = renamed(&wrapped, |name| format!("module.{name}"));
    let mut test = folder_of(&wrapped);
    imported_in(&mut test, &[])
        .failure(4)
        .stderr_has("inputs.embeddings [1, 12] are others than those of the data stage");
    test.run_with(["inspect", "w.safetensors", "--for", "recipe.toml"])
        .success()
        .stdout_has(
            "inputs.embeddings is not compared here: a run compares it with that of `events`",
        );
}

#[test]
fn issue16_every_form_is_inspected_as_torch_reads_it_or_refused_with_what_to_do() {
    let folder = repository("tests/fixtures/torch-forms");
    let manifest = std::fs::read(format!("{folder}/expected.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    for (file, expected) in manifest.as_object().expect("files by name") {
        let path = format!("{folder}/{file}");
        let outcome = Test::new()
            .args(["inspect", &path, "--format", "json"])
            .run();
        let Some(wanted) = expected["tensors"].as_object() else {
            let outcome = outcome.failure(4).stderr_has("hint: ");
            for words in expected["refused"].as_array().expect("words") {
                let words = words.as_str().expect("words");
                assert!(outcome.stderr.contains(words), "{file}: {outcome}");
            }
            continue;
        };
        let document = outcome.success().json();
        let tensors = document["tensors"].as_array().expect("tensors");
        assert_eq!(tensors.len(), wanted.len(), "{file}");
        for tensor in tensors {
            let wanted = &wanted[tensor["name"].as_str().expect("a name")];
            assert_eq!(tensor["shape"], wanted["shape"], "{file}");
            let numbers = wanted["numbers"].as_array().expect("numbers").iter();
            let numbers: Vec<f64> = numbers.filter_map(Value::as_f64).collect();
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            let found = tensor["mean"].as_f64().expect("a mean");
            assert!((found - mean).abs() < 1e-6, "{file}: {tensor} {mean}");
        }
    }
}

#[test]
fn issue16_what_makes_a_foreign_file_right_is_said() {
    for (file, command) in [
        ("pointer.pt", "git lfs pull"),
        ("page.pt", "curl -fL"),
        (
            "script.pt",
            "torch.jit.load('FILE', map_location='cpu').state_dict()",
        ),
        ("sparse.pt", ".to_dense()"),
        ("attribute-tensor.pt", ".detach().clone()"),
    ] {
        let path = repository(&format!("tests/fixtures/torch-forms/{file}"));
        let mut test = Test::new().recipe(&format!(
            "format = 1\nextends = [{:?}]\n[stages.weights]\nfrom = {{ path = {path:?} }}\n",
            repository(RECIPE)
        ));
        let outcome = test.run_with(["run", "recipe.toml", "weights"]).failure(4);
        outcome.stderr_has(command);
    }
}

/// Files that torch writes on demand and are not read.
const ON_DEMAND: &str = r#"
import torch
import torch.distributed.checkpoint as dcp
weights = {"a.w": torch.ones(2, 3)}
for protocol in (0, 1):
    torch.save(weights, f"zip{protocol}.pt", pickle_protocol=protocol)
    torch.save(weights, f"old{protocol}.pt", pickle_protocol=protocol, _use_new_zipfile_serialization=False)
torch.save({0: torch.ones(2)}, "numbered.pt")
torch.serialization.set_crc32_options(False)
torch.save(weights, "unchecked.pt")
dcp.save({"model": weights}, checkpoint_id="parts")
"#;

#[test]
fn files_that_torch_writes_on_demand_are_named_with_what_to_do() {
    let Some(python) = python_with("torch; torch.serialization.set_crc32_options") else {
        eprintln!("notice: no Python with torch 2.6: its files on demand are not tested");
        return;
    };
    let mut test = Test::new();
    let made = Command::new(&python)
        .args(["-W", "ignore", "-c", ON_DEMAND])
        .current_dir(test.folder())
        .output()
        .expect("Python was there a moment ago");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    for (file, told, hint) in [
        ("zip0.pt", "a pickle of protocol 0", "torch does not load"),
        ("zip1.pt", "a pickle of protocol 1", "weights_only=False"),
        ("old0.pt", "pickle protocol 0", "torch does not load"),
        ("old1.pt", "pickle protocol 1", "weights_only=False"),
        ("numbered.pt", "is an int, not a string", "state_dict()"),
        (
            "unchecked.pt",
            "set_crc32_options(False)",
            "weights_only=False",
        ),
        ("parts/__0_0.distcp", "is a part of", "/parts whole.pt"),
        ("parts/.metadata", "is the index of", "/parts whole.pt"),
    ] {
        let outcome = test.run_with(["inspect", file]).failure(4);
        outcome.stderr_has(told).stderr_has(hint);
    }
    for file in ["zip1.pt", "old1.pt", "unchecked.pt"] {
        let program = format!(
            "import torch; torch.save(torch.load('{file}', map_location='cpu', weights_only=False), 'weights.pt')"
        );
        let again = Command::new(&python)
            .args(["-W", "ignore", "-c", &program])
            .current_dir(test.folder())
            .status();
        assert!(again.expect("Python was there").success(), "{file}");
        test.run_with(["inspect", "weights.pt"]).success();
    }
}

#[test]
fn an_index_pins_its_torch_shards_too() {
    let index = repository("tests/fixtures/torch-forms/model.bin.index.json");
    let document = Test::new()
        .args(["inspect", &index, "--format", "json"])
        .run();
    let document = document.success().json();
    assert_eq!(document["container"], "pytorch-zip");
    assert_eq!(document["notes"][0], json!("2 shards"));
}
