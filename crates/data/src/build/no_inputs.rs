//! Columns that are no inputs: outcomes, and what a recipe says of stays.

use std::collections::BTreeSet;

use crate::config::{DataConfig, Source, SplitRule, WideSource};
use crate::fit::Fitted;
use crate::id_names::names_ids;
use crate::ingest::variable_of_category;
use pipeline_error::pasted::toml_string;
use pipeline_error::{Code, Error};

/// Fails if a variable is called like an outcome, or like a column that the recipe says something
/// else of. The recipe may say of a column that it is meant, by naming it among `variables.only`.
pub(super) fn refuse(
    config: &DataConfig,
    outcomes: &BTreeSet<String>,
    fitted: &Fitted,
) -> Result<(), Error> {
    let predicted = predicted(config);
    let meant = config.variables.only.iter().flatten();
    let meant = meant
        .map(String::as_str)
        .filter(|name| !predicted.contains(name));
    let meant: BTreeSet<&str> = meant.collect();
    let of_stays = columns_of_stays(config);
    let base = |name| variable_of_category(name, &config.categorical).unwrap_or(name);
    let names = fitted.variables.iter().map(|variable| base(&variable.name));
    for name in names.filter(|name| !meant.contains(name)) {
        let refused = |what: String| {
            let leave_out = format!(
                "variables = {{ drop = [{}] }} leaves it out",
                toml_string(name)
            );
            let hint = match predicted.contains(name) {
                true => format!(
                    "{leave_out}; a measurement of that name may stay if the column of the label or target is called otherwise"
                ),
                false => format!(
                    "{leave_out}; if it is known when the prediction is made, variables.only may name it, with all other inputs"
                ),
            };
            Error::stage(format!("variable `{name}` is {what}")).with_hint(hint)
        };
        if outcomes.contains(name) {
            let what = "called like a column of the labels: an outcome is no input";
            return Err(refused(what.into()).coded(Code::OutcomeAsInput));
        }
        if let Some((setting, _)) = of_stays.iter().find(|(_, column)| *column == name) {
            let what = format!("the column that {setting} names: it says whose or when a stay is");
            return Err(refused(what));
        }
        let is_static = |source: &WideSource| {
            let of_stays = source.stays.iter().flat_map(|stays| &stays.variables);
            source
                .statics
                .iter()
                .chain(of_stays)
                .any(|column| column == name)
        };
        if let Source::Wide(source) = &config.source
            && names_ids(name)
            && !is_static(source)
        {
            return Err(refused(format!(
                "called like a column of ids, whose numbers say nothing of a stay (ignore = [{}] in the source passes over it)",
                toml_string(name)
            )));
        }
    }
    Ok(())
}

/// The columns that are predicted, and can be no inputs whatever a recipe says.
fn predicted(config: &DataConfig) -> BTreeSet<&str> {
    let label = config
        .source
        .label_table()
        .map(|table| table.column.as_str());
    let row_label = match &config.source {
        Source::Wide(source) => source.row_label.as_deref(),
        _ => None,
    };
    let targets = config
        .targets
        .iter()
        .flat_map(|(name, table)| table.values(name));
    targets.chain(label).chain(row_label).collect()
}

/// The columns that say who stays are, when, and in which split, by the setting that names them. The
/// tables of a wide source may hold them, too, where each column is a variable unless it is named.
fn columns_of_stays(config: &DataConfig) -> Vec<(&'static str, &str)> {
    let Source::Wide(source) = &config.source else {
        return Vec::new();
    };
    let stays = source.stays.as_ref();
    let mut columns: Vec<(&str, &str)> = stays
        .into_iter()
        .flat_map(|stays| {
            [
                ("source.stays.subject", stays.subject.as_deref()),
                ("source.stays.start", stays.start.as_deref()),
                ("source.stays.prediction", stays.prediction.as_deref()),
            ]
        })
        .filter_map(|(setting, column)| Some((setting, column?)))
        .collect();
    if let SplitRule::Column(column) = &config.split {
        columns.push(("split.column", column));
    }
    let statics = stays.into_iter().flat_map(|stays| &stays.variables);
    let statics: Vec<&String> = statics.chain(&source.statics).collect();
    columns.retain(|(_, column)| !statics.iter().any(|name| name == column));
    columns
}
