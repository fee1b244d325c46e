//! A cluster that is none: commands of Slurm that write down what they are told, and a test that runs the jobs.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::document::{digests, repository};
use crate::harness::Test;

/// Two stages of some milliseconds.
pub const RECIPE: &str = r#"
format = 1
name = "two"
[resources.command]
mem = "1G"
[stages.first]
kind = "command"
run = "echo one > a"
outputs = { a = "a" }
resources = { cpus = 2, time = "1h" }
[stages.second]
kind = "command"
run = "cat {inputs.a} {inputs.a} > b"
inputs = { a = { stage = "first", artifact = "a" } }
outputs = { b = "b" }
"#;

pub const CLUSTER: &str = "format = 1\npartition = 'main'\npoll_seconds = 1\n";

/// A recipe and a cluster that is none.
pub struct Slurm {
    /// The recipe and its folder.
    pub test: Test,
}

impl Slurm {
    pub fn new(recipe: &str, cluster: &str) -> Self {
        let test = Test::new()
            .recipe(recipe)
            .file("cluster.toml", cluster)
            .file("slurm/jobs/.keep", "");
        let path = std::env::var("PATH").unwrap_or_default();
        let fake = repository("tests/slurm/fake");
        let state = test.folder().join("slurm");
        let test = test
            .env("PATH", &format!("{fake}:{path}"))
            .env("FAKE_SLURM", &state.to_string_lossy())
            .env("FAKE_PROGRAM", env!("CARGO_BIN_EXE_pipeline"))
            .env("PIPELINE_CLUSTER", "cluster.toml");
        Self { test }
    }

    pub fn submit(&mut self) -> crate::harness::Outcome {
        self.test.run_with(["submit", "recipe.toml"])
    }

    pub fn state(&self) -> PathBuf {
        self.test.folder().join("slurm")
    }

    /// Ids of all jobs, in order.
    pub fn jobs(&self) -> Vec<u32> {
        let jobs = fs::read_dir(self.state().join("jobs")).expect("jobs");
        let names = jobs.map(|job| job.expect("a job").file_name());
        let mut ids: Vec<u32> = names
            .filter_map(|name| name.to_str()?.parse().ok())
            .collect();
        ids.sort_unstable();
        ids
    }

    pub fn job(&self, id: u32) -> PathBuf {
        self.state().join("jobs").join(id.to_string())
    }

    pub fn script(&self, id: u32) -> String {
        fs::read_to_string(self.job(id).join("script")).expect("a script")
    }

    /// What follows `#SBATCH --OPTION=` in a job's script.
    pub fn option(&self, id: u32, option: &str) -> String {
        let start = format!("#SBATCH --{option}=");
        let script = self.script(id);
        let line = script.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_default().to_string()
    }

    /// Names of jobs without the run.
    pub fn names(&self) -> Vec<String> {
        let name = |id| {
            let name = self.option(id, "job-name");
            name.splitn(3, '-').nth(2).unwrap_or_default().to_string()
        };
        self.jobs().into_iter().map(name).collect()
    }

    pub fn run(&self) -> String {
        let name = self.option(self.jobs()[0], "job-name");
        name.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
    }

    /// Indices of a job's tasks.
    pub fn tasks(&self, id: u32) -> Vec<u32> {
        let array = self.option(id, "array");
        let last = array
            .strip_prefix("0-")
            .map_or(0, |last| last.parse().expect("a number"));
        (0..=last).collect()
    }

    /// A task's state: `PENDING`.
    pub fn state_of_task(&self, id: u32, index: u32) -> String {
        let text =
            fs::read_to_string(self.job(id).join(format!("{index}.state"))).expect("a state");
        text.split('|').next().unwrap_or_default().to_string()
    }

    /// The state of a job that is no array.
    pub fn state_of(&self, id: u32) -> String {
        self.state_of_task(id, 0)
    }

