//! Nothing that others wrote steers the terminal: every command is driven with names that try to.

use std::io::{Read, Write};
use std::net::TcpListener;

use pipeline_error::plain::steers;

use crate::harness::{Outcome, Test};

/// The clipboard is set, the screen cleared, colours changed in C0 and in C1, the title set; what follows is
/// shown from right to left, and the line is written over.
const HOSTILE: &str =
    "x\u{1b}]52;c;ZXZpbA==\u{7}\u{1b}[2J\u{9b}31m\u{1b}]0;t\u{7}\u{202e}\u{2066}\u{200f}\u{7f}\ry";

/// The same in a TOML or JSON string.
fn escaped() -> String {
    let escape = |letter: char| match letter.is_ascii_graphic() {
        true => letter.to_string(),
        false => format!("\\u{:04x}", letter as u32),
    };
    HOSTILE.chars().map(escape).collect()
}

/// Whether a text has anything in it that acts, but for our own colours.
#[track_caller]
fn assert_tame(outcome: &Outcome, colours: bool) {
    for text in [&outcome.stdout, &outcome.stderr] {
        let mut text = text.clone();
        if colours {
            for code in ["0", "1", "2", "32", "33", "1;31"] {
                text = text.replace(&format!("\x1b[{code}m"), "");
            }
        }
        let found = text
            .chars()
            .find(|letter| steers(*letter) && !"\n\t".contains(*letter));
        assert_eq!(found, None, "{:?}", outcome.to_string());
    }
}

