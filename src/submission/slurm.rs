//! The programs of Slurm.

use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};

use pipeline_cluster::{FORMAT, QueueRow, parse};
use pipeline_error::Error;

/// So many ids on one command line.
const AT_ONCE: usize = 500;

/// Submits a script. The answer is the job's id; an error leaves open whether it was submitted.
pub fn submit(script: &str) -> Result<String, Error> {
    let output = run("sbatch", &["--parsable"], Some(script))?;
    let id = output
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_string();
    match !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(id),
        false => Err(Error::stage(format!(
            "sbatch gave no id of a job: {}",
            output.trim()
        ))),
    }
}

/// All jobs and tasks of this user that the controller remembers.
pub fn queue() -> Result<Vec<QueueRow>, Error> {
    let arguments = ["-h", "-t", "all", "-r", "--me", "-o", FORMAT];
    run("squeue", &arguments, None).map(|text| parse(&text))
}

/// Takes jobs and tasks out of the queue. One that is over already is none of its errors.
pub fn cancel(ids: &[String]) -> Result<(), Error> {
    for ids in ids.chunks(AT_ONCE) {
        let mut arguments = vec!["--quiet"];
        arguments.extend(ids.iter().map(String::as_str));
        run("scancel", &arguments, None)?;
    }
    Ok(())
}

/// Puts a running job in the queue again.
pub fn requeue(id: &str) -> Result<(), Error> {
    run("scontrol", &["requeue", id], None).map(drop)
}

/// Fails where jobs cannot be submitted, before anything is written of them.
pub fn require() -> Result<(), Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).any(|folder| folder.join("sbatch").is_file()) {
        true => Ok(()),
        false => Err(absent("sbatch")),
    }
}

fn absent(program: &str) -> Error {
    Error::Usage {
        message: format!("there is no `{program}` on the PATH"),
        hint: Some(
            "submit where Slurm's commands are; `--dry-run` shows the scripts anywhere".into(),
        ),
    }
}

fn run(program: &str, arguments: &[&str], input: Option<&str>) -> Result<String, Error> {
    let output = piped(program, arguments, input).map_err(|error| match error.kind() {
        ErrorKind::NotFound => absent(program),
        _ => Error::stage(format!("{program}: {error}")),
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Error::stage(format!("{program} failed: {}", said.trim())))
        }
    }
}

fn piped(program: &str, arguments: &[&str], input: Option<&str>) -> std::io::Result<Output> {
    let stdin = match input {
        Some(_) => Stdio::piped(),
        None => Stdio::null(),
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
        // One that does not read says why it ended.
        let _ = pipe.write_all(text.as_bytes());
    }
    child.wait_with_output()
}
