use std::collections::BTreeMap;

use super::*;
use pipeline_checkpoint::{
    Checkpoint, FloatTensor, ImportRules, TargetTensor, audit, read, write_safetensors,
};
use pipeline_model::config::{Fusion, Pooling, TimeBiasKind};

/// A checkpoint of one tensor with these metadata, and its audit.
fn weights(tensor: &str, metadata: &[(&str, String)]) -> (Checkpoint, Audit) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let values = FloatTensor {
        shape: vec![1],
        values: vec![1.0],
    };
    let tensors = BTreeMap::from([(tensor.to_string(), values)]);
    let metadata = metadata
        .iter()
        .map(|(name, text)| (name.to_string(), text.clone()));
    write_safetensors(&path, &tensors, &metadata.collect()).unwrap();
    let checkpoint = read(&path).unwrap();
    let target = TargetTensor {
        name: tensor.into(),
        shape: vec![1],
    };
    let audit = audit(&checkpoint, &[target], &ImportRules::default()).unwrap();
    (checkpoint, audit)
}

/// A checkpoint of one tensor beside one that only the reference stores.
fn of_reference() -> (Checkpoint, Audit) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let values = |values: &[f32]| FloatTensor {
        shape: vec![values.len()],
        values: values.to_vec(),
    };
    let theirs = ("set_encoder.decoder_layers.0.w", values(&[1.0, 2.0]));
    let tensors = [("a", values(&[1.0])), theirs];
    let tensors = tensors.map(|(name, tensor)| (name.to_string(), tensor));
    write_safetensors(&path, &tensors.into(), &BTreeMap::new()).unwrap();
    let checkpoint = read(&path).unwrap();
    let target = TargetTensor {
        name: "a".into(),
        shape: vec![1],
    };
    let rules = ImportRules {
        ignore: vec!["set_encoder.*".into()],
        ..ImportRules::default()
    };
    let audit = audit(&checkpoint, &[target], &rules).unwrap();
    (checkpoint, audit)
}

