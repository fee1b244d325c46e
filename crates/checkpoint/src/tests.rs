use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fixtures::{path, targets_of};
use super::*;
use pipeline_error::Error;
use pipeline_random::Stream;

const ZOO: &str = "checkpoint-zoo";

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

fn shape(value: &Value) -> Vec<usize> {
    let axes = value.as_array().unwrap().iter();
    axes.map(|axis| axis.as_u64().unwrap() as usize).collect()
}

fn load(file: &Path, target: &[TargetTensor], rules: &ImportRules) -> Result<Import, Error> {
    import(read(file)?, target, rules)
}

/// Checks the sums that the manifest states.
fn assert_sums(file: &str, import: &Import, expected: &Value) {
    for (name, tensor) in &import.tensors {
        let expected = &expected[name];
        assert_eq!(tensor.shape, shape(&expected["shape"]), "{file}: {name}");
        let values = || tensor.values.iter().map(|value| f64::from(*value));
        let sum: f64 = values().sum();
        let absolute: f64 = values().map(f64::abs).sum();
        for (found, expected) in [(sum, &expected["sum"]), (absolute, &expected["abs_sum"])] {
            let expected = expected.as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-9,
                "{file}: {name}: {found} {expected}"
            );
        }
    }
}

#[test]
fn every_file_of_the_zoo_ends_as_its_manifest_says() {
    let manifest = json("checkpoint-zoo/manifest.json");
    let target: Vec<TargetTensor> = manifest["target"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, axes)| TargetTensor {
            name: name.clone(),
            shape: shape(axes),
        })
        .collect();
    let cases = manifest["cases"].as_object().unwrap();
    assert_eq!(cases.len(), 30);
    // What the code in malicious.pth would make.
    let marker = std::env::temp_dir().join("pwned_by_checkpoint");
    assert!(!marker.exists());
    for (name, case) in cases {
        let file = path(ZOO).join(name);
        let started = Instant::now();
        let outcome = load(&file, &target, &ImportRules::default());
        let expect = case["expect"].as_str().unwrap();
        // (the error's words, and a name that must be among them)
        let words: (&str, &str) = match (expect, name.as_str()) {
            ("ok" | "ok_or_clear_error", _) => {
                let import = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(import.tensors.len(), target.len(), "{name}");
                assert_sums(name, &import, &case["tensors"]);
                continue;
            }
            ("ok_only_with_cast", _) => {
                assert_cast(name, &file, &target, outcome, &case["tensors"]);
                continue;
            }
            ("missing", "missing_one.pth") => ("missing", "slope []"),
            ("missing", _) => ("missing", "enc.bias [6]"),
            ("unexpected", "tied.pth") => ("unexpected", "enc2.weight [6, 4] F32"),
            ("unexpected", "bool_and_int.pth") => ("unexpected", "mask [2] BOOL"),
            ("unexpected", _) => ("unexpected", "extra.weight"),
            ("shape", "transposed_shape.pth") => ("different shape", "table: [3, 5]"),
            ("shape", _) => ("different shape", "slope: [1] in the checkpoint, [] in"),
            ("not_finite", "nan.pth") => ("not finite", "NaN"),
            ("not_finite", _) => ("not finite", "inf"),
            ("no_tensors", _) => ("no tensor", "empty.pth"),
            ("forbidden", _) => ("forbidden", "posix.system"),
            ("corrupt", "short_storage.pth") => (
                "damaged",
                "storage 0 of enc.weight holds 8 bytes, the pickle says 96",
            ),
            ("corrupt", "bitflip.pth") => ("damaged", "checksum"),
            ("corrupt", "truncated.pth") => ("damaged", "zip"),
            ("corrupt", "zero_bytes.pth") => ("empty", "zero_bytes.pth"),
            ("corrupt", _) => ("no checkpoint", "text"),
            ("refused_quickly", _) => ("one object", "memo_bomb.pth"),
            other => panic!("{name}: unknown expectation {other:?}"),
        };
        let error = outcome.expect_err(name);
        assert_eq!(error.exit_code(), 4, "{name}: {error}");
        let text = error.to_string();
        assert!(
            text.contains(words.0) && text.contains(words.1) && text.contains(name),
            "{name}: {text}"
        );
        assert!(started.elapsed() < Duration::from_secs(1), "{name}");
    }
    assert!(!marker.exists(), "a file ran its code");
}

/// Half precision is widened and flagged, F64 loads only when asked for.
fn assert_cast(
    name: &str,
    file: &Path,
    target: &[TargetTensor],
    outcome: Result<Import, Error>,
    sums: &Value,
) {
    let narrows = name.starts_with("float64");
    let (import, flag) = if narrows {
        let text = outcome.expect_err(name).to_string();
        assert!(
            text.contains("wrong type (5)") && text.contains("table [5, 3]: F64"),
            "{text}"
        );
        let rules = ImportRules {
            allow_narrowing: true,
            ..ImportRules::default()
        };
        (load(file, target, &rules).unwrap(), Flag::Narrowed)
    } else {
        (
            outcome.unwrap_or_else(|error| panic!("{name}: {error}")),
            Flag::Widened,
        )
    };
    assert!(
        import
            .audit
            .loaded
            .iter()
            .all(|entry| entry.flags.contains(&flag)),
        "{name}"
    );
    assert_sums(name, &import, sums);
}

