//! The first screen: how it ended, what was measured and how that stands, what is to be known of it, when and by whom.

use maud::{Markup, html};

use super::super::gathered::{Gathered, GatheredStage, StageResult, StageState};
use super::with_code;
use pipeline_kinds::diagnose::diagnosis::Verdict;
use pipeline_kinds::evaluate::evaluation::Evaluation;
use pipeline_kinds::evaluate::{Headline, Standing};
use pipeline_page::document::Section;
use pipeline_page::number;
use pipeline_runner::history::MakingRun;

/// Warnings of one stage that are shown; more of them say the same of other epochs.
const MOST_WARNINGS: usize = 4;

pub fn section(gathered: &Gathered) -> Section {
    Section {
        id: "summary",
        title: "Summary",
        body: html! {
            @if let Some(description) = gathered.description() {
                p class="lead" { (description) }
            }
            (outcome(gathered))
            @for (_, stage, result) in gathered.results() {
                @if let Some(evaluation) = &result.read.evaluation {
                    (measured(&stage.name, &Headline::of(evaluation), evaluation.subjects, Some(evaluation)))
                }
                @if let Some(evaluation) = &result.read.target_evaluation {
                    (measured(&stage.name, &Headline::of_target(evaluation), evaluation.subjects, None))
                }
            }
            (to_be_known(gathered))
            (facts(gathered))
        },
    }
}

fn outcome(gathered: &Gathered) -> Markup {
    let (stages, done) = (gathered.stages.len(), gathered.results().count());
    let failed = gathered
        .stages
        .iter()
        .filter(|stage| stage.failure().is_some());
    let failed: Vec<&str> = failed.map(|stage| stage.name.as_str()).collect();
    html! {
        @if done == stages {
            p { span class="good" { "Done" } ": all " (stages) " stages are up to date." }
        } @else {
            p {
                span class="bad" { @if failed.is_empty() { "Incomplete" } @else { "Failed" } }
                ": " (done) " of " (stages) " stages are up to date"
                @if !failed.is_empty() { "; " (failed.join(", ")) " failed" }
                "; " a href="#stages" { "why" } "."
            }
        }
    }
}

/// The main metric, the simple model's, and how they differ; other metrics behind.
fn measured(
    stage: &str,
    headline: &Headline,
    subjects: usize,
    evaluation: Option<&Evaluation>,
) -> Markup {
    html! {
        h3 {
            (stage) ": " (headline.n) " stays of the " (headline.split.name()) " split"
            @if let Some(positives) = headline.positives { ", " (positives) " positive" }
        }
        ul class="tiles" {
            (tile(headline.title, &headline.shown(), number::range(headline.interval.as_ref()), None))
            @if let Some(baseline) = &headline.baseline {
                (tile(
                    &format!("Baseline, {}", baseline.model),
                    &baseline.value.map_or("undefined".into(), number::float),
                    None,
                    None,
                ))
                @if let Some(difference) = baseline.difference {
                    (tile(
                        "Difference from the baseline",
                        &number::signed(difference),
                        baseline.interval.as_ref().map(number::signed_range),
                        Some(class(baseline.standing)),
                    ))
                }
            }
            @if let Some(evaluation) = evaluation { (others(evaluation)) }
        }
        p {
            @match &headline.baseline {
                None => { span class="notice" { "No baseline" } " was asked for: nothing says how good a simple model is." },
                Some(baseline) => {
                    "By " (headline.title) ", "
                    @match baseline.standing {
                        Standing::Better | Standing::Worse => "the model is ",
                        Standing::Alike => "there is ",
                        Standing::Untold => "",
                    }
                    span class={ "word " (class(baseline.standing)) } { (baseline.standing.words()) } "."
                },
            }
            @if headline.bootstrap.resamples > 0 && subjects > 1 {
                " Intervals hold " (number::percent(headline.bootstrap.level)) " of "
                (headline.bootstrap.resamples) " resamples of the subjects."
            }
            @if let Some(left_out) = headline.left_out() { " " (left_out) "." }
        }
        @if let Some(word) = &headline.calibration {
            p { span class="notice" { "Calibration" } ": " (with_code(word)) "." }
        }
    }
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Better => "good",
        Standing::Worse => "bad",
        Standing::Alike | Standing::Untold => "notice",
    }
}

fn tile(name: &str, value: &str, range: Option<String>, tone: Option<&str>) -> Markup {
    html! {
        li {
            span class="name" { (name) }
            span class={ "value " (tone.unwrap_or_default()) } { (value) }
            @if let Some(range) = range { span class="range" { (range) } }
        }
    }
}

fn others(evaluation: &Evaluation) -> Markup {
    let others = [
        (
            "Average precision",
            "average_precision",
            evaluation.average_precision,
        ),
        ("Brier score", "brier", evaluation.brier),
        (
            "Calibration slope",
            "calibration_slope",
            evaluation.calibration_slope,
        ),
    ];
    html! {
        @for (title, name, value) in others {
            @if let Some(value) = value {
                (tile(title, &number::float(value), number::range(evaluation.intervals.get(name)), None))
            }
        }
    }
}

