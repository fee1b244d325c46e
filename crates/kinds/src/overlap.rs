//! Subjects that a model was fitted on and is scored on: across all data stages that it comes from.
//!
//! Within one data stage no subject is in two splits; between two of them nothing keeps them apart.

use std::collections::BTreeSet;

use crate::kind::{Around, StageKind};
use pipeline_data::stay_columns::{StayColumns, SubjectSet};
use pipeline_error::listed::first_of;
use pipeline_error::{Code, Error};
use pipeline_stage::StageContext;

/// Stays that an error names at most.
const NAMED: usize = 5;

/// The data stages that the stages `from` come from, themselves included, but for `own`: in the order in which
/// references lead to them.
pub fn data_behind<'a>(
    around: &dyn Around,
    from: impl Iterator<Item = &'a str>,
    own: &str,
) -> Vec<String> {
    let mut ahead: Vec<String> = from.map(str::to_string).collect();
    ahead.reverse();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(name) = ahead.pop() {
        let Some(stage) = around.stage(&name) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            continue;
        }
        let mut behind: Vec<String> = references_of(stage);
        behind.reverse();
        ahead.extend(behind);
        if stage.splits_subjects() && name != own {
            found.push(name);
        }
    }
    found
}

fn references_of(stage: &dyn StageKind) -> Vec<String> {
    let references = stage.references().into_iter();
    references.map(|reference| reference.stage).collect()
}

/// The role of the table of stays that belongs to the data stage of this number.
pub fn role(number: usize) -> String {
    format!("fitted.{number}")
}

/// Fails if some of the scored `rows` are of subjects that the training or validation split of a data stage in
/// `behind` has, unless the recipe gives a `reason`. Returns what is to be said of those.
pub fn check(
    context: &StageContext,
    behind: &[String],
    stays: &StayColumns,
    rows: &[usize],
    reason: Option<&str>,
) -> Result<Option<String>, Error> {
    let mut lines = Vec::new();
    for (number, name) in behind.iter().enumerate() {
        let fitted = StayColumns::read(context.input(&role(number), "stays")?)?;
        let fitted = SubjectSet::fitted_on(&fitted)?;
        let shared = fitted.shared(stays, rows)?;
        if !shared.is_empty() {
            let first = first_of(&shared, NAMED);
            lines.push(format!(
                "{} of {} stays are of subjects in the training or validation split of `{name}`: {first}",
                shared.len(),
                rows.len()
            ));
        }
    }
    match (lines.is_empty(), reason) {
        (true, None) => Ok(None),
        (true, Some(_)) => {
            context.reporter.note("`allow_overlap` is stated, and no subject is in both");
            Ok(None)
        }
        (false, Some(reason)) => Ok(Some(format!(
            "warning: the model was fitted on subjects that it is scored on, as `allow_overlap` allows ({reason}): {}",
            lines.join("; ")
        ))),
        (false, None) => Err(Error::stage(format!(
            "the model was fitted on subjects that it is scored on:\n  {}",
            lines.join("\n  ")
        ))
        .with_hint(
            "split all data stages by one file of subjects; if these are other people with the same ids, or it is meant: \
             allow_overlap = \"REASON\", which the report repeats",
        )
        .coded(Code::SubjectOverlap)),
    }
}

#[cfg(test)]
mod tests;
