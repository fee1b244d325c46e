//! Issue 22: stages as jobs of Slurm, without Slurm. `tests/slurm/fake` has its commands, which write down what they
//! are told; the test runs the scripts of the jobs, in an order that their dependencies allow.
//! `tests/slurm/real.sh` does the same with a real one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::document::{digests, repository};
use crate::harness::Test;

/// Two stages of some milliseconds.
const RECIPE: &str = r#"
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

const CLUSTER: &str = "format = 1\npartition = 'main'\npoll_seconds = 1\n";

/// A recipe and a cluster that is none.
struct Slurm {
    test: Test,
}

impl Slurm {
    fn new(recipe: &str, cluster: &str) -> Self {
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

    fn submit(&mut self) -> crate::harness::Outcome {
        self.test.run_with(["submit", "recipe.toml"])
    }

    fn state(&self) -> PathBuf {
        self.test.folder().join("slurm")
    }

    /// Ids of all jobs, in order.
    fn jobs(&self) -> Vec<u32> {
        let jobs = fs::read_dir(self.state().join("jobs")).expect("jobs");
        let names = jobs.map(|job| job.expect("a job").file_name());
        let mut ids: Vec<u32> = names
            .filter_map(|name| name.to_str()?.parse().ok())
            .collect();
        ids.sort_unstable();
        ids
    }

    fn job(&self, id: u32) -> PathBuf {
        self.state().join("jobs").join(id.to_string())
    }

    fn script(&self, id: u32) -> String {
        fs::read_to_string(self.job(id).join("script")).expect("a script")
    }

    /// What follows `#SBATCH --OPTION=` in a job's script.
    fn option(&self, id: u32, option: &str) -> String {
        let start = format!("#SBATCH --{option}=");
        let script = self.script(id);
        let line = script.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_default().to_string()
    }

    /// Names of jobs without the run.
    fn names(&self) -> Vec<String> {
        let name = |id| {
            let name = self.option(id, "job-name");
            name.splitn(3, '-').nth(2).unwrap_or_default().to_string()
        };
        self.jobs().into_iter().map(name).collect()
    }

    fn run(&self) -> String {
        let name = self.option(self.jobs()[0], "job-name");
        name.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
    }

    /// A task's state: `PENDING`.
    fn state_of(&self, id: u32) -> String {
        let text = fs::read_to_string(self.job(id).join("0.state")).expect("a state");
        text.split('|').next().unwrap_or_default().to_string()
    }

    fn put(&self, id: u32, state: &str) {
        fs::write(self.job(id).join("0.state"), format!("{state}|n1|None\n")).expect("a state");
    }

    /// Starts the script of a job that is no array.
    fn start(&self, id: u32) -> std::process::Child {
        let log = self.option(id, "output");
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
        command.spawn().expect("bash")
    }

    /// Runs what can run until nothing can.
    fn drain(&self) {
        loop {
            let waits = |id: &u32| self.state_of(*id) == "PENDING";
            let jobs: Vec<u32> = self.jobs().into_iter().filter(waits).collect();
            let mut ran = false;
            for id in jobs {
                match self.allows(id) {
                    Some(true) => {
                        self.put(id, "RUNNING");
                        let status = self.start(id).wait().expect("it ends");
                        let ended = if status.success() {
                            "COMPLETED"
                        } else {
                            "FAILED"
                        };
                        self.put(id, ended);
                        ran = true;
                    }
                    Some(false) => {
                        self.put(id, "CANCELLED");
                        ran = true;
                    }
                    None => {}
                }
            }
            if !ran {
                return;
            }
        }
    }

    /// Whether a job's dependency holds; none while it is open.
    fn allows(&self, id: u32) -> Option<bool> {
        let dependency = self.option(id, "dependency");
        let mut all = true;
        for part in dependency.split(',').filter(|part| !part.is_empty()) {
            let (kind, ids) = part.split_once(':').expect("a kind and ids");
            for of in ids.split(':') {
                let state = self.state_of(of.parse().expect("an id"));
                match state.as_str() {
                    "PENDING" | "RUNNING" => return None,
                    "COMPLETED" => {}
                    _ => all = all && kind == "afterany",
                }
            }
        }
        Some(all)
    }

    fn watch(&mut self) -> crate::harness::Outcome {
        let run = self.run();
        self.test.run_with(["watch", &run])
    }

    /// What `run` finds in the store: everything, and to the same bytes as in a fresh one.
    fn is_done(&mut self, recipe: &str) {
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

fn without_run(text: &str, slurm: &Slurm, run: &str) -> String {
    let folder = slurm.test.folder().to_string_lossy().into_owned();
    let text = text.replace(&folder, "DIR").replace(run, "RUN");
    text.replace(env!("CARGO_BIN_EXE_pipeline"), "pipeline")
}

#[test]
fn a_dry_run_prints_the_scripts_and_leaves_no_trace() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    let dry = slurm
        .test
        .run_with(["submit", "recipe.toml", "--dry-run"])
        .success()
        .stderr_is("");
    assert_eq!(
        without_run(&dry.stdout, &slurm, "RUN"),
        "\
#!/bin/bash
#SBATCH --job-name=RUN-first.0
#SBATCH --chdir=DIR
#SBATCH --output=DIR/.pipeline/runs/RUN/logs/first.0.0.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --partition=main
#SBATCH --nodes=1 --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=1G
#SBATCH --time=0-01:00:00
exec pipeline worker --store DIR/.pipeline RUN 0

#!/bin/bash
#SBATCH --job-name=RUN-second.1
#SBATCH --chdir=DIR
#SBATCH --output=DIR/.pipeline/runs/RUN/logs/second.1.0.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --dependency=afterok:ID(RUN-first.0)
#SBATCH --kill-on-invalid-dep=yes
#SBATCH --partition=main
#SBATCH --nodes=1 --ntasks=1
#SBATCH --mem=1G
exec pipeline worker --store DIR/.pipeline RUN 1

"
    );
    assert!(!slurm.test.folder().join(".pipeline/runs").exists());
    assert!(slurm.jobs().is_empty());
}

#[test]
fn a_recipe_is_submitted_once_and_ends_as_a_run_does() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm
        .submit()
        .success()
        .stdout_has("2 stages, 0 done, 2 submitted");
    assert_eq!(slurm.names(), ["first.0", "second.1"]);
    assert_eq!(slurm.option(102, "dependency"), "afterok:101");
    // What lives is found again.
    slurm
        .submit()
        .success()
        .stdout_has("2 stages, 0 done, 0 submitted");
    assert_eq!(slurm.jobs(), [101, 102]);
    slurm.drain();
    slurm.watch().success().stdout_has("first   done");
    slurm
        .submit()
        .success()
        .stdout_is("everything is up to date\n");
    slurm.is_done(RECIPE);
}

#[test]
fn no_key_knows_what_a_job_asks_for() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.test.run_with(["run", "recipe.toml"]).success();
    let other = [
        "plan",
        "recipe.toml",
        "--check",
        "--set",
        "stages.first.resources.cpus=7",
    ];
    slurm.test.run_with(other).success();
}