#[test]
fn the_lightning_checkpoint_holds_its_weights_bit_for_bit() {
    let checkpoint = read(&path("seqsetvae-small/pretrain.lightning.ckpt")).unwrap();
    let weights = read(&path("seqsetvae-small/pretrain.weights.safetensors")).unwrap();
    assert_eq!(checkpoint.container, Container::TorchZip);
    assert_eq!(checkpoint.tensors.len(), 259);
    assert!(checkpoint.tensors.keys().eq(weights.tensors.keys()));
    for (name, tensor) in &weights.tensors {
        let read = &checkpoint.tensors[name];
        assert_eq!(
            (read.shape(), read.dtype()),
            (tensor.shape(), tensor.dtype()),
            "{name}"
        );
        assert_eq!(read.bytes(), tensor.bytes(), "{name}");
    }
    let summaries = (summarise(&checkpoint), summarise(&weights));
    assert_eq!(summaries.0.tensors, summaries.1.tensors);
}

#[test]
fn what_never_had_a_gradient_is_known_from_the_optimizer() {
    let checkpoint = read(&path("seqsetvae-small/pretrain.lightning.ckpt")).unwrap();
    let about = json("seqsetvae-small/about.json");
    let expected = about["parameters_without_gradient_in_pretrain"]
        .as_array()
        .unwrap();
    let expected: BTreeSet<&str> = expected.iter().map(|name| name.as_str().unwrap()).collect();
    let trained = checkpoint.trained.unwrap();
    let untrained = checkpoint
        .tensors
        .keys()
        .filter(|name| !trained.contains(*name));
    assert_eq!(
        untrained.map(String::as_str).collect::<BTreeSet<_>>(),
        expected
    );
}

#[test]
fn the_finetuned_lightning_checkpoint_is_read_completely() {
    let checkpoint = read(&path("reference-layout/finetune.lightning.ckpt")).unwrap();
    assert_eq!(checkpoint.tensors.len(), 291);
    let target = targets_of("seqsetvae-small/finetune.weights.safetensors");
    let import = import(checkpoint.clone(), &target, &ImportRules::default()).unwrap();
    assert_eq!(import.audit.counts.loaded, 291);
    assert_eq!(import.audit.counts.renamed, 0);
}

fn read_bytes(bytes: &[u8]) -> Option<BTreeMap<String, SourceTensor>> {
    let contents = super::container::contents(Cursor::new(bytes), bytes.len() as u64);
    contents.ok().map(|(_, contents)| contents.tensors)
}

fn digests(tensors: &BTreeMap<String, SourceTensor>) -> Vec<TensorSummary> {
    let all = tensors.iter();
    all.map(|(name, tensor)| inspect::one(name, tensor))
        .collect()
}

/// Every container, and the legacy one, whose pickle no checksum shields.
fn good_files() -> Vec<Vec<u8>> {
    let read = |name: &str| std::fs::read(path(name)).unwrap();
    let weights = read("seqsetvae-small/finetune.golden.safetensors");
    let zoo = [
        "plain.pth",
        "protocol4.pth",
        "strided.pth",
        "legacy_format.pth",
    ];
    let zoo = zoo.iter().map(|name| read(&format!("{ZOO}/{name}")));
    zoo.chain([weights]).collect()
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_never_panics() {
    let mut draws = Stream::new(7, "checkpoint fuzz").at(&[]);
    for good in good_files() {
        assert!(read_bytes(&good).is_some());
        for round in 0..3_000 {
            let mut bytes = good.clone();
            if round % 4 == 0 {
                bytes.truncate(draws.below(good.len() as u64) as usize);
            }
            for _ in 0..round % 3 + 1 {
                let at = draws.below(good.len() as u64) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = draws.bits() as u8;
                }
            }
            if let Some(tensors) = read_bytes(&bytes) {
                digests(&tensors);
            }
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_zip_is_seen_or_changes_no_number() {
    let good = std::fs::read(path(ZOO).join("plain.pth")).unwrap();
    let whole = digests(&read_bytes(&good).unwrap());
    for at in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[at / 8] ^= 1 << (at % 8);
        if let Some(tensors) = read_bytes(&bytes) {
            assert_eq!(digests(&tensors), whole, "bit {at}");
        }
    }
}

#[test]
fn a_missing_file_is_no_damaged_file() {
    assert_eq!(read(Path::new("nowhere.ckpt")).unwrap_err().exit_code(), 3);
    assert_eq!(read(&path(ZOO)).unwrap_err().exit_code(), 3);
}
