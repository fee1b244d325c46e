//! Two spellings of one number: ids or names of variables that differ as texts only.

use std::collections::HashMap;

use unicode_normalization_alignments::UnicodeNormalization;

use super::config::{Ids, Source};
use super::decimal_text::plain_decimal;
use super::stay_id::{StayId, is_hidden};

/// What the settings offer where one number is spelled in two ways.
pub(super) const SPELLING_HINT: &str = "write it in one way. If they spell one number, ids = \"number\" on a source of tables takes both as one, ids = \"text\" as two";

/// The same for a source, which may have no such setting.
pub(super) fn spelling_hint(source: &Source) -> &'static str {
    match source {
        Source::Long(_) | Source::Wide(_) | Source::PatientParquet(_) => SPELLING_HINT,
        _ => "write it in one way",
    }
}

/// A name of something, as it is written.
#[derive(Clone, Copy)]
pub(super) enum Spelled<'a> {
    Whole(u64),
    Text(&'a str),
}

impl Spelled<'_> {
    fn to_text(self) -> String {
        match self {
            Spelled::Whole(number) => number.to_string(),
            Spelled::Text(text) => text.to_string(),
        }
    }
}

impl<'a> From<&'a StayId> for Spelled<'a> {
    fn from(id: &'a StayId) -> Self {
        match id {
            StayId::Number(number) => Spelled::Whole(*number),
            StayId::Name(name) => Spelled::Text(name),
        }
    }
}

/// A number that is spelled in two ways: both, and whose they are.
#[derive(Debug, PartialEq)]
pub(super) struct Twins<W> {
    pub(super) first: (String, W),
    pub(super) second: (String, W),
}

/// What an id is told from those of other tables by: one number is one id, however it is spelled.
pub(super) fn plain_name(text: &str) -> String {
    plain_form(text).unwrap_or_else(|| text.to_string())
}

/// What a name is told from others by: its number, if it spells one, else its text without what
/// cannot be seen, in Unicode's composed form: `é` may also be written as `e` and an accent.
fn plain_form(text: &str) -> Option<String> {
    if text.is_ascii() && !text.contains(is_hidden) {
        return plain_decimal(text);
    }
    // A line end is one character that cannot be seen, however it is written.
    let text = text.replace("\r\n", "\n");
    let seen = text
        .chars()
        .filter_map(|c| match (is_hidden(c), c.is_whitespace()) {
            (true, true) => Some(' '),
            (true, false) => None,
            (false, _) => Some(c),
        });
    let seen: String = seen.nfc().map(|(character, _)| character).collect();
    let seen = seen.trim();
    Some(plain_decimal(seen).unwrap_or_else(|| seen.to_string()))
}

/// The first two of these names that spell one number in different ways, or differ in what cannot
/// be seen only.
///
/// None are where the recipe says that ids are texts.
pub(super) fn twins<'a, W: Copy>(
    ids: Option<Ids>,
    names: impl Iterator<Item = (Spelled<'a>, W)> + Clone,
) -> Option<Twins<W>> {
    if ids == Some(Ids::Text) {
        return None;
    }
    // Numbers that are spelled in a way that is not the plain one: in most data none.
    let mut odd: HashMap<String, (&str, W)> = HashMap::new();
    for (name, whose) in names.clone() {
        let Spelled::Text(text) = name else { continue };
        let Some(number) = plain_form(text).filter(|number| number != text) else {
            continue;
        };
        match odd.get(&number) {
            Some((other, _)) if *other == text => {}
            Some((other, others)) => {
                return Some(Twins {
                    first: (other.to_string(), *others),
                    second: (text.to_string(), whose),
                });
            }
            None => {
                odd.insert(number, (text, whose));
            }
        }
    }
    if odd.is_empty() {
        return None;
    }
    names.into_iter().find_map(|(name, whose)| {
        let text = name.to_text();
        let (other, others) = odd.get(&text)?;
        Some(Twins {
            first: (text, whose),
            second: (other.to_string(), *others),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_number_are_found_whoever_comes_first() {
        let find = |names: &[&str]| {
            let ids: Vec<StayId> = (names.iter())
                .filter_map(|name| StayId::parse(name))
                .collect();
            let found = twins(None, ids.iter().zip(0..).map(|(id, at)| (id.into(), at)));
            found.map(|twins| (twins.first, twins.second))
        };
        for (names, first, second) in [
            (vec!["7", "0123", "123"], ("123", 2), ("0123", 1)),
            (vec!["123", "0123"], ("123", 0), ("0123", 1)),
            (vec!["+5", "05"], ("+5", 0), ("05", 1)),
            (vec!["1e+05", "100000"], ("100000", 1), ("1e+05", 0)),
            (vec!["-05", "-5.0"], ("-5", 1), ("-05", 0)),
        ] {
            let expected = [first, second].map(|(text, at)| (text.to_string(), at));
            let [first, second] = expected;
            assert_eq!(find(&names), Some((first, second)), "{names:?}");
        }
        assert_eq!(find(&["0123", "0123", "124", "A1", "12.0", "12"]), None);
        let names = ["pH", "p\u{200b}H", "Zoë"].map(Spelled::Text);
        let found = twins(None, names.into_iter().zip(0..)).map(|twins| twins.second.1);
        assert_eq!(found, Some(1));
        let names = ["Heart\nRate", "Heart\r\nRate"].map(Spelled::Text);
        assert!(twins(None, names.into_iter().zip(0..)).is_some());
        let names = ["Zoe\u{308}", "Zoë"].map(Spelled::Text);
        assert!(twins(None, names.into_iter().zip(0..)).is_some());
    }
}
