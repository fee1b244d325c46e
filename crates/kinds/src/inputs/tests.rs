use super::*;
use pipeline_data::contract::InputVariable;

fn contract() -> InputContract {
    InputContract {
        variables: vec![InputVariable {
            name: "HR".into(),
            mean: 86.1,
            std: 0.3,
            constant: false,
            numeric: true,
        }],
        settings: BTreeMap::from([("hours".into(), "48.0".into())]),
        embedding_dim: 2,
        embeddings: vec![0.6, 0.8],
    }
}

fn known(changes: &[InputField]) -> Inputs {
    Inputs::Known {
        contract: contract(),
        changes: changes.to_vec(),
    }
}

fn written(inputs: &Inputs) -> (tempfile::TempDir, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let weight = FloatTensor {
        shape: vec![1],
        values: vec![1.0],
    };
    let mut tensors = BTreeMap::from([("w".into(), weight)]);
    tensors.extend(
        inputs
            .embeddings()
            .map(|tensor| (EMBEDDINGS.into(), tensor)),
    );
    pipeline_checkpoint::write_safetensors(&path, &tensors, &inputs.metadata()).unwrap();
    let read = pipeline_checkpoint::read(&path).unwrap();
    (folder, read)
}

#[test]
fn inputs_are_read_back_as_they_were_written_and_leave_the_parameters() {
    for inputs in [known(&[]), known(&[InputField::Window]), Inputs::Unknown] {
        let (_folder, mut read) = written(&inputs);
        assert_eq!(Inputs::take(&mut read).unwrap(), Some(inputs));
        assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["w"]);
    }
}

#[test]
fn a_file_of_parameters_alone_has_the_embeddings_in_its_metadata() {
    let (_folder, mut read) = written(&Inputs::Unknown);
    read.stated.metadata = known(&[]).metadata_alone();
    assert_eq!(Inputs::take(&mut read).unwrap(), Some(known(&[])));
    read.stated
        .metadata
        .insert(EMBEDDINGS.into(), "AAAA".into());
    let refusal = Inputs::take(&mut read).unwrap_err().to_string();
    assert!(refusal.contains("3 bytes are no numbers of 4"), "{refusal}");
}

#[test]
fn embeddings_that_do_not_belong_to_the_contract_are_refused() {
    let (_folder, mut read) = written(&known(&[]));
    read.tensors.remove(EMBEDDINGS);
    let refusal = Inputs::take(&mut read).unwrap_err();
    assert_eq!(refusal.exit_code(), 4);
    assert!(
        refusal
            .to_string()
            .contains("has no inputs.embeddings of shape [1, 2]")
    );
}

#[test]
fn embeddings_that_are_no_numbers_are_refused() {
    let mut damaged = contract();
    damaged.embeddings[1] = f32::NAN;
    let (_folder, mut read) = written(&Inputs::of(damaged));
    let refusal = Inputs::take(&mut read).unwrap_err().to_string();
    assert!(
        refusal.contains("inputs.embeddings has NaN at 1"),
        "{refusal}"
    );
}

#[test]
fn embeddings_without_metadata_are_compared_with_the_data_that_the_recipe_names() {
    let alone = || {
        let (folder, mut read) = written(&known(&[]));
        read.stated.metadata.clear();
        assert_eq!(Inputs::take(&mut read).unwrap(), None);
        (folder, read)
    };
    let (_folder, mut read) = alone();
    assert_eq!(
        compare_embeddings(&mut read, Some(&contract())).unwrap(),
        None
    );
    assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["w"]);
    let mut other = contract();
    other.embeddings[0] += 1.0;
    let note = compare_embeddings(&mut alone().1, None).unwrap();
    assert!(note.unwrap().contains("inputs.embeddings is not read"));
    let refusal = compare_embeddings(&mut alone().1, Some(&other)).unwrap_err();
    assert_eq!(refusal.exit_code(), 4);
    assert!(
        refusal
            .to_string()
            .contains("are others than those of the data stage")
    );
}

