//! `pipeline diagnose` and the stage: quiet on a sound model, and every planted fault is named.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;

use pipeline_checkpoint::{self as checkpoint, FloatTensor};
use pipeline_random::Stream;
use serde_json::Value;

use crate::document::{artifact, repository, stage};
use crate::harness::Test;

/// The main job, small, with enough stays in validation to tell an AUROC from chance.
const SMALL: [&str; 4] = [
    "vars.stays=400",
    "stages.events.split.ratio=[0.6, 0.35, 0.05]",
    "stages.pretrain.epochs=1",
    "stages.classifier.epochs=15",
];

fn small<'a>(command: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let set = SMALL.iter().flat_map(|change| ["--set", *change]);
    command.iter().copied().chain(set)
}

/// The trained classifier of the small main job: no surgery yet.
fn weights() -> &'static [u8] {
    static WEIGHTS: OnceLock<Vec<u8>> = OnceLock::new();
    WEIGHTS.get_or_init(|| {
        let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
        let run = ["run", &recipe, "classifier"];
        let mut test = Test::new().warmed(small(&run));
        let export = ["export", &recipe, "classifier", "weights", "w.safetensors"];
        test.run_with(small(&export)).success();
        std::fs::read(test.folder().join("w.safetensors")).expect("weights")
    })
}

type Tensors = BTreeMap<String, FloatTensor>;

/// A test whose file `planted.safetensors` holds the trained classifier, changed.
fn planted(change: impl FnOnce(&mut Tensors)) -> Test {
    let test = Test::new().file("planted.safetensors", weights());
    let path = test.folder().join("planted.safetensors");
    let tensors = checkpoint::read(&path).expect("weights").tensors;
    let mut tensors: Tensors = tensors
        .into_iter()
        .map(|(name, tensor)| {
            let shape = tensor.shape().to_vec();
            let values = tensor.into_f32(false).expect("F32");
            (name, FloatTensor { shape, values })
        })
        .collect();
    // Without its metadata, it would have to hold the embeddings of the data that the import names.
    tensors.remove("inputs.embeddings");
    change(&mut tensors);
    checkpoint::write_safetensors(&path, &tensors, &BTreeMap::new()).expect("a file");
    test
}

/// Everything of the main job but its training: the weights come from the planted file.
fn recipe(source: &str) -> String {
    let text = std::fs::read_to_string(repository("tests/fixtures/recipes/mlp-head.toml"))
        .expect("it is there");
    let head = text.split("[stages.events]").next().expect("a beginning");
    format!(
        "{head}\n[stages.events]\nkind = \"data\"\nsource = {source}\n\
         split = {{ ratio = [0.6, 0.35, 0.05] }}\nembeddings = {{ orthonormal = 32 }}\n\
         [stages.weights]\nkind = \"import\"\nfrom = {{ path = \"planted.safetensors\" }}\ninto = \"classifier\"\ninputs = {{ data = \"events\" }}\n\
         assume = [\"heads\", \"transformer_heads\"]\n\
         [stages.diagnosis]\nkind = \"diagnose\"\nmodel = \"weights\"\ndata = \"events\"\n"
    )
}

const SYNTHETIC: &str = "{ format = \"synthetic\", stays = 400 }";

/// The artifact that the stage leaves.
fn diagnosis(test: Test, source: &str) -> Value {
    let mut test = test.recipe(&recipe(source));
    let run = test.run_with(["run", "recipe.toml", "--format", "json"]);
    let document = run.success().json();
    let path = artifact(&document, "diagnosis", "diagnosis");
    read(&path)
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).expect("a diagnosis");
    serde_json::from_slice(&bytes).expect("it is JSON")
}

#[track_caller]
fn finding<'a>(diagnosis: &'a Value, name: &str) -> &'a Value {
    let findings = diagnosis["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["name"] == name);
    found.unwrap_or_else(|| panic!("no finding {name} in {diagnosis:#}"))
}

fn faults(diagnosis: &Value) -> Vec<&str> {
    let findings = diagnosis["findings"].as_array().expect("findings");
    let faults = findings.iter().filter(|one| one["verdict"] == "fault");
    faults.filter_map(|one| one["name"].as_str()).collect()
}

#[track_caller]
fn assert_fault(diagnosis: &Value, name: &str, words: &str) {
    let finding = finding(diagnosis, name);
    assert_eq!(finding["verdict"], "fault", "{finding:#}");
    let what = finding["what"].as_str().unwrap_or_default();
    assert!(what.contains(words), "{finding:#}");
    assert!(finding["do"].is_string() && finding["rule"].is_string());
}

