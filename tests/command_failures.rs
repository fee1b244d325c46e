//! The stage kind `command`: how a program may fail, be started again and be stopped.

use std::time::{Duration, Instant};

use crate::command_stage::{command, recipe, run, text};
use crate::document::{artifact, stage};
use crate::harness::Test;
use crate::running::Running;

/// Waits for a file that the program makes.
fn until_there_is(test: &Test, file: &str) {
    let start = Instant::now();
    while !test.folder().join(file).exists() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_line_ends_at_the_first_command_that_fails() {
    let mut test = command(
        "run = \"cat no-such-file > {outputs.table}; echo 1 > {outputs.table}\"\noutputs = { table = \"table.csv\" }",
    );
    run(&mut test).failure(3).stderr_has("no-such-file");
}

#[test]
fn a_failure_shows_the_log_s_end_and_where_the_rest_is() {
    let fields = "run = [\"sh\", \"-c\", \"seq 100; echo no such column: age >&2; exit 7\"]";
    let mut test = command(fields);
    let outcome = run(&mut test).failure(3);
    let document = outcome.json();
    let error = stage(&document, "clean")["error"]
        .as_str()
        .expect("an error");
    assert!(
        error.contains("ended with exit code 7\nits last lines:\n  | 82\n"),
        "{error}"
    );
    assert!(
        error.contains("  | 100\n  | no such column: age\n"),
        "{error}"
    );
    let run = document["run"].as_str().expect("an id");
    let log = test
        .folder()
        .join(".pipeline/runs")
        .join(run)
        .join("logs/clean.log");
    assert!(
        error.contains(&format!("all of them: {}", log.display())),
        "{error}"
    );
    let log = std::fs::read_to_string(log).expect("the log is kept");
    assert!(log.starts_with("1\n2\n") && log.ends_with("no such column: age\n"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let outcome = run(&mut command("run = [\"no-such-program\", \"x\"]")).failure(3);
    let outcome =
        outcome.stderr_has("`no-such-program` cannot be started: there is no such program");
    outcome.stderr_has("looked up in PATH");
}

#[test]
fn a_program_that_takes_too_long_is_stopped_with_all_it_started() {
    let fields = r#"
run = "sleep 60 & echo $! > {inputs.place}/pid; wait"
inputs = { place = "place" }
timeout_seconds = 0.3
"#;
    let mut test = command(fields).file("place/empty", "");
    let start = Instant::now();
    let outcome = run(&mut test).failure(3);
    assert!(start.elapsed() < Duration::from_secs(30));
    outcome
        .stderr_has("did not end within 0.3 s")
        .stderr_has("raise `timeout_seconds`");
    let pid = std::fs::read_to_string(test.folder().join("place/pid")).expect("it started");
    wait_until_gone(pid.trim());
}

/// A killed process is gone once its new parent has taken note.
fn wait_until_gone(pid: &str) {
    let status = format!("/proc/{pid}/stat");
    let runs = || std::fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z "));
    let start = Instant::now();
    while runs() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{pid} still runs"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Fails as often as there are no marks yet.
const FLAKY: &str = r#"
run = "echo x >> {inputs.marks}/n; test $(wc -l < {inputs.marks}/n) -ge 3 && echo good > out"
inputs = { marks = "marks" }
outputs = { out = "out" }
retry_delay_seconds = 0.01
"#;

#[test]
fn a_failed_program_is_started_again_as_often_as_declared() {
    let outcome = run(&mut command(&format!("{FLAKY}retries = 1")).file("marks/n", ""));
    let outcome = outcome.failure(3);
    outcome.stderr_has("ended with exit code 1 (attempt 2 of 2)");
    // An input that changes under way is refused in the end: it is not what the key says.
    let mut test = command(&format!("{FLAKY}retries = 3")).file("marks/n", "");
    let outcome = run(&mut test).failure(3);
    let outcome = outcome.stderr_has("ended with exit code 1; attempt 3 of 4 starts in 0.02 s");
    outcome.stderr_has("(inputs.marks) changed while the run was going on");
}

/// Counts how often it was started, and ends well the third time.
const GOES_ON: &str = r#"
run = "echo x >> $PIPELINE_RESUME/starts; test $(wc -l < $PIPELINE_RESUME/starts) -ge 3 && wc -l < $PIPELINE_RESUME/starts > out"
outputs = { out = "out" }
retry_delay_seconds = 0.01
"#;

#[test]
fn what_a_program_leaves_to_go_on_from_survives_its_failures_and_ends_with_its_success() {
    let mut test = command(&format!("{GOES_ON}retries = 1"));
    run(&mut test).failure(3);
    let document = run(&mut test).success().json();
    assert_eq!(text(&document, "clean", "out").trim(), "3");
    let kept = std::fs::read_dir(test.folder().join(".pipeline/work"));
    let kept = kept.map_or(0, |folders| {
        folders
            .flatten()
            .filter(|one| one.path().join("resume").exists())
            .count()
    });
    assert_eq!(kept, 0, "nothing to go on from is left");
    // Another stage has a folder of its own.
    let other = GOES_ON.replace("-ge 3", "-ge 1");
    let mut test = test.recipe(&recipe(&other));
    let document = run(&mut test).success().json();
    assert_eq!(text(&document, "clean", "out").trim(), "1");
}

#[test]
fn a_program_that_is_stopped_has_its_grace_to_write_down_where_it_stands() {
    let left = |grace: &str| {
        let fields = format!(
            "run = \"if [ -e $PIPELINE_RESUME/told ]; then echo again > out; exit; fi; trap 'sleep 1; : > $PIPELINE_RESUME/told; exit 1' TERM; \
             echo ready > {{inputs.place}}/x; sleep 60 & wait; echo anew > out\"\ninputs = {{ place = \"place\" }}\noutputs = {{ out = \"out\" }}\n{grace}"
        );
        let test = command(&fields)
            .file("place/empty", "")
            .args(["run", "recipe.toml"]);
        let running = Running::start(&test);
        until_there_is(&test, "place/x");
        running.signal(libc::SIGINT);
        running.finish().failure(130);
        let work = std::fs::read_dir(test.folder().join(".pipeline/work")).expect("work");
        work.flatten()
            .any(|one| one.path().join("resume/told").exists())
    };
    assert!(left(""));
    assert!(!left("grace_seconds = 0.1"));
}

#[test]
fn an_interrupt_reaches_the_program_and_exits_130() {
    let fields = "run = \"trap 'echo told; exit 1' TERM; echo ready > {inputs.place}/x; sleep 60 & wait\"\ninputs = { place = \"place\" }";
    let test = command(fields)
        .file("place/empty", "")
        .args(["run", "recipe.toml"]);
    let running = Running::start(&test);
    until_there_is(&test, "place/x");
    running.signal(libc::SIGINT);
    running.finish().failure(130);
    let runs = std::fs::read_dir(test.folder().join(".pipeline/runs")).expect("a run");
    let run = runs.flatten().next().expect("one run").path();
    let log = std::fs::read_to_string(run.join("logs/clean.log")).expect("a log");
    assert_eq!(log, "told\n");
}

/// Regression: as by `scancel`, the signal reaches the program, too, which takes it for a reason to end with 0.
#[test]
fn a_program_that_ends_well_on_the_signal_that_stops_the_run_has_no_result() {
    for ends in ["exit 0", "exit 143"] {
        let fields = format!(
            r#"run = """
trap '{ends}' TERM
echo partial > good
echo $$ > ../../../../pid.draft
mv ../../../../pid.draft ../../../../pid
sleep 60 &
wait $!
"""
outputs = {{ good = "good" }}"#
        );
        let test = command(&fields).args(["run", "recipe.toml"]);
        let running = Running::start(&test);
        until_there_is(&test, "pid");
        let pid = std::fs::read_to_string(test.folder().join("pid")).expect("a number");
        let pid: libc::pid_t = pid.trim().parse().expect("a number");
        // SAFETY: sends a signal and touches no memory.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        running.signal(libc::SIGTERM);
        running.finish().failure(130);
    }
}

/// Regression: what a shell had started outlived a killed run and wrote into the next one's folder.
#[test]
fn what_a_killed_program_left_running_does_not_write_into_the_next_run() {
    // The folder it runs in is `.pipeline/work/KEY/run`. The first time it leaves a process that
    // writes file after file under the folder's name.
    let fields = r#"run = """
started=../../../../started
if [ -e $started ]; then sleep 0.1; echo good > good; exit; fi
(while [ $((i += 1)) -lt 200000 ]; do mkdir -p $HOME; : > $HOME/../late.$i; done) &
echo > $started
sleep 60
"""
outputs = { good = "good" }"#;
    let again = ["run", "recipe.toml", "--format", "json"];
    for way in ["run again", "refreshed", "collected before"] {
        let mut test = command(fields).args(again);
        let killed = Running::start(&test);
        until_there_is(&test, "started");
        drop(killed);
        if way == "collected before" {
            test.run_with(["cache", "gc"]).success();
        }
        let refresh: &[&str] = match way {
            "refreshed" => &["--refresh", "clean"],
            _ => &[],
        };
        let outcome = test.run_with(again.iter().chain(refresh)).success();
        assert_eq!(text(&outcome.json(), "clean", "good"), "good\n", "{way}");
    }
}

#[test]
fn issue16_a_limit_on_the_size_of_files_ends_with_an_error_that_says_so() {
    let limited = |blocks: &str, fields: &str| {
        let test = command(fields).args(["run", "recipe.toml"]);
        let program = test.command();
        let mut shell = std::process::Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("ulimit -f {blocks} && exec \"$0\" run recipe.toml"))
            .arg(program.get_program())
            .current_dir(test.folder())
            .stdin(std::process::Stdio::null());
        let output = shell.output().expect("a shell");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let plain = "run = \"echo a > o.txt\"\noutputs = { o = \"o.txt\" }";
    let (code, text) = limited("0", plain);
    assert!(matches!(code, Some(2 | 3)), "{code:?} {text}");
    assert!(text.contains("File too large"), "{text}");
    // A program of the user's is not shielded from the signal, and the error says what it means.
    let large = "run = \"exec head -c 1000000 /dev/zero > o.txt\"\noutputs = { o = \"o.txt\" }";
    let (code, text) = limited("100", large);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("ulimit -f"), "{text}");
}

#[test]
fn a_script_does_not_find_what_lies_beside_the_original() {
    let fields = "run = [\"sh\", \"{inputs.script}\", \"{outputs.o}\"]\n\
                  inputs = { script = \"scripts/a.sh\" }\noutputs = { o = \"o\" }";
    let mut test = command(fields)
        .file(
            "scripts/a.sh",
            ". \"$(dirname \"$(readlink -f \"$0\")\")/b.sh\" > \"$1\"\n",
        )
        .file("scripts/b.sh", "echo hidden\n");
    run(&mut test).failure(3).stderr_has("b.sh");
}

#[test]
fn what_outlives_a_program_is_ended_before_its_outputs_are_taken() {
    // One that writes on in a session of its own, and one in the program's group, which ends with it.
    let fields = r#"
run = [
    "bash", "-c",
    "exec 7> a.txt; echo 1 >&7; setsid sh -c 'while sleep 0.05; do echo 2 >&7; done' > /dev/null 2>&1 & sleep 60 & until grep -q 2 a.txt; do sleep 0.01; done; sleep WAIT",
]
outputs = { a = "a.txt" }
"#;
    for wait in ["0", "0.4"] {
        let mut test = command(&fields.replace("WAIT", wait));
        let outcome = run(&mut test).success();
        let told = "ended what the program left running: ";
        let names = outcome.stderr.split_once(told).expect("a note").1;
        let names = names.split(" (a service that is to go on needs").next();
        let names = names.unwrap_or_default();
        // The shell, and what it waited for if it was there at the moment.
        assert!(["sh", "sh, sleep"].contains(&names), "{outcome}");
        std::thread::sleep(Duration::from_millis(200));
        test.run_with(["cache", "verify"]).success();
    }
}

#[test]
fn a_program_that_leaves_only_what_ends_with_it_is_told_nothing() {
    let fields = "run = \"sleep 60 & (sleep 60; true) & echo 1 > a\"\noutputs = { a = \"a\" }";
    for _ in 0..5 {
        let outcome = run(&mut command(fields)).success();
        assert!(!outcome.stderr.contains("left running"), "{outcome}");
    }
}

#[test]
fn a_service_with_places_of_its_own_goes_on() {
    let fields = r#"
run = """
env HOME=/var/tmp TMPDIR=/var/tmp setsid sleep 20 > /dev/null 2>&1 &
until grep -q sleep /proc/$!/comm; do sleep 0.01; done
echo $! > pid
"""
outputs = { pid = "pid" }
"#;
    let mut test = command(fields);
    let outcome = run(&mut test).success();
    assert!(!outcome.stderr.contains("left running"), "{outcome}");
    let pid: libc::pid_t =
        (text(&outcome.json(), "clean", "pid").trim().parse()).expect("a number");
    // SAFETY: sends a signal and touches no memory.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0, "it goes on");
}

#[test]
fn a_program_has_its_result_where_proc_shows_the_processes_of_another_namespace() {
    let fields = r#"
run = "setsid sleep 15 > /dev/null 2>&1 & sleep 0.1; echo 1 > a"
outputs = { a = "a" }
"#;
    let inside = "unshare -rpf --kill-child";
    let test = command(fields);
    if test.shell(&format!("{inside} true")).code != Some(0) {
        println!("skipped: there are no namespaces here");
        return;
    }
    let outcome = test.shell(&format!("{inside} pipeline run recipe.toml --format json"));
    assert_eq!(text(&outcome.success().json(), "clean", "a"), "1\n");
}

#[test]
fn how_a_program_ended_is_told_whatever_it_left_that_cannot_be_stopped() {
    // Of another user, whom a run without that right cannot signal.
    let fields = r#"
run = """
setsid setpriv --reuid 12345 sleep 12 > /dev/null 2>&1 &
until grep -q '^Uid:.12345' /proc/$!/status; do sleep 0.01; done
printf 'the last words'
exit 7
"""
"#;
    let bounded = "setpriv --bounding-set=-kill";
    let test = command(fields);
    if (test.shell(&format!("{bounded} setpriv --reuid 12345 true"))).code != Some(0) {
        println!("skipped: only the administrator can become another user");
        return;
    }
    let outcome = test.shell(&format!("{bounded} pipeline run recipe.toml"));
    outcome
        .failure(3)
        .stderr_has("ended with exit code 7")
        .stderr_has("the last words");
}

#[test]
fn a_variable_that_is_empty_or_no_text_is_not_called_unset() {
    let fields = "run = \"printf %s $V > a\"\noutputs = { a = \"a\" }\n";
    let line = |value: &str| format!("V={value} pipeline run recipe.toml --format json");
    for list in ["pass_env", "secret_env"] {
        let test = command(&format!("{fields}{list} = [\"V\"]"));
        let document = test.shell(&line("$(printf '\\377x')")).success().json();
        let bytes = std::fs::read(artifact(&document, "clean", "a")).expect("an artifact");
        assert_eq!(bytes, b"\xffx");
    }
    let test = command(&format!("{fields}secret_env = [\"V\"]"));
    test.shell(&line(""))
        .failure(3)
        .stderr_has("secret_env names `V`, which is empty");
    let test = command(&format!("{fields}pass_env = [\"V\"]"));
    test.shell(&line("")).success();
}
