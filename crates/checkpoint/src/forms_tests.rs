//! Every form in which torch and people save weights, held against what torch reads from it.

use serde_json::Value;

use super::fixtures::path;
use super::{Container, container, read};

const FOLDER: &str = "torch-forms";

fn numbers(value: &Value) -> Vec<f64> {
    let all = value.as_array().unwrap().iter();
    all.map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn every_form_is_read_as_torch_reads_it_or_refused_by_name() {
    let manifest = std::fs::read(path(FOLDER).join("expected.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let files = manifest.as_object().unwrap();
    assert!(files.len() >= 22);
    for (file, expected) in files {
        let outcome = read(&path(FOLDER).join(file));
        if let Some(words) = expected["refused"].as_array() {
            let error = outcome.map(|checkpoint| checkpoint.tensors.len());
            let error = error.expect_err(file);
            assert_eq!(error.exit_code(), 4, "{file}: {error}");
            for word in words {
                let word = word.as_str().unwrap();
                assert!(error.to_string().contains(word), "{file}: {error}");
            }
            continue;
        }
        let tensors = outcome
            .unwrap_or_else(|error| panic!("{file}: {error}"))
            .tensors;
        let wanted = expected["tensors"].as_object().unwrap();
        assert!(tensors.keys().eq(wanted.keys()), "{file}: {tensors:?}");
        for (name, wanted) in wanted {
            let tensor = &tensors[name];
            let shape: Vec<f64> = tensor.shape().iter().map(|axis| *axis as f64).collect();
            assert_eq!(shape, numbers(&wanted["shape"]), "{file}: {name}");
            // A number of JSON may be read a last bit off, which F32 does not show.
            let found: Vec<f32> = tensor.numbers().map(|number| number as f32).collect();
            let wanted = numbers(&wanted["numbers"]).into_iter();
            let wanted: Vec<f32> = wanted.map(|number| number as f32).collect();
            assert_eq!(found, wanted, "{file}: {name}");
        }
    }
}

#[test]
fn what_is_not_kept_is_noted_and_what_a_file_states_is_known() {
    let notes = read(&path(FOLDER).join("attributes.pt")).unwrap().notes;
    let noted = |words: &str| notes.iter().any(|note| note.contains(words));
    assert!(
        noted("attributes of tensors that are not kept: is_shared, tag"),
        "{notes:?}"
    );
    let stated = read(&path(FOLDER).join("python313.pt")).unwrap().stated;
    assert_eq!(stated.settings["heads"], 2);
    assert!(!stated.settings.contains_key("path"));
}

#[test]
fn an_index_has_the_format_of_its_shards() {
    let index = path(FOLDER).join("model.bin.index.json");
    assert_eq!(container(&index), Some(Container::TorchZip));
    let checkpoint = read(&index).unwrap();
    assert_eq!(checkpoint.container, Container::TorchZip);
    assert_eq!(checkpoint.notes[0], "2 shards");
}