fn fill(tensors: &mut Tensors, name: &str, of: impl Fn(usize, f32) -> f32) {
    let tensor = tensors.get_mut(name).unwrap_or_else(|| panic!("no {name}"));
    let values = tensor.values.iter_mut().enumerate();
    values.for_each(|(at, value)| *value = of(at, *value));
}

#[test]
fn a_sound_model_has_no_fault_and_command_and_stage_say_the_same() {
    let main_job = repository("tests/fixtures/recipes/mlp-head.toml");
    let more = "\n[stages.diagnosis]\nkind = \"diagnose\"\nmodel = \"classifier\"\ndata = \"events\"\npretrain = \"pretrain\"\n";
    let text = std::fs::read_to_string(&main_job).expect("it is there");
    let mut test = Test::new()
        .recipe(&text)
        .file("stated.toml", format!("{text}{more}"));

    let early = test.run_with(small(&["diagnose", "recipe.toml"]));
    early.failure(5).stdout_is("").stderr_has("classifier");
    let mut test = test.warmed(small(&["run", &main_job, "classifier"]));
    let command = ["diagnose", "recipe.toml", "--format", "json"];
    let document = test.run_with(small(&command)).success().json();
    let found = &document["diagnoses"][0];
    assert_eq!(found["model"], "classifier");
    let found = &found["diagnosis"];
    assert_eq!(faults(found), [""; 0], "{:#}", found["findings"]);
    assert_eq!(finding(found, "linear_probe")["verdict"], "ok");
    assert_eq!(finding(found, "labels")["verdict"], "ok");
    let tables = ["gradients", "reconstruction"].map(|name| found[name].as_array().map(Vec::len));
    assert_eq!(tables, [Some(14), Some(12)]);

    let table = test
        .run_with(small(&["diagnose", "recipe.toml", "--quiet"]))
        .success();
    table
        .stdout_has("finding ")
        .stdout_has("0 faults, ")
        .stderr_is("");
    test.run_with(small(&["diagnose", "recipe.toml", "weights"]))
        .failure(2)
        .stderr_has("stages that would fit: classifier");

    let run = ["run", "stated.toml", "diagnosis", "--format", "json"];
    let document = test.run_with(small(&run)).success().json();
    let stated = stage(&document, "diagnosis");
    assert_eq!(
        stated["status"], "cached",
        "command and stage share the result"
    );
    assert_eq!(stated["metrics"]["faults"], 0);
    assert_eq!(&read(&artifact(&document, "diagnosis", "diagnosis")), found);
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    let mut test = planted(|_| {}).recipe(&recipe(SYNTHETIC));
    let mut digest = |threads: &str| {
        let run = [
            "run",
            "recipe.toml",
            "--refresh",
            "diagnosis",
            "--threads",
            threads,
        ];
        let document = test.run_with(run.into_iter().chain(["--format", "json"]));
        let document = document.success().json();
        stage(&document, "diagnosis")["outputs"]["diagnosis"]["digest"].clone()
    };
    assert_eq!(digest("1"), digest("3"));
}

#[test]
fn a_backbone_of_random_numbers_is_named() {
    let test = planted(|tensors| {
        let stream = Stream::new(1, "random backbone");
        for (index, (name, tensor)) in tensors.iter_mut().enumerate() {
            if !name.starts_with("cls_head.") {
                let mut draws = stream.at(&[index as u64]);
                tensor.values.fill_with(|| draws.normal() as f32 * 0.1);
            }
        }
    });
    let found = diagnosis(test, SYNTHETIC);
    assert_fault(&found, "backbone_weights", "random numbers");
}

/// What the seed trained its heads on: a backbone as it is initialised.
#[test]
fn a_backbone_that_was_never_trained_is_named() {
    let test = planted(|tensors| {
        let stream = Stream::new(1, "fresh backbone");
        for (index, (name, tensor)) in tensors.iter_mut().enumerate() {
            let mut draws = stream.at(&[index as u64]);
            match name.as_str() {
                name if name.starts_with("cls_head.") => {}
                name if name.ends_with("bias") => tensor.values.fill(0.0),
                _ if tensor.shape.len() == 1 => tensor.values.fill(1.0),
                _ => tensor.values.fill_with(|| draws.normal() as f32 * 0.2),
            }
        }
    });
    let found = diagnosis(test, SYNTHETIC);
    assert_fault(&found, "backbone_weights", "never trained");
}

