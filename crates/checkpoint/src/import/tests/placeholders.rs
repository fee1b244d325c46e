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
