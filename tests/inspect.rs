//! `pipeline inspect` of a file alone.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline_checkpoint::{self as checkpoint, FloatTensor, write_safetensors};
use serde_json::{Value, json};

use crate::document::repository;
use crate::harness::{Outcome, Test};

fn zoo(name: &str) -> String {
    repository(&format!("tests/fixtures/checkpoint-zoo/{name}"))
}

pub(crate) fn lightning() -> String {
    repository("tests/fixtures/reference-layout/pretrain.lightning.ckpt")
}

fn as_json(file: &str) -> Outcome {
    Test::new()
        .args(["inspect", file, "--format", "json"])
        .run()
}

/// A safetensors file of these tensors: name, type, shape, bytes.
fn safetensors(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets });
        header.insert(name.to_string(), entry);
        data.extend_from_slice(bytes);
    }
    let header = Value::Object(header).to_string();
    [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        &data,
    ]
    .concat()
}

/// What is odd without being wrong.
fn odd() -> Vec<u8> {
    let f32s = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let f64s = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    safetensors(&[
        ("all_nan", "F32", &[2], f32s(&[f32::NAN, f32::NAN])),
        ("empty", "F32", &[0, 3], vec![]),
        ("half", "F16", &[2], vec![0x00, 0x3c, 0x00, 0xc0]),
        ("huge", "F64", &[2], f64s(&[f64::MAX, -f64::MAX])),
        ("infinite", "F32", &[3], f32s(&[1.0, f32::INFINITY, 3.0])),
        ("mask", "BOOL", &[4], vec![1, 0, 1, 1]),
        ("ones", "F32", &[2, 2], f32s(&[1.0; 4])),
        ("scalar", "F32", &[], f32s(&[0.5])),
        ("steps", "I64", &[], (-7_i64).to_le_bytes().to_vec()),
        ("zeros", "F32", &[2], f32s(&[0.0, 0.0])),
    ])
}

#[test]
fn odd_numbers_are_shown_and_never_fail() {
    let mut test = Test::new().file("odd.safetensors", odd());
    let document = test
        .run_with(["inspect", "odd.safetensors", "--format", "json"])
        .success()
        .stderr_is("")
        .json();
    assert_eq!(document["file"], "odd.safetensors");
    assert_eq!(document["container"], "safetensors");
    assert_eq!(document["notes"], json!([]));
    for absent in ["error", "hint", "imports", "never_trained"] {
        assert!(document.get(absent).is_none(), "{absent}");
    }
    let tensors = document["tensors"].as_array().expect("tensors");
    let rows = tensors.iter().map(|tensor| {
        assert_eq!(tensor["digest"].as_str().map(str::len), Some(64));
        let numbers = ["mean", "std", "min", "max"].map(|name| tensor[name].clone());
        json!([
            tensor["name"],
            tensor["shape"],
            tensor["dtype"],
            numbers,
            tensor["finite"]
        ])
    });
    let max = f64::MAX;
    let expected = json!([
        ["all_nan", [2], "F32", [null, null, null, null], false],
        ["empty", [0, 3], "F32", [null, null, null, null], true],
        ["half", [2], "F16", [-0.5, 1.5, -2.0, 1.0], true],
        ["huge", [2], "F64", [0.0, null, -max, max], true],
        ["infinite", [3], "F32", [2.0, 1.0, 1.0, 3.0], false],
        [
            "mask",
            [4],
            "BOOL",
            [0.75, 0.1875_f64.sqrt(), 0.0, 1.0],
            true
        ],
        ["ones", [2, 2], "F32", [1.0, 0.0, 1.0, 1.0], true],
        ["scalar", [], "F32", [0.5, 0.0, 0.5, 0.5], true],
        ["steps", [], "I64", [-7.0, 0.0, -7.0, -7.0], true],
        ["zeros", [2], "F32", [0.0, 0.0, 0.0, 0.0], true],
    ]);
    assert_eq!(Value::Array(rows.collect()), expected);
    let ones = tensors.iter().find(|tensor| tensor["name"] == "ones");
    let digest = checkpoint::tensor_digest(&[2, 2], &[1.0; 4]);
    assert_eq!(ones.map(|tensor| &tensor["digest"]), Some(&json!(digest)));
    let half = tensors.iter().find(|tensor| tensor["name"] == "half");
    let digest = checkpoint::tensor_digest(&[2], &[1.0, -2.0]);
    assert_eq!(half.map(|tensor| &tensor["digest"]), Some(&json!(digest)));
}

#[test]
fn people_read_a_table_and_the_sums() {
    let mut test = Test::new().file("odd.safetensors", odd());
    let expected = "\
tensor    shape   dtype     mean     std         min        max  flags
all_nan   [2]     F32                                            not finite
empty     [0, 3]  F32                                            empty
half      [2]     F16    -0.5000  1.5000     -2.0000     1.0000
huge      [2]     F64          0          -1.798e308  1.798e308
infinite  [3]     F32     2.0000  1.0000      1.0000     3.0000  not finite
mask      [4]     BOOL    0.7500  0.4330           0     1.0000
ones      [2, 2]  F32     1.0000       0      1.0000     1.0000  constant
scalar    []      F32     0.5000       0      0.5000     0.5000
steps     []      I64    -7.0000       0     -7.0000    -7.0000
zeros     [2]     F32          0       0           0          0  all zero

file        odd.safetensors
container   safetensors
tensors     10, 21 numbers, 80 B
not finite  all_nan, infinite
";
    test.run_with(["inspect", "odd.safetensors"])
        .success()
        .stdout_is(expected)
        .stderr_is("");
}

