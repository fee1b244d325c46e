//! `pipeline watch --serve`: asked over HTTP, and looked at in a browser where there is one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::document::repository;
use crate::harness::Test;
use crate::recipes::PRETRAIN;

/// A program that serves, and is ended with the test.
struct Served {
    program: Child,
    /// `127.0.0.1:PORT`.
    address: String,
}

impl Served {
    fn start(test: &mut Test, more: &[&str]) -> Self {
        let mut command = test.args_of(["watch", "--serve", "127.0.0.1:0"].iter().chain(more));
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = command.spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = program.stdout.take().expect("it was piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it serves");
        let address = line
            .trim()
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix('/'));
        let address = address
            .unwrap_or_else(|| panic!("an address: {line:?}"))
            .to_string();
        Self { program, address }
    }

    /// The head and the body of the answer to some bytes.
    fn ask(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head.to_string(), body.to_string())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.address
        ))
    }

    fn page(&self, path: &str) -> String {
        let (head, body) = self.get(path);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
        body
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A store with a run that ended, and one that goes on: it began as that did, and has not come further.
fn store() -> (Test, String, String) {
    let mut test = Test::new().recipe(PRETRAIN);
    let ran = test
        .run_with(["run", "recipe.toml", "--format", "json"])
        .success()
        .json();
    let ended = ran["run"].as_str().expect("an id").to_string();
    let goes_on = "20991231T235959Z-0000".to_string();
    let folder = test.folder().join(".pipeline/runs");
    let events = std::fs::read_to_string(folder.join(&ended).join("events.jsonl"));
    let events = events.expect("a run leaves its events");
    let begun = events
        .lines()
        .take_while(|line| !line.contains("\"pretrain\",\"kind\""));
    let begun: Vec<&str> = begun
        .filter(|line| !line.contains("run-finished"))
        .collect();
    let now = jiff_now();
    let event = |event: &str| format!("{{\"time\":\"{now}\",\"event\":{event}}}");
    let progress = |done: u32, loss: &str| {
        event(&format!(
            "{{\"stage-progress\":{{\"name\":\"pretrain\",\"done\":{done},\"total\":80,\"unit\":\"stays\",\
             \"message\":\"epoch 1/2 · reconstruction {loss}\"}}}}"
        ))
    };
    let more = [
        event(
            "{\"stage-started\":{\"name\":\"pretrain\",\"kind\":\"pretrain\",\"key\":\"ab\",\"reasons\":[],\"threads\":1}}",
        ),
        event(
            "{\"stage-note\":{\"name\":\"pretrain\",\"line\":\"warning: <b>few</b> units are active\"}}",
        ),
        progress(8, "2.5"),
        progress(12, "2.0"),
        progress(16, "1.5"),
        // The last line is being written.
        "{\"time\":\"20".into(),
    ];
    let text = begun.iter().map(ToString::to_string).chain(more);
    let text = text.collect::<Vec<_>>().join("\n");
    std::fs::create_dir(folder.join(&goes_on)).expect("a folder");
    std::fs::write(folder.join(&goes_on).join("events.jsonl"), text).expect("a file");
    std::fs::copy(
        folder.join(&ended).join("plan.json"),
        folder.join(&goes_on).join("plan.json"),
    )
    .expect("a plan");
    (test, ended, goes_on)
}

/// The time as events have it.
fn jiff_now() -> String {
    let output = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])
        .output();
    let output = output.expect("there is `date`");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_string()
}

