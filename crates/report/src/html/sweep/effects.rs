use maud::{Markup, html};

use super::varied::Varied;
use super::{complete, objective};
use pipeline_error::Error;
use pipeline_page::chart::{Axis, Chart, Ink, Layer};
use pipeline_page::document::Section;
use pipeline_page::figure::{KeyEntry, figure};
use pipeline_page::number;
use pipeline_page::together;
use pipeline_runner::sweep::record::{SettingRecord, ShowRecord, Summary};

/// The objective by each value of what is varied, the others left as they fall; none without two settings.
pub fn section(show: &ShowRecord, varied: &[Varied]) -> Result<Option<Section>, Error> {
    let settings = complete(show);
    if settings.len() < 2 || varied.is_empty() {
        return Ok(None);
    }
    let figures = varied.iter().enumerate();
    let figures = figures.map(|(position, varied)| effect(show, &settings, varied, position));
    let figures = figures.collect::<Result<Vec<Markup>, Error>>()?;
    Ok(Some(Section {
        id: "effects",
        title: "Effects",
        body: html! {
            @if varied.len() > 1 {
                p {
                    "Each point is a setting. A mean over the settings of one value is its effect only where "
                    "the other values are alike, as in a grid."
                }
            }
            div class="figures" { (together(figures)) }
        },
    }))
}

fn effect(
    show: &ShowRecord,
    settings: &[&SettingRecord],
    varied: &Varied,
    position: usize,
) -> Result<Markup, Error> {
    let points: Vec<(f64, f64)> = (settings.iter())
        .filter_map(|setting| Some((varied.place(&setting.overrides)?, setting.objective?.mean)))
        .collect();
    let mut layers = vec![Layer::points(Ink::Other, points.clone())];
    let mut key = vec![KeyEntry {
        ink: Ink::Other,
        text: format!("{} settings", points.len()),
    }];
    if varied.is_named() {
        let means: Vec<(f64, Summary)> = (varied.places().into_iter())
            .filter_map(|place| Some((place, Summary::of(&at(&points, place))?)))
            .collect();
        let line: Vec<(f64, f64)> = means
            .iter()
            .map(|(place, all)| (*place, all.mean))
            .collect();
        layers.push(Layer::line(Ink::First, line.clone()));
        layers.push(Layer::points(Ink::First, line));
        let told = means.iter().map(|(place, all)| {
            format!(
                "{} at {}",
                number::float(all.mean),
                varied.axis.tick(*place)
            )
        });
        key.push(KeyEntry {
            ink: Ink::First,
            text: format!("mean: {}", told.collect::<Vec<_>>().join(", ")),
        });
    }
    let words: Vec<&str> = key.iter().map(|entry| entry.text.as_str()).collect();
    let chart = Chart {
        title: varied.axis.label.clone(),
        description: format!(
            "{} by {}. {}.",
            objective(show),
            varied.axis.label,
            words.join("; ")
        ),
        x: varied.axis.clone(),
        y: Axis::around(objective(show), points.iter().map(|(_, y)| *y)),
        layers,
    };
    figure(&chart, &format!("effect-{position}"), &key)
}

fn at(points: &[(f64, f64)], place: f64) -> Vec<f64> {
    let here = points.iter().filter(|(at, _)| *at == place);
    here.map(|(_, objective)| *objective).collect()
}
