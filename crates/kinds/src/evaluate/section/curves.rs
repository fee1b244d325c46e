//! The curves of an evaluation.

use maud::{Markup, html};

use crate::evaluate::evaluation::{Evaluation, EvaluationCurves, ScoreSummary};
use pipeline_error::Error;
use pipeline_metrics::{BandPoint, CalibrationBin, CurveSet};
use pipeline_page::chart::{Axis, Chart, Ink, Layer, Scale};
use pipeline_page::figure::{KeyEntry, figure};
use pipeline_page::number;

/// The curves that are drawn into one picture, with what their key says of them.
struct Drawn<'a> {
    ink: Ink,
    name: &'static str,
    set: &'a CurveSet,
}

pub fn figures(
    position: usize,
    evaluation: &Evaluation,
    curves: &EvaluationCurves,
) -> Result<Markup, Error> {
    let drawn: Vec<Drawn> = [
        (Ink::First, "model", &curves.model),
        (Ink::Second, "baseline", &curves.baseline),
        (Ink::Third, "recalibrated", &curves.recalibrated),
    ]
    .into_iter()
    .filter_map(|(ink, name, set)| {
        let set = set.as_ref()?;
        Some(Drawn { ink, name, set })
    })
    .collect();
    if drawn.is_empty() {
        return Ok(html! {});
    }
    let id = |name: &str| format!("s{position}-{name}");
    let roc = roc(&drawn, evaluation, &id("roc"))?;
    let precision_recall = precision_recall(&drawn, evaluation, &id("precision-recall"))?;
    let calibration = calibration(&drawn, evaluation, &id("calibration"))?;
    let decision = decision(&drawn, &id("decision"))?;
    Ok(html! {
        h4 { "Curves" }
        @if curves.model.as_ref().is_some_and(|model| !model.roc_band.is_empty()) {
            p { "Bands hold " (number::percent(curves.level)) " of the resamples at each place by itself." }
        }
        div class="figures" { (roc) (precision_recall) (calibration) (decision) }
    })
}

/// A metric of what is drawn, with its interval.
fn measured(evaluation: &Evaluation, drawn: &str, metric: &str) -> String {
    let of = |scores: &ScoreSummary| {
        (
            scores.value(metric),
            number::range(scores.intervals.get(metric)),
        )
    };
    let (value, range) = match drawn {
        "baseline" => evaluation
            .baseline
            .as_ref()
            .map(|report| of(&report.scores)),
        "recalibrated" => evaluation
            .recalibrated
            .as_ref()
            .map(|report| of(&report.scores)),
        _ => {
            let value = match metric {
                "auroc" => evaluation.auroc,
                "average_precision" => evaluation.average_precision,
                _ => evaluation.calibration_slope,
            };
            Some((value, number::range(evaluation.intervals.get(metric))))
        }
    }
    .unwrap_or((None, None));
    match (value, range) {
        (None, _) => "undefined".into(),
        (Some(value), None) => number::float(value),
        (Some(value), Some(range)) => format!("{} ({range})", number::float(value)),
    }
}

fn key(drawn: &[Drawn], evaluation: &Evaluation, metric: &str, title: &str) -> Vec<KeyEntry> {
    let entries = drawn.iter().map(|drawn| KeyEntry {
        ink: drawn.ink,
        text: format!(
            "{}: {title} {}",
            drawn.name,
            measured(evaluation, drawn.name, metric)
        ),
    });
    entries.collect()
}

fn reference(text: &str) -> KeyEntry {
    KeyEntry {
        ink: Ink::Reference,
        text: text.into(),
    }
}

/// What a key says, for those who do not see the picture.
fn in_words(key: &[KeyEntry]) -> String {
    let texts: Vec<&str> = key.iter().map(|entry| entry.text.as_str()).collect();
    texts.join("; ") + "."
}

fn band(ink: Ink, points: &[BandPoint]) -> Layer {
    let points = points.iter().filter_map(|point| {
        let interval = point.interval?;
        Some((point.at, interval.lower, interval.upper))
    });
    Layer::band(ink, points.collect())
}

/// Bands of the model alone: several would hide each other.
fn with_bands(drawn: &[Drawn], band_of: impl Fn(&CurveSet) -> &[BandPoint]) -> Vec<Layer> {
    let model = drawn.iter().filter(|drawn| drawn.name == "model");
    model
        .map(|model| band(model.ink, band_of(model.set)))
        .collect()
}

fn roc(drawn: &[Drawn], evaluation: &Evaluation, id: &str) -> Result<Markup, Error> {
    let mut key = key(drawn, evaluation, "auroc", "AUROC");
    let mut layers = with_bands(drawn, |set| &set.roc_band);
    layers.push(Layer::line(Ink::Reference, vec![(0.0, 0.0), (1.0, 1.0)]));
    for Drawn { ink, set, name } in drawn.iter().rev() {
        // A recalibration keeps the order of the stays, and so the curve.
        if *name != "recalibrated" {
            let points = set.roc.iter();
            let points = points.map(|at| (at.false_positive_rate, at.sensitivity));
            layers.push(Layer::line(*ink, points.collect()));
        }
    }
    key.retain(|entry| entry.ink != Ink::Third);
    key.push(reference("chance: AUROC 0.5"));
    let chart = Chart {
        title: "Receiver operating characteristic".into(),
        description: format!("Sensitivity by false positive rate. {}", in_words(&key)),
        x: Axis::share("1 − specificity"),
        y: Axis::share("sensitivity"),
        layers,
    };
    figure(&chart, id, &key)
}

