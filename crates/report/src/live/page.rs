use jiff::Timestamp;
use maud::{Markup, html};

use crate::html::with_code;

use super::{LiveProgress, LiveRun, LiveStage, LiveState, seconds};
use pipeline_error::Error;
use pipeline_kinds::evaluate::{Headline, Standing};
use pipeline_page::document::{Section, document_with};
use pipeline_page::number;
use pipeline_page::table::{Table, text};
use pipeline_page::together;
use pipeline_runner::history::{PastRun, PastStatus};
use pipeline_runner::record::{StageRecord, StageStatus};

/// What `/live.js` is: it puts what has changed into the page, so that a reader keeps the place.
pub const SCRIPT: &str = include_str!("live.js");

/// Seconds after which a page without scripts loads itself anew.
const EVERY: u32 = 3;
/// A run that says nothing for so long has perhaps ended without a word.
const SILENCE: f64 = 120.0;
/// Runs that are linked.
const MOST_RUNS: usize = 20;

/// The page of a run, with links to others of the same store; none: there is no run yet. `now` is the time that it is read.
pub fn live_page(
    live: Option<&LiveRun>,
    runs: &[PastRun],
    now: Timestamp,
) -> Result<String, Error> {
    let goes_on = live.is_none_or(LiveRun::may_go_on);
    let mut sections = Vec::new();
    let title = match live {
        None => "No run yet".to_string(),
        Some(live) => live
            .run
            .recipe
            .clone()
            .unwrap_or_else(|| live.run.run.clone()),
    };
    sections.push(Section {
        id: "state",
        title: "State",
        body: html! {
            p id="stale" class="notice" role="status" hidden { "The program does not answer: this is what it last said." }
            @match live {
                None => p { "This store has no run. The page shows the first one when it begins." },
                Some(live) => (state(live, now)),
            }
        },
    });
    if let Some(live) = live {
        sections.push(stages(live, now));
        sections.extend(losses(live)?);
        sections.extend(said(live));
    }
    sections.extend(others(runs, live));
    let head = html! {
        @if goes_on {
            noscript { meta http-equiv="refresh" content=(EVERY); }
            script src="/live.js" defer {}
        }
    };
    Ok(document_with(&title, &head, &sections).into_string())
}

fn state(live: &LiveRun, now: Timestamp) -> Markup {
    let run = &live.run;
    let ended = live
        .stages
        .iter()
        .filter(|stage| matches!(stage.state, LiveState::Ended(_)));
    let took = run.seconds.unwrap_or_else(|| seconds(run.started, now));
    let silent = live
        .heard
        .map(|heard| seconds(heard, now))
        .filter(|_| live.may_go_on());
    html! {
        p data-live[live.may_go_on()] {
            @match run.status {
                PastStatus::Done => span class="good" { "Done" },
                PastStatus::Failed => span class="bad" { "Failed" },
                PastStatus::Interrupted => span class="notice" { "Interrupted" },
                PastStatus::Unfinished => span class="word" { "Running" },
            }
            ": " (ended.count()) " of " (live.stages.len()) " stages have ended, "
            @if live.may_go_on() { (number::elapsed(took.max(0.0) as u64)) " so far" } @else { "in " (number::duration(took)) }
            ". Run " code { (run.run) } ", started " (run.started.strftime("%F %T UTC")) "."
        }
        @if let Some(silent) = silent.filter(|silent| *silent > SILENCE) {
            p {
                span class="notice" { "Silent" } " for " (number::duration(silent))
                ": a stage that says nothing, or a run that was ended from outside."
            }
        }
        @if !run.set.is_empty() {
            p { "Set: " @for change in &run.set { code { (change) } " " } }
        }
        @for stage in &live.stages {
            @if let Some(headline) = &stage.headline { (measured(&stage.name, headline)) }
        }
    }
}

fn measured(stage: &str, headline: &Headline) -> Markup {
    let range = number::range(headline.interval.as_ref());
    html! {
        p {
            strong { (stage) } ": " (headline.title) " " strong { (headline.shown()) }
            @if let Some(range) = range { " (" (range) ")" }
            @if let Some(baseline) = &headline.baseline {
                ", baseline " (baseline.value.map_or("undefined".into(), number::float))
                @if let Some(difference) = baseline.difference { ", difference " (number::signed(difference)) }
                ": "
                @match baseline.standing {
                    Standing::Better => span class="good word" { (baseline.standing.words()) },
                    Standing::Worse => span class="bad word" { (baseline.standing.words()) },
                    Standing::Alike | Standing::Untold => span class="notice word" { (baseline.standing.words()) },
                }
            }
            "."
        }
        @if let Some(word) = &headline.calibration {
            p { span class="notice" { "Calibration" } ": " (with_code(word)) "." }
        }
    }
}

fn stages(live: &LiveRun, now: Timestamp) -> Section {
    let titles = [
        "stage",
        "status",
        "how far",
        "left",
        "rate",
        "time",
        "kind",
        "last said",
    ];
    let caption = "Stages in the order in which they run";
    let mut table = Table::new(caption, &titles, &["left", "rate", "time"]);
    for stage in &live.stages {
        let (status, time) = status(&stage.state, now);
        let running = matches!(stage.state, LiveState::Running(_));
        let progress = stage.progress.as_ref().filter(|_| running);
        let [how_far, left, rate, said] = match progress {
            Some(progress) => of_progress(&stage.name, progress),
            None => [text(""), text(""), text(""), ended(stage)],
        };
        let kind = text(stage.kind.as_deref().unwrap_or_default());
        table.push(vec![
            text(&stage.name),
            status,
            how_far,
            left,
            rate,
            text(time),
            kind,
            said,
        ]);
    }
    Section {
        id: "stages",
        title: "Stages",
        body: table.unfolded(),
    }
}

