//! Two spellings of one number: ids or names of variables that differ as texts only.

use std::collections::HashMap;

use unicode_normalization_alignments::UnicodeNormalization;

use super::config::{Ids, Source};
use super::decimal_text::plain_decimal;
use super::ingest::variable_of_category;
use super::stay_id::{StayId, is_hidden};
use pipeline_error::listed::first_of;

/// Code points that a message names of each of two names.
const CODE_POINTS: usize = 4;

/// What the settings offer where one number is spelled in two ways.
pub(super) const SPELLING_HINT: &str = "write it in one way. If they spell one number, ids = \"number\" on a source of tables takes both as one, ids = \"text\" as two";

/// The same for a source, which may have no such setting.
pub(super) fn spelling_hint(source: &Source) -> &'static str {
    match source.has_ids_setting() {
        true => SPELLING_HINT,
        false => "write it in one way",
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

impl<W> Twins<W> {
    /// Both names, as [`told_apart`].
    pub(super) fn shown(&self) -> [String; 2] {
        told_apart([&self.first.0, &self.second.0])
    }
}

/// A name in backquotes, with escapes for what cannot be seen.
pub(super) fn visible(name: &str) -> String {
    let letters = name.chars().map(|letter| match is_hidden(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    });
    format!("`{}`", letters.collect::<String>())
}

/// Two names in backquotes, each with the code points that the other does not have, where they may look alike.
pub(super) fn told_apart(names: [&str; 2]) -> [String; 2] {
    let letters = names.map(|name| name.chars().collect::<Vec<char>>());
    let [first, second] = &letters;
    let begin = (first.iter().zip(second))
        .take_while(|(a, b)| a == b)
        .count();
    let ends = first[begin..]
        .iter()
        .rev()
        .zip(second[begin..].iter().rev());
    let end = ends.take_while(|(a, b)| a == b).count();
    let code_points = |letters: &[char]| {
        let own = letters[begin..letters.len() - end].iter();
        first_of(
            own.map(|letter| format!("U+{:04X}", u32::from(*letter))),
            CODE_POINTS,
        )
    };
    let are_ascii = names.iter().all(|name| name.is_ascii());
    [0, 1].map(|at| {
        let name = visible(names[at]);
        match code_points(&letters[at]) {
            own if are_ascii || own.is_empty() => name,
            own => format!("{name} with {own}"),
        }
    })
}

/// What an id is told from those of other tables by: one number is one id, however it is spelled.
pub(super) fn plain_name(text: &str) -> String {
    alike_form(text).unwrap_or_else(|| text.to_string())
}

/// The same as [`equal_form`] in letters that look alike: `µ` may be the sign of micro or the Greek letter, and `ｐＨ` of
/// full width.
fn alike_form(text: &str) -> Option<String> {
    form(text, |c| match is_set_apart(c) {
        true => vec![c],
        false => {
            let plain = std::iter::once(c).nfkd();
            plain.map(|(character, _)| character).collect()
        }
    })
}

/// What a name is told from others by: its number, if it spells one, else its text without what
/// cannot be seen, in Unicode's composed form: `é` may also be written as `e` and an accent.
fn equal_form(text: &str) -> Option<String> {
    form(text, |c| vec![c])
}

fn form(text: &str, letters: fn(char) -> Vec<char>) -> Option<String> {
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
    let seen = seen.flat_map(letters).nfc();
    let seen: String = seen.map(|(character, _)| character).collect();
    let seen = seen.trim();
    Some(plain_decimal(seen).unwrap_or_else(|| seen.to_string()))
}

/// Whether a character holds a plain one that is raised, lowered or in a circle. It says more than that: `10²` is not
/// `102`, `㎡` not `m2`, and `x₁` may stand beside `x1`.
fn is_set_apart(c: char) -> bool {
    matches!(
        c,
        'ª' | '²' | '³' | '¹' | 'º' | '℠' | '™' | '㎟'..='㎦' | '㎨' | '㎯'
    ) || matches!(c, '\u{2b0}'..='\u{2b8}' | '\u{2e0}'..='\u{2e4}' | '\u{1d2c}'..='\u{1d6a}')
        || matches!(c, '\u{1d78}' | '\u{1d9b}'..='\u{1dbf}' | '\u{2070}'..='\u{209f}')
        || matches!(c, '\u{2460}'..='\u{24ff}' | '\u{3192}'..='\u{319f}' | '\u{3251}'..='\u{325f}')
        || matches!(c, '\u{3260}'..='\u{32bf}' | '\u{32d0}'..='\u{32fe}')
}

/// The first two of these names that spell one number in different ways, or look alike.
///
/// None are where the recipe says that ids are texts.
pub(super) fn twins<'a, W: Copy>(
    ids: Option<Ids>,
    names: impl Iterator<Item = (Spelled<'a>, W)> + Clone,
) -> Option<Twins<W>> {
    match ids {
        Some(Ids::Text) => None,
        _ => twins_by(alike_form, names),
    }
}

/// The first two that spell one number in different ways, or differ in what cannot be seen only.
pub(super) fn equal_twins<'a, W: Copy>(
    names: impl Iterator<Item = (Spelled<'a>, W)> + Clone,
) -> Option<Twins<W>> {
    twins_by(equal_form, names)
}

fn twins_by<'a, W: Copy>(
    form: fn(&str) -> Option<String>,
    names: impl Iterator<Item = (Spelled<'a>, W)> + Clone,
) -> Option<Twins<W>> {
    // Numbers that are spelled in a way that is not the plain one: in most data none.
    let mut odd: HashMap<String, (&str, W)> = HashMap::new();
    for (name, whose) in names.clone() {
        let Spelled::Text(text) = name else { continue };
        let Some(number) = form(text).filter(|number| number != text) else {
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

/// The first of these sorted names that is a category `true`, `False` or `-0` of a variable that has the category `1` or
/// `0`, too; the plain one comes first. Parquet and text write booleans in different ways.
pub(super) fn category_twins<'a>(
    ids: Option<Ids>,
    names: &'a [String],
    categorical: &[String],
) -> Option<[&'a str; 2]> {
    if ids == Some(Ids::Text) {
        return None;
    }
    names.iter().find_map(|name| {
        let variable = variable_of_category(name, categorical)?;
        let plain = match name[variable.len() + 1..].to_ascii_lowercase().as_str() {
            "true" => "1".to_string(),
            "false" => "0".to_string(),
            number => {
                let zero = number.strip_prefix('-')?;
                plain_decimal(zero).filter(|plain| plain == "0")?;
                zero.to_string()
            }
        };
        let twin = names.binary_search(&format!("{variable}={plain}")).ok()?;
        Some([names[twin].as_str(), name.as_str()])
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
        for names in [["Zoe\u{308}", "Zoë"], ["pH", "p\u{200b}H"], ["7", "07"]] {
            let names = names.map(Spelled::Text);
            assert!(twins(None, names.into_iter().zip(0..)).is_some());
            assert!(equal_twins(names.into_iter().zip(0..)).is_some());
        }
    }

    #[test]
    fn letters_that_look_alike_are_one_spelling_and_what_is_raised_says_more() {
        let are_twins = |names: [&str; 2]| {
            let names = names.map(Spelled::Text);
            twins(None, names.into_iter().zip(0..)).is_some()
        };
        for names in [
            ["\u{b5}g", "\u{3bc}g"],
            ["ｐＨ", "pH"],
            ["㎎", "mg"],
            ["１２", "12"],
            ["ｅ\u{301}", "é"],
            ["℃", "°C"],
        ] {
            assert!(are_twins(names), "{names:?}");
            assert!(are_twins([names[1], names[0]]), "{names:?}");
            let names = names.map(Spelled::Text);
            assert!(equal_twins(names.into_iter().zip(0..)).is_none());
        }
        for names in [
            ["m²", "m2"],
            ["10²", "102"],
            ["x₁", "x1"],
            ["item①", "item1"],
            ["\u{b5}g", "mg"],
            ["pH", "PH"],
            ["上", "㊤"],
            ["一", "㆒"],
            ["ア", "㋐"],
            ["XTM", "X™"],
            ["m2", "㎡"],
        ] {
            assert!(!are_twins(names), "{names:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_told_apart_by_code_points() {
        let apart = |first, second| told_apart([first, second]).join(" ");
        assert_eq!(apart("0123", "123"), "`0123` `123`");
        assert_eq!(
            apart("1 \u{b5}g", "1 \u{3bc}g"),
            "`1 \u{b5}g` with U+00B5 `1 \u{3bc}g` with U+03BC"
        );
        assert_eq!(
            apart("é=1", "e\u{301}=1"),
            "`é=1` with U+00E9 `e\u{301}=1` with U+0065, U+0301"
        );
        assert_eq!(apart("pH", "p\u{200b}H"), "`pH` `p\\u{200b}H` with U+200B");
        let quoted = apart("O'Brien µ \"x\"", "O'Brien μ \"x\"");
        assert!(quoted.starts_with("`O'Brien µ \"x\"` with"), "{quoted}");
        let wide = told_apart(["ＨＲＨＲＨ", "HRHRH"]);
        assert!(wide[0].ends_with("U+FF28, U+FF32, U+FF28, U+FF32 and 1 more"));
    }

    #[test]
    fn booleans_and_zeros_that_a_variable_calls_in_two_ways_are_found() {
        let find = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let categorical = ["c".to_string(), "v".to_string()];
            category_twins(None, &names, &categorical).map(|twins| twins.join(" "))
        };
        let found = |twins: &str| Some(twins.to_string());
        assert_eq!(
            find(&["v=0", "v=1", "v=False", "v=True"]),
            found("v=0 v=False")
        );
        assert_eq!(find(&["v=1", "v=TRUE"]), found("v=1 v=TRUE"));
        assert_eq!(find(&["c=-0", "c=0"]), found("c=0 c=-0"));
        assert_eq!(find(&["c=-0.0", "c=0.0"]), found("c=0.0 c=-0.0"));
        assert_eq!(find(&["c=0", "c=1", "v=False", "v=True"]), None);
        assert_eq!(find(&["c=-1", "c=0", "c=1", "c=true love", "v=True"]), None);
        assert_eq!(find(&["HR=1", "HR=True"]), None, "no category");
        let names = ["v=1", "v=True"].map(String::from);
        assert_eq!(category_twins(Some(Ids::Text), &names, &["v".into()]), None);
    }
}