fn of_model(model: &ModelConfig) -> [(&'static str, String); 1] {
    [("model", serde_json::to_string(model).unwrap())]
}

fn check(
    (checkpoint, audit): &(Checkpoint, Audit),
    model: &ModelConfig,
    changes: &[HiddenSetting],
    assumed: &[HiddenSetting],
) -> Result<Vec<String>, String> {
    let declared = Declared {
        changes: changes.to_vec(),
        assumed: assumed.to_vec(),
    };
    let path = Path::new("w");
    check_hidden_settings(path, &checkpoint.stated, audit, model, &declared).map_err(|error| {
        assert_eq!(error.exit_code(), 4);
        format!("{error}\n{}", error.hint().unwrap_or_default())
    })
}

const HEADS: [HiddenSetting; 2] = [HiddenSetting::Heads, HiddenSetting::TransformerHeads];

#[test]
fn weights_of_ours_must_be_given_the_model_they_were_trained_in() {
    let trained = ModelConfig {
        transformer_heads: 4,
        time_bias: TimeBiasKind::Elapsed,
        ..ModelConfig::default()
    };
    let file = weights("a", &of_model(&trained));
    assert!(check(&file, &trained, &[], &[]).unwrap().is_empty());
    let model = ModelConfig::default();
    let message = check(&file, &model, &[], &HEADS).unwrap_err();
    assert!(message.contains("model.transformer_heads is 8, the weights were trained with 4"));
    assert!(
        message.contains("model.time_bias is \"zero\", the weights were trained with \"elapsed\"")
    );
    let accepted = [HiddenSetting::TransformerHeads, HiddenSetting::TimeBias];
    let notes = check(&file, &model, &accepted, &[]).unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    let idle = check(&file, &trained, &accepted, &[]).unwrap_err();
    assert!(idle.contains("time_bias, in which nothing is known to differ"));
    assert!(!idle.contains("would not compute"), "{idle}");
    assert!(idle.contains("`model_changes` lists settings that do not differ"));
    assert!(idle.contains("remove them from"), "{idle}");
    let both = [accepted[0], HiddenSetting::LatentNorm];
    let message = check(&file, &model, &both, &[]).unwrap_err();
    let wrong = "model.time_bias is \"zero\", the weights were trained with \"elapsed\"";
    let expected = format!(
        "would not compute what its weights were trained for:\n  {wrong}\n`model_changes` lists settings that do not differ:\n  latent_norm, in"
    );
    assert!(message.contains(&expected), "{message}");
}

#[test]
fn a_setting_in_a_form_that_is_not_read_is_not_said_to_be_unknown() {
    let (mut checkpoint, audit) = weights("a", &[]);
    let unread = ("heads".to_string(), "a tensor".to_string());
    checkpoint.stated.unread = BTreeMap::from([unread]);
    let file = (checkpoint, audit);
    let model = ModelConfig::default();
    let told = "the file states a tensor, which is not read";
    let message = check(&file, &model, &[], &[]).unwrap_err();
    assert!(
        message.contains(&format!("model.heads: {told}")),
        "{message}"
    );
    let notes = check(&file, &model, &[], &HEADS).unwrap();
    assert!(
        notes[0].ends_with(&format!("as `assume` says: {told}")),
        "{notes:?}"
    );
}

#[test]
fn a_form_that_is_not_read_counts_for_every_setting_in_every_file_and_beside_a_value() {
    let unread = |file: &(Checkpoint, Audit), name: &str| {
        let (mut checkpoint, audit) = file.clone();
        let unread = (name.to_string(), "a list".to_string());
        checkpoint.stated.unread = BTreeMap::from([unread]);
        (checkpoint, audit)
    };
    let model = ModelConfig::default();
    let file = unread(&weights("a", &[]), "latent_norm");
    let message = check(&file, &model, &[], &HEADS).unwrap_err();
    let told = "the file states a list, which is not read";
    let expected = format!("model.latent_norm: {told}; the recipe's is false");
    assert!(message.contains(&expected), "{message}");
    let all = HiddenSetting::ALL;
    assert!(check(&file, &model, &[], &all).is_ok());

    let reference = of_reference();
    assert_eq!(check(&reference, &model, &[], &[]).unwrap().len(), 2);
    let message = check(&unread(&reference, "heads"), &model, &[], &[]).unwrap_err();
    assert!(
        message.contains(&format!("model.heads: {told}")),
        "{message}"
    );

    let (mut checkpoint, audit) = unread(&weights("a", &[]), "heads");
    let two = ("heads".to_string(), 2.into());
    checkpoint.stated.settings = BTreeMap::from([two]);
    let file = (checkpoint, audit);
    let message = check(&file, &model, &[], &[]).unwrap_err();
    let expected = "model.heads: the file states 2 and a list, which is not read";
    assert!(message.contains(expected), "{message}");
    assert!(check(&file, &model, &[], &HEADS).is_ok());
    let four = ModelConfig { heads: 4, ..model };
    let message = check(&file, &four, &[], &HEADS).unwrap_err();
    assert!(message.contains("model.heads is 4, the weights were trained with 2 and a list"));
}

#[test]
fn metadata_from_before_a_setting_are_those_of_its_default() {
    let old = r#"{"kind": "seqsetvae", "heads": 4, "transformer_heads": 8, "retired": 1}"#;
    let file = weights("a", &[("model", old.to_string())]);
    let model = ModelConfig {
        heads: 4,
        ..ModelConfig::default()
    };
    assert!(check(&file, &model, &[], &[]).unwrap().is_empty());
    let message = check(&file, &ModelConfig::default(), &[], &[]).unwrap_err();
    assert!(message.contains("model.heads is 2, the weights were trained with 4"));
    let normed = ModelConfig {
        latent_norm: true,
        ..model
    };
    let message = check(&file, &normed, &[], &[]).unwrap_err();
    assert!(message.contains("model.latent_norm"), "{message}");
}

#[test]
fn a_fusion_matters_to_a_head_that_was_trained_on_it() {
    let model = |fusion| {
        let mut model = ModelConfig::default();
        model.classifier.fusion = fusion;
        model
    };
    let (none, uncertainty) = (model(Fusion::None), model(Fusion::Uncertainty));
    let head = weights("cls_head.0.weight", &of_model(&none));
    assert!(check(&head, &none, &[], &[]).unwrap().is_empty());
    let message = check(&head, &uncertainty, &[], &[]).unwrap_err();
    assert!(
        message.contains("model.classifier.fusion is \"uncertainty\""),
        "{message}"
    );
    let notes = check(&head, &uncertainty, &[HiddenSetting::Fusion], &[]);
    assert_eq!(notes.unwrap().len(), 1);
    // A head that is new learns on whatever it is given.
    let backbone = weights("decoder.weight", &of_model(&none));
    assert!(check(&backbone, &uncertainty, &[], &[]).unwrap().is_empty());
    // The reference's, which says nothing of it, is `uncertainty`.
    let silent = weights("cls_head.0.weight", &[]);
    assert!(
        check(&silent, &none, &[], &HEADS)
            .unwrap_err()
            .contains("fusion")
    );
    assert_eq!(check(&silent, &uncertainty, &[], &HEADS).unwrap().len(), 2);
    let all = HiddenSetting::ALL;
    assert_eq!(check(&silent, &none, &[], &all).unwrap().len(), 6);
}

#[test]
fn a_pooling_matters_to_a_head_that_was_trained_on_it() {
    let mut multiscale = ModelConfig::default();
    multiscale.classifier.pooling = Pooling::Multiscale;
    let (head, recency) = (
        weights("cls_head.0.weight", &of_model(&multiscale)),
        ModelConfig::default(),
    );
    assert!(check(&head, &multiscale, &[], &[]).unwrap().is_empty());
    let message = check(&head, &recency, &[], &[]).unwrap_err();
    assert!(
        message.contains("model.classifier.pooling is \"recency\""),
        "{message}"
    );
    let notes = check(&head, &recency, &[HiddenSetting::Pooling], &[]);
    assert_eq!(notes.unwrap().len(), 1);
}

#[test]
fn values_that_a_file_disputes_are_for_the_recipe_to_decide() {
    let (mut checkpoint, audit) = weights("a", &[]);
    let values = [("args.heads", 2), ("config.heads", 4)];
    let values = values.map(|(place, value)| (place.to_string(), value.into()));
    checkpoint.stated.disputed = BTreeMap::from([("heads".into(), values.into())]);
    let file = (checkpoint, audit);
    let of_heads = |heads| ModelConfig {
        heads,
        ..ModelConfig::default()
    };
    let message = check(&file, &of_heads(4), &[], &[]).unwrap_err();
    let told = "`args.heads = 2`, `config.heads = 4`";
    let expected = format!("model.heads: the file states {told}; the recipe's is 4");
    assert!(message.contains(&expected), "{message}");
    let notes = check(&file, &of_heads(4), &[], &HEADS).unwrap();
    assert!(
        notes[0].contains(&format!("the file states {told}")),
        "{notes:?}"
    );
    let message = check(&file, &of_heads(8), &[], &HEADS).unwrap_err();
    assert!(
        message.contains(&format!("trained with {told}")),
        "{message}"
    );
}

#[test]
fn what_a_file_does_not_say_must_be_stated() {
    let silent = weights("a", &[]);
    let other_heads = ModelConfig {
        heads: 4,
        ..ModelConfig::default()
    };
    let message = check(&silent, &other_heads, &[], &[]).unwrap_err();
    assert!(
        message.contains("model.heads: unknown; the recipe's is 4"),
        "{message}"
    );
    assert!(
        message.contains("assume = [\"heads\", \"transformer_heads\"]"),
        "{message}"
    );
    let notes = check(&silent, &other_heads, &[], &HEADS).unwrap();
    assert!(notes[0].contains("model.heads = 4 is taken"), "{notes:?}");

    let elapsed = ModelConfig {
        time_bias: TimeBiasKind::Elapsed,
        ..ModelConfig::default()
    };
    let message = check(&silent, &elapsed, &[], &HEADS).unwrap_err();
    assert!(message.contains("model.time_bias"), "{message}");
    let notes = check(&silent, &elapsed, &[HiddenSetting::TimeBias], &HEADS).unwrap();
    assert_eq!(notes.len(), 3);
}

#[test]
fn plain_metadata_and_hyper_parameters_are_compared_too() {
    let words = [
        ("heads", "4".to_string()),
        ("transformer_heads", "8".into()),
    ];
    let (mut checkpoint, audit) = weights("a", &words);
    let model = ModelConfig::default();
    let file = (checkpoint.clone(), audit.clone());
    let message = check(&file, &model, &[], &HEADS).unwrap_err();
    assert!(message.contains("model.heads is 2, the weights were trained with 4"));
    checkpoint.stated.metadata.clear();
    let settings = [("heads", 2.into()), ("transformer_heads", 4.into())];
    let settings = settings.map(|(name, value)| (name.to_string(), value));
    checkpoint.stated.settings = BTreeMap::from(settings);
    let message = check(&(checkpoint, audit), &model, &[], &HEADS).unwrap_err();
    assert!(message.contains("model.transformer_heads is 8, the weights were trained with 4"));
}