#[test]
fn mistakes_are_shown_with_their_places_before_anything_is_submitted() {
    let mut slurm = Slurm::new(&RECIPE.replace("\"1h\"", "\"1 h\""), CLUSTER);
    slurm
        .submit()
        .failure(2)
        .stderr_has("stages.first.resources.time: `1 h` is none")
        .stderr_has("recipe.toml:10");
    let mut slurm = Slurm::new(
        &RECIPE.replace("resources.command", "resources.comand"),
        CLUSTER,
    );
    slurm.submit().failure(2).stderr_has("command");
    let mut slurm = Slurm::new(RECIPE, "format = 1\npartitoin = 'main'\n");
    slurm
        .submit()
        .failure(2)
        .stderr_has("partition")
        .stderr_has("cluster.toml:2");
    let mut slurm = Slurm::new(&RECIPE.replace("\"1h\"", "\"3m\""), CLUSTER);
    slurm
        .submit()
        .failure(2)
        .stderr_has("stage `first`: its time, 0-00:03:00");
    assert!(slurm.jobs().is_empty());
}

#[test]
fn a_failed_stage_shows_its_node_and_its_log_and_is_tried_again_when_somebody_says_so() {
    let broken = RECIPE
        .replace(
            "echo one > a",
            "test -e fixed || { echo broken >&2; exit 9; }; echo one > a",
        )
        .replace("test -e fixed", "test -e ../../../../fixed");
    let mut slurm = Slurm::new(&broken, &format!("{CLUSTER}retry = {{ times = 2 }}\n"));
    slurm.submit().success();
    assert_eq!(slurm.names(), ["first.0", "second.1", "submit.2"]);
    slurm.drain();
    assert_eq!(slurm.jobs().len(), 3, "the same would fail again");
    slurm
        .watch()
        .failure(3)
        .stdout_has("first   failed on n1")
        .stderr_has("broken")
        .stderr_has("first.0.0.log");
    fs::write(slurm.test.folder().join("fixed"), "").expect("a file");
    slurm
        .submit()
        .success()
        .stdout_has("2 submitted")
        .stderr_has("stage `first` failed on n1");
    slurm.drain();
    slurm.watch().success();
}