#[test]
fn a_lightning_checkpoint_says_where_its_tensors_were_and_which_were_never_trained() {
    let document = as_json(&lightning()).success().json();
    assert_eq!(document["container"], "pytorch-zip");
    let notes = document["notes"].to_string();
    assert!(
        notes.contains("tensors were found in `state_dict`"),
        "{notes}"
    );
    let never = document["never_trained"].as_array().expect("a list");
    assert_eq!(never.len(), 86);
    assert_eq!(document["tensors"].as_array().map(Vec::len), Some(259));
    let outcome = Test::new().args(["inspect", &lightning()]).run().success();
    outcome
        .stdout_has(
            "trained     173 of 259, by the state of the source's optimizer; not alibi_slope, ",
        )
        .stdout_has(" and 82 more\n")
        .stdout_has("container   PyTorch zip\n")
        .stdout_has("tensors were found in `state_dict`")
        .stdout_has("never trained");
}

#[test]
fn every_file_of_the_zoo_is_shown_or_refused_with_a_reason() {
    let manifest = std::fs::read(zoo("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let cases = manifest["cases"].as_object().expect("cases");
    assert_eq!(cases.len(), 30);
    for (name, case) in cases {
        let refusal = match case["expect"].as_str() {
            Some("no_tensors") => Some("no tensor"),
            Some("forbidden") => Some("posix.system"),
            Some("corrupt") => Some(""),
            Some("refused_quickly") => Some("one object"),
            _ => None,
        };
        let outcome = as_json(&zoo(name));
        let document = outcome.json();
        let tensors = document["tensors"].as_array().expect("tensors");
        match refusal {
            None => {
                let outcome = outcome.success().stderr_is("");
                assert!(
                    !tensors.is_empty() && document.get("error").is_none(),
                    "{outcome}"
                );
            }
            Some(reason) => {
                let outcome = outcome.failure(4).stderr_has(name).stderr_has(reason);
                assert!(tensors.is_empty(), "{outcome}");
                let error = document["error"].as_str().expect("an error");
                assert!(error.contains(name) && error.contains(reason), "{outcome}");
            }
        }
    }
    assert_eq!(
        as_json(&zoo("bitflip.pth")).json()["container"],
        "pytorch-zip"
    );
    assert_eq!(
        as_json(&zoo("not_a_checkpoint.pth")).json()["container"],
        json!(null)
    );
    assert_eq!(
        as_json(&zoo("legacy_format.pth")).json()["container"],
        "pytorch-legacy"
    );
}

#[test]
fn shards_are_shown_by_their_index() {
    let index = r#"{"weight_map": {"ones": "odd.safetensors", "other": "gone.safetensors"}}"#;
    let whole = odd_index();
    let mut test = Test::new()
        .file("odd.safetensors", odd())
        .file("whole.index.json", whole)
        .file("torn.index.json", index);
    let json = ["--format", "json"];
    let inspect = ["inspect", "whole.index.json"];
    let document = test.run_with(inspect.into_iter().chain(json));
    let document = document.success().json();
    assert_eq!(document["tensors"].as_array().map(Vec::len), Some(10));
    let inspect = ["inspect", "torn.index.json"];
    let outcome = test.run_with(inspect.into_iter().chain(json)).failure(4);
    assert_eq!(outcome.json()["container"], "safetensors");
    outcome.stderr_has("shard gone.safetensors");
}

/// An index of [`odd`] alone.
fn odd_index() -> String {
    let names = [
        "all_nan", "empty", "half", "huge", "infinite", "mask", "ones", "scalar", "steps", "zeros",
    ];
    let map = names.map(|name| (name.to_string(), json!("odd.safetensors")));
    json!({ "weight_map": serde_json::Map::from_iter(map) }).to_string()
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_on_the_command_line() {
    as_json("nowhere.ckpt")
        .failure(2)
        .stdout_is("")
        .stderr_has("nowhere.ckpt");
    let folder = repository("tests/fixtures");
    as_json(&folder)
        .failure(2)
        .stdout_is("")
        .stderr_has("is no file");
}

#[test]
fn the_digest_of_a_parameter_is_the_one_that_audits_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let path: &Path = &folder.path().join("w.safetensors");
    let tensor = FloatTensor {
        shape: vec![3, 2],
        values: vec![1.0, -0.0, 2.5, f32::MIN_POSITIVE, 7.0, -3.0],
    };
    let digest = tensor.digest();
    let tensors = BTreeMap::from([("w".to_string(), tensor)]);
    write_safetensors(path, &tensors, &BTreeMap::new()).expect("a file");
    let document = as_json(&path.display().to_string()).success().json();
    assert_eq!(document["tensors"][0]["digest"], digest);
}
