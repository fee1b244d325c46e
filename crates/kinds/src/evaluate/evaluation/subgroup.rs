use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::score_summary::ScoreSummary;
use pipeline_data::stay_columns::{StayAttribute, StayColumns};
use pipeline_error::Error;
use pipeline_metrics::{BinaryScores, Bootstrap};

/// Groups of a column of text at most.
const MAX_GROUPS: usize = 50;
/// Numbers that a column has at most to be divided by value and not by thirds.
const MAX_VALUES: usize = 5;
/// How the stays are called that a column says nothing of.
const MISSING: &str = "missing";

/// Stays that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subgroup {
    /// The column of `stays`.
    pub column: String,
    /// The value that they share, or the range; `missing` where there is none, and the text `missing` is in quotes.
    pub group: String,
    /// Their values are more than this; null without a lower end.
    pub above: Option<f64>,
    /// Their values are this at most; null without an upper end.
    pub up_to: Option<f64>,
    /// What was measured of them.
    pub scores: ScoreSummary,
}

/// A group before it is measured.
#[derive(Debug, PartialEq)]
pub(super) struct Members {
    pub(super) group: String,
    above: Option<f64>,
    up_to: Option<f64>,
    pub(super) is_member: Vec<bool>,
}

/// Measures the groups of every column; `rows` are those of the scored stays.
pub fn subgroups(
    columns: &[String],
    stays: &StayColumns,
    rows: &[usize],
    scores: &BinaryScores,
    bootstrap: &Bootstrap,
) -> Result<Vec<Subgroup>, Error> {
    let groups = groups(columns, stays, rows)?.into_iter();
    let measured = groups.map(|(column, members)| Subgroup {
        scores: ScoreSummary::measure(scores, Some(&members.is_member), bootstrap),
        column,
        group: members.group,
        above: members.above,
        up_to: members.up_to,
    });
    Ok(measured.collect())
}

/// The groups of every column; `rows` are those of the scored stays.
pub(super) fn groups(
    columns: &[String],
    stays: &StayColumns,
    rows: &[usize],
) -> Result<Vec<(String, Members)>, Error> {
    let mut all = Vec::new();
    for column in columns {
        let groups = match stays.attribute(column, rows)? {
            StayAttribute::Text(values) => by_value(column, &values)?,
            StayAttribute::Number(values) => by_number(&values),
        };
        all.extend(groups.into_iter().map(|members| (column.clone(), members)));
    }
    Ok(all)
}

fn by_value(column: &str, values: &[Option<String>]) -> Result<Vec<Members>, Error> {
    let distinct: BTreeSet<&Option<String>> = values.iter().collect();
    if distinct.len() > MAX_GROUPS {
        return Err(Error::stage(format!(
            "column `{column}` of the table of stays has {} different values, too many for subgroups",
            distinct.len()
        ))
        .with_hint(format!("text columns of at most {MAX_GROUPS} values, or numbers")));
    }
    let mut distinct: Vec<&Option<String>> = distinct.into_iter().collect();
    // `None` sorts first, and belongs last.
    distinct.sort_by_key(|value| value.is_none());
    let group = |wanted: &Option<String>| Members {
        group: wanted.as_deref().map_or(MISSING.into(), text_group),
        above: None,
        up_to: None,
        is_member: values.iter().map(|value| value == wanted).collect(),
    };
    Ok(distinct.into_iter().map(group).collect())
}

/// The name of the stays with this text: the text itself, and where it reads as [`MISSING`], in quotes or not, in one more pair.
fn text_group(text: &str) -> String {
    match text.trim_matches('"') == MISSING {
        true => format!("\"{text}\""),
        false => text.to_string(),
    }
}

fn by_number(values: &[Option<f64>]) -> Vec<Members> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    let mut groups: Vec<Members> = if distinct.len() <= MAX_VALUES {
        let values_of = distinct.iter();
        values_of.map(|value| single(values, *value)).collect()
    } else {
        // Every cut is a number that some stay has, the largest of a lower third.
        let cuts = [1, 2].map(|third| sorted[sorted.len() * third / 3 - 1]);
        let largest = sorted[sorted.len() - 1];
        let mut edges = vec![None];
        edges.extend(cuts.into_iter().filter(|cut| *cut < largest).map(Some));
        edges.dedup();
        edges.push(None);
        let pairs = edges.windows(2);
        pairs.map(|edge| range(values, edge[0], edge[1])).collect()
    };
    let missing: Vec<bool> = values.iter().map(Option::is_none).collect();
    if missing.contains(&true) {
        groups.push(Members {
            group: MISSING.into(),
            above: None,
            up_to: None,
            is_member: missing,
        });
    }
    groups
}

