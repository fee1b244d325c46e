//! A model card in Markdown, by the items of TRIPOD+AI (Collins et al. 2024, BMJ 385, e078378): what
//! a recipe's results can answer is answered, the rest is left for the authors and marked.

mod answers;
mod hub;
mod items;
mod settings;

use super::gathered::Gathered;
pub use hub::hub_card;
use items::ITEMS;

/// How a blank is marked: to be searched for.
const BLANK: &str = "_To be filled in by the authors:_";

/// The card.
pub fn model_card(gathered: &Gathered) -> String {
    let mut card = format!(
        "# Model card: {}\n\n\
         By the items of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378), in our words. What the \
         results in the store can answer is answered; where the authors have to, it says \
         \"{}\".\n",
        escaped(&gathered.recipe),
        BLANK.trim_matches('_'),
    );
    let missing = gathered
        .stages
        .iter()
        .filter(|stage| stage.result().is_none());
    let missing: Vec<String> = missing.map(|stage| escaped(&stage.name)).collect();
    if !missing.is_empty() {
        card += &format!(
            "\n**Incomplete**: not up to date, and left out: {}.\n",
            missing.join(", ")
        );
    }
    let mut section = "";
    for item in &ITEMS {
        if item.section != section {
            section = item.section;
            card += &format!("\n## {section}\n");
        }
        card += &format!("\n### {} {}\n", item.number, item.topic);
        let answer = item.answer.and_then(|answer| answer(gathered));
        if let Some(answer) = &answer {
            card += &format!("\n{}\n", answer.trim_end());
        }
        match (answer, item.authors) {
            (_, Some(authors)) => card += &format!("\n{BLANK} {authors}\n"),
            (None, None) => {
                card += &format!(
                    "\n{BLANK} the results that would answer it are not up to date, or the recipe has no such stage\n"
                )
            }
            (Some(_), None) => {}
        }
    }
    card
}

/// Text that Markdown takes as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~' => {
                escaped.extend(['\\', character]);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_twenty_seven_items_are_there_in_order_and_each_asks_or_answers() {
        let numbers = ITEMS.iter().map(|item| {
            let digits = item
                .number
                .trim_end_matches(|c: char| c.is_ascii_lowercase());
            digits.parse().expect("a number")
        });
        let numbers: Vec<u32> = numbers.collect();
        assert!(numbers.is_sorted());
        assert_eq!(
            numbers.into_iter().collect::<BTreeSet<u32>>(),
            (1..=27).collect()
        );
        assert!(
            ITEMS
                .iter()
                .all(|item| item.answer.is_some() || item.authors.is_some())
        );
    }

    #[test]
    fn markup_in_names_is_text() {
        assert_eq!(escaped("a_b | <i>\n"), "a\\_b \\| \\<i\\> ");
    }
}
