//! The job that goes on submitting, when somebody submits again or changes the recipe.

use std::fs;

use super::cluster::{CLUSTER, RECIPE, Slurm};

fn patient() -> String {
    format!("{CLUSTER}retry = {{ times = 1 }}\n")
}

fn with_rate(slurm: Slurm, rate: &str) -> Slurm {
    Slurm {
        test: slurm.test.env("RATE", rate),
    }
}

fn rewrite(slurm: &Slurm, recipe: &str) {
    fs::write(slurm.test.folder().join("recipe.toml"), recipe).expect("a recipe");
}

#[test]
fn who_submits_again_has_a_job_of_its_own_and_the_earlier_one_undoes_nothing() {
    let recipe = RECIPE.replace("echo one", "echo ${env:RATE}");
    let mut slurm = with_rate(Slurm::new(&recipe, &patient()), "1");
    slurm.submit().success();
    let mut slurm = with_rate(slurm, "2");
    slurm
        .submit()
        .success()
        .stdout_has("job 106 goes on submitting");
    assert_eq!(
        slurm.names()[2..],
        ["submit.2", "first.3", "second.4", "submit.5"]
    );
    for earlier in [101, 102, 103] {
        assert_eq!(slurm.state_of(earlier), "CANCELLED", "{earlier}");
    }
    // It had begun before it was cancelled, in the environment of its time.
    let slurm = with_rate(slurm, "1");
    assert!(slurm.start(103).wait().expect("it ends").success());
    assert_eq!(slurm.jobs().len(), 6);
    for later in [104, 105, 106] {
        assert_eq!(slurm.state_of(later), "PENDING", "{later}");
    }
    let mut slurm = with_rate(slurm, "2");
    slurm.drain();
    slurm.watch().success();
    let mut slurm = with_rate(slurm, "1");
    let watched = slurm.watch().failure(3);
    watched.stderr_has("2 of 2 stages are not here as they were submitted");
}

#[test]
fn a_job_that_goes_on_submitting_leaves_what_somebody_submitted_without_one() {
    let recipe = RECIPE.replace("echo one", "echo ${env:RATE}");
    let mut slurm = with_rate(Slurm::new(&recipe, &patient()), "1");
    slurm.submit().success();
    // It has begun, and waits for who submits.
    slurm.put(103, "RUNNING");
    fs::write(slurm.test.folder().join("cluster.toml"), CLUSTER).expect("a cluster");
    let mut slurm = with_rate(slurm, "2");
    slurm.submit().success();
    assert_eq!(slurm.names()[3..], ["first.3", "second.4"]);
    let slurm = with_rate(slurm, "1");
    slurm.run_task(103, 0);
    assert_eq!(slurm.jobs().len(), 5);
    assert_eq!(slurm.state_of(104), "PENDING");
}

#[test]
fn a_recipe_that_was_edited_and_not_submitted_is_not_run() {
    let mut slurm = Slurm::new(RECIPE, &patient());
    slurm.submit().success();
    slurm.put(101, "TIMEOUT");
    rewrite(&slurm, &RECIPE.replace("echo one", "echo two"));
    slurm.drain();
    assert_eq!(slurm.jobs().len(), 3);
    let watched = slurm.watch().failure(3);
    watched.stderr_has("not here as they were submitted, the first of them is `first`");
    rewrite(&slurm, RECIPE);
    let watched = slurm.watch().failure(3);
    watched.stderr_has("the job that goes on submitting left it: the recipe");
    slurm
        .submit()
        .success()
        .stdout_has("job 106 goes on submitting");
    slurm.drain();
    slurm.is_done(RECIPE);
}

#[test]
fn a_job_that_is_removed_by_hand_counts_as_a_try() {
    let mut slurm = Slurm::new(RECIPE, &patient());
    slurm.submit().success();
    slurm.put(101, "CANCELLED");
    slurm.run_task(103, 0);
    assert_eq!(slurm.names()[3..], ["first.3", "second.4", "submit.5"]);
    slurm.put(104, "CANCELLED");
    slurm.drain();
    assert_eq!(slurm.jobs().len(), 6, "there was one retry");
    slurm.watch().failure(3);
}

