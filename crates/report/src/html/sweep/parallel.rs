use maud::html;

use super::varied::Varied;
use super::{complete, objective};
use pipeline_error::Error;
use pipeline_page::chart::{Axis, Ink, Parallel, ParallelLine};
use pipeline_page::document::Section;
use pipeline_page::figure::{KeyEntry, with_key};
use pipeline_page::number;
use pipeline_runner::sweep::record::{SettingRecord, ShowRecord};

/// A line a setting through all that is varied, to the objective; none without two settings of two things.
pub fn section(show: &ShowRecord, varied: &[Varied]) -> Result<Option<Section>, Error> {
    let settings = complete(show);
    // With one axis the effects say the same, and can be read.
    if settings.len() < 2 || varied.len() < 2 {
        return Ok(None);
    }
    let tenth = settings.len().div_ceil(10);
    let means = || settings.iter().filter_map(|setting| mean(setting));
    let mut axes: Vec<Axis> = varied.iter().map(|varied| varied.axis.clone()).collect();
    axes.push(Axis::around(objective(show), means()));
    for axis in &mut axes {
        axis.label = ending(&axis.label);
    }
    // The best is drawn last, and lies on top.
    let lines = settings.iter().enumerate().rev().map(|(rank, setting)| {
        let places = varied.iter().map(|varied| varied.place(&setting.overrides));
        ParallelLine {
            ink: ink(rank, tenth),
            places: places.chain([mean(setting)]).collect(),
        }
    });
    let key = key(show, &settings, tenth);
    let words: Vec<&str> = key.iter().map(|entry| entry.text.as_str()).collect();
    let chart = Parallel {
        title: "Parallel coordinates".into(),
        description: format!("A line for each setting. {}.", words.join("; ")),
        axes,
        lines: lines.collect(),
    };
    let drawn = chart.svg("parallel")?;
    Ok(Some(Section {
        id: "parallel",
        title: "Parallel coordinates",
        body: html! {
            div class="scroll wide" tabindex="0" role="region" aria-label="A line for each setting" {
                (with_key("Each line is a setting, its objective the mean over its seeds", &drawn, &key))
            }
        },
    }))
}

/// As much of the end of a label as has room above its axis: the effects have it whole.
fn ending(label: &str) -> String {
    const ROOM: usize = 17;
    let letters = label.chars().count();
    match letters > ROOM {
        true => "…"
            .chars()
            .chain(label.chars().skip(letters + 1 - ROOM))
            .collect(),
        false => label.into(),
    }
}

fn mean(setting: &SettingRecord) -> Option<f64> {
    setting.objective.map(|summary| summary.mean)
}

fn ink(rank: usize, tenth: usize) -> Ink {
    match rank {
        0 => Ink::Second,
        rank if rank < tenth => Ink::First,
        _ => Ink::Other,
    }
}

fn key(show: &ShowRecord, settings: &[&SettingRecord], tenth: usize) -> Vec<KeyEntry> {
    let shown = |setting: Option<&&SettingRecord>| {
        let mean = setting.and_then(|setting| mean(setting));
        mean.map(number::float).unwrap_or_default()
    };
    let entry = |ink, text| KeyEntry { ink, text };
    let best = settings.first().map_or("", |best| best.name.as_str());
    let mut key = vec![entry(
        Ink::Second,
        format!("best: {best}, {}", shown(settings.first())),
    )];
    if tenth > 1 {
        let text = format!(
            "best tenth: {tenth} settings, down to {}",
            shown(settings.get(tenth - 1))
        );
        key.push(entry(Ink::First, text));
    }
    let others = settings.len() - tenth;
    let missing = show.settings.len() - settings.len();
    let left_out = match missing {
        0 => String::new(),
        missing => format!(", and {missing} without an objective that are not drawn"),
    };
    let text = format!(
        "{others} more, the last at {}{left_out}",
        shown(settings.last())
    );
    key.push(entry(Ink::Other, text));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_label_keeps_its_end_and_shows_that_it_was_cut() {
        assert_eq!(ending("penalties"), "penalties");
        assert_eq!(ending("classifier.subsample.stays"), "….subsample.stays");
    }
}