#[test]
fn a_submit_that_is_killed_between_two_jobs_is_taken_up_by_the_next() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    fs::write(slurm.state().join("kill"), "").expect("a file");
    let killed = slurm.submit();
    assert_eq!(killed.code, None, "{killed}");
    assert_eq!(slurm.jobs(), [101], "its id is known to nobody");
    slurm.submit().success().stdout_has("0 done, 1 submitted");
    assert_eq!(slurm.names(), ["first.0", "second.1"]);
    assert_eq!(slurm.option(102, "dependency"), "afterok:101");
    slurm.drain();
    slurm.is_done(RECIPE);
}

#[test]
fn a_controller_that_is_away_for_a_moment_is_asked_again() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    fs::write(slurm.state().join("down"), "").expect("a file");
    slurm
        .submit()
        .success()
        .stderr_has("Unable to contact slurm controller");
    assert_eq!(slurm.names(), ["first.0", "second.1"]);
}

#[test]
fn a_job_that_nobody_knows_any_more_is_submitted_anew_with_what_waits_for_it() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    fs::remove_dir_all(slurm.job(101)).expect("a job");
    slurm
        .submit()
        .success()
        .stdout_has("2 submitted")
        .stderr_has("stage `first` was lost");
    assert_eq!(slurm.state_of(102), "CANCELLED", "it would wait in vain");
    assert_eq!(slurm.names(), ["second.1", "first.2", "second.3"]);
    slurm.drain();
    slurm.is_done(RECIPE);
}

#[test]
fn what_ran_out_of_memory_gets_more_of_it_without_anybody_there() {
    let mut slurm = Slurm::new(
        RECIPE,
        &format!("{CLUSTER}retry = {{ mem_factor = 3, times = 1 }}\n"),
    );
    slurm.submit().success();
    slurm.put(101, "OUT_OF_MEMORY");
    slurm.drain();
    assert_eq!(slurm.names()[3..], ["first.3", "second.4", "submit.5"]);
    assert_eq!(
        (slurm.option(101, "mem"), slurm.option(104, "mem")),
        ("1G".into(), "3G".into())
    );
    slurm.watch().success();
    slurm.is_done(RECIPE);
}

#[test]
fn a_job_that_was_killed_for_its_memory_is_known_by_what_slurm_wrote_into_its_log() {
    let cluster = format!("{CLUSTER}retry = {{ mem_factor = 3, times = 1 }}\n");
    let mut slurm = Slurm::new(RECIPE, &cluster);
    slurm.submit().success();
    let line =
        "slurmstepd-n1: error: StepId=101.batch exceeded memory limit (2 > 1), being killed\n";
    fs::write(slurm.option(101, "output"), line).expect("a log");
    slurm.put(101, "FAILED");
    slurm.drain();
    assert_eq!(slurm.option(104, "mem"), "3G");
    slurm.is_done(RECIPE);
}

#[test]
fn what_changed_since_it_was_submitted_is_not_run_in_its_place() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    let other = RECIPE.replace("echo one", "echo two");
    fs::write(slurm.test.folder().join("recipe.toml"), &other).expect("a recipe");
    slurm.put(101, "RUNNING");
    let status = slurm.start(101).wait().expect("it ends");
    assert_eq!(status.code(), Some(2));
    slurm.put(101, "FAILED");
    slurm.submit().success().stdout_has("2 submitted");
    assert_eq!(slurm.state_of(102), "CANCELLED");
    slurm.drain();
    slurm.is_done(&other);
}

#[test]
fn a_cancelled_run_submits_nothing_more() {
    let mut slurm = Slurm::new(RECIPE, &format!("{CLUSTER}retry = {{ times = 2 }}\n"));
    slurm.submit().success();
    let run = slurm.run();
    slurm
        .test
        .run_with(["cancel", &run[..16]])
        .success()
        .stdout_has("3 tasks cancelled");
    slurm.drain();
    assert_eq!(slurm.jobs().len(), 3);
    // The job that goes on submitting had begun already.
    let worker = slurm.start(103).wait().expect("it ends");
    assert!(worker.success());
    assert_eq!(slurm.jobs().len(), 3);
}

#[test]
fn no_more_tasks_are_queued_than_the_cluster_takes() {
    let stage = |number: usize| {
        format!(
            "[stages.s{number}]\nkind = 'command'\nrun = 'echo {number} > a'\noutputs = {{ a = 'a' }}\n"
        )
    };
    let stages: String = (0..6).map(stage).collect();
    let recipe = format!("format = 1\n{stages}");
    let mut slurm = Slurm::new(&recipe, &format!("{CLUSTER}max_queued = 3\n"));
    slurm
        .submit()
        .success()
        .stdout_has("job 103 goes on submitting");
    assert_eq!(slurm.names(), ["s0.0", "s1.1", "submit.2"]);
    assert_eq!(slurm.option(103, "dependency"), "afterany:101");
    slurm.drain();
    slurm.watch().success();
    slurm.is_done(&recipe);
    let jobs = slurm.jobs().len();
    assert!((8..=12).contains(&jobs), "{:?}", slurm.names());
}

