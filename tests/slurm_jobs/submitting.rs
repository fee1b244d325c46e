//! What is submitted, and that it ends as a run does.

use super::cluster::{CLUSTER, RECIPE, Slurm};

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
    let dry = ["submit", "recipe.toml", "--dry-run"];
    let dry = slurm.test.run_with(dry).success();
    dry.stdout_is("everything is up to date\n");
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
        .stderr_has("stages.first.resources.time: `1 h` is not valid")
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
