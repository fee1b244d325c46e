//! Hints that are pasted: each leads to the weights that are meant, or says what nobody can tell.

use super::*;

/// The tensors of [`MODEL`] behind each prefix.
fn behind(prefixes: &[&str]) -> Vec<(String, &'static [usize])> {
    let of = |prefix: &&str| MODEL.map(|(name, shape)| (format!("{prefix}{name}"), shape));
    prefixes.iter().flat_map(of).collect()
}

fn named<'a>(tensors: &'a [(String, &'static [usize])]) -> Vec<Named<'a>> {
    let tensors = tensors.iter();
    tensors.map(|(name, shape)| (&**name, *shape)).collect()
}

/// The whole model by its own names.
const ALL: [&str; 2] = ["enc.*", "slope"];

/// An import of everything behind `prefix`, the rest being ignored.
fn loads(source: &[Named], prefix: &str, rules: &ImportRules) {
    let audit = import(checkpoint(source), &targets(&MODEL), rules);
    let audit = audit.unwrap().audit;
    assert_eq!(audit.counts.loaded, MODEL.len());
    for loaded in &audit.loaded {
        assert_eq!(loaded.source, format!("{prefix}{}", loaded.target));
    }
    assert_eq!(audit.counts.ignored, source.len() - MODEL.len());
}

#[test]
fn of_two_copies_the_one_is_loaded_that_is_not_ignored() {
    let source = behind(&["", "model."]);
    let source = named(&source);
    loads(&source, "model.", &rules(&[], &ALL));
    loads(&source, "", &rules(&[], &["model.*"]));

    let source = behind(&["model.", "model.net."]);
    let mut inner = rules(&[], &ALL);
    inner.rename = vec![prefix("net.", "")];
    loads(&named(&source), "model.net.", &inner);
}

#[test]
fn no_hint_is_the_opposite_of_what_is_ignored() {
    let source = behind(&["", "net."]);
    let source = named(&source);
    let mut chosen = rules(&[], &ALL);
    let (_, hint) = failure(&source, &MODEL, &chosen);
    assert_has(&hint, &["rename = [{ prefix = \"net.\", to = \"\" }]"]);
    assert!(!hint.contains("ignore ="), "{hint}");
    chosen.rename = vec![prefix("net.", "")];
    loads(&source, "net.", &chosen);

    let mut other = MODEL.to_vec();
    other.push(("other.a", &[1]));
    let (_, hint) = failure(&other, &MODEL, &rules(&[], &ALL));
    assert_has(
        &hint,
        &["no tensor but those that `ignore` lists is called"],
    );
    assert!(!hint.contains("ignore ="), "{hint}");
}

#[test]
fn a_second_copy_is_told_where_nothing_is_chosen() {
    let source = behind(&["", "model."]);
    let (_, hint) = failure(&named(&source), &MODEL, &rules(&[], &[]));
    assert_has(&hint, &["once behind `model.`", "ignore = [\"model.*\"]"]);
}

#[test]
fn of_several_tensors_for_one_parameter_one_is_chosen_by_ignoring_the_rest() {
    let source: [Named; 2] = [("set_encoder.w", &[1]), ("setvae.setvae.w", &[1])];
    let model: [Named; 1] = [("setvae.setvae.w", &[1])];
    let (message, hint) = failure(&source, &model, &rules(&[], &[]));
    assert_has(&message, &["more than one tensor"]);
    assert_has(&hint, &["list all but the one to load in `ignore`"]);
    let (message, hint) = failure(&source, &model, &rules(&[], &["*"]));
    assert!(!message.contains("matches no tensor"), "{message}");
    assert!(!hint.contains("ignore ="), "{hint}");
    for (ignored, loaded) in [(0, 1), (1, 0)] {
        let rules = rules(&[], &[source[ignored].0]);
        let imported = import(checkpoint(&source), &targets(&model), &rules).unwrap();
        assert_eq!(imported.audit.loaded[0].source, source[loaded].0);
    }
}

#[test]
fn no_tensor_is_left_aside_that_a_rule_leads_to_a_parameter() {
    let mut swap = rules(&[], &["aux.*"]);
    swap.rename = vec![prefix("enc.", "aux."), prefix("aux.", "enc.")];
    let mut onto = rules(&[], &["aux.*"]);
    onto.rename = vec![prefix("aux.", "enc.")];
    let source: [Named; 2] = [("enc.w", &[1]), ("aux.w", &[1])];
    let model: [Named; 1] = [("enc.w", &[1])];
    for contradiction in [swap, onto.clone()] {
        let (message, hint) = failure(&source, &model, &contradiction);
        assert_has(&message, &["more than one tensor", "enc.w: aux.w, enc.w"]);
        assert_has(&hint, &["change the name of none but the one to load"]);
    }
    for (rename, ignored, loaded) in [
        (onto.rename, "enc.*", "aux.w"),
        (Vec::new(), "aux.*", "enc.w"),
    ] {
        let mut chosen = rules(&[], &[ignored]);
        chosen.rename = rename;
        let imported = import(checkpoint(&source), &targets(&model), &chosen).unwrap();
        assert_eq!(imported.audit.loaded[0].source, loaded);
    }
}

#[test]
fn a_rule_in_the_names_of_the_file_is_told_why_it_is_idle_and_is_in_no_hint() {
    let source = behind(&["model.net."]);
    let source = named(&source);
    let mut stated = rules(&[], &[]);
    stated.rename = vec![RenameRule {
        prefix: None,
        pattern: Some(r"model\.net\.(.*)".into()),
        to: "$1".into(),
    }];
    let (message, hint) = failure(&source, &MODEL, &stated);
    let told = "matches no tensor: rules see names without `model.`, which went by itself";
    assert_has(&message, &[told]);
    let line = "rename = [{ prefix = \"net.\", to = \"\" }]";
    assert!(hint.ends_with(line), "{hint}");
    stated.rename.insert(0, prefix("net.", ""));
    let (_, hint) = failure(&source, &MODEL, &stated);
    assert!(hint.ends_with(line), "{hint}");
    stated.rename.pop();
    loads(&source, "model.net.", &stated);
}

#[test]
fn a_parameter_that_is_in_the_file_in_parts_is_not_declared_new() {
    for (parts, call) in [
        (
            &[
                "parametrizations.weight.original0",
                "parametrizations.weight.original1",
            ][..],
            "parametrize.remove_parametrizations(module, \"weight\")",
        ),
        (
            &["parametrizations.weight.original"],
            "parametrize.remove_parametrizations(module, \"weight\")",
        ),
        (
            &["weight_g", "weight_v"],
            "remove_weight_norm(module, \"weight\")",
        ),
        (
            &["weight_mask", "weight_orig"],
            "prune.remove(module, \"weight\")",
        ),
        (
            &["weight_orig", "weight_u", "weight_v"],
            "remove_spectral_norm(module, \"weight\")",
        ),
    ] {
        let parts = parts
            .iter()
            .map(|part| (format!("model.enc.{part}"), &[2_usize, 3][..]));
        let whole = MODEL.into_iter().skip(1);
        let whole = whole.map(|(name, shape)| (format!("model.{name}"), shape));
        let source: Vec<_> = parts.chain(whole).collect();
        let (_, hint) = failure(&named(&source), &MODEL, &rules(&[], &[]));
        assert!(
            hint.starts_with("of `enc.weight` the file has parts"),
            "{hint}"
        );
        assert!(
            hint.ends_with(&format!("\ntorch.nn.utils.{call}")),
            "{hint}"
        );
    }
}

#[test]
fn adapters_are_merged_before_they_are_saved() {
    let mut beside = MODEL.to_vec();
    beside.push(("enc.lora_A.default.weight", &[1, 3]));
    let inside: [Named; 3] = [
        ("base_model.model.enc.base_layer.weight", &[2, 3]),
        ("base_model.model.enc.base_layer.bias", &[2]),
        ("base_model.model.slope", &[]),
    ];
    for source in [&beside[..], &inside] {
        let (_, hint) = failure(source, &MODEL, &rules(&[], &[]));
        assert!(
            hint.ends_with("\nmodel = model.merge_and_unload()"),
            "{hint}"
        );
    }
    loads(&beside, "", &rules(&[], &["*.lora_*"]));
}

#[test]
fn a_shard_is_not_completed_by_new_parameters() {
    let of_file = |name: &str, source: &[Named]| {
        let mut file = checkpoint(source);
        file.path = name.into();
        let error = import(file, &targets(&MODEL), &rules(&[], &[])).unwrap_err();
        error.hint().unwrap().to_string()
    };
    let shard = of_file("model-00001-of-00002.safetensors", &MODEL[..2]);
    assert_has(&shard, &["from = { path = \"….index.json\" }"]);
    assert!(!shard.contains("new ="), "{shard}");
    let whole = of_file("model-00001-of-00001.safetensors", &MODEL[..2]);
    assert_has(&whole, &["new = [\"slope\"]"]);
    let mut more = MODEL.to_vec();
    more.push(("more", &[1]));
    let last = of_file("model-00002-of-00002.safetensors", &more);
    assert_has(&last, &["ignore = [\"more\"]"]);
}

#[test]
fn tensors_without_numbers_are_placeholders_and_no_sizes_of_the_model() {
    let empty = MODEL.map(|(name, _)| (name, &[0_usize][..]));
    let (_, hint) = failure(&empty, &MODEL, &rules(&[], &[]));
    assert_has(&hint, &["zero_to_fp32.py"]);
    assert!(!hint.contains("[model]"), "{hint}");
    let mut mixed = empty;
    mixed[0].1 = &[3, 2];
    let (_, hint) = failure(&mixed, &MODEL, &rules(&[], &[]));
    assert_has(&hint, &["zero_to_fp32.py", "[model]"]);
}
