//! Weights that are none, and weights under names of another program.

use std::collections::BTreeMap;

use super::*;
use crate::{DictPath, Place};

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
        let place = Place {
            dict: DictPath::of(&["head"]).into(),
            name: "slope".into(),
        };
        file.elsewhere.tensors.insert("slope".into(), place);
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

#[test]
fn the_hint_for_another_dict_is_a_program_that_gives_its_tensors_their_names() {
    let hint = |prefix: &str, dict: &[&str], name: &str| {
        let names = ["enc.weight", "slope"].map(|name| format!("{prefix}{name}"));
        let source: [Named; 2] = [(&names[0], &[2, 3]), (&names[1], &[])];
        let mut file = checkpoint(&source);
        let (dict, name) = (DictPath::of(dict).into(), name.to_string());
        file.elsewhere.read = DictPath::of(&["model"]);
        file.elsewhere
            .tensors
            .insert("enc.bias".into(), Place { dict, name });
        let error = import(file, &targets(&MODEL), &rules(&[], &[])).unwrap_err();
        error.hint().unwrap().to_string()
    };
    for (prefix, dict, name, part) in [
        ("", &["head"][..], "enc.bias", r#"**c["head"]"#),
        (
            "",
            &["enc"],
            "bias",
            r#"**{"enc." + k: v for k, v in c["enc"].items()}"#,
        ),
        (
            "",
            &["head"],
            "module.enc.bias",
            r#"**{k.removeprefix("module."): v for k, v in c["head"].items()}"#,
        ),
        (
            "module.",
            &["a.b", "enc"],
            "module.bias",
            r#"**{"module.enc." + k.removeprefix("module."): v for k, v in c["a.b"]["enc"].items()}"#,
        ),
        ("module.", &["head"], "module.enc.bias", r#"**c["head"]"#),
        (
            "module.",
            &[],
            "enc.bias",
            r#""module.enc.bias": c["enc.bias"]"#,
        ),
    ] {
        let expected = format!(r#"torch.save({{{part}, **c["model"]}}, "whole.pt")"#);
        let load = "map_location=\"cpu\", weights_only=False)";
        assert_has(&hint(prefix, dict, name), &[load, &expected]);
    }
}

#[test]
fn weights_that_are_read_win_over_those_of_the_same_names_and_no_program_is_given_that_fails() {
    let hint = |dict: DictPath| {
        let mut file = checkpoint(&MODEL[..2]);
        file.elsewhere.read = DictPath::of(&["model"]);
        let dict = std::sync::Arc::new(dict);
        // An average of all weights, the slope among them.
        for (name, _) in MODEL {
            let place = Place {
                dict: dict.clone(),
                name: name.into(),
            };
            file.elsewhere.tensors.insert(name.into(), place);
        }
        let error = import(file, &targets(&MODEL), &rules(&[], &[])).unwrap_err();
        error.hint().unwrap().to_string()
    };
    let average = DictPath::of(&["ema"]);
    let program = r#"torch.save({**c["ema"], **c["model"]}, "whole.pt")"#;
    assert_has(&hint(average.clone()), &[program]);
    let without = hint(average.out_of_reach());
    assert_has(&without, &["save one state dict that holds all these"]);
    assert!(!without.contains("torch.save"), "{without}");
}

#[test]
fn a_parameter_that_is_stored_as_another_value_is_said_to_be_there() {
    let mut file = checkpoint(&MODEL[..2]);
    file.elsewhere.others.insert("slope".into(), "a float");
    let error = import(file, &targets(&MODEL), &rules(&[], &[])).unwrap_err();
    let told = "slope [] – the file has a float there, no tensor";
    assert_has(&error.to_string(), &[told]);
}

/// The tensors of [`MODEL`] behind each prefix.
fn copies(prefixes: &[&str], more: &[(&str, &'static [usize])]) -> Vec<(String, &'static [usize])> {
    let of = |prefix: &&str| MODEL.map(|(name, shape)| (format!("{prefix}{name}"), shape));
    let more = more.iter().map(|(name, shape)| (name.to_string(), *shape));
    prefixes.iter().flat_map(of).chain(more).collect()
}

fn named<'a>(tensors: &'a [(String, &'static [usize])]) -> Vec<Named<'a>> {
    let tensors = tensors.iter();
    tensors
        .map(|(name, shape)| (name.as_str(), *shape))
        .collect()
}

#[test]
fn of_two_copies_that_fit_none_is_suggested() {
    for (prefixes, told) in [
        (
            ["net.", "ema."],
            "`ema.`, `net.` each fit half of the model or more",
        ),
        (
            ["pl.", "pl.teacher."],
            "`pl.`, `pl.teacher.` each fit half of the model or more",
        ),
    ] {
        let source = copies(&prefixes, &[]);
        let (_, hint) = failure(&named(&source), &MODEL, &rules(&[], &[]));
        assert_has(&hint, &[told, "choose one"]);
        assert!(!hint.contains("rename ="), "{hint}");
    }
}

#[test]
fn the_rule_for_a_wrapper_s_prefix_holds_once_the_other_tensors_are_ignored() {
    let source = copies(&["model."], &[("loss.weight", &[2])]);
    let source = named(&source);
    let (_, hint) = failure(&source, &MODEL, &rules(&[], &[]));
    assert_has(&hint, &["rename = [{ prefix = \"model.\", to = \"\" }]"]);
    let mut first = rules(&[], &[]);
    first.rename = vec![prefix("model.", "")];
    let (_, hint) = failure(&source, &MODEL, &first);
    assert_has(&hint, &["ignore = [\"loss.weight\"]"]);
    first.ignore = vec!["loss.weight".into()];
    let audit = import(checkpoint(&source), &targets(&MODEL), &first);
    assert_eq!(audit.unwrap().audit.counts.loaded, 3);

    first.rename.push(prefix("model.", "enc."));
    let (message, _) = failure(&source, &MODEL, &first);
    assert_has(&message, &["rename: `model.` → `enc.` matches no tensor"]);
}

#[test]
fn no_rule_is_suggested_that_leads_two_tensors_to_one_parameter() {
    let mut model = MODEL.to_vec();
    model.extend([("a", &[1_usize][..]), ("b", &[1]), ("c", &[1])]);
    let source = copies(
        &[""],
        &[
            ("t.enc.weight", &[2, 3]),
            ("t.enc.bias", &[2]),
            ("t.slope", &[]),
            ("t.a", &[1]),
            ("t.b", &[1]),
        ],
    );
    let (_, hint) = failure(&named(&source), &model, &rules(&[], &[]));
    assert!(!hint.contains("rename ="), "{hint}");
}

#[test]
fn a_suggested_pattern_is_a_string_of_toml() {
    let mut file = checkpoint(&MODEL);
    let tensor = file.tensors["slope"].clone();
    file.tensors.insert("x\u{1b}".into(), tensor);
    let error = import(file, &targets(&MODEL), &rules(&[], &[])).unwrap_err();
    assert_has(error.hint().unwrap(), &[r#"ignore = ["x\u001b"]"#]);
}

#[test]
fn an_import_of_nothing_is_not_suggested_and_noted_where_it_is_declared() {
    let source: [Named; 1] = [("other", &[1])];
    let (_, hint) = failure(&source, &MODEL, &rules(&[], &[]));
    assert_has(&hint, &["`rename` of the import stage"]);
    assert!(!hint.contains("new ="), "{hint}");
    let more: [Named; 2] = [("other", &[1]), ("more", &[1])];
    let (_, hint) = failure(&more, &MODEL, &rules(&["*"], &["other"]));
    assert_has(&hint, &["new = [\"*\"]", "ignore = [\"other\", \"more\"]"]);
    let all = rules(&["*"], &["other"]);
    let imported = import(checkpoint(&source), &targets(&MODEL), &all).unwrap();
    let note = "warning: no parameter is loaded: all of them are new";
    assert_eq!(imported.audit.notes, [note]);
}
