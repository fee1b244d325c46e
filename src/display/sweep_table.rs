//! What came of the variants of a sweep, for people.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_page::number;
use pipeline_recipe::short_paths;
use pipeline_recipe::sweep_config::SweepObjective;
use pipeline_runner::sweep::record::{
    Counts, SettingRecord, ShowRecord, Summary, SweepRecord, VariantStatus,
};

/// A longer value is cut.
const LONGEST_VALUE: usize = 40;

/// The settings, the best first, and a line that counts variants.
pub fn render(show: &ShowRecord, style: Style) -> String {
    let table = settings(&show.settings, show, style);
    let by_stays = learning_curves(show, style);
    let pooled = pooled(show, style);
    format!("{table}\n{by_stays}{pooled}{}\n", show.progress())
}

/// Metrics of the stays of all folds together; empty where nothing was cross-validated.
fn pooled(show: &ShowRecord, style: Style) -> String {
    if show.pooled.is_empty() {
        return String::new();
    }
    let is_alone = show.settings.len() == 1;
    let mut heading: Vec<(Cow<str>, Align)> = vec![("all folds together".into(), Align::Left)];
    let numbers = ["stays", "AUROC", "average precision", "Brier"];
    heading.extend(numbers.map(|name| (name.into(), Align::Right)));
    let mut table = Table::with_heading(heading);
    for record in &show.pooled {
        let name = match is_alone {
            true => record.stage.clone(),
            false => format!("{} {}", record.stage, record.setting),
        };
        table.push(vec![
            Cell::from(name),
            Cell::from(record.stays.to_string()),
            Cell::from(summary(record.auroc.as_ref(), record.repeats)),
            Cell::from(summary(record.average_precision.as_ref(), record.repeats)),
            Cell::from(summary(record.brier.as_ref(), record.repeats)),
        ]);
    }
    format!("{}\n", table.render(style))
}

/// Metrics by the number of training stays, beside the baseline's; empty where nothing varies it.
fn learning_curves(show: &ShowRecord, style: Style) -> String {
    let curves = show.learning_curves();
    let tables = curves.iter().map(|curve| {
        let others = curve.others.iter();
        let others = others.map(|(path, value)| format!(", {path} = {}", number::value(value)));
        let metric = format!(
            "{} {}{}",
            curve.stage,
            curve.metric,
            others.collect::<String>()
        );
        let stays = match curve.counts() {
            true => "training stays",
            false => "share of training stays",
        };
        let mut heading: Vec<(Cow<str>, Align)> =
            vec![(stays.into(), Align::Right), (metric.into(), Align::Right)];
        let has_baseline = curve.points.iter().any(|point| point.baseline.is_some());
        if has_baseline {
            heading.push(("baseline".into(), Align::Right));
            heading.push(("difference".into(), Align::Right));
        }
        let mut table = Table::with_heading(heading);
        for point in &curve.points {
            let mut row = vec![
                Cell::from(point.stays.to_string()),
                Cell::from(summary(Some(&point.model), point.results)),
            ];
            if has_baseline {
                row.push(summary(point.baseline.as_ref(), point.results).into());
                row.push(summary(point.difference.as_ref(), point.results).into());
            }
            table.push(row);
        }
        format!("{}\n", table.render(style))
    });
    tables.collect()
}

/// [`render`] after a run, and what was executed in it.
pub fn render_run(sweep: &SweepRecord, style: Style) -> String {
    let show = ShowRecord {
        recipe: sweep.recipe.clone(),
        objective: sweep.objective.clone(),
        variants: sweep.variants.clone(),
        settings: sweep.settings.clone(),
        pooled: Vec::new(),
    };
    format!("{}{}", render(&show, style), counted(&sweep.counts))
}

/// The variants, in the order of the space.
pub fn render_variants(show: &ShowRecord, style: Style) -> String {
    let paths = show.paths_with_seeds();
    let columns = show.evaluations();
    let mut heading = vec![
        ("status".into(), Align::Left),
        (objective(show).into(), Align::Right),
    ];
    heading.extend(columns_of(&paths, &columns));
    let mut table = Table::with_heading(heading);
    for variant in &show.variants {
        let value = variant.objective.map(number::float).unwrap_or_default();
        let mut row = vec![status(variant.status), Cell::new(value, Tone::Strong)];
        row.extend(
            paths
                .iter()
                .map(|path| Cell::from(setting_text(variant.overrides.get(*path)))),
        );
        row.extend(columns.iter().map(|(stage, metric)| {
            let value = variant.metrics.get(stage).and_then(|all| all.get(metric));
            Cell::from(value.and_then(number::metric).unwrap_or_default())
        }));
        table.push(row);
    }
    format!("{}\n{}\n", table.render(style), show.progress())
}

