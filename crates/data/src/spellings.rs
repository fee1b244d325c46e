//! Two spellings of one number: ids or names of variables that differ as texts only.

use std::collections::HashMap;

use super::config::Ids;
use super::decimal_text::plain_decimal;
use super::ingest::Ingested;
use super::source::{EventSource, Sought};
use super::stay_id::StayId;
use pipeline_error::Error;

/// What the settings offer where one number is spelled in two ways.
pub(super) const SPELLING_HINT: &str = "write it in one way; or ids = \"number\" on the source takes both as one, ids = \"text\" as two";

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

/// The first two of these names that spell one number in different ways.
pub(super) fn twins<'a, W: Copy>(
    names: impl Iterator<Item = (Spelled<'a>, W)> + Clone,
) -> Option<Twins<W>> {
    // Numbers that are spelled in a way that is not the plain one: in most data none.
    let mut odd: HashMap<String, (&str, W)> = HashMap::new();
    for (name, whose) in names.clone() {
        let Spelled::Text(text) = name else { continue };
        let Some(number) = plain_decimal(text).filter(|number| number != text) else {
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

/// Fails if two stays of a source, or two of its variables, are one number in two spellings, unless
/// the recipe says that ids are texts.
pub(super) fn refuse_two_spellings(
    source: &dyn EventSource,
    ingested: &Ingested,
    ids: Option<Ids>,
) -> Result<(), Error> {
    if ids == Some(Ids::Text) {
        return Ok(());
    }
    let stays = ingested.series.iter();
    if let Some(found) = twins(stays.map(|series| ((&series.id).into(), series))) {
        let place = |(name, series): &(String, &crate::ingest::Series)| {
            let place = source.place_of(Sought::Stay(&series.id));
            let place = place.unwrap_or_else(|| ingested.origin(series).display().to_string());
            format!("`{name}` ({place})")
        };
        return Err(Error::stage(format!(
            "{} and {} are two spellings of one stay id",
            place(&found.first),
            place(&found.second)
        ))
        .with_hint(SPELLING_HINT));
    }
    let variables = ingested.variables.iter();
    if let Some(found) = twins(variables.map(|name| (Spelled::Text(name), ()))) {
        let place = |name: &str| match source.place_of(Sought::Variable(name)) {
            Some(place) => format!("`{name}` ({place})"),
            None => format!("`{name}`"),
        };
        return Err(Error::stage(format!(
            "{} and {} are two spellings of one variable",
            place(&found.first.0),
            place(&found.second.0)
        ))
        .with_hint(SPELLING_HINT));
    }
    Ok(())
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
            let found = twins(ids.iter().zip(0..).map(|(id, at)| (id.into(), at)));
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
    }
}