fn of_progress(stage: &str, progress: &LiveProgress) -> [Markup; 4] {
    let LiveProgress {
        done, total, unit, ..
    } = progress;
    let rate = progress.rate.map(|rate| format!("{rate:.1} {unit}/s"));
    [
        html! {
            progress value=(done) max=(total.max(&1)) aria-label={ "How far " (stage) " is" } {}
            " " (done) "/" (total) " " (unit)
        },
        text(progress.left().map(number::duration).unwrap_or_default()),
        text(rate.unwrap_or_default()),
        text(&progress.message),
    ]
}

/// What a stage that has ended says: why it failed, or its first numbers.
fn ended(stage: &LiveStage) -> Markup {
    let LiveState::Ended(record) = &stage.state else {
        return text("");
    };
    match &record.error {
        Some(error) => html! { code class="verbatim" { (error) } },
        None => text(numbers(record)),
    }
}

/// The numbers that a stage is known by.
fn numbers(record: &StageRecord) -> String {
    const KNOWN: [&str; 6] = [
        "best_epoch",
        "validation_loss",
        "validation_auroc",
        "train.stays",
        "auroc",
        "average_precision",
    ];
    let known = KNOWN.iter().filter_map(|name| {
        let value = number::metric(record.metrics.get(*name)?)?;
        Some(format!("{} {value}", name.replace(['_', '.'], " ")))
    });
    known.collect::<Vec<_>>().join(" · ")
}

fn status(state: &LiveState, now: Timestamp) -> (Markup, String) {
    match state {
        LiveState::Planned => (html! { span class="muted" { "to come" } }, String::new()),
        LiveState::Waiting(holder) => {
            let waiting = html! { span class="notice word" { "waiting for " (holder) } };
            (waiting, String::new())
        }
        LiveState::Running(since) => {
            let time = number::elapsed(seconds(*since, now).max(0.0) as u64);
            (html! { strong { "running" } }, time)
        }
        LiveState::Ended(record) => {
            let (class, word) = match record.status {
                StageStatus::Executed => ("good", "executed"),
                StageStatus::Cached => ("good", "cached"),
                StageStatus::Failed => ("bad", "failed"),
                StageStatus::Skipped => ("notice", "skipped"),
            };
            let time = match record.status {
                StageStatus::Skipped => String::new(),
                _ => number::duration(record.seconds),
            };
            (html! { span class=(class) { (word) } }, time)
        }
    }
}

/// Pictures of the numbers that stages tell of on the way.
fn losses(live: &LiveRun) -> Result<Option<Section>, Error> {
    let mut parts = Vec::new();
    for (position, stage) in live.stages.iter().enumerate() {
        let pictures = stage
            .course
            .pictures(&stage.name, &format!("s{position}"))?;
        if !pictures.is_empty() {
            parts.push(html! {
                h3 { (stage.name) }
                div class="figures" { (together(pictures)) }
            });
        }
    }
    Ok((!parts.is_empty()).then(|| Section {
        id: "losses",
        title: "Losses",
        body: together(parts),
    }))
}

/// Warnings, then all that was said, folded.
fn said(live: &LiveRun) -> Option<Section> {
    let warnings = live.stages.iter().flat_map(|stage| {
        let name = &stage.name;
        stage.warnings().map(move |line| (name, line))
    });
    let warnings: Vec<_> = warnings.collect();
    let notes: Vec<&LiveStage> = live
        .stages
        .iter()
        .filter(|stage| !stage.notes.is_empty())
        .collect();
    (!notes.is_empty()).then(|| Section {
        id: "said",
        title: "Warnings and notes",
        body: html! {
            @if warnings.is_empty() {
                p { span class="good" { "No warning" } "." }
            } @else {
                ul class="remarks" {
                    @for (stage, line) in &warnings {
                        li { span class="notice" { "warning" } " " strong { (stage) } ": " (with_code(line)) }
                    }
                }
            }
            details {
                summary { "All notes" }
                @for stage in &notes {
                    h3 { (stage.name) }
                    ul class="remarks" { @for note in &stage.notes { li { (with_code(note)) } } }
                }
            }
        },
    })
}

fn others(runs: &[PastRun], live: Option<&LiveRun>) -> Option<Section> {
    let shown = live.map(|live| live.run.run.as_str());
    let mut table = Table::new(
        "The latest runs of this store",
        &["run", "recipe", "status", "time"],
        &["time"],
    );
    for run in runs.iter().take(MOST_RUNS) {
        table.push(vec![
            match Some(run.run.as_str()) == shown {
                true => html! { span aria-current="page" { (run.run) } },
                false => html! { a href={ "/runs/" (run.run) } { (run.run) } },
            },
            text(run.recipe.as_deref().unwrap_or_default()),
            text(run.status.name()),
            text(run.seconds.map(number::duration).unwrap_or_default()),
        ]);
    }
    (!runs.is_empty()).then(|| Section {
        id: "runs",
        title: "Runs",
        body: table.unfolded(),
    })
}
