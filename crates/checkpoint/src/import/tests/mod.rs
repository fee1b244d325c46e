mod hints;
mod placeholders;
mod property;

use super::*;
use crate::fixtures::{checkpoint, path, targets, targets_of};
use crate::tensor_digest;
use crate::{FloatTensor, read, write_safetensors};

type Named<'a> = (&'a str, &'a [usize]);

const MODEL: [Named; 3] = [("enc.weight", &[2, 3]), ("enc.bias", &[2]), ("slope", &[])];

fn rules(new: &[&str], ignore: &[&str]) -> ImportRules {
    let owned = |all: &[&str]| all.iter().map(|pattern| pattern.to_string()).collect();
    ImportRules {
        rename: Vec::new(),
        exact_names: false,
        new: owned(new),
        ignore: owned(ignore),
        allow_narrowing: false,
    }
}

/// The message and the hint of an import that must fail its audit.
fn failure(source: &[Named], target: &[Named], rules: &ImportRules) -> (String, String) {
    match import(checkpoint(source), &targets(target), rules) {
        Err(error) if error.exit_code() == 4 => {
            (error.to_string(), error.hint().unwrap_or_default().into())
        }
        other => panic!("no failed audit: {other:?}"),
    }
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn a_complete_checkpoint_is_loaded_value_by_value() {
    let import = import(checkpoint(&MODEL), &targets(&MODEL), &rules(&[], &[])).unwrap();
    assert_eq!(
        import.tensors["enc.weight"].values,
        [0., 1., 2., 3., 4., 5.]
    );
    assert_eq!(import.tensors["slope"].shape, [0_usize; 0]);
    let weight = import
        .audit
        .loaded
        .iter()
        .find(|entry| entry.target == "enc.weight");
    let weight = weight.unwrap();
    assert_eq!(weight.digest, import.tensors["enc.weight"].digest());
    assert_eq!(weight.statistics.mean, Some(2.5));
    assert_eq!(
        (weight.statistics.min, weight.statistics.max),
        (Some(0.0), Some(5.0))
    );
    assert_eq!(import.audit.counts.loaded_numbers, 9);
}

#[test]
fn a_tensor_taken_out_is_named_with_its_shape_and_the_recipe_lines() {
    let (message, hint) = failure(&MODEL[..2], &MODEL, &rules(&[], &[]));
    assert_has(
        &message,
        &["weights.safetensors", "missing", "(1)", "slope []"],
    );
    assert_has(&hint, &["new = [\"slope\"]", "ignore = []"]);
}

#[test]
fn a_tensor_too_many_is_named_with_its_nearest_parameter() {
    let mut source = MODEL.to_vec();
    source[0].0 = "enc.wieght";
    let (message, hint) = failure(&source, &MODEL, &rules(&[], &[]));
    assert_has(
        &message,
        &[
            "unexpected",
            "enc.wieght [2, 3] F32 – nearest: enc.weight [2, 3]",
            "enc.weight [2, 3] – nearest: enc.wieght [2, 3]",
        ],
    );
    assert_has(
        &hint,
        &["new = [\"enc.weight\"]", "ignore = [\"enc.wieght\"]"],
    );
}

#[test]
fn a_different_shape_or_rank_is_named_with_both_shapes() {
    let source: [Named; 3] = [("enc.weight", &[3, 2]), ("enc.bias", &[2]), ("slope", &[1])];
    let (message, _) = failure(&source, &MODEL, &rules(&[], &[]));
    assert_has(
        &message,
        &[
            "different shape (2)",
            "enc.weight: [3, 2] in the checkpoint, [2, 3] in the model",
            "slope: [1] in the checkpoint, [] in the model",
        ],
    );
}

#[test]
fn every_kind_of_offence_is_listed_at_once() {
    let source: [Named; 3] = [("enc.weight", &[9]), ("enc.bias", &[2]), ("extra", &[4])];
    let rules = rules(&["enc.bias", "nothing.*"], &["enc.bias", "other.*"]);
    let (message, hint) = failure(&source, &MODEL, &rules);
    assert_has(
        &message,
        &[
            "7 offences",
            "slope []",
            "extra [4] F32",
            "enc.weight: [9]",
            "declared new, but present in the checkpoint (1):\n  enc.bias [2], by `enc.bias`",
            "declared ignored, but used (1):\n  enc.bias [2], by `enc.bias`",
            "new: `nothing.*` matches no parameter",
            "ignore: `other.*` matches no tensor",
        ],
    );
    assert_has(
        &hint,
        &["new = [\"slope\"]", "ignore = [\"extra\"]", "[model]"],
    );
}

#[test]
fn what_is_declared_new_and_ignored_exactly_is_accepted_and_recorded() {
    let source: [Named; 3] = [("enc.weight", &[2, 3]), ("old.a", &[1]), ("old.b", &[2])];
    let mut target = MODEL.to_vec();
    target.remove(2);
    let rules = rules(&["*.bias"], &["old.*"]);
    let audit = import(checkpoint(&source), &targets(&target), &rules)
        .unwrap()
        .audit;
    assert_eq!(
        (audit.new[0].target.as_str(), audit.new[0].pattern.as_str()),
        ("enc.bias", "*.bias")
    );
    let ignored: Vec<&str> = audit
        .ignored
        .iter()
        .map(|entry| entry.tensor.name.as_str())
        .collect();
    assert_eq!(ignored, ["old.a", "old.b"]);
    let text = audit.render();
    assert_has(
        &text,
        &[
            "loaded   1 of 2 parameters, 6 numbers",
            "1 by `*.bias`",
            "2 by `old.*`",
        ],
    );
    let text = serde_json::to_string(&audit).unwrap();
    assert_eq!(serde_json::from_str::<Audit>(&text).unwrap(), audit);
}

#[test]
fn a_pattern_too_wide_is_refused_and_narrowed_in_the_hint() {
    let (message, hint) = failure(&MODEL[..1], &MODEL, &rules(&["*"], &[]));
    assert_has(
        &message,
        &["declared new, but present", "enc.weight [2, 3], by `*`"],
    );
    assert_has(&hint, &["new = [\"enc.bias\", \"slope\"]"]);
}

#[test]
fn two_tensors_for_one_parameter_are_refused() {
    let source: [Named; 2] = [("set_encoder.w", &[1]), ("setvae.setvae.w", &[1])];
    let (message, _) = failure(&source, &[("setvae.setvae.w", &[1])], &rules(&[], &[]));
    assert_has(
        &message,
        &[
            "more than one tensor",
            "setvae.setvae.w: set_encoder.w, setvae.setvae.w",
        ],
    );
}

#[test]
fn zeros_and_constants_are_flagged_and_a_pattern_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flat.safetensors");
    let flat = |value| FloatTensor {
        shape: vec![2],
        values: vec![value; 2],
    };
    let tensors = BTreeMap::from([("ones".into(), flat(1.0)), ("zeros".into(), flat(0.0))]);
    write_safetensors(&file, &tensors, &BTreeMap::new()).unwrap();
    let target = targets(&[("ones", &[2]), ("zeros", &[2])]);
    let source = read(&file).unwrap();
    let audit = import(source.clone(), &target, &rules(&[], &[]))
        .unwrap()
        .audit;
    assert_eq!(audit.loaded[0].flags, [Flag::Constant]);
    assert_eq!(audit.loaded[1].flags, [Flag::AllZero]);
    let error = import(source.clone(), &target, &rules(&["a[b"], &[])).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_has(&error.to_string(), &["new: `a[b`"]);
}

