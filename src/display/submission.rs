//! Runs that were submitted, for people.

use std::fmt::Write as _;

use crate::display::table::{Align, Table};
use crate::submission::log::tail;
use crate::submission::record::Submission;
use crate::submission::standing::StageState;
use crate::submission::subject::Subject;
use crate::terminal::style::{Style, Tone};
use pipeline_cluster::{End, JobRecord};
use pipeline_error::listed::counted;

/// What was submitted, and what is next.
pub fn submitted(
    run: &str,
    before: &[StageState],
    jobs: &[(JobRecord, String)],
    goes_on: Option<&str>,
) -> String {
    let mut text = String::new();
    if !jobs.is_empty() {
        let mut table = Table::new(&[
            ("job", Align::Right),
            ("name", Align::Left),
            ("tasks", Align::Right),
            ("stages", Align::Right),
        ]);
        for (job, id) in jobs {
            table.push(vec![
                id.as_str().into(),
                job.name.as_str().into(),
                job.tasks.len().to_string().into(),
                job.tasks
                    .iter()
                    .map(Vec::len)
                    .sum::<usize>()
                    .to_string()
                    .into(),
            ]);
        }
        text += &table.render(Style::stdout());
        text.push('\n');
    }
    let count = |is: fn(&StageState) -> bool| before.iter().filter(|state| is(state)).count();
    let stages = |(job, _): &(JobRecord, String)| job.tasks.iter().map(Vec::len).sum::<usize>();
    let new: usize = jobs.iter().map(stages).sum();
    let done = count(|state| *state == StageState::Done);
    let _ = writeln!(
        text,
        "run {run}: {}, {done} done, {new} submitted",
        counted(before.len(), "stage")
    );
    if let Some(id) = goes_on {
        let _ = writeln!(text, "job {id} goes on submitting");
    }
    let _ = writeln!(
        text,
        "`pipeline watch {run}` shows how it goes; nothing has to stay running here"
    );
    text
}

/// How a stage stands, in a few words.
pub fn state(state: &StageState) -> (String, Tone) {
    match state {
        StageState::Done => ("done".into(), Tone::Good),
        StageState::Queued(reason) => (format!("queued ({reason})"), Tone::Plain),
        StageState::Runs(node) => (format!("runs on {node}"), Tone::Strong),
        StageState::Ended { end, node, .. } if node.is_empty() => (end.shown().into(), Tone::Bad),
        StageState::Ended { end, node, .. } => (format!("{} on {node}", end.shown()), Tone::Bad),
        StageState::Unknown => ("not heard of".into(), Tone::Notice),
        StageState::Open => ("not submitted".into(), Tone::Faint),
    }
}

/// Of each stage whose task is over and which is not done, where it ran, why it ended, and the end of its log.
pub fn failures(
    subject: &Subject,
    submission: &Submission,
    standing: &[StageState],
    style: Style,
) -> Vec<String> {
    let stages = subject.surveyed.iter().zip(standing);
    let failed = stages.filter_map(|(stage, standing)| match standing {
        StageState::Ended { end, task, why, .. } if *end != End::Cancelled => {
            let name = &stage.planned.name;
            let (words, tone) = state(standing);
            let mut text = format!("{} stage `{name}` {words}\n", style.paint(tone, "×"));
            if let Some(why) = why {
                let _ = writeln!(text, "  {why}");
            }
            let job = submission.ledger.job(task.0)?;
            let log = submission.log(job, &task.1.to_string());
            let _ = writeln!(text, "  {}:", log.display());
            for line in tail(&log).unwrap_or_else(|error| vec![error.to_string()]) {
                let _ = writeln!(text, "  │ {line}");
            }
            Some(text)
        }
        _ => None,
    });
    failed.collect()
}
