//! `pipeline submit RECIPE`: what is out of date as jobs of Slurm.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::arguments::ExperimentArguments;
use crate::display::submission as display;
use crate::experiment::tell_of_exposure;
use crate::interrupt;
use crate::submission::asked::Asked;
use crate::submission::job_script::{dependency, script};
use crate::submission::record::Submission;
use crate::submission::step::{By, Planned, Step, Stepped};
use crate::submission::subject::Subject;
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
}

/// Submits what is missing: the first time, and whenever something went wrong.
pub fn execute(arguments: SubmitArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let selection = arguments.experiment.validate()?;
    let cluster = arguments.cluster.as_deref();
    let cluster = cluster.map_or_else(|| Ok(Cluster::default()), Cluster::load)?;
    let asked = Asked::here(&selection, cluster)?;
    let store = Store::open(&selection.store)?;
    let subject = Subject::open(&selection, &store, None)?;
    subject.check_times(&asked)?;
    tell_of_exposure(&subject.exposure, verbosity);
    let interrupted = interrupt::listen();
    let step = Step {
        subject: &subject,
        store: &store,
        by: By::User,
        verbosity,
        interrupted,
    };
    if arguments.dry_run {
        return dry_run(&step, &store, asked);
    }
    let mut stages = subject.surveyed.iter();
    if stages.all(|stage| stage.planned.status == PlannedStatus::Cached) {
        stdout::print("everything is up to date\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut submission = match Submission::find(&store, &asked)? {
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
    let stepped = step.take(&mut submission);
    held.remove();
    let Stepped {
        submitted,
        before,
        goes_on,
    } = stepped?;
    for failure in display::failures(&subject, &submission, &before, Style::stderr()) {
        stderr::print(&failure);
    }
    let text = display::submitted(&submission.run, &before, &submitted, goes_on.as_deref());
    stdout::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn dry_run(step: &Step, store: &Store, asked: Asked) -> Result<ExitCode, Error> {
    let mut submission = Submission::imagined(store, asked);
    let Planned { drafts, rest } = step.would(&submission.asked.cluster);
    let mut names: Vec<String> = Vec::new();
    for draft in &drafts {
        let job = step.job(&submission, draft);
        let ids: Vec<String> = names.iter().map(|name| format!("ID({name})")).collect();
        let dependency = dependency(&draft.after, |at| ids.get(at).map(String::as_str));
        stdout::print(&format!(
            "{}\n",
            script(store, &submission, &job, &dependency)
        ))?;
        names.push(job.name.clone());
        submission.ledger.add(Entry::Job(job));
    }
    if rest {
        stdout::print("# A small job submits the rest as soon as the queue has room for it.\n")?;
    }
    Ok(ExitCode::SUCCESS)
}
