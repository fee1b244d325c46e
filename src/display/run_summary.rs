//! How a run ended, for people.

use crate::display::evaluation_tables;
use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_error::{Code, Error};
use pipeline_kinds::evaluate::{Headline, Standing};
use pipeline_page::number;
use pipeline_runner::record::{RunRecord, StageRecord, StageStatus};

/// Metrics that come first in a stage's row.
const MAIN: [&str; 14] = [
    "source_stays",
    "train.stays",
    "train.positives",
    "validation.stays",
    "test.stays",
    "loaded",
    "new",
    "best_epoch",
    "penalty",
    "validation_loss",
    "validation_auroc",
    "validation_average_precision",
    "validation_reconstruction",
    "validation_kl",
];

/// Evaluations that are told in words; a table has them all.
const MOST_HEADLINES: usize = 6;

/// Metrics shown in a stage's row; the record has them all.
const METRICS_IN_A_ROW: usize = 4;

/// The stages, then the evaluations, then what they come to. Where everything lies is told to those who ask for more.
pub fn render(run: &RunRecord, style: Style) -> String {
    let mut blocks = vec![stages(run, style)];
    blocks.extend(evaluation_tables::render(run, style));
    blocks.extend(headlines(run, style));
    blocks.join("\n")
}

/// Failures that `error`, which ends the run, does not tell of: `--keep-going` can have several.
pub fn other_failures(run: &RunRecord, error: &Error) -> Vec<Error> {
    let told = error.to_string();
    run.stages
        .iter()
        .filter(|stage| stage.status == StageStatus::Failed && !was_interrupted(stage))
        .filter_map(|stage| Some((stage, stage.error.as_deref()?)))
        .filter(|(stage, _)| !told.starts_with(&in_stage(stage, "")))
        .map(|(stage, message)| failure(stage, message))
        .collect()
}

/// The failure of a stage, from its record.
fn failure(stage: &StageRecord, message: &str) -> Error {
    let error = match message.split_once("\nhint: ") {
        Some((message, hint)) => Error::stage(in_stage(stage, message)).with_hint(hint),
        None => Error::stage(in_stage(stage, message)),
    };
    let name = stage.error_name.as_deref();
    match name.and_then(Code::of_name) {
        Some(code) => error.coded(code),
        None => error,
    }
}

/// Whether the stage was asked to stop, which is no fault of its own.
pub fn was_interrupted(stage: &StageRecord) -> bool {
    stage.error.as_deref() == Some(Error::Interrupted.to_string().as_str())
}

fn in_stage(stage: &StageRecord, message: &str) -> String {
    format!("stage `{}`: {message}", stage.name)
}

fn stages(run: &RunRecord, style: Style) -> String {
    let mut table = Table::new(&[
        ("stage", Align::Left),
        ("kind", Align::Left),
        ("status", Align::Left),
        ("seconds", Align::Right),
        ("metrics", Align::Left),
    ])
    .yielding(&["metrics", "seconds", "kind"]);
    for stage in &run.stages {
        let seconds = match stage.status {
            StageStatus::Skipped => String::new(),
            _ => format!("{:.2}", stage.seconds),
        };
        table.push(vec![
            stage.name.as_str().into(),
            stage.kind.as_str().into(),
            status(stage),
            seconds.into(),
            Cell::new(metrics(stage), Tone::Faint),
        ]);
    }
    table.render(style)
}

fn status(stage: &StageRecord) -> Cell {
    match stage.status {
        StageStatus::Executed => Cell::new("executed", Tone::Good),
        StageStatus::Cached => Cell::new("cached", Tone::Faint),
        StageStatus::Failed if was_interrupted(stage) => Cell::new("interrupted", Tone::Notice),
        StageStatus::Failed => Cell::new("failed", Tone::Bad),
        StageStatus::Skipped => Cell::new("skipped", Tone::Notice),
    }
}

fn metrics(stage: &StageRecord) -> String {
    let main = MAIN.iter();
    let main = main.filter_map(|name| stage.metrics.get_key_value(*name));
    let others = stage.metrics.iter();
    let others = others.filter(|(name, _)| !MAIN.contains(&name.as_str()));
    let texts: Vec<String> = main
        .chain(others)
        .filter(|(name, _)| !evaluation_tables::has(stage, name))
        .filter_map(|(name, value)| Some(format!("{name} {}", number::metric(value)?)))
        .take(METRICS_IN_A_ROW)
        .collect();
    texts.join(" · ")
}