/// Runs it for people with and without colours, and where it can for programs.
fn drive(test: &mut Test, args: &[&str]) {
    for colours in [false, true] {
        let mut command = {
            *test = std::mem::replace(test, Test::new()).args(args);
            test.command()
        };
        if colours {
            command.env("CLICOLOR_FORCE", "1");
        }
        let output = command.output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let outcome = Outcome {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(outcome.code.is_some(), "{outcome}");
        assert_tame(&outcome, colours);
    }
}

fn for_programs(test: &mut Test, args: &[&str]) {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    let outcome = test.run_with(args);
    assert_tame(&outcome, false);
    outcome.json();
}

/// A recipe that works, with hostile names wherever there can be one; the programs print some, too.
fn recipe(ends: &str) -> String {
    let hostile = escaped();
    format!(
        "format = 1\nname = \"{hostile}\"\n[stages.say]\nkind = \"command\"\n\
         run = \"printf '%s' \\\"$V\\\"; printf '\\\\033[2J\\\\n' >&2; echo \\\"$V\\\" > {{outputs.o}}; {ends}\"\n\
         env = {{ V = \"{hostile}\" }}\noutputs = {{ o = \"{hostile}.txt\" }}\n"
    )
}

#[test]
fn every_command_shows_hostile_names_spelled_out() {
    let file = &format!("{HOSTILE}.toml")[..];
    let mut test = Test::new().file(file, recipe("true"));
    let commands: &[&[&str]] = &[
        &["check", file],
        &["check", file, "--resolved"],
        &["plan", file],
        &["run", file],
        &["run", file, "-v", "--refresh", "say"],
        &["run", file],
        &["plan", file, "-v"],
        &["explain", file, "say"],
        &["outputs", file],
        &["outputs", file, "say"],
        &["outputs", file, "say", "o"],
        &["lock", file],
        &["run", file, "--locked"],
        &["graph", file],
        &["graph", file, "--format", "dot"],
        &["graph", file, "--format", "mermaid"],
        &["graph", file, "--format", "svg"],
        &["export", file, "say", "o", &format!("to-{HOSTILE}")],
        &["report", file, "--output", &format!("{HOSTILE}.html")],
        &["runs"],
        &["compare", HOSTILE, HOSTILE],
        &["runs", HOSTILE],
        &["cache", "ls"],
        &["cache", "verify"],
        &["cache", "gc", "--dry-run"],
        &["diagnose", file],
        &["sweep", file],
        &["sweep", "plan", file],
        &["sweep", "show", file],
        &["bundle", file, "say", HOSTILE],
        &["predict", HOSTILE, HOSTILE],
        &["inspect", HOSTILE],
        &["inspect", file],
        &["mlflow", HOSTILE],
        &["selftest", HOSTILE],
        &["schema", HOSTILE],
        &["completions", HOSTILE],
        &["man", HOSTILE],
        &[HOSTILE],
        &["run", file, HOSTILE],
        &["run", file, "--set", HOSTILE],
        &["run", file, "--set", &format!("stages.say.{HOSTILE}=1")],
        &["plan", HOSTILE],
        &["run", file, "--device", HOSTILE],
        &["run", file, "--store", &format!("{HOSTILE}/store")],
    ];
    for command in commands {
        drive(&mut test, command);
    }
    for command in [
        &["check", file][..],
        &["plan", file],
        &["run", file],
        &["runs"],
        &["outputs", file],
        &["cache", "ls"],
        &["explain", file, "say"],
    ] {
        for_programs(&mut test, command);
    }
}

#[test]
fn a_failing_program_s_words_and_files_are_spelled_out() {
    for ends in ["exit 3", "touch \\\"a$V\\\""] {
        let mut test = Test::new().recipe(&recipe(ends));
        drive(&mut test, &["run", "recipe.toml"]);
        drive(&mut test, &["run", "recipe.toml", "-v"]);
        drive(&mut test, &["runs"]);
        for_programs(&mut test, &["run", "recipe.toml"]);
    }
}

#[test]
fn excerpts_of_recipes_are_spelled_out() {
    let hostile = escaped();
    for text in [
        format!("format = 1 # {HOSTILE}\nnme = 1\n"),
        format!("format = 1\nname = \"{HOSTILE}\"\n"),
        // No control character, so that TOML takes it.
        "format = 1\nnme = 1 # \u{202e}\u{2066}\u{200f}\n".to_string(),
        format!("format = 1\n\"{hostile}\" = 1\n"),
        format!("format = 1\n[stages.\"{hostile}\"]\nkind = \"command\"\nrun = \"true\"\n"),
        format!("format = 1\n[stages.a]\nkind = \"{hostile}\"\n"),
        format!("format = 1\nextends = [\"{hostile}\"]\n"),
        format!("format = 1\nname = \"${{env:{hostile}}} ${{vars.{hostile}}}\"\n"),
        format!("format = 1\n[stages.a]\nkind = \"pretrain\"\ndata = \"{hostile}\"\nepochs = 1\n"),
        format!(
            "format = 1\n[stages.a]\nkind = \"command\"\nrun = \"true\"\ninputs = {{ a = \"{hostile}\" }}\n"
        ),
    ] {
        let mut test = Test::new().recipe(&text);
        drive(&mut test, &["check", "recipe.toml"]);
        drive(&mut test, &["run", "recipe.toml"]);
        for_programs(&mut test, &["check", "recipe.toml"]);
    }
}

#[test]
fn names_of_tensors_are_spelled_out_and_cannot_forge_a_line() {
    let name = format!("{}\\nerror: all is well", escaped());
    let header = format!(
        "{{\"__metadata__\":{{\"k\":\"{name}\"}},\"{name}\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}}}"
    );
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(1.0_f32.to_le_bytes());
    let import = "format = 1\n[stages.w]\nkind = \"import\"\nfrom = { path = \"w.safetensors\" }\ninto = \"classifier\"\ninputs = \"unknown\"\n";
    let mut test = Test::new().recipe(import).file("w.safetensors", file);
    drive(&mut test, &["inspect", "w.safetensors"]);
    drive(
        &mut test,
        &["inspect", "w.safetensors", "--for", "recipe.toml"],
    );
    drive(&mut test, &["run", "recipe.toml"]);
    for_programs(&mut test, &["inspect", "w.safetensors"]);
    for command in [&["inspect", "w.safetensors"][..], &["run", "recipe.toml"]] {
        let outcome = test.run_with(command);
        let both = outcome.stdout + &outcome.stderr;
        assert!(!both.contains("\nerror: all is well"), "{both}");
    }
}

#[test]
fn cells_of_tables_are_spelled_out() {
    let table = format!("stay,minute,variable,value\n1,0,{HOSTILE},1\n1,1,a,{HOSTILE}\n");
    let recipe = "format = 1\n[stages.events]\nkind = \"data\"\n\
        source = { format = \"long\", files = [\"t.csv\"], id = \"stay\", time = { column = \"minute\", as = \"minutes\" }, variable = \"variable\", value = \"value\", labels = { path = \"l.csv\", id = \"stay\", column = \"y\" } }\n\
        split = { ratio = [0.8, 0.1, 0.1] }\nembeddings = { orthonormal = 8 }\n";
    let labels = format!("stay,{HOSTILE}\n1,{HOSTILE}\n");
    let mut test = Test::new()
        .recipe(recipe)
        .file("t.csv", table)
        .file("l.csv", labels);
    drive(&mut test, &["check", "recipe.toml"]);
    drive(&mut test, &["run", "recipe.toml"]);
}

#[test]
fn a_server_s_answer_is_spelled_out() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let body = format!("{{\"error_code\":\"{0}\",\"message\":\"{0}\"}}", escaped());
            let answer = format!(
                "HTTP/1.1 500 Oops\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let mut test =
        Test::new().recipe("format = 1\n[stages.a]\nkind = \"command\"\nrun = \"true\"\n");
    test.run_with(["run", "recipe.toml"]).success();
    drive(&mut test, &["mlflow", "--url", &url]);
    assert!(
        test.run_with(["mlflow", "--url", &url])
            .stderr
            .contains("500")
    );
}
