//! How the probabilities lie.

use maud::{Markup, html};

use crate::evaluate::ProbabilityHistogram;
use pipeline_error::Error;
use pipeline_page::chart::{Axis, Chart, Ink, Layer, Scale};
use pipeline_page::figure::{KeyEntry, figure};
use pipeline_page::number;

/// The histograms of both outcomes in one picture.
pub fn part(position: usize, histogram: &ProbabilityHistogram) -> Result<Markup, Error> {
    let outcomes = [
        (1, Ink::Second, "with the outcome"),
        (0, Ink::First, "without it"),
    ];
    let (mut layers, mut key, mut highest) = (Vec::new(), Vec::new(), 0.0_f64);
    for (outcome, ink, name) in outcomes {
        let steps = histogram.steps(outcome);
        highest = steps
            .iter()
            .map(|(_, share)| *share)
            .fold(highest, f64::max);
        let area = steps.iter().map(|(at, share)| (*at, 0.0, *share));
        layers.insert(0, Layer::band(ink, area.collect()));
        layers.push(Layer::line(ink, steps));
        let stays = &histogram.stays[outcome];
        let (all, low): (u64, u64) = (stays.iter().sum(), stays[..stays.len() / 2].iter().sum());
        let share = number::percent(low as f64 / all.max(1) as f64);
        key.push(KeyEntry {
            ink,
            text: format!("{all} stays {name}: {share} of them below 0.5"),
        });
    }
    let words: Vec<&str> = key.iter().map(|entry| entry.text.as_str()).collect();
    let chart = Chart {
        title: "Predicted probabilities, by outcome".into(),
        description: format!(
            "Share of the stays of each outcome by probability. {}.",
            words.join("; ")
        ),
        x: Axis::share("predicted probability"),
        y: Axis {
            label: "share of the outcome's stays".into(),
            range: 0.0..(highest * 1.05).max(0.05),
            scale: Scale::Linear,
        },
        layers,
    };
    let picture = figure(&chart, &format!("s{position}-probabilities"), &key)?;
    Ok(html! { div class="figures" { (picture) } })
}