/// Something that a reader of the numbers has to know.
struct Remark {
    class: &'static str,
    verdict: &'static str,
    name: String,
    what: String,
}

/// Faults and warnings by name: of diagnoses, of evaluations, and what stages said when they ran.
fn to_be_known(gathered: &Gathered) -> Markup {
    let mut remarks: Vec<Remark> = Vec::new();
    for stage in &gathered.stages {
        if let Some(result) = stage.result() {
            remarks.extend(of_results(stage, result));
        }
        if let Some(failure) = stage.failure() {
            remarks.push(Remark {
                class: "bad",
                verdict: "failed",
                name: stage.name.clone(),
                what: failure.lines().next().unwrap_or_default().into(),
            });
        }
        remarks.extend(said(gathered, stage));
    }
    // The gravest first.
    remarks.sort_by_key(|remark| remark.class != "bad");
    let diagnosed = gathered
        .results()
        .any(|(_, _, result)| result.read.diagnosis.is_some());
    html! {
        @if !remarks.is_empty() {
            h3 { "Findings and warnings" }
            ul class="remarks" {
                @for remark in &remarks {
                    li {
                        span class=(remark.class) { (remark.verdict) } " "
                        strong { (remark.name) } ": " (with_code(&remark.what))
                    }
                }
            }
        } @else if diagnosed {
            p { "The diagnosis found " span class="good" { "nothing wrong" } ", and no stage warned." }
        }
    }
}

fn of_results(stage: &GatheredStage, result: &StageResult) -> Vec<Remark> {
    let findings = result
        .read
        .diagnosis
        .iter()
        .flat_map(|diagnosis| &diagnosis.findings);
    let findings = findings.filter(|finding| finding.verdict != Verdict::Ok);
    let findings = findings.map(|finding| Remark {
        class: if finding.verdict == Verdict::Fault {
            "bad"
        } else {
            "notice"
        },
        verdict: finding.verdict.name(),
        name: format!("{} {}", stage.name, finding.name),
        what: finding.what.clone(),
    });
    let (read, none) = (&result.read, Vec::new());
    let caveats = (read
        .evaluation
        .as_ref()
        .map(|evaluation| &evaluation.caveats))
    .or(read
        .target_evaluation
        .as_ref()
        .map(|evaluation| &evaluation.caveats))
    .unwrap_or(&none);
    let caveats = caveats.iter().map(|caveat| warning(&stage.name, caveat));
    findings.chain(caveats).collect()
}

fn warning(stage: &str, what: &str) -> Remark {
    Remark {
        class: "notice",
        verdict: "warning",
        name: stage.into(),
        what: what.strip_prefix(WARNING).unwrap_or(what).into(),
    }
}

/// What a note begins with that is a warning.
const WARNING: &str = "warning: ";

/// What a stage warned of when it ran.
fn said(gathered: &Gathered, stage: &GatheredStage) -> Vec<Remark> {
    let run = gathered
        .runs
        .iter()
        .find(|run| Some(run.run.as_str()) == stage.run());
    let notes = run.into_iter().flat_map(|run| &run.notes);
    let lines = notes.filter(|(name, line)| *name == stage.name && line.starts_with(WARNING));
    let mut lines: Vec<&str> = lines.map(|(_, line)| line.as_str()).collect();
    let known = match &stage.state {
        StageState::UpToDate(result) => of_results(stage, result),
        StageState::OutOfDate { .. } => Vec::new(),
    };
    lines.retain(|line| {
        !known
            .iter()
            .any(|remark| line.ends_with(remark.what.as_str()))
    });
    lines.dedup();
    let more = lines.len().saturating_sub(MOST_WARNINGS);
    let mut remarks: Vec<Remark> = (lines.iter().take(MOST_WARNINGS))
        .map(|line| warning(&stage.name, line))
        .collect();
    if more > 0 {
        remarks.push(warning(
            &stage.name,
            &format!("{more} more are in the run's events"),
        ));
    }
    remarks
}

/// When, from which sources, by whom, on what.
fn facts(gathered: &Gathered) -> Markup {
    let latest: Option<&MakingRun> = gathered.runs.last();
    let revision = gathered
        .runs
        .iter()
        .rev()
        .find_map(|run| run.revision.as_ref());
    html! {
        dl class="facts" {
            @if let Some(run) = latest {
                dt { "Last run" }
                dd { (run.started.strftime("%F %R UTC")) ", " code { (run.run) } }
            }
            @if let Some(revision) = revision {
                dt { "Commit" }
                dd {
                    code { (revision.commit.chars().take(12).collect::<String>()) }
                    @if revision.modified { " with changes that were not committed" }
                }
            }
            @if !gathered.authors().is_empty() {
                dt { @if gathered.authors().len() == 1 { "Author" } @else { "Authors" } }
                dd { (gathered.authors().join(", ")) }
            }
            @if let Some(environment) = latest.and_then(|run| run.environment.as_ref()) {
                dt { "Made with" }
                dd { "pipeline " (environment.versions.pipeline) " on " (environment.device) }
            }
        }
    }
}