#[test]
fn a_collapsed_posterior_is_named() {
    let test = planted(|tensors| {
        fill(tensors, "setvae.setvae.mu_logvar.4.weight", |_, _| 0.0);
    });
    let found = diagnosis(test, SYNTHETIC);
    assert_fault(&found, "active_units", "collapsed");
    assert_eq!(found["posterior"]["active_units"], 0);
    assert_eq!(finding(&found, "logvar_variance")["verdict"], "warning");
}

#[test]
fn a_head_with_dead_units_is_named() {
    let test = planted(|tensors| {
        let kill = |at: usize, bias| if at < 5 { -1e3 } else { bias };
        fill(tensors, "cls_head.5.bias", kill);
    });
    let found = diagnosis(test, SYNTHETIC);
    assert_fault(&found, "dead_units", "0 of 32, 5 of 16, 0 of 8");
    assert_eq!(
        found["head"]["layers"][1]["never"],
        serde_json::json!([0, 1, 2, 3, 4])
    );
    let gradients = found["gradients"].as_array().expect("gradients");
    assert!(gradients.iter().all(|row| row["problem"].is_null()));

    // A layer without any live unit: nothing below it learns, and every stay has one probability.
    let test = planted(|tensors| fill(tensors, "cls_head.5.bias", |_, _| -1e3));
    let found = diagnosis(test, SYNTHETIC);
    for name in [
        "dead_units",
        "probabilities",
        "gradient_flow",
        "mu_sensitivity",
    ] {
        assert_eq!(finding(&found, name)["verdict"], "fault", "{name}");
    }
    assert_fault(&found, "gradient_flow", "cls_head.0.weight (zero)");
}

#[test]
fn a_constant_feature_is_named() {
    let test = planted(|tensors| {
        let set = |number: f32| move |at: usize, value| if at == 3 { number } else { value };
        fill(tensors, "post_transformer_norm.weight", set(0.0));
        fill(tensors, "post_transformer_norm.bias", set(0.7));
    });
    let found = diagnosis(test, SYNTHETIC);
    assert_fault(&found, "constant_features", "1 of 32 features (3)");
    assert_eq!(faults(&found), ["constant_features"]);
}

/// A cohort as `long` files in which the label decides what is measured.
fn cohort(test: Test, shuffled: bool) -> Test {
    let (stays, mut draws) = (400, Stream::new(3, "cohort").at(&[]));
    let mut labels: Vec<bool> = (0..stays).map(|_| draws.uniform() < 0.3).collect();
    let mut events = String::from("stay,minute,variable,value\n");
    for (stay, label) in labels.iter().enumerate() {
        for minute in [0, 60, 120] {
            for (variable, shift) in [("HR", 1.0), ("Lactate", 1.5), ("Temp", 0.0)] {
                let value = draws.normal() + if *label { shift } else { 0.0 };
                let _ = writeln!(events, "{stay},{minute},{variable},{value}");
            }
        }
    }
    if shuffled {
        draws.shuffle(&mut labels);
    }
    let mut table = String::from("stay,died\n");
    for (stay, label) in labels.iter().enumerate() {
        let _ = writeln!(table, "{stay},{}", u8::from(*label));
    }
    test.file("events.csv", events).file("labels.csv", table)
}

#[test]
fn shuffled_labels_are_named_and_the_same_labels_in_order_are_not() {
    let source = "{ format = \"long\", files = [\"events.csv\"], id = \"stay\", time = { column = \"minute\" }, variable = \"variable\", value = \"value\", labels = { path = \"labels.csv\", id = \"stay\", column = \"died\" } }";
    let found = diagnosis(cohort(planted(|_| {}), true), source);
    assert_fault(&found, "labels", "nothing to do with the data");
    assert_fault(&found, "linear_probe", "nothing of the labels");
    let found = diagnosis(cohort(planted(|_| {}), false), source);
    assert_eq!(finding(&found, "labels")["verdict"], "ok");
    assert_eq!(finding(&found, "linear_probe")["verdict"], "ok");
}

#[test]
fn the_test_split_and_a_model_with_new_parameters_are_refused() {
    let text = recipe(SYNTHETIC);
    let test = Test::new().recipe(&format!("{text}split = \"test\"\n"));
    let refused = test.args(["check", "recipe.toml"]).run().failure(2);
    refused.stderr_has("split");
    let text = text.replace(
        "into = \"classifier\"",
        "into = \"classifier\"\nnew = [\"cls_head.*\"]",
    );
    let test = planted(|_| {}).recipe(&text);
    let refused = test.args(["check", "recipe.toml"]).run().failure(2);
    refused.stderr_has("some of whose parameters are new");
}