#[test]
fn a_run_that_goes_on_has_a_page_and_one_that_ended_has_the_same() {
    let (mut test, ended, goes_on) = store();
    let served = Served::start(&mut test, &[]);
    // The latest run.
    let page = served.page("/");
    for shown in [
        goes_on.as_str(),
        "Running",
        "1 of 2 stages have ended",
        "16/80 stays",
        "epoch 1/2 · reconstruction 1.5",
        "reconstruction of pretrain",
        "&lt;b&gt;few&lt;/b&gt; units are active",
        "<noscript><meta http-equiv=\"refresh\"",
        &format!("href=\"/runs/{ended}\""),
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    let page = served.page(&format!("/runs/{ended}"));
    assert!(
        page.contains("Done") && page.contains("2 of 2 stages have ended"),
        "{page}"
    );
    assert!(!page.contains("<script") && !page.contains("http-equiv=\"refresh\""));
    for page in [served.page("/"), page] {
        for outside in ["http://", "https://", "@import", "//cdn"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
    // What is written while it is served is on the next page.
    let summary = test
        .folder()
        .join(".pipeline/runs")
        .join(&ended)
        .join("summary.json");
    let at = test
        .folder()
        .join(".pipeline/runs")
        .join(&goes_on)
        .join("summary.json");
    // One with a checksum is that of its own run.
    let text = std::fs::read(summary).expect("a summary");
    let mut summary: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    summary
        .as_object_mut()
        .expect("an object")
        .remove("checksum");
    std::fs::write(at, summary.to_string()).expect("a summary");
    assert!(served.page("/").contains("2 of 2 stages have ended"));
}

#[test]
fn a_server_answers_this_machine_and_refuses_all_else() {
    let (mut test, ended, _) = store();
    let served = Served::start(&mut test, &[&ended]);
    assert!(served.page("/").contains(&ended), "the run that was named");
    let (head, _) = served.get("/");
    assert!(
        head.contains("Content-Security-Policy: default-src 'none'"),
        "{head}"
    );
    assert!(served.get("/live.js").0.contains("text/javascript"));
    for path in [
        "/runs/nowhere",
        "/runs/../../recipe.toml",
        "/recipe.toml",
        "/runs/",
    ] {
        assert!(served.get(path).0.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let elsewhere = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert!(served.ask(elsewhere).0.starts_with("HTTP/1.1 403 "));
    let writes = format!("POST / HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    assert!(served.ask(&writes).0.starts_with("HTTP/1.1 405 "));
    assert!(served.ask("hello\r\n\r\n").0.starts_with("HTTP/1.1 400 "));
    let head = format!("HEAD / HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    assert_eq!(served.ask(&head).1, "");
    let taken = test
        .run_with(["watch", "--serve", &served.address])
        .failure(2);
    taken.stderr_has("cannot be served");
    let open = test
        .run_with(["watch", "--serve", "0.0.0.0:8080"])
        .failure(2);
    open.stderr_has("other machines could reach this address")
        .stderr_has("ssh -L");
    test.run_with(["watch", "--serve", "127.0.0.1:0", "nowhere"])
        .failure(2);
}

#[test]
fn a_submitted_run_has_no_page_and_the_runs_inside_of_its_jobs_are_not_listed() {
    let (mut test, ended, _) = store();
    let folder = test.folder().join(".pipeline/runs");
    let plan = std::fs::read(folder.join(&ended).join("plan.json")).expect("a plan");
    let (submitted, inside) = ("20991231T235959Z-0001", "20991231T235959Z-0002");
    let worker = format!("{{\"run\":\"{submitted}\",\"job\":0,\"task\":0}}");
    for (run, name, text) in [
        (submitted, "submission.json", "{}"),
        (inside, "worker.json", worker.as_str()),
    ] {
        std::fs::create_dir(folder.join(run)).expect("a folder");
        std::fs::write(folder.join(run).join("plan.json"), &plan).expect("a plan");
        std::fs::write(folder.join(run).join(name), text).expect("a file");
    }
    let served = Served::start(&mut test, &[]);
    let page = served.page("/");
    assert!(
        !page.contains(submitted) && !page.contains(inside),
        "{page}"
    );
    let (head, _) = served.get(&format!("/runs/{submitted}"));
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    assert!(served.page(&format!("/runs/{inside}")).contains(inside));
    test.run_with(["watch", "--serve", "127.0.0.1:0", submitted])
        .failure(2)
        .stderr_has(&format!("`pipeline watch {submitted}`"));
}

#[test]
fn a_store_without_a_run_waits_for_the_first() {
    let mut test = Test::new();
    let served = Served::start(&mut test, &[]);
    assert!(served.page("/").contains("This store has no run"));
}

#[test]
fn a_browser_shows_the_pages_without_an_error_and_without_asking_elsewhere() {
    let has = |program: &str| {
        let version = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    };
    if !has("node") || !has("chromium") {
        eprintln!("skipped: node and chromium are needed to look at pages in a browser");
        return;
    }
    let (mut test, ended, _) = store();
    test.run_with(["report", "recipe.toml"]).success();
    let served = Served::start(&mut test, &[]);
    let mut check = Command::new("node");
    check.arg(repository("tests/pages/check.mjs"));
    if let Some(axe) = std::env::var_os("AXE") {
        check.arg("--axe").arg(axe);
    }
    check.arg(format!("http://{}/", served.address));
    check.arg(format!("http://{}/runs/{ended}", served.address));
    check.arg(test.folder().join("report.html"));
    let output = check.output().expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(said.matches(": sound").count(), 12, "{said}");
}