#[test]
fn the_built_model_is_held_against_the_audit() {
    let import = import(
        checkpoint(&MODEL[..2]),
        &targets(&MODEL),
        &rules(&["slope"], &[]),
    );
    let import = import.unwrap();
    let mut digests: BTreeMap<String, String> = import
        .tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.digest()))
        .collect();
    let lacking = import.audit.verify(&digests).unwrap_err();
    assert_has(&lacking.to_string(), &["slope []: absent"]);
    digests.insert("slope".into(), tensor_digest(&[], &[0.5]));
    import.audit.verify(&digests).unwrap();
    digests.insert("enc.bias".into(), tensor_digest(&[2], &[0.0, 0.0]));
    digests.insert("stranger".into(), String::new());
    let error = import.audit.verify(&digests).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert_has(
        &error.to_string(),
        &["enc.bias [2]: differs", "stranger: no part of the import"],
    );
}

#[test]
fn the_pretrained_model_goes_into_the_classifier_with_exactly_its_head_new() {
    let source = read(&path("seqsetvae-small/pretrain.lightning.ckpt")).unwrap();
    let target = targets_of("seqsetvae-small/finetune.weights.safetensors");
    let (message, hint) = match import(source.clone(), &target, &rules(&[], &[])) {
        Err(error) if error.exit_code() == 4 => {
            (error.to_string(), error.hint().unwrap().to_string())
        }
        other => panic!("{other:?}"),
    };
    assert_has(
        &message,
        &[
            "32 offences",
            "cls_head.12.bias [2]",
            "set_encoder.` became",
        ],
    );
    let new = [
        "cls_head.*",
        "feature_fusion.*",
        "feature_projection.*",
        "vae_feature_fusion.*",
    ];
    assert_has(&hint, &[&format!("new = {new:?}\nignore = []")]);

    let import = import(source.clone(), &target, &rules(&new, &[])).unwrap();
    let counts = &import.audit.counts;
    assert_eq!(
        (counts.loaded, counts.renamed, counts.new, counts.ignored),
        (259, 146, 32, 0)
    );
    for renamed in &import.audit.renamed {
        let rest = renamed.source.strip_prefix("set_encoder.").unwrap();
        assert_eq!(renamed.target, format!("setvae.setvae.{rest}"));
    }
    let out = import
        .audit
        .loaded
        .iter()
        .find(|entry| entry.source == "set_encoder.out.0.bias");
    assert!(out.unwrap().flags.contains(&Flag::NeverTrained));
}