#[test]
fn embeddings_behind_a_prefix_are_compared_unless_the_import_ignores_them() {
    let behind = |metadata: bool| {
        let (folder, mut read) = written(&known(&[]));
        let tensors = std::mem::take(&mut read.tensors).into_iter();
        let named = tensors.map(|(name, tensor)| (format!("module.{name}"), tensor));
        read.tensors = named.collect();
        if !metadata {
            read.stated.metadata.clear();
        }
        (folder, read)
    };
    let (_folder, mut read) = behind(true);
    assert_eq!(Inputs::take(&mut read).unwrap(), Some(known(&[])));
    assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["module.w"]);

    let mut other = contract();
    other.embeddings[0] += 1.0;
    let declared = DeclaredInputs {
        stated: Some(Inputs::of(other)),
        changes: Vec::new(),
    };
    let compared = |ignore: &[&str]| {
        let rules = ImportRules {
            ignore: ignore.iter().map(|pattern| pattern.to_string()).collect(),
            ..ImportRules::default()
        };
        declared.compare_embeddings(&mut behind(false).1, &None, &rules)
    };
    let refusal = compared(&[]).unwrap_err().to_string();
    assert!(refusal.contains("are others than those of the data stage"));
    for ignore in ["inputs.embeddings", "module.inputs.*"] {
        assert_eq!(compared(&[ignore]).unwrap(), None);
    }
}

#[test]
fn only_a_wrapper_s_prefix_or_one_that_all_tensors_have_stands_before_the_embeddings() {
    let (_folder, read) = written(&known(&[]));
    let named = |weight: &str, embeddings: &str| {
        let tensors = [(weight, "w"), (embeddings, EMBEDDINGS)];
        let tensors = tensors.map(|(name, old)| (name.to_string(), read.tensors[old].clone()));
        let mut file = read.clone();
        file.tensors = tensors.into();
        embeddings_in(&file)
    };
    for (weight, embeddings, found) in [
        ("module.w", "module.inputs.embeddings", true),
        ("loss.w", "module.model.inputs.embeddings", true),
        ("net.w", "net.inputs.embeddings", true),
        ("w", "net.inputs.embeddings", false),
        ("decoder.w", "encoder.inputs.embeddings", false),
        ("my_w", "my_inputs.embeddings", false),
    ] {
        let expected = found.then(|| embeddings.to_string());
        assert_eq!(named(weight, embeddings), expected, "{embeddings}");
    }
}

#[test]
fn data_of_another_meaning_are_refused_by_field_unless_the_import_allows_it() {
    let mut data = contract();
    data.embeddings = vec![0.8, 0.6];
    data.variables[0].mean = 4.8;
    let refusal = known(&[]).compare(&data).unwrap_err();
    assert_eq!(refusal.exit_code(), 4);
    let text = refusal.to_string();
    assert!(
        text.contains("embeddings: other numbers for `HR`"),
        "{text}"
    );
    assert!(text.contains("statistics: `HR` (mean 86.1"), "{text}");

    let partly = known(&[InputField::Embeddings]).compare(&data).unwrap_err();
    assert!(!partly.to_string().contains("embeddings:"));
    let both = known(&[InputField::Embeddings, InputField::Statistics]);
    let said = both.compare(&data).unwrap();
    assert_eq!(said.len(), 2);
    assert!(said[0].ends_with("as `input_changes` allows"), "{said:?}");
}

#[test]
fn a_change_that_changes_nothing_is_told() {
    let said = known(&[InputField::Window]).compare(&contract()).unwrap();
    assert_eq!(said.len(), 1);
    assert!(
        said[0].ends_with("names window, in which nothing differs here"),
        "{said:?}"
    );
}

#[test]
fn unknown_inputs_are_told_wherever_they_are_used() {
    assert_eq!(
        Inputs::Unknown.compare(&contract()).unwrap(),
        [UNKNOWN_INPUTS]
    );
}

#[test]
fn an_import_states_what_its_file_does_not_and_nothing_else() {
    let path = Path::new("best.ckpt");
    let declared = |stated: Option<Inputs>, changes: &[InputField]| DeclaredInputs {
        stated,
        changes: changes.to_vec(),
    };
    let nobody = declared(None, &[]).resolve(path, None).unwrap_err();
    assert_eq!(nobody.exit_code(), 4);
    assert!(
        nobody
            .to_string()
            .starts_with("best.ckpt: the file does not say")
    );
    let stated = declared(Some(known(&[])), &[]);
    assert_eq!(stated.resolve(path, None).unwrap(), known(&[]));
    assert_eq!(
        stated.resolve(path, Some(Inputs::Unknown)).unwrap(),
        known(&[])
    );
    let twice = stated.resolve(path, Some(known(&[]))).unwrap_err();
    assert!(twice.to_string().contains("says it again"));
    let changed = declared(None, &[InputField::Window]);
    let found = changed.resolve(path, Some(known(&[InputField::Sets])));
    assert_eq!(
        found.unwrap(),
        known(&[InputField::Window, InputField::Sets])
    );
    let of_unknown = changed.resolve(path, Some(Inputs::Unknown)).unwrap_err();
    assert!(of_unknown.to_string().contains("inputs that are unknown"));
}
