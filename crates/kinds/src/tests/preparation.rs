//! What is refused of how events are prepared, and of sizes.

use super::rejected::one;
use super::spoilt;

#[test]
fn events_are_prepared_so_that_something_is_left() {
    let events = "split = { ratio = [0.8, 0.1, 0.1] }";
    let with = |setting: &str| format!("{events}\n{setting}");
    one(
        events,
        &with("hours = 24\nlast_hours = 12"),
        "stages.events.last_hours has `hours` beside it",
    );
    one(
        events,
        &with("cleaning = { HR = { range = [300, 200] } }"),
        "stages.events.cleaning.HR.range = [300, 200] holds no number",
    );
    one(
        events,
        &with("cleaning = { HR = { factor = 0 } }"),
        "stages.events.cleaning.HR.factor = 0 is not a finite number other than 0",
    );
    one(
        events,
        &with("last_hours = 4\ngap_hours = 4"),
        "stages.events.gap_hours = 4 leaves nothing of last_hours = 4",
    );
}

#[test]
fn a_text_that_no_pattern_refuses_is_shown_where_it_stands() {
    let split = "split = { ratio = [0.8, 0.1, 0.1] }";
    let text = spoilt(split, &format!("{split}\nmemory = \"1gb\"")).rendered("a.toml", &[]);
    assert!(
        text.contains("`1gb` is no amount of memory") && text.contains("memory = \"1gb\""),
        "{text}"
    );
}