#[test]
fn the_classifier_goes_back_into_the_pretraining_model() {
    let source = read(&path("seqsetvae-small/finetune.weights.safetensors")).unwrap();
    let target = targets_of("seqsetvae-small/pretrain.weights.safetensors");
    let ignore = ["cls_head.*", "*feature_fusion.*", "feature_projection.*"];
    let audit = import(source.clone(), &target, &rules(&[], &ignore))
        .unwrap()
        .audit;
    assert_eq!(
        (
            audit.counts.loaded,
            audit.counts.renamed,
            audit.counts.ignored
        ),
        (259, 146, 32)
    );
}

fn prefix(from: &str, to: &str) -> RenameRule {
    RenameRule {
        prefix: Some(from.into()),
        pattern: None,
        to: to.into(),
    }
}

#[test]
fn a_rule_renames_is_reported_and_must_match_something() {
    let source: [Named; 3] = [("e.weight", &[2, 3]), ("e.bias", &[2]), ("slope", &[])];
    let renaming = ImportRules {
        rename: vec![prefix("e.", "enc.")],
        ..rules(&[], &[])
    };
    let imported = import(checkpoint(&source), &targets(&MODEL), &renaming).unwrap();
    assert_eq!(
        imported.audit.renamings,
        ["`e.` → `enc.` by the recipe (2)"]
    );
    assert_eq!(imported.audit.counts.renamed, 2);
    let (message, _) = failure(&MODEL, &MODEL, &renaming);
    assert_has(&message, &["rename: `e.` → `enc.` matches no tensor"]);
}

#[test]
fn two_tensors_that_rules_lead_to_one_parameter_are_both_named() {
    let mut source = MODEL.to_vec();
    source.push(("e.bias", &[2]));
    let renaming = ImportRules {
        rename: vec![prefix("e.", "enc.")],
        ..rules(&[], &[])
    };
    let (message, _) = failure(&source, &MODEL, &renaming);
    assert_has(
        &message,
        &["more than one tensor for one parameter (1):\n  enc.bias: e.bias, enc.bias"],
    );
}

#[test]
fn exact_names_are_not_translated_and_the_error_lists_what_is_missing_then() {
    let source = read(&path("seqsetvae-small/pretrain.lightning.ckpt")).unwrap();
    let target = targets_of("seqsetvae-small/finetune.weights.safetensors");
    let exact = ImportRules {
        exact_names: true,
        ..rules(&[], &[])
    };
    let message = match import(source.clone(), &target, &exact) {
        Err(error) if error.exit_code() == 4 => error.to_string(),
        other => panic!("{other:?}"),
    };
    let listed = |heading: &str| -> Vec<&str> {
        let lines = message
            .lines()
            .skip_while(|line| !line.starts_with(heading));
        let names = lines.skip(1).take_while(|line| line.starts_with("  "));
        names
            .filter_map(|line| line.split_whitespace().next())
            .collect()
    };
    let wanted = target.iter().map(|target| target.name.as_str());
    let mut missing: Vec<&str> = wanted
        .filter(|name| !source.tensors.contains_key(*name))
        .collect();
    missing.sort_unstable();
    assert_eq!(missing.len(), 32 + 146);
    assert_eq!(listed("missing from the checkpoint (178)"), missing);
    assert_eq!(listed("unexpected").len(), 146);
}

#[test]
fn tied_tensors_are_recognised() {
    let source = read(&path("checkpoint-zoo/tied.pth")).unwrap();
    let target: Vec<TargetTensor> = source
        .tensors
        .iter()
        .map(|(name, tensor)| TargetTensor {
            name: name.clone(),
            shape: tensor.shape().to_vec(),
        })
        .collect();
    let audit = import(source.clone(), &target, &rules(&[], &[]))
        .unwrap()
        .audit;
    let tied = audit
        .loaded
        .iter()
        .filter(|entry| entry.flags.contains(&Flag::Tied));
    let tied: Vec<&str> = tied.map(|entry| entry.target.as_str()).collect();
    assert_eq!(tied, ["enc.weight", "enc2.weight"]);
}
