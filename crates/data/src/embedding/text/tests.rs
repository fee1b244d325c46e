//! Against sentence-transformers: `tests/fixtures/text-embedding`, made by the script beside it.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::ThreadPoolBuilder;
use serde::Deserialize;
use tempfile::TempDir;

use super::*;
use crate::config::{MissingDescription, TextPooling};
use crate::input_path::InputPath;
use pipeline_checkpoint::{self as checkpoint, FloatTensor, write_safetensors};

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    mean_normalized: Vec<Vec<f64>>,
    mean: Vec<Vec<f64>>,
    cls: Vec<Vec<f64>>,
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/text-embedding")
}

fn golden() -> Golden {
    let text = fs::read_to_string(fixture().join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A copy of the fixture's model that a test may spoil.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    for name in [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "modules.json",
        "1_Pooling/config.json",
    ] {
        fs::copy(fixture().join("model").join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn settings(model: &Path) -> TextEmbeddings {
    TextEmbeddings {
        model: InputPath::file(model),
        descriptions: None,
        missing: MissingDescription::Error,
        pooling: TextPooling::Mean,
        normalize: true,
    }
}

fn embed(settings: &TextEmbeddings, names: &[&str]) -> Result<EmbeddingRows, Error> {
    of_variables(settings, names, &AtomicBool::new(false), &mut |_| {})
}

fn refusal(settings: &TextEmbeddings, names: &[&str]) -> String {
    embed(settings, names).unwrap_err().to_string()
}

fn largest_difference(found: &EmbeddingRows, expected: &[Vec<f64>]) -> f64 {
    assert_eq!(found.numbers.len(), expected.concat().len());
    let pairs = found.numbers.iter().zip(expected.iter().flatten());
    pairs
        .map(|(x, y)| (f64::from(*x) - y).abs())
        .fold(0.0, f64::max)
}

#[test]
fn embeddings_are_those_of_sentence_transformers() {
    let golden = golden();
    let texts: Vec<&str> = golden.texts.iter().map(String::as_str).collect();
    let mut settings = settings(&fixture().join("model"));
    let found = embed(&settings, &texts).unwrap();
    assert_eq!(found.dimension, 16);
    let difference = largest_difference(&found, &golden.mean_normalized);
    assert!(difference < 1e-6, "{difference}");

    // Numbers up to 2.4, of which those of torch are 1.4e-6 off what it says in F64.
    settings.normalize = false;
    let difference = largest_difference(&embed(&settings, &texts).unwrap(), &golden.mean);
    assert!(difference < 4e-6, "{difference}");

    let other = copy();
    fs::write(
        other.path().join("1_Pooling/config.json"),
        r#"{"pooling_mode": "cls"}"#,
    )
    .unwrap();
    settings.model = InputPath::file(other.path());
    settings.pooling = TextPooling::Cls;
    let difference = largest_difference(&embed(&settings, &texts).unwrap(), &golden.cls);
    assert!(difference < 4e-6, "{difference}");
}

#[test]
fn an_embedding_depends_on_its_own_text_alone() {
    let settings = settings(&fixture().join("model"));
    let names = ["HR", "Non-invasive blood pressure (mmHg)", "pH"];
    let with = |threads: usize, names: &[&str]| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap()
            .install(|| embed(&settings, names).unwrap().numbers)
    };
    let together = with(4, &names);
    let apart: Vec<f32> = names.iter().flat_map(|name| with(1, &[name])).collect();
    assert_eq!(together, apart);
}

#[test]
fn descriptions_take_the_place_of_names() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("descriptions.csv");
    fs::write(&path, "variable,description\nb,heart rate\na,pH\n").unwrap();
    let mut settings = settings(&fixture().join("model"));
    settings.descriptions = Some(InputPath::file(&path));
    let found = embed(&settings, &["a", "b"]).unwrap();
    let expected = [
        golden.mean_normalized[2].clone(),
        golden.mean_normalized[3].clone(),
    ];
    assert!(largest_difference(&found, &expected) < 1e-6);
    assert!(refusal(&settings, &["a", "b", "c"]).contains("no description of `c`"));
}

#[test]
fn names_that_the_tokenizer_takes_for_one_are_told() {
    let mut notes = Vec::new();
    let settings = settings(&fixture().join("model"));
    let names = ["血", "HR", "hr", "pH", "血圧"];
    of_variables(&settings, &names, &AtomicBool::new(false), &mut |note| {
        notes.push(note)
    })
    .unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].starts_with("warning: `HR`, `hr` have one embedding"),
        "{}",
        notes[0]
    );
}

#[test]
fn a_text_longer_than_the_model_is_refused_and_never_cut() {
    let settings = settings(&fixture().join("model"));
    let fits = "x ".repeat(30);
    assert!(embed(&settings, &[&fits]).is_ok());
    let long = "x ".repeat(31);
    let refusal = refusal(&settings, &["HR", &long]);
    assert!(
        refusal.contains("is 33 tokens long, and the model has 32 positions"),
        "{refusal}"
    );
    assert!(refusal.starts_with("variable `x x"), "{refusal}");
}

#[test]
fn an_interrupted_run_computes_no_more() {
    let settings = settings(&fixture().join("model"));
    let outcome = of_variables(&settings, &["HR"], &AtomicBool::new(true), &mut |_| {});
    assert_eq!(outcome.unwrap_err().exit_code(), 130);
}

type Tensors = std::collections::BTreeMap<String, FloatTensor>;