#[test]
fn without_a_retry_the_rest_is_submitted_and_no_job_that_was_removed_by_hand() {
    let recipe = RECIPE
        .replace("{inputs.a} {inputs.a}", "/dev/null")
        .replace(
            "inputs = { a = { stage = \"first\", artifact = \"a\" } }\n",
            "",
        );
    let mut slurm = Slurm::new(&recipe, &format!("{CLUSTER}max_queued = 2\n"));
    slurm.submit().success();
    assert_eq!(slurm.names(), ["first.0", "submit.1"]);
    slurm.put(101, "CANCELLED");
    slurm.drain();
    assert_eq!(slurm.names()[2..], ["second.2"]);
    slurm
        .watch()
        .failure(3)
        .stdout_has("first   was cancelled on n1")
        .stdout_has("second  done");
}

#[test]
fn a_second_submit_that_breaks_off_leaves_the_job_that_goes_on_submitting() {
    let mut slurm = Slurm::new(RECIPE, &patient());
    slurm.submit().success();
    slurm.put(101, "FAILED");
    fs::write(slurm.state().join("refuse"), "105\n").expect("a file");
    slurm.submit().failure(130);
    assert_eq!(slurm.names()[3..], ["first.3"]);
    assert_eq!(slurm.state_of(103), "PENDING");
    slurm.drain();
    assert_eq!(slurm.names()[4..], ["second.5", "submit.6"]);
    slurm.is_done(RECIPE);
}

#[test]
fn a_job_that_was_never_submitted_is_no_later_one() {
    let recipe = RECIPE.replace("echo one", "echo ${env:RATE}");
    let mut slurm = with_rate(Slurm::new(&recipe, &patient()), "1");
    slurm.submit().success();
    let mut slurm = with_rate(slurm, "2");
    fs::write(slurm.state().join("refuse"), "104\n").expect("a file");
    slurm.submit().failure(130);
    let mut slurm = with_rate(slurm, "1");
    slurm.drain();
    assert_eq!(slurm.names()[3..], ["first.4", "second.5", "submit.6"]);
    slurm.watch().success();
}

#[test]
fn resources_that_were_changed_and_not_submitted_are_not_asked_for() {
    let mut slurm = Slurm::new(RECIPE, &patient());
    slurm.submit().success();
    slurm.put(101, "TIMEOUT");
    rewrite(&slurm, &RECIPE.replace("1h", "2h"));
    slurm.drain();
    assert_eq!(slurm.jobs().len(), 3);
    let watched = slurm.watch().failure(3);
    watched.stderr_has("the job that goes on submitting left it: the recipe");
}

#[test]
fn a_job_of_an_earlier_program_goes_on_submitting() {
    let mut slurm = Slurm::new(RECIPE, &patient());
    slurm.submit().success();
    slurm.put(101, "TIMEOUT");
    // It named no job, and wrote no digest down.
    let run = slurm.run();
    let script = slurm.script(103);
    let earlier = script.replace(&format!(" {run} 2\n"), &format!(" {run}\n"));
    assert_ne!(earlier, script);
    fs::write(slurm.job(103).join("script"), earlier).expect("a script");
    let jobs = slurm.test.folder().join(".pipeline/runs").join(&run);
    let jobs = jobs.join("jobs.jsonl");
    let lines = fs::read_to_string(&jobs).expect("jobs");
    let without_digest = |line: &str| {
        let mut entry: serde_json::Value = serde_json::from_str(line).expect("an entry");
        let fields = entry.as_object_mut().expect("an object");
        fields.remove("subject");
        format!("{entry}\n")
    };
    let earlier: String = lines.lines().map(without_digest).collect();
    assert!(lines.contains("\"subject\""), "{lines}");
    fs::write(&jobs, earlier).expect("jobs");
    slurm.drain();
    assert_eq!(slurm.names()[3..], ["first.3", "second.4", "submit.5"]);
    slurm.is_done(RECIPE);
}

#[test]
fn a_job_of_a_cancelled_run_submits_nothing_and_says_why() {
    let mut slurm = Slurm::new(RECIPE, &patient());
    slurm.submit().success();
    slurm.put(103, "RUNNING");
    let run = slurm.run();
    let jobs = slurm.test.folder().join(".pipeline/runs").join(&run);
    let mut lines = fs::read_to_string(jobs.join("jobs.jsonl")).expect("jobs");
    lines.push_str("{\"entry\":\"cancelled\"}\n");
    fs::write(jobs.join("jobs.jsonl"), lines).expect("jobs");
    slurm.put(101, "TIMEOUT");
    slurm.run_task(103, 0);
    assert_eq!(slurm.jobs().len(), 3);
    let note = fs::read_to_string(jobs.join("tasks/2.0.json")).expect("a note");
    assert!(note.contains("the run was cancelled"), "{note}");
}