/// A stage that writes where it stands, and one that does not.
fn slow(resume: &str) -> String {
    format!(
        "format = 1\n[stages.slow]\nkind = 'command'\noutputs = {{ a = 'a' }}\n\
         run = \"test -e ../../../../go && {{ echo x > a; exit; }}; {resume}; echo > ../../../../begun; while :; do sleep 0.05; done\"\n"
    )
}

/// Warns a job as Slurm does, and waits for its end.
fn warned(slurm: &Slurm, id: u32) -> Option<i32> {
    slurm.put(id, "RUNNING");
    let mut child = slurm.start(id);
    let start = Instant::now();
    while !slurm.test.folder().join("begun").exists() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it does not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    // SAFETY: the child has not been waited for, so its id is its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGUSR1) };
    child.wait().expect("it ends").code()
}

#[test]
fn a_worker_whose_time_is_over_goes_on_in_another_turn() {
    let recipe = slow("echo 1 > $PIPELINE_RESUME/step");
    let mut slurm = Slurm::new(&recipe, CLUSTER);
    slurm.submit().success();
    assert_eq!(warned(&slurm, 101), Some(130));
    let requeued = fs::read_to_string(slurm.state().join("requeued")).expect("it was requeued");
    assert_eq!(requeued, "101\n");
    fs::write(slurm.test.folder().join("go"), "").expect("a file");
    slurm.put(101, "PENDING");
    slurm.submit().success().stdout_has("0 submitted");
    slurm.drain();
    slurm.watch().success();
}

#[test]
fn a_worker_in_a_container_is_warned_and_requeued_by_the_shell_outside() {
    let recipe = slow("echo 1 > $PIPELINE_RESUME/step");
    let mut slurm = Slurm::new(&recipe, &format!("{CLUSTER}container = 'image.sif'\n"));
    slurm.submit().success();
    assert_eq!(warned(&slurm, 101), Some(130));
    let requeued = fs::read_to_string(slurm.state().join("requeued")).expect("it was requeued");
    assert_eq!(requeued, "101\n");
    fs::write(slurm.test.folder().join("go"), "").expect("a file");
    slurm.put(101, "PENDING");
    slurm.drain();
    slurm.watch().success();
}

#[test]
fn a_stage_that_would_begin_anew_gets_more_time_instead() {
    let recipe = slow("true").replace(
        "kind = 'command'\n",
        "kind = 'command'\nresources = { time = '10m' }\n",
    );
    let mut slurm = Slurm::new(
        &recipe,
        &format!("{CLUSTER}retry = {{ time_factor = 3, times = 1 }}\n"),
    );
    slurm.submit().success();
    assert_eq!(warned(&slurm, 101), Some(3));
    assert!(!slurm.state().join("requeued").exists());
    slurm.put(101, "FAILED");
    fs::write(slurm.test.folder().join("go"), "").expect("a file");
    slurm.drain();
    assert_eq!(slurm.option(103, "time"), "0-00:30:00");
    slurm.watch().success();
}

#[test]
fn variants_of_a_sweep_are_one_array_whose_readers_follow_task_by_task() {
    let sweep = r#"
format = 1
extends = ["finetune"]
[stages.classifier]
subsample = { stays = 50, seed = 1 }
[sweep]
objective = { stage = "classifier", metric = "validation_auroc", direction = "maximize" }
[sweep.grid]
"stages.classifier.subsample.stays" = [50, 100, 200]
"#;
    let mut slurm = Slurm::new(sweep, CLUSTER);
    let dry = slurm
        .test
        .run_with(["submit", "recipe.toml", "--dry-run"])
        .success();
    let jobs: BTreeMap<&str, Vec<&str>> = (dry.stdout.split("#!/bin/bash\n"))
        .filter_map(|script| {
            let options: Vec<&str> = script
                .lines()
                .filter_map(|it| it.strip_prefix("#SBATCH --"))
                .collect();
            let name = options.first()?.strip_prefix("job-name=RUN-")?;
            Some((name.split('.').next()?, options))
        })
        .collect();
    let has = |job: &str, option: &str| jobs[job].contains(&option);
    assert!(has("classifier", "array=0-2"), "{dry}");
    assert!(has("test", "array=0-2"), "{dry}");
    let after = jobs["test"]
        .iter()
        .find(|option| option.starts_with("dependency="));
    assert!(
        after.is_some_and(|after| after.contains("aftercorr:ID(RUN-classifier.")),
        "{dry}"
    );
    assert!(
        !jobs["pretrain"]
            .iter()
            .any(|option| option.starts_with("array="))
    );
    assert!(Path::new(&slurm.state()).exists());
}