fn settings(settings: &[SettingRecord], show: &ShowRecord, style: Style) -> String {
    let paths = show.paths();
    let columns = show.evaluations();
    let has_seeds = settings.iter().any(|one| one.variants > 1);
    let mut heading: Vec<(Cow<str>, Align)> = vec![
        ("".into(), Align::Left),
        (objective(show).into(), Align::Right),
    ];
    if has_seeds {
        heading.push(("seeds".into(), Align::Right));
    }
    heading.extend(columns_of(&paths, &columns));
    let mut table = Table::with_heading(heading);
    for (rank, setting) in settings.iter().enumerate() {
        let is_best = rank == 0 && setting.is_complete();
        let tone = if is_best { Tone::Good } else { Tone::Plain };
        let stating = |stage: &str, metric: &str| show.stating(&setting.name, stage, metric);
        let SweepObjective { stage, metric, .. } = &show.objective;
        let mut row = vec![
            mark(setting, is_best),
            Cell::new(
                summary(setting.objective.as_ref(), stating(stage, metric)),
                tone,
            ),
        ];
        if has_seeds {
            let shared = match setting.results < setting.variants {
                true => format!(" ({} different)", setting.results),
                false => String::new(),
            };
            row.push(format!("{}/{}{shared}", setting.done, setting.variants).into());
        }
        row.extend(
            paths
                .iter()
                .map(|path| Cell::new(setting_text(setting.overrides.get(*path)), tone)),
        );
        row.extend(columns.iter().map(|(stage, metric)| {
            let value = setting.metrics.get(stage).and_then(|all| all.get(metric));
            Cell::from(summary(value, stating(stage, metric)))
        }));
        table.push(row);
    }
    table.render(style)
}

fn mark(setting: &SettingRecord, is_best: bool) -> Cell {
    match setting {
        _ if is_best => Cell::new("best", Tone::Good),
        setting if setting.failed > 0 => Cell::new("failed", Tone::Bad),
        setting if setting.done < setting.variants => Cell::new("unfinished", Tone::Notice),
        _ => Cell::from(""),
    }
}

fn status(status: VariantStatus) -> Cell {
    match status {
        VariantStatus::Done => Cell::new("done", Tone::Faint),
        VariantStatus::Failed => Cell::new("failed", Tone::Bad),
        VariantStatus::Unfinished => Cell::new("unfinished", Tone::Notice),
    }
}

fn objective(show: &ShowRecord) -> String {
    format!("{} {}", show.objective.stage, show.objective.metric)
}

/// A column for what is varied at each path, and for each metric of an evaluation.
fn columns_of<'a>(
    paths: &[&str],
    metrics: &BTreeSet<(String, String)>,
) -> Vec<(Cow<'a, str>, Align)> {
    let varied = short_paths(paths).into_iter();
    let measured = metrics
        .iter()
        .map(|(stage, metric)| format!("{stage} {metric}"));
    let names = varied.chain(measured);
    names.map(|name| (name.into(), Align::Right)).collect()
}

fn setting_text(value: Option<&Value>) -> String {
    let text = value.map(number::value).unwrap_or_default();
    match text.chars().count() > LONGEST_VALUE {
        true => text.chars().take(LONGEST_VALUE - 1).chain(['…']).collect(),
        false => text,
    }
}

/// Mean and spread over those of `results` that have a value; how many these are where not all have one.
fn summary(summary: Option<&Summary>, results: usize) -> String {
    match summary {
        None if results > 0 => "undefined".into(),
        None => String::new(),
        Some(summary) => {
            let spread = number::spread(summary.mean, summary.std);
            match summary.n < results {
                true => format!("{spread} ({} of {results})", summary.n),
                false => spread,
            }
        }
    }
}

fn counted(counts: &Counts) -> String {
    let list = |of_kind: &BTreeMap<String, usize>| {
        let parts = of_kind
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"));
        match of_kind.is_empty() {
            true => "nothing".to_string(),
            false => parts.collect::<Vec<_>>().join(", "),
        }
    };
    format!(
        "executed: {}\ncached: {}\n",
        list(&counts.executed),
        list(&counts.cached)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_over_some_seeds_says_over_how_many() {
        let of = |numbers: &[f64], results| summary(Summary::of(numbers).as_ref(), results);
        assert_eq!(of(&[0.5, 0.7], 2), "0.6000 ± 0.1414");
        assert_eq!(of(&[0.5, 0.7], 4), "0.6000 ± 0.1414 (2 of 4)");
        assert_eq!(of(&[0.5], 4), "0.5000 (1 of 4)");
        assert_eq!(of(&[], 4), "undefined");
        assert_eq!(of(&[], 0), "");
    }
}
