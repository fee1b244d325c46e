//! What `sbatch` is given for a job: its script, and what it waits for.

use std::path::PathBuf;

use super::record::Submission;
use pipeline_cluster::{After, JobRecord, Script};
use pipeline_store::Store;

/// As `sbatch` takes it; of what is not submitted yet `id` says the id.
pub fn dependency<'a>(after: &[After], id: impl Fn(usize) -> Option<&'a str>) -> String {
    let (mut well, mut each) = (Vec::new(), Vec::new());
    for one in after {
        match one {
            After::Living(id) => well.push(id.clone()),
            After::All(at) => well.extend(id(*at).map(str::to_string)),
            After::Each(at) => each.extend(id(*at).map(str::to_string)),
        }
    }
    let kinds = [("afterok", well), ("aftercorr", each)];
    let stated = kinds.iter().filter(|(_, ids)| !ids.is_empty());
    let stated: Vec<String> = stated
        .map(|(kind, ids)| format!("{kind}:{}", ids.join(":")))
        .collect();
    stated.join(",")
}

/// The script of a job, whose dependency is stated.
pub fn script(store: &Store, submission: &Submission, job: &JobRecord, dependency: &str) -> String {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let cluster = &submission.asked.cluster;
    let root = text(store.root().into());
    let program = std::env::current_exe().unwrap_or_else(|_| "pipeline".into());
    let mut command = vec![
        text(program),
        "worker".into(),
        "--store".into(),
        root.clone(),
    ];
    command.push(submission.run.clone());
    command.push(job.job.to_string());
    let index = if job.tasks.len() > 1 { "%a" } else { "0" };
    // `%` begins what Slurm puts in.
    let log = text(submission.log(job, "INDEX")).replace('%', "%%");
    let log = log
        .strip_suffix("INDEX.log")
        .map(|log| format!("{log}{index}.log"));
    Script {
        cluster,
        name: &job.name,
        resources: job.resources,
        tasks: job.tasks.len(),
        dependency,
        folder: &text(submission.asked.folder.clone()),
        binds: &[root],
        log: &log.unwrap_or_default(),
        command: &command,
    }
    .text()
}
