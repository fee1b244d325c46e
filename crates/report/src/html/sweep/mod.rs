//! What came of a sweep, as a page.

mod effects;
mod learning_curves;
mod parallel;
mod varied;

use maud::{Markup, html};

use pipeline_error::Error;
use pipeline_page::document::{self, Section};
use pipeline_page::number;
use pipeline_page::table::{Table, code, number_or, text};
use pipeline_recipe::short_paths;
use pipeline_recipe::sweep_config::Direction;
use pipeline_runner::sweep::record::{SettingRecord, ShowRecord, Summary, VariantStatus};
use varied::Varied;

/// The page.
pub fn sweep_page(show: &ShowRecord) -> Result<String, Error> {
    let varied = Varied::of(show);
    let sections: Vec<Section> = [
        Some(summary(show)),
        learning_curves::section(show)?,
        parallel::section(show, &varied)?,
        effects::section(show, &varied)?,
        Some(settings(show)),
        failures(show),
    ]
    .into_iter()
    .flatten()
    .collect();
    Ok(document::document(&show.recipe, &sections).into_string())
}

/// The objective of a sweep in words.
fn objective(show: &ShowRecord) -> String {
    format!(
        "{} {}",
        show.objective.stage,
        show.objective.metric.replace('_', " ")
    )
}

/// The settings that have the objective for all their seeds, the best first.
fn complete(show: &ShowRecord) -> Vec<&SettingRecord> {
    let settings = show.settings.iter();
    settings.filter(|setting| setting.is_complete()).collect()
}

fn summary(show: &ShowRecord) -> Section {
    let wanted = match show.objective.direction {
        Direction::Maximize => "larger is better",
        Direction::Minimize => "smaller is better",
    };
    let best = complete(show).first().copied();
    Section {
        id: "summary",
        title: "Summary",
        body: html! {
            p { (show.progress()) ". The objective is " code { (objective(show)) } ", " (wanted) "." }
            @match best {
                None => p { span class="notice" { "No setting has it for all of its seeds yet" } "." },
                Some(best) => {
                    h3 { "Best setting" }
                    (tiles(best))
                    (values(best))
                },
            }
        },
    }
}

fn tiles(best: &SettingRecord) -> Markup {
    let mean = best.objective.map(|summary| number::float(summary.mean));
    let std = best.objective.and_then(|summary| summary.std);
    html! {
        ul class="tiles" {
            li {
                span class="name" { "Objective" }
                span class="value" { (mean.unwrap_or_default()) }
                @if let Some(std) = std {
                    span class="range" { "± " (number::float(std)) " over " (best.variants) " seeds" }
                }
            }
        }
    }
}

fn values(best: &SettingRecord) -> Markup {
    let mut table = Table::new("Values of the best setting", &["path", "value"], &[]);
    for (path, value) in &best.overrides {
        table.push(vec![code(path), code(number::value(value))]);
    }
    table.render()
}

/// A row a setting, the best first.
fn settings(show: &ShowRecord) -> Section {
    let paths = show.paths();
    let shorts = short_paths(&paths);
    let measured = show.evaluations();
    let objective = objective(show);
    let mut titles = vec!["setting".to_string(), objective.clone(), "seeds".into()];
    let names = measured.iter();
    let names = names.map(|(stage, metric)| format!("{stage} {}", metric.replace('_', " ")));
    titles.extend(shorts.into_iter().chain(names));
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut table = Table::new("Settings, the best first", &titles, &titles[1..]);
    for (rank, setting) in show.settings.iter().enumerate() {
        let spread = |summary: &Summary| text(number::spread(summary.mean, summary.std));
        let mut row = vec![
            state(setting, rank),
            (setting.objective.as_ref()).map_or_else(|| number_or(None, Some("none yet")), spread),
            text(format!("{}/{}", setting.done, setting.variants)),
        ];
        row.extend(paths.iter().map(|path| {
            let value = setting.overrides.get(*path);
            text(value.map(number::value).unwrap_or_default())
        }));
        row.extend(measured.iter().map(|(stage, metric)| {
            let summary = setting.metrics.get(stage).and_then(|all| all.get(metric));
            summary.map_or_else(|| text(""), spread)
        }));
        table.push(row);
    }
    Section {
        id: "settings",
        title: "Settings",
        body: table.render(),
    }
}

fn state(setting: &SettingRecord, rank: usize) -> Markup {
    match setting {
        _ if rank == 0 && setting.is_complete() => html! { span class="good" { "best" } },
        setting if setting.failed > 0 => html! { span class="bad" { "failed" } },
        setting if setting.done < setting.variants => {
            html! { span class="notice" { "unfinished" } }
        }
        _ => text((rank + 1).to_string()),
    }
}

/// A row an error: many variants may share the stage that failed.
fn failures(show: &ShowRecord) -> Option<Section> {
    let mut errors: Vec<(&str, Vec<&str>)> = Vec::new();
    for variant in &show.variants {
        if variant.status != VariantStatus::Failed {
            continue;
        }
        let error = variant.error.as_deref().unwrap_or_default();
        match errors.iter_mut().find(|(known, _)| *known == error) {
            Some((_, variants)) => variants.push(&variant.name),
            None => errors.push((error, vec![&variant.name])),
        }
    }
    let mut table = Table::new("Why variants failed", &["error", "variants"], &[]);
    for (error, variants) in &errors {
        table.push(vec![
            html! { code class="verbatim" { (error) } },
            html! {
                @for variant in variants { div { code { (variant) } } }
            },
        ]);
    }
    (!errors.is_empty()).then(|| Section {
        id: "failures",
        title: "Failures",
        body: table.render(),
    })
}
