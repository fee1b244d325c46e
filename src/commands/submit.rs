//! `pipeline submit RECIPE`: what is out of date as jobs of Slurm.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::arguments::{ExperimentArguments, Format};
use crate::display::submission as display;
use crate::experiment::tell_of_exposure;
use crate::interrupt;
use crate::records::submission::{StageStanding, SubmitRecord, SubmittedJob};
use crate::submission::asked::Asked;
use crate::submission::job_script::{dependency, script};
use crate::submission::planning::Planned;
use crate::submission::record::Submission;
use crate::submission::slurm;
use crate::submission::standing::{StageState, stages};
use crate::submission::step::{By, Step, Stepped};
use crate::submission::subject::{Failed, Subject};
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{stderr, stdout};
use pipeline_cluster::{Cluster, Entry};
use pipeline_error::Error;
use pipeline_runner::record::{PlanRecord, PlannedStatus};
use pipeline_store::Store;

#[derive(Debug, Args)]
pub struct SubmitArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// How jobs are submitted here, a TOML file [default: the cluster's own defaults]
    #[arg(long, value_name = "FILE", env = "PIPELINE_CLUSTER")]
    cluster: Option<PathBuf>,

    /// Print the scripts of all jobs; submit nothing
    #[arg(long)]
    dry_run: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Submits what is missing: the first time, and whenever something went wrong.
pub fn execute(arguments: SubmitArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let selection = arguments.experiment.validate()?;
    let cluster = arguments.cluster.as_deref();
    let cluster = cluster.map_or_else(|| Ok(Cluster::default()), Cluster::load)?;
    let asked = Asked::here(&selection, cluster)?;
    let store = Store::open(&selection.store)?;
    let subject = Subject::open(&selection, &store, Failed::Retried)?;
    subject.check_times(&asked)?;
    tell_of_exposure(&subject.exposure, verbosity);
    let interrupted = interrupt::listen();
    let format = arguments.format;
    if arguments.dry_run {
        let step = Step::of(&subject, &store, By::User, verbosity, interrupted)?;
        return dry_run(&step, &store, asked, format);
    }
    if is_up_to_date(&subject) {
        match format {
            Format::Json => stdout::print_json(&SubmitRecord {
                run: None,
                stages: standing(&subject, None, None),
                jobs: Vec::new(),
                goes_on: None,
            })?,
            Format::Human => stdout::print("everything is up to date\n")?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    slurm::require()?;
    let found = Submission::find(&store, &asked)?;
    let is_known = found.is_some();
    let mut submission = match found {
        Some(mut submission) => {
            submission.ask(asked)?;
            submission
        }
        None => {
            let plan = PlanRecord::of(&subject.name, &subject.surveyed);
            Submission::new(&store, asked, subject.exposure.holds_environment, &plan)?
        }
    };
    let held = submission.hold(&store, interrupted, |holder| {
        verbosity.note(&format!(
            "waiting for {holder}, which submits jobs of this run"
        ));
    })?;
    let subject = match is_known {
        // Jobs, and whoever held it, have got further meanwhile.
        true => Subject::open(&selection, &store, Failed::Retried)?,
        false => subject,
    };
    let step = Step::of(&subject, &store, By::User, verbosity, interrupted)?;
    let stepped = step.take(&mut submission);
    held.remove();
    let Stepped {
        submitted,
        before,
        goes_on,
        ..
    } = stepped?;
    for failure in display::failures(&subject, &submission, &before, Style::stderr()) {
        stderr::print(&failure);
    }
    let run = &submission.run;
    match format {
        Format::Json => stdout::print_json(&SubmitRecord {
            run: Some(run.clone()),
            stages: standing(&subject, Some(&submission), Some(&before)),
            jobs: (submitted.iter())
                .map(|(job, id)| SubmittedJob::of(job, Some(id), None))
                .collect(),
            goes_on,
        })?,
        Format::Human => {
            let goes_on = goes_on.as_deref();
            stdout::print(&display::submitted(run, &before, &submitted, goes_on))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How the stages stand; where nobody asked the queue, by the store alone.
fn standing(
    subject: &Subject,
    submission: Option<&Submission>,
    known: Option<&[StageState]>,
) -> Vec<StageStanding> {
    match known {
        Some(known) => StageStanding::all(subject, submission, known),
        None => StageStanding::all(subject, None, &stages(subject, None, &BTreeMap::new())),
    }
}

fn is_up_to_date(subject: &Subject) -> bool {
    let mut stages = subject.surveyed.iter();
    stages.all(|stage| stage.planned.status == PlannedStatus::Cached)
}

fn dry_run(step: &Step, store: &Store, asked: Asked, format: Format) -> Result<ExitCode, Error> {
    let mut submission = Submission::imagined(store, asked);
    let Planned { drafts, rest } = step.would(&submission.asked.cluster);
    let mut jobs: Vec<SubmittedJob> = Vec::new();
    for draft in &drafts {
        let job = step.job(&submission, draft);
        let ids: Vec<String> = jobs.iter().map(|job| format!("ID({})", job.name)).collect();
        let dependency = dependency(&draft.after, |at| ids.get(at).map(String::as_str));
        let text = script(store, &submission, &job, &dependency);
        jobs.push(SubmittedJob::of(&job, None, Some(text)));
        submission.ledger.add(Entry::Job(job));
    }
    match format {
        Format::Json => stdout::print_json(&SubmitRecord {
            run: None,
            stages: standing(step.subject, None, None),
            jobs,
            goes_on: None,
        })?,
        Format::Human => {
            for script in jobs.iter().filter_map(|job| job.script.as_ref()) {
                stdout::print(&format!("{script}\n"))?;
            }
            if is_up_to_date(step.subject) {
                stdout::print("everything is up to date\n")?;
            }
            if rest {
                stdout::print(
                    "# A small job submits the rest as soon as the queue has room for it.\n",
                )?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
