//! `pipeline watch RUN`: how the stages of a submitted run stand; with `--serve`, a page of any other run.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::arguments::{Format, StoreArguments};
use crate::commands::watch_serve::{self, Watch};
use crate::display::submission as display;
use crate::display::table::{Align, Cell, Table};
use crate::interrupt;
use crate::records::submission::{StageStanding, WatchRecord, WatchStatus};
use crate::submission::note;
use crate::submission::record::Submission;
use crate::submission::slurm;
use crate::submission::standing::{StageState, Watcher, changed, stages};
use crate::submission::subject::{Failed, Subject};
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{stderr, stdout};
use pipeline_cluster::{JobRecord, QueueRow, TaskState};
use pipeline_error::Error;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub struct WatchArguments {
    /// The run's id, or the beginning of it [default with --serve: the latest that was not submitted]
    #[arg(value_name = "RUN", required_unless_present = "serve")]
    run: Option<String>,

    /// Serve a page of any run but a submitted one to browsers on this machine; port 0: any that is free
    #[arg(long, value_name = "127.0.0.1:PORT")]
    serve: Option<String>,

    #[command(flatten)]
    store: StoreArguments,

    /// Show the current state, and end
    #[arg(long, conflicts_with = "serve")]
    once: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human, conflicts_with = "serve")]
    format: Format,
}

/// Tells what changes until nothing more can come; ends with 3 if not all is done then.
pub fn execute(arguments: &WatchArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let run = arguments.run.as_deref();
    if let Some(address) = &arguments.serve {
        let watch = Watch::at(
            address,
            run.map(str::to_string),
            arguments.store.store.clone(),
        )?;
        return watch_serve::execute(&watch);
    }
    let store = arguments.store.open()?;
    let mut submission = Submission::open(&store, run.unwrap_or_default())?;
    // Relative paths of a recipe begin there.
    let folder = submission.asked.folder.clone();
    std::env::set_current_dir(&folder).map_err(|error| Error::file(&folder, error))?;
    let selection = submission.asked.selection(store.root());
    let interrupted = interrupt::listen();
    let mut watcher = Watcher::default();
    let mut told: Vec<(String, StageState)> = Vec::new();
    let mut asked: Option<Instant> = None;
    let mut rows: Vec<QueueRow> = Vec::new();
    let every = Duration::from_secs(submission.asked.cluster.poll_seconds.into());
    loop {
        submission.reread()?;
        let subject = Subject::open(&selection, &store, Failed::Passed)?;
        let mut is_new = false;
        if asked.is_none_or(|then| then.elapsed() >= every) {
            asked = Some(Instant::now());
            match slurm::queue() {
                Ok(found) => (rows, is_new) = (found, true),
                Err(error @ Error::Usage { .. }) => return Err(error),
                Err(error) => verbosity.note(&format!("{error}; asking again")),
            }
        }
        // A `submit` that was killed did not write down all ids; this does not write.
        for entry in submission.ledger.adopted(&rows) {
            submission.ledger.add(entry);
        }
        let tasks = watcher.tasks(&submission, &rows, is_new, store.patience());
        let standing = stages(&subject, Some(&submission), &tasks);
        let names = subject
            .surveyed
            .iter()
            .map(|stage| stage.planned.name.clone());
        let now: Vec<(String, StageState)> = names.zip(standing.iter().cloned()).collect();
        tell(&told, &now, verbosity);
        told = now;
        // A job that goes on submitting may make more of it.
        let goes_on = tasks.iter().any(|(id, task)| {
            let job = submission.ledger.job(id.0);
            job.is_some_and(JobRecord::goes_on)
                && matches!(task.state, TaskState::Queued(_) | TaskState::Runs(_))
        });
        let all = standing.iter().all(|state| *state == StageState::Done) && !subject.goes_on;
        let lives = !all && (goes_on || standing.iter().any(StageState::lives));
        if all || (is_new && (!lives || arguments.once)) {
            return end(arguments.format, &subject, &submission, &standing, lives);
        }
        thread::sleep(LOOK.min(every));
        if interrupted.load(Ordering::Relaxed) {
            verbosity.note("the jobs go on; watch again at any time");
            return Err(Error::Interrupted);
        }
    }
}

fn tell(before: &[(String, StageState)], now: &[(String, StageState)], verbosity: Verbosity) {
    if verbosity == Verbosity::Quiet {
        return;
    }
    let style = Style::stderr();
    for (name, state) in now {
        if !before
            .iter()
            .any(|(known, then)| known == name && then == state)
        {
            let (words, tone) = display::state(state);
            stderr::print(&format!("{name} {}\n", style.paint(tone, &words)));
        }
    }
}

fn end(
    format: Format,
    subject: &Subject,
    submission: &Submission,
    standing: &[StageState],
    lives: bool,
) -> Result<ExitCode, Error> {
    let is_open = |state: &&StageState| **state != StageState::Done;
    let open = standing.iter().filter(is_open).count();
    let status = match lives {
        true => WatchStatus::Running,
        false if open == 0 && !subject.goes_on => WatchStatus::Done,
        false => WatchStatus::Stopped,
    };
    match format {
        Format::Json => stdout::print_json(&WatchRecord {
            run: submission.run.clone(),
            status,
            more_rungs: subject.goes_on,
            stages: StageStanding::all(subject, Some(submission), standing),
        })?,
        Format::Human => stdout::print(&table(subject, standing).render(Style::stdout()))?,
    }
    for failure in display::failures(subject, submission, standing, Style::stderr()) {
        stderr::print(&failure);
    }
    match status {
        WatchStatus::Running | WatchStatus::Done => Ok(ExitCode::SUCCESS),
        WatchStatus::Stopped => Err(stopped(subject, submission, standing, open)),
    }
}

/// Why nothing more comes.
fn stopped(
    subject: &Subject,
    submission: &Submission,
    standing: &[StageState],
    open: usize,
) -> Error {
    let run = &submission.run;
    if let changed @ [first, ..] = changed(subject, submission, standing).as_slice() {
        return Error::stage(format!(
            "run {run}: {} of {} stages are not here as they were submitted, the first of them is `{first}`",
            changed.len(),
            standing.len()
        ))
        .with_hint(
            "the recipe, a variable of the environment or the program has changed: watch as it was submitted, or \
             `pipeline submit` it as it is now",
        );
    }
    let declined = submission.ledger.goes_on();
    let declined = declined.and_then(|job| note::read(&submission.note(job.job, 0))?.declined);
    let declined = declined.map(|why| format!("; the job that goes on submitting left it: {why}"));
    Error::stage(format!(
        "run {run}: {open} of {} stages are not done, and nothing of them is queued{}",
        standing.len(),
        declined.unwrap_or_default()
    ))
    .with_hint("`pipeline submit` with the same recipe goes on from here")
}

fn table(subject: &Subject, standing: &[StageState]) -> Table {
    let mut table = Table::new(&[("stage", Align::Left), ("state", Align::Left)]);
    for (stage, standing) in subject.surveyed.iter().zip(standing) {
        let (words, tone) = display::state(standing);
        table.push(vec![
            stage.planned.name.as_str().into(),
            Cell::new(words, tone),
        ]);
    }
    table
}
