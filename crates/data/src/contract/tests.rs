use serde_json::json;

use super::*;

fn contract() -> InputContract {
    let variable = |name: &str, mean| InputVariable {
        name: name.into(),
        mean,
        std: 0.1 + 0.2,
        constant: false,
        numeric: true,
    };
    let settings = json!({
        "source": { "format": "synthetic", "stays": 20 },
        "split": { "ratio": [0.6, 0.2, 0.2] },
        "embeddings": { "orthonormal": 2 },
        "hours": 48.0,
        "categorical": ["Unit"],
        "cleaning": { "HR": { "range": [20.0, 250.0], "factor": 2.0 }, "Temp": { "missing": [0.0] } },
    });
    let config: DataConfig = serde_json::from_value(settings).unwrap();
    InputContract {
        variables: vec![variable("HR", 86.1), variable("Temp", 37.0)],
        settings: settings_of(&config),
        embedding_dim: 2,
        embeddings: vec![1.0, 0.0, 0.0, 1.0],
    }
}

fn told(change: impl FnOnce(&mut InputContract)) -> Vec<String> {
    let mut other = contract();
    change(&mut other);
    let found = contract().differences(&other);
    found.iter().map(Difference::to_string).collect()
}

#[test]
fn what_is_the_same_differs_in_nothing() {
    assert_eq!(told(|_| {}), Vec::<String>::new());
}

#[test]
fn every_field_that_differs_is_named_with_its_variables() {
    assert_eq!(
        told(|data| {
            data.variables.remove(1);
            data.embeddings.truncate(2);
        }),
        ["variables: the weights know, the data do not have `Temp`"]
    );
    assert_eq!(
        told(|data| {
            data.variables[1].name = "Weight".into();
        }),
        [
            "variables: the weights know, the data do not have `Temp`",
            "variables: the data have, the weights do not know `Weight`"
        ]
    );
    assert_eq!(
        told(|data| {
            data.variables.reverse();
            data.embeddings.rotate_left(2);
        }),
        ["variables: they are the same, in another order"]
    );
    assert_eq!(
        told(|data| data.embeddings[3] = -1.0),
        ["embeddings: other numbers for `Temp`"]
    );
    assert_eq!(
        told(|data| data.embedding_dim = 1),
        ["embeddings: 2 numbers each in the weights, 1 in the data"]
    );
    assert_eq!(
        told(|data| data.variables[0].mean = 4.8),
        ["statistics: `HR` (mean 86.1, std 0.3 in the weights, mean 4.8, std 0.3 in the data)"]
    );
    assert_eq!(
        told(|data| data.variables[0].std = 0.3),
        [
            "statistics: `HR` (mean 86.1, std 0.30000000000000004 in the weights, mean 86.1, std 0.3 in the data)"
        ]
    );
    assert_eq!(
        told(|data| data.variables[0].constant = true),
        ["statistics: `HR` (mean 86.1, std 0.3 in the weights, presence of a value in the data)"]
    );
}

#[test]
fn numbers_that_are_not_read_may_differ() {
    let mut of_data = contract();
    of_data.variables[0].constant = true;
    let mut of_bundle = of_data.clone();
    (of_bundle.variables[0].mean, of_bundle.variables[0].std) = (0.0, 0.0);
    assert_eq!(of_bundle.differences(&of_data), []);
    of_bundle.variables[0].numeric = false;
    let found = of_bundle.differences(&of_data);
    assert_eq!(
        found[0].to_string(),
        "statistics: `HR` (presence in the weights, presence of a value in the data)"
    );
}

#[test]
fn every_setting_belongs_to_a_field() {
    for (setting, field) in [
        ("hours", InputField::Window),
        ("last_hours", InputField::Window),
        ("gap_hours", InputField::Window),
        ("set_minutes", InputField::Sets),
        ("max_sets", InputField::Sets),
        ("max_events", InputField::Sets),
        ("duplicates", InputField::Sets),
        ("categorical", InputField::Categories),
        ("clip", InputField::Clip),
        ("cleaning.HR", InputField::Cleaning),
    ] {
        let mut other = contract();
        other.settings.insert(setting.into(), "1".into());
        let found = contract().differences(&other);
        assert_eq!(found.len(), 1, "{setting}");
        assert_eq!(found[0].field, field, "{setting}");
    }
    assert_eq!(
        told(|data| _ = data.settings.remove("hours")),
        ["window: hours is 48.0 in the weights, not stated in the data"]
    );
}

#[test]
fn how_stays_were_cut_is_stated_and_makes_no_other_inputs() {
    assert!(!contract().settings.contains_key(CUT), "nothing was cut");
    let cut = |data: &mut InputContract| data.settings.extend(cut_setting(&[Cut::Onset]));
    assert_eq!(told(cut), Vec::<String>::new());
    let mut model = contract();
    cut(&mut model);
    assert_eq!(cuts_in(&model.settings), [Cut::Onset]);
    assert_eq!(contract().with_cut_of(&model), model);
    assert_eq!(model.with_cut_of(&contract()), contract());
}

#[test]
fn how_a_source_writes_the_values_that_are_meant_is_no_part_of_it() {
    let settings = contract().settings;
    let rules: Vec<_> = settings
        .iter()
        .filter(|(name, _)| name.starts_with(CLEANING))
        .collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].1, r#"{"range":[20.0,250.0]}"#);
}

#[test]
fn a_contract_is_read_back_to_the_last_bit() {
    let text = serde_json::to_string(&contract()).unwrap();
    let mut read: InputContract = serde_json::from_str(&text).unwrap();
    assert!(read.embeddings.is_empty(), "they are a tensor of their own");
    read.embeddings = contract().embeddings;
    assert_eq!(read, contract());
}
