//! Weights that are none, and weights under names of another program.

use std::collections::BTreeMap;

use super::*;

#[test]
fn weights_that_are_zero_everywhere_are_placeholders() {
    let zeros = |names: &[&str]| {
        let zero = FloatTensor {
            shape: vec![2],
            values: vec![0.0; 2],
        };
        let tensors = names.iter().map(|name| (name.to_string(), zero.clone()));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("zero.safetensors");
        write_safetensors(&file, &tensors.collect(), &BTreeMap::new()).unwrap();
        let target: Vec<Named> = names.iter().map(|name| (*name, &[2][..])).collect();
        import(read(&file).unwrap(), &targets(&target), &rules(&[], &[]))
    };
    let error = zeros(&["a", "b", "c"]).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert_has(&error.to_string(), &["all 3 tensors are zero everywhere"]);
    assert!(zeros(&["a", "b"]).is_ok(), "a head may begin so");
}

#[test]
fn a_prefix_that_is_not_taken_off_is_suggested_as_a_rename_and_not_as_new_weights() {
    let source: Vec<Named> = vec![
        ("net.enc.weight", &[2, 3]),
        ("net.enc.bias", &[2]),
        ("net.slope", &[]),
        ("net2.other", &[1]),
    ];
    let (_, hint) = failure(&source, &MODEL, &rules(&[], &[]));
    assert_has(&hint, &["rename = [{ prefix = \"net.\", to = \"\" }]"]);
    assert!(!hint.contains("new ="), "{hint}");
}

#[test]
fn wrappers_inside_of_names_are_suggested_as_a_rename_as_often_as_names_have_them() {
    let twice: Vec<Named> = vec![
        (
            "enc._fsdp_wrapped_module.part._orig_mod._checkpoint_wrapped_module.weight",
            &[2, 3],
        ),
        ("enc._fsdp_wrapped_module.part.bias", &[2]),
    ];
    let model: [Named; 2] = [("enc.part.weight", &[2, 3]), ("enc.part.bias", &[2])];
    let (_, hint) = failure(&twice, &model, &rules(&[], &[]));
    let rule = r#"{ pattern = '(.*?\.)(?:_orig_mod\.|_checkpoint_wrapped_module\.|_fsdp_wrapped_module\.)+(.*)', to = "$1$2" }"#;
    assert_has(&hint, &[&format!("rename = [{rule}, {rule}]")]);
}

#[test]
fn parameters_under_another_dict_of_the_file_are_said_to_be_there() {
    let source: Vec<Named> = vec![("enc.weight", &[2, 3]), ("enc.bias", &[2])];
    let beside = |new: &[&str]| {
        let mut file = checkpoint(&source);
        file.elsewhere.insert("slope".into(), "head".into());
        import(file, &targets(&MODEL), &rules(new, &[]))
    };
    let error = beside(&[]).unwrap_err();
    assert_has(
        &error.to_string(),
        &["slope [] – it is in the file, under `head`"],
    );
    let notes = beside(&["slope"]).unwrap().audit.notes;
    let note = "warning: parameters that are declared new are in the file under `head`, which is not read: slope";
    assert_eq!(notes, [note]);
}