fn precision_recall(drawn: &[Drawn], evaluation: &Evaluation, id: &str) -> Result<Markup, Error> {
    let mut key = key(drawn, evaluation, "average_precision", "average precision");
    let mut layers = with_bands(drawn, |set| &set.precision_recall_band);
    let chance = evaluation.prevalence;
    layers.push(Layer::line(
        Ink::Reference,
        vec![(0.0, chance), (1.0, chance)],
    ));
    for Drawn { ink, set, name } in drawn.iter().rev() {
        if *name != "recalibrated" {
            let points = set.precision_recall.iter();
            let points = points.map(|at| (at.recall, at.precision));
            layers.push(Layer::line(*ink, points.collect()));
        }
    }
    key.retain(|entry| entry.ink != Ink::Third);
    key.push(reference(&format!(
        "chance: prevalence {}",
        number::float(chance)
    )));
    let chart = Chart {
        title: "Precision and recall".into(),
        description: format!("Precision by recall. {}", in_words(&key)),
        x: Axis::share("recall"),
        y: Axis::share("precision"),
        layers,
    };
    figure(&chart, id, &key)
}

fn calibration(drawn: &[Drawn], evaluation: &Evaluation, id: &str) -> Result<Markup, Error> {
    let mut key = key(drawn, evaluation, "calibration_slope", "slope");
    let mut layers = with_bands(drawn, |set| &set.calibration_band);
    layers.push(Layer::line(Ink::Reference, vec![(0.0, 0.0), (1.0, 1.0)]));
    let point = |bin: &CalibrationBin| Some((bin.mean_probability?, bin.observed?));
    for Drawn { ink, set, .. } in drawn.iter().rev() {
        let points: Vec<(f64, f64)> = set.calibration.iter().filter_map(point).collect();
        layers.push(Layer::line(*ink, points.clone()));
        layers.push(Layer::points(*ink, points));
    }
    key.push(reference("perfect: slope 1"));
    let bins = drawn.first().map(|first| first.set.calibration.iter());
    let bins = bins.into_iter().flatten().filter_map(|bin| {
        let (mean, observed) = point(bin)?;
        Some(format!("of {} stays at {mean:.2} {observed:.2}", bin.n))
    });
    let bins: Vec<String> = bins.collect();
    let chart = Chart {
        title: "Calibration".into(),
        description: format!(
            "Share of positives by mean probability, in bins of a tenth. {} Observed: {}.",
            in_words(&key),
            bins.join(", ")
        ),
        x: Axis::share("mean probability"),
        y: Axis::share("share of positives"),
        layers,
    };
    figure(&chart, id, &key)
}

fn decision(drawn: &[Drawn], id: &str) -> Result<Markup, Error> {
    const TOLD: [f64; 3] = [0.1, 0.2, 0.5];
    let mut layers = with_bands(drawn, |set| &set.decision_band);
    let mut key = Vec::new();
    for Drawn { ink, set, .. } in drawn.iter().rev() {
        let points = set.decision.iter().map(|at| (at.threshold, at.model));
        layers.push(Layer::line(*ink, points.collect()));
    }
    for Drawn { ink, set, name } in drawn {
        let told = TOLD.iter().filter_map(|told| {
            let mut points = set.decision.iter();
            let point = points.find(|point| (point.threshold - told).abs() < 1e-9)?;
            Some(format!("{} at {told}", number::float(point.model)))
        });
        let told: Vec<String> = told.collect();
        key.push(KeyEntry {
            ink: *ink,
            text: format!("{name}: {}", told.join(", ")),
        });
    }
    let all = drawn.first().map(|first| first.set.decision.iter());
    let all = all.into_iter().flatten();
    let all: Vec<(f64, f64)> = all.map(|at| (at.threshold, at.treat_all)).collect();
    let highest = drawn.iter().flat_map(|drawn| &drawn.set.decision);
    let highest = highest.map(|at| at.model).fold(0.0, f64::max);
    let highest = all
        .iter()
        .map(|(_, benefit)| *benefit)
        .fold(highest, f64::max);
    let low = -0.25 * highest.max(0.04);
    // Acting falls without bound: only what is near no action is of interest.
    layers.insert(1.min(layers.len()), Layer::line(Ink::Reference, all));
    key.push(reference("acting on everyone; on no one: 0"));
    let layers = layers.into_iter();
    let layers = layers.flat_map(|layer| layer.pieces_above(low)).collect();
    let chart = Chart {
        title: "Decision curve".into(),
        description: format!("Net benefit by threshold. {}", in_words(&key)),
        x: Axis::share("threshold probability"),
        y: Axis {
            label: "net benefit".into(),
            range: low..highest.max(0.04) * 1.08,
            scale: Scale::Linear,
        },
        layers,
    };
    figure(&chart, id, &key)
}