/// What is said of the fixture's weights after a change.
fn refusal_of_weights(change: impl FnOnce(&mut Tensors)) -> (u8, String) {
    let folder = copy();
    let path = folder.path().join("model.safetensors");
    let read = checkpoint::read(&path).unwrap().tensors.into_iter();
    let mut tensors: Tensors = read
        .map(|(name, tensor)| {
            let (shape, values) = (tensor.shape().to_vec(), tensor.into_f32(false).unwrap());
            (name, FloatTensor { shape, values })
        })
        .collect();
    change(&mut tensors);
    write_safetensors(&path, &tensors, &Default::default()).unwrap();
    let error = embed(&settings(folder.path()), &["HR"]).unwrap_err();
    (error.exit_code(), error.to_string())
}

const DENSE: &str = "encoder.layer.1.output.dense.weight";

#[test]
fn weights_that_are_missing_unused_misshapen_or_not_finite_are_named() {
    let (code, missing) = refusal_of_weights(|all| drop(all.remove(DENSE)));
    assert_eq!(code, 4);
    assert!(
        missing.contains(&format!("missing from the checkpoint (1):\n  {DENSE}")),
        "{missing}"
    );

    let (_, shape) = refusal_of_weights(|all| all.get_mut(DENSE).unwrap().shape.reverse());
    assert!(
        shape.contains(&format!("different shape (1):\n  {DENSE}")),
        "{shape}"
    );

    let (_, nan) = refusal_of_weights(|all| all.get_mut(DENSE).unwrap().values[3] = f32::NAN);
    assert!(
        nan.contains(&format!("not finite (1):\n  {DENSE}")),
        "{nan}"
    );

    let (_, unused) = refusal_of_weights(|all| {
        let spare = all[DENSE].clone();
        all.insert("encoder.layer.2.output.dense.weight".into(), spare);
    });
    assert!(unused.contains("unexpected"), "{unused}");
    assert!(
        unused.contains("encoder.layer.2.output.dense.weight"),
        "{unused}"
    );
}

#[test]
fn a_model_without_the_pooler_that_nobody_needs_is_the_same_model() {
    let folder = copy();
    let path = folder.path().join("model.safetensors");
    let read = checkpoint::read(&path).unwrap().tensors.into_iter();
    let kept = read.filter(|(name, _)| !name.starts_with("pooler."));
    let kept: Tensors = kept
        .map(|(name, tensor)| {
            let (shape, values) = (tensor.shape().to_vec(), tensor.into_f32(false).unwrap());
            (name, FloatTensor { shape, values })
        })
        .collect();
    write_safetensors(&path, &kept, &Default::default()).unwrap();
    let with = embed(&settings(&fixture().join("model")), &["HR"]).unwrap();
    assert_eq!(embed(&settings(folder.path()), &["HR"]).unwrap(), with);
}

#[test]
fn files_that_are_absent_or_of_another_model_are_named() {
    let refusal_after = |change: &dyn Fn(&Path)| {
        let folder = copy();
        change(folder.path());
        refusal(&settings(folder.path()), &["HR"])
    };
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let refusal = refusal_after(&|folder| fs::remove_file(folder.join(name)).unwrap());
        assert!(
            refusal.contains(name) && refusal.contains("No such file"),
            "{refusal}"
        );
    }
    let spoilt = |name: &'static str, from: &'static str, to: &'static str| {
        refusal_after(&|folder| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{name} has no {from}");
            fs::write(path, text.replace(from, to)).unwrap();
        })
    };
    for (name, from, to, expected) in [
        (
            "config.json",
            r#""model_type": "bert""#,
            r#""model_type": "roberta""#,
            "model_type is `roberta`",
        ),
        (
            "config.json",
            r#""hidden_act": "gelu""#,
            r#""hidden_act": "swish""#,
            "hidden_act is `swish`",
        ),
        (
            "config.json",
            r#""num_attention_heads": 2"#,
            r#""num_attention_heads": 3"#,
            "no multiple of",
        ),
        (
            "config.json",
            r#""vocab_size": 92"#,
            r#""vocab_size": 0"#,
            "vocab_size is 0",
        ),
        (
            "config.json",
            r#""vocab_size": 92"#,
            r#""vocabulary": 92"#,
            "missing field `vocab_size`",
        ),
        (
            "config.json",
            r#""num_hidden_layers": 2"#,
            r#""num_hidden_layers": 3"#,
            "encoder.layer.2.",
        ),
        (
            "tokenizer.json",
            "\"model\"",
            "\"modell\"",
            "tokenizer.json: is no tokenizer",
        ),
        (
            "modules.json",
            "normalize.Normalize",
            "dense.Dense",
            "the module `Dense`",
        ),
        (
            "1_Pooling/config.json",
            "mean",
            "max",
            "the model's pooling is max, the recipe's mean",
        ),
    ] {
        let refusal = spoilt(name, from, to);
        assert!(refusal.contains(expected), "{to}: {refusal}");
    }
}

#[test]
fn a_token_that_the_model_does_not_know_is_an_error_and_no_crash() {
    let folder = copy();
    let path = folder.path().join("tokenizer.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"heart\": 81"), "the fixture's vocabulary");
    fs::write(path, text.replace("\"heart\": 81", "\"heart\": 810")).unwrap();
    let refusal = refusal(&settings(folder.path()), &["HR", "heart"]);
    assert!(
        refusal.contains("has the token 810, and the model knows 92"),
        "{refusal}"
    );
}