fn single(values: &[Option<f64>], wanted: f64) -> Members {
    Members {
        group: wanted.to_string(),
        above: None,
        up_to: None,
        is_member: values.iter().map(|value| *value == Some(wanted)).collect(),
    }
}

fn range(values: &[Option<f64>], above: Option<f64>, up_to: Option<f64>) -> Members {
    let group = match (above, up_to) {
        (None, Some(end)) => format!("up to {end}"),
        (Some(start), Some(end)) => format!("over {start} up to {end}"),
        (Some(start), None) => format!("over {start}"),
        (None, None) => "all".to_string(),
    };
    let is_inside = |value: f64| {
        above.is_none_or(|start| value > start) && up_to.is_none_or(|end| value <= end)
    };
    Members {
        group,
        above,
        up_to,
        is_member: values
            .iter()
            .map(|value| value.is_some_and(is_inside))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(groups: &[Members]) -> Vec<&str> {
        groups
            .iter()
            .map(|members| members.group.as_str())
            .collect()
    }

    fn sizes(groups: &[Members]) -> Vec<usize> {
        let size = |members: &Members| members.is_member.iter().filter(|is| **is).count();
        groups.iter().map(size).collect()
    }

    #[test]
    fn numbers_are_divided_by_thirds_and_say_where() {
        let mut values: Vec<Option<f64>> = (1..=9).map(|n| Some(f64::from(n))).collect();
        values.push(None);
        let groups = by_number(&values);
        let expected = ["up to 3", "over 3 up to 6", "over 6", "missing"];
        assert_eq!(names(&groups), expected);
        assert_eq!(sizes(&groups), [3, 3, 3, 1]);
        assert_eq!((groups[1].above, groups[1].up_to), (Some(3.0), Some(6.0)));
    }

    #[test]
    fn the_text_missing_is_no_missing_value() {
        let texts = ["f", "missing", "\"missing\""].map(|text| Some(text.to_string()));
        let values: Vec<_> = texts.into_iter().chain([None, None]).collect();
        let groups = by_value("sex", &values).unwrap();
        let mut named: Vec<_> = names(&groups).into_iter().zip(sizes(&groups)).collect();
        named.sort_unstable();
        let expected = [
            ("\"\"missing\"\"", 1),
            ("\"missing\"", 1),
            ("f", 1),
            ("missing", 2),
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn few_numbers_are_values_and_ties_make_no_empty_group() {
        let groups = by_number(&[Some(1.0), Some(0.0), Some(1.0)]);
        assert_eq!(names(&groups), ["0", "1"]);
        let mut values = vec![Some(0.0); 30];
        values.extend((1..=6).map(|n| Some(f64::from(n))));
        assert_eq!(names(&by_number(&values)), ["up to 0", "over 0"]);
        let mut values = vec![Some(9.0); 30];
        values.extend((1..=6).map(|n| Some(f64::from(n))));
        let groups = by_number(&values);
        assert!(!sizes(&groups).contains(&0), "{groups:?}");
        assert!(by_number(&[]).is_empty());
    }

    #[test]
    fn text_is_divided_by_value_and_refused_where_there_are_too_many() {
        let values = [Some("b"), None, Some("a"), Some("b")].map(|v| v.map(str::to_string));
        let groups = by_value("ward", &values).unwrap();
        assert_eq!(names(&groups), ["a", "b", "missing"]);
        assert_eq!(sizes(&groups), [1, 2, 1]);
        let many: Vec<Option<String>> = (0..60).map(|n| Some(n.to_string())).collect();
        let error = by_value("stay_id", &many).unwrap_err().to_string();
        assert!(
            error.contains("`stay_id`") && error.contains("60"),
            "{error}"
        );
    }
}
