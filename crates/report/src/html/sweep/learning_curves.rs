use maud::{Markup, html};

use pipeline_error::Error;
use pipeline_page::chart::{Axis, Chart, Ink, Layer, Scale};
use pipeline_page::document::Section;
use pipeline_page::figure::{KeyEntry, figure};
use pipeline_page::number;
use pipeline_page::together;
use pipeline_runner::sweep::learning_curve::{LearningCurve, LearningPoint};
use pipeline_runner::sweep::record::{ShowRecord, Summary};

/// Metrics by the number of training stays, with their spread over the draws; none where nothing varies it.
pub fn section(show: &ShowRecord) -> Result<Option<Section>, Error> {
    let curves = show.learning_curves();
    let figures = curves.iter().enumerate();
    let figures = figures.map(|(position, curve)| draw(curve, position));
    let figures = figures.collect::<Result<Vec<Markup>, Error>>()?;
    Ok((!figures.is_empty()).then(|| Section {
        id: "labels",
        title: "Labels",
        body: html! {
            p {
                "Each point is a mean over draws of the training stays; the band is a standard deviation to each side. "
                "The baseline was fitted to the same stays."
            }
            div class="figures" { (together(figures)) }
        },
    }))
}

fn draw(curve: &LearningCurve, position: usize) -> Result<Markup, Error> {
    let place = |point: &LearningPoint| match curve.counts() {
        true => point.stays.log10(),
        false => point.stays,
    };
    let of = |summary: fn(&LearningPoint) -> Option<Summary>| -> Vec<(f64, Summary)> {
        let points = curve.points.iter();
        let points = points.filter_map(|point| Some((place(point), summary(point)?)));
        points.collect()
    };
    let lines = [
        (Ink::Second, "baseline", of(|point| point.baseline)),
        (Ink::First, "model", of(|point| Some(point.model))),
    ];
    let (mut layers, mut key) = (Vec::new(), Vec::new());
    for (ink, name, points) in lines.iter().filter(|(.., points)| !points.is_empty()) {
        let line: Vec<(f64, f64)> = points.iter().map(|(at, all)| (*at, all.mean)).collect();
        let band = points.iter().map(|(at, all)| (*at, low(all), high(all)));
        layers.push(Layer::band(*ink, band.collect()));
        layers.push(Layer::line(*ink, line.clone()));
        layers.push(Layer::points(*ink, line));
        key.push(KeyEntry {
            ink: *ink,
            text: format!("{name}: {}", told(curve, points.iter().map(|(_, all)| all))),
        });
    }
    key.reverse();
    let words: Vec<&str> = key.iter().map(|entry| entry.text.as_str()).collect();
    let metric = curve.metric.replace('_', " ");
    let others = curve.others.iter();
    let others = others.map(|(path, value)| format!(", {path} = {}", number::value(value)));
    let title = format!("{} {metric}{}", curve.stage, others.collect::<String>());
    let ends = || lines.iter().flat_map(|(.., points)| points.iter());
    let (label, scale) = match curve.counts() {
        true => ("training stays", Scale::Logarithmic),
        false => ("share of the training stays", Scale::Linear),
    };
    let chart = Chart {
        description: format!("{title} by {label}. {}.", words.join("; ")),
        title,
        x: Axis {
            scale,
            ..Axis::around(label, curve.points.iter().map(place))
        },
        y: Axis::around(metric, ends().flat_map(|(_, all)| [low(all), high(all)])),
        layers,
    };
    figure(&chart, &format!("labels-{position}"), &key)
}

fn low(summary: &Summary) -> f64 {
    summary.mean - summary.std.unwrap_or(0.0)
}

fn high(summary: &Summary) -> f64 {
    summary.mean + summary.std.unwrap_or(0.0)
}

/// The means at the first and the last number of stays.
fn told<'a>(
    curve: &LearningCurve,
    mut means: impl DoubleEndedIterator<Item = &'a Summary>,
) -> String {
    let ends = [curve.points.first(), curve.points.last()];
    let [first, last] = ends.map(|point| point.map_or(0.0, |point| point.stays));
    let shown =
        |summary: Option<&Summary>| summary.map_or_else(String::new, |all| number::float(all.mean));
    let (low, high) = (shown(means.next()), shown(means.next_back()));
    format!("{low} at {first}, {high} at {last}")
}