/// What each evaluation says first: the main metric, where it lies, and how it stands beside the baseline.
fn headlines(run: &RunRecord, style: Style) -> Option<String> {
    let measured = run.stages.iter().filter_map(|stage| {
        let metrics = stage
            .outputs
            .get("metrics")
            .filter(|_| stage.kind == "evaluate")?;
        // The run has its results, whatever has become of the file since.
        Some((stage, Headline::read(&metrics.path).ok()?))
    });
    let lines: Vec<String> = measured
        .take(MOST_HEADLINES)
        .map(|(stage, headline)| headline_lines(&stage.name, &headline, style))
        .collect();
    (!lines.is_empty()).then(|| lines.concat())
}

fn headline_lines(stage: &str, headline: &Headline, style: Style) -> String {
    let level = number::percent(headline.bootstrap.level);
    let lies = |range: Option<String>| {
        range.map_or(String::new(), |range| format!(", {level} interval {range}"))
    };
    let value = style.paint(Tone::Strong, &headline.shown());
    let mut lines = vec![format!(
        "{} {value}{}",
        headline.title,
        lies(number::range(headline.interval.as_ref()))
    )];
    lines.extend(headline.left_out());
    if let Some(baseline) = &headline.baseline {
        let tone = match baseline.standing {
            Standing::Better => Tone::Good,
            Standing::Worse => Tone::Bad,
            Standing::Alike | Standing::Untold => Tone::Notice,
        };
        let value = baseline.value.map_or("undefined".into(), number::float);
        lines.push(format!("baseline {value} ({})", baseline.model));
        if let Some(difference) = baseline.difference {
            let range = baseline.interval.as_ref().map(number::signed_range);
            let difference = number::signed(difference);
            lines.push(format!("difference {difference}{}", lies(range)));
        }
        lines.push(style.paint(tone, baseline.standing.words()));
    }
    if let Some(word) = &headline.calibration {
        lines.push(format!("{} {word}", style.paint(Tone::Warning, "warning:")));
    }
    let indent = " ".repeat(stage.chars().count());
    let lines = lines.iter().enumerate();
    let lines = lines.map(|(index, line)| match index {
        0 => format!("{}  {line}\n", style.paint(Tone::Strong, stage)),
        _ => format!("{indent}  {line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::terminal::diagnostic;
    use pipeline_data::dataset::Split;
    use pipeline_kinds::evaluate::BesideBaseline;
    use pipeline_metrics::{BootstrapSettings, Interval};
    use pipeline_runner::record::{OutputRecord, RunStatus};

    fn stage(
        name: &str,
        kind: &str,
        status: StageStatus,
        metrics: &[(&str, Value)],
    ) -> StageRecord {
        let metrics = metrics.iter().map(|(n, v)| (n.to_string(), v.clone()));
        StageRecord {
            name: name.into(),
            kind: kind.into(),
            status,
            key: None,
            seconds: 1.234,
            outputs: BTreeMap::new(),
            metrics: metrics.collect(),
            error: None,
            error_name: None,
        }
    }

    fn run(stages: Vec<StageRecord>) -> RunRecord {
        RunRecord {
            run: "1".into(),
            recipe: "demo".into(),
            status: RunStatus::Done,
            stages,
            lock: None,
        }
    }

    #[test]
    fn a_run_shows_stages_and_evaluations_and_no_paths() {
        let mut events = stage(
            "events",
            "data",
            StageStatus::Cached,
            &[("stays", json!(40))],
        );
        events.outputs.insert(
            "stays".into(),
            OutputRecord {
                digest: "ab12".into(),
                bytes: 3,
                path: ".pipeline/blobs/v1/ab/ab12".into(),
            },
        );
        let metrics = [
            ("auroc", json!(0.81234)),
            ("average_precision", json!(null)),
            ("brier", json!(0.1)),
            ("n", json!(20)),
            ("positives", json!(3)),
            ("recall", json!(0.5)),
        ];
        let test = stage("test", "evaluate", StageStatus::Executed, &metrics);
        let expected = "\
stage   kind      status    seconds  metrics
events  data      cached       1.23  stays 40
test    evaluate  executed     1.23  recall 0.5000

evaluation   AUROC  average precision   Brier   n  positives
test        0.8123          undefined  0.1000  20          3
";
        assert_eq!(render(&run(vec![events, test]), Style::PLAIN), expected);
    }

    #[test]
    fn an_evaluation_of_numbers_has_a_table_of_its_own() {
        let metrics = [
            ("bias", json!(0.25)),
            ("mae", json!(1.5)),
            ("n", json!(20)),
            ("r2", json!(null)),
            ("rmse", json!(2.25)),
        ];
        let los = stage("los", "evaluate", StageStatus::Executed, &metrics);
        let classes = [
            ("auroc", json!(0.75)),
            ("average_precision", json!(0.5)),
            ("brier", json!(0.1)),
            ("n", json!(20)),
            ("positives", json!(3)),
        ];
        let died = stage("died", "evaluate", StageStatus::Cached, &classes);
        let expected = "\
stage  kind      status    seconds  metrics
los    evaluate  executed     1.23  bias 0.2500
died   evaluate  cached       1.23

evaluation   AUROC  average precision   Brier   n  positives
died        0.7500             0.5000  0.1000  20          3

evaluation     MAE    RMSE         R²   n
los         1.5000  2.2500  undefined  20
";
        assert_eq!(render(&run(vec![los, died]), Style::PLAIN), expected);
    }

    #[test]
    fn an_evaluation_is_told_in_words_with_its_baseline_and_its_calibration() {
        let interval = |lower, upper| {
            Some(Interval {
                lower,
                upper,
                undefined: 0,
            })
        };
        let headline = Headline {
            metric: "auroc",
            title: "AUROC",
            value: Some(0.695),
            undefined: None,
            interval: interval(0.65, 0.74),
            bootstrap: BootstrapSettings::default(),
            baseline: Some(BesideBaseline {
                model: "logistic regression",
                value: Some(0.863),
                difference: Some(-0.168),
                interval: interval(-0.2, -0.13),
                standing: Standing::Worse,
            }),
            calibration: Some("calibration slope 48.5160".into()),
            n: 400,
            positives: Some(56),
            split: Split::Test,
        };
        let expected = "\
test  AUROC 0.6950, 95 % interval 0.6500 to 0.7400
      baseline 0.8630 (logistic regression)
      difference -0.1680, 95 % interval -0.2000 to -0.1300
      worse than the baseline
      warning: calibration slope 48.5160
";
        assert_eq!(headline_lines("test", &headline, Style::PLAIN), expected);
    }

    #[test]
    fn a_row_shows_the_main_metrics_first_and_not_all_of_them() {
        let metrics = [
            ("a", json!(1)),
            ("b", json!([1, 2])),
            ("best_epoch", json!(2)),
            ("c", json!(3)),
            ("d", json!(4)),
            ("validation_loss", json!(0.25)),
        ];
        let stage = stage("pretrain", "pretrain", StageStatus::Executed, &metrics);
        let text = super::metrics(&stage);
        assert_eq!(text, "best_epoch 2 · validation_loss 0.2500 · a 1 · c 3");
    }

    #[test]
    fn a_failed_run_shows_no_evaluation_that_never_was() {
        let failed = stage("pretrain", "pretrain", StageStatus::Failed, &[]);
        let skipped = stage("test", "evaluate", StageStatus::Skipped, &[]);
        let expected = "\
stage     kind      status   seconds  metrics
pretrain  pretrain  failed      1.23
test      evaluate  skipped
";
        assert_eq!(render(&run(vec![failed, skipped]), Style::PLAIN), expected);
    }

    #[test]
    fn failures_beside_the_one_that_ends_the_run_are_told_too() {
        let mut first = stage("a", "data", StageStatus::Failed, &[]);
        first.error = Some("no such file".into());
        let mut second = stage("b", "data", StageStatus::Failed, &[]);
        second.error = Some("bad row\nhint: mend it".into());
        second.error_name = Some("invalid-number".into());
        let mut third = stage("c", "data", StageStatus::Failed, &[]);
        third.error = Some("interrupted".into());
        let error = Error::stage("stage `a`: no such file");
        let others = other_failures(&run(vec![first, second, third]), &error);
        let texts: Vec<String> = others
            .iter()
            .map(|e| diagnostic::render(e, Style::PLAIN))
            .collect();
        let expected = "\
error: stage `b`: bad row
hint: mend it
note: pipeline help error invalid-number
";
        assert_eq!(texts, [expected]);
    }
}