    pub fn put_task(&self, id: u32, index: u32, state: &str) {
        let path = self.job(id).join(format!("{index}.state"));
        fs::write(path, format!("{state}|n1|None\n")).expect("a state");
    }

    /// What it waited for failed: it had no node.
    fn drop_task(&self, id: u32, index: u32) {
        let path = self.job(id).join(format!("{index}.state"));
        fs::write(path, "CANCELLED||Dependency\n").expect("a state");
    }

    pub fn put(&self, id: u32, state: &str) {
        self.put_task(id, 0, state);
    }

    /// Starts the script of a job that is no array.
    pub fn start(&self, id: u32) -> Child {
        self.start_task(id, 0)
    }

    /// Starts a task of a job.
    pub fn start_task(&self, id: u32, index: u32) -> Child {
        let log = self.option(id, "output").replace("%a", &index.to_string());
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log");
        let mut command = Command::new("bash");
        command
            .arg(self.job(id).join("script"))
            .envs(
                self.test
                    .command()
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("SLURM_JOB_ID", id.to_string())
            .env("SLURMD_NODENAME", "n1")
            .current_dir(self.test.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        if !self.option(id, "array").is_empty() {
            command.env("SLURM_ARRAY_TASK_ID", index.to_string());
        }
        command.spawn().expect("bash")
    }

    /// Runs what can run until nothing can.
    pub fn drain(&self) {
        loop {
            let mut ran = false;
            let jobs = self.jobs().into_iter();
            let tasks = jobs.flat_map(|id| self.tasks(id).into_iter().map(move |task| (id, task)));
            for (id, index) in tasks.collect::<Vec<_>>() {
                if self.state_of_task(id, index) != "PENDING" {
                    continue;
                }
                let Some(allowed) = self.allows(id, index) else {
                    continue;
                };
                ran = true;
                if !allowed {
                    self.drop_task(id, index);
                    continue;
                }
                self.run_task(id, index);
            }
            if !ran {
                return;
            }
        }
    }

    /// Runs a task until it ends, whatever it waits for.
    pub fn run_task(&self, id: u32, index: u32) {
        self.put_task(id, index, "RUNNING");
        let status = self.start_task(id, index).wait().expect("it ends");
        let ended = if status.success() {
            "COMPLETED"
        } else {
            "FAILED"
        };
        self.put_task(id, index, ended);
    }

    /// Whether a task's dependency holds; none while it is open.
    fn allows(&self, id: u32, index: u32) -> Option<bool> {
        let dependency = self.option(id, "dependency");
        let mut all = true;
        for part in dependency.split(',').filter(|part| !part.is_empty()) {
            let (kind, ids) = part.split_once(':').expect("a kind and ids");
            for of in ids.split(':') {
                let (of, task) = of.split_once('_').map_or((of, None), |(of, task)| {
                    (of, Some(task.parse().expect("an index")))
                });
                let of = of.parse().expect("an id");
                let tasks = match (task, kind) {
                    (Some(task), _) => vec![task],
                    (None, "aftercorr") => vec![index],
                    (None, _) => self.tasks(of),
                };
                for task in tasks {
                    match self.state_of_task(of, task).as_str() {
                        "PENDING" | "RUNNING" => return None,
                        "COMPLETED" => {}
                        _ => all = all && kind == "afterany",
                    }
                }
            }
        }
        Some(all)
    }

    pub fn watch(&mut self) -> crate::harness::Outcome {
        let run = self.run();
        self.test.run_with(["watch", &run])
    }

    /// What `run` finds in the store: everything, and to the same bytes as in a fresh one.
    pub fn is_done(&mut self, recipe: &str) {
        let found = self
            .test
            .run_with(["run", "recipe.toml", "--format", "json"])
            .success();
        assert!(!found.stdout.contains("\"executed\""), "{found}");
        let mut fresh = Test::new().recipe(recipe);
        let expected = fresh
            .run_with(["run", "recipe.toml", "--format", "json"])
            .success();
        assert_eq!(digests(&found.json()), digests(&expected.json()));
    }
}
