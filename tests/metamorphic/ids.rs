//! Ids and numbers in other spellings.

use super::cohort::Table;
use super::{MINUTES, OfId, Ways, minutes, number, stay_ids, whole, zulu};

#[test]
fn issue19_ids_and_numbers_respelt_give_the_same_bytes() {
    let mut ways = Ways::new();
    let time = format!("time = {MINUTES}");
    let spellings: [(&str, OfId, OfId, &str); 9] = [
        ("plain", whole, whole, ""),
        (
            "with_fractions",
            |id| format!("{id}.0"),
            |id| format!("{id}.00"),
            "",
        ),
        (
            "between_blanks",
            |id| format!(" {id} "),
            |id| format!("{id}\t"),
            "",
        ),
        (
            "with_some_fractions",
            |id| format!("{id}{}", [".0", ""][id as usize % 2]),
            whole,
            "",
        ),
        ("as_numbers", whole, whole, "ids = \"number\""),
        (
            "with_zeros",
            |id| format!("{id:08}"),
            |id| format!("{id:07}.0"),
            "ids = \"number\"",
        ),
        (
            "with_signs",
            |id| format!("+{id}"),
            |id| format!("{id}e0"),
            "ids = \"number\"",
        ),
        (
            "with_exponents",
            |id| format!("{id}00e-2"),
            whole,
            "ids = \"number\"",
        ),
        ("as_text", whole, whole, "ids = \"text\""),
    ];
    for (name, id, id_of_stays, more) in spellings {
        let values: [fn(f64) -> String; 4] = [
            number,
            |value| format!("{value:.4}"),
            |value| format!("{value:e}"),
            |value| format!("+{value}"),
        ];
        let value = values[name.len() % 4];
        let events = Table::of_events(&ways.cohort, id, minutes, value);
        ways.write(name, "a.csv", events.text(",", "\n"));
        let label = |label| ["False", "TRUE"][label as usize].to_string();
        let stays = Table::of_stays(&ways.cohort, id_of_stays, zulu, label);
        ways.write(name, "stays.csv", stays.text(",", "\n"));
        ways.stage(name, &["a.csv"], &[&time, more]);
    }
    ways.agree();
}

#[test]
fn issue19_ids_of_two_spellings_are_refused_with_both() {
    let mut ways = Ways::new();
    for (name, id) in [
        ("with_zeros", (|id| format!("{id:03}")) as fn(i64) -> String),
        ("with_signs", |id| format!("+{id}")),
        ("with_exponents", |id| format!("{id}e0")),
    ] {
        ways.plain_stays(name);
        let events = Table::of_events(&ways.cohort, id, minutes, number);
        ways.write(name, "a.csv", events.text(",", "\n"));
        ways.stage(name, &["a.csv"], &[&format!("time = {MINUTES}")]);
    }
    ways.refused(&["spell", "stays.csv", "a.csv", "ids = \"number\""]);
}

#[test]
fn issue19_ids_that_all_have_zeros_in_front_are_names_of_their_own() {
    let mut ways = Ways::new();
    let padded = |id: i64| format!("{id:04}");
    let events = Table::of_events(&ways.cohort, padded, minutes, number);
    ways.write("padded", "a.csv", events.text(",", "\n"));
    let stays = Table::of_stays(&ways.cohort, padded, zulu, whole);
    ways.write("padded", "stays.csv", stays.text(",", "\n"));
    ways.stage("padded", &["a.csv"], &[&format!("time = {MINUTES}")]);
    let expected: Vec<String> = ways.cohort.ids.iter().copied().map(padded).collect();
    ways.test = ways.test.recipe(&ways.recipe);
    let run = ways
        .test
        .run_with(["run", "recipe.toml", "--format", "json"]);
    let document = run.success().json();
    assert_eq!(stay_ids(&document, "padded"), expected);
}
