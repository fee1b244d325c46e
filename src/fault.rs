//! A panic is a fault of the program: it becomes an error with an exit code of its own, and a report to send.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pipeline_error::Error;
use pipeline_error::guarded::is_guarded;

/// The first panic of the process: others follow from it.
static FIRST: Mutex<Option<Fault>> = Mutex::new(None);

/// Where a panic happened, and where its report lies.
#[derive(Clone, Debug)]
struct Fault {
    message: String,
    report: Option<PathBuf>,
}

/// Runs the program. A panic that nobody has caught, in whichever thread, is the error `told` gets; what is an error
/// already only learns where the report lies.
pub fn guard(
    program: impl FnOnce() -> Result<ExitCode, Error>,
    told: impl Fn(&Error) -> ExitCode,
) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        if !is_guarded() {
            first().get_or_insert_with(|| Fault::of(panic));
        }
    }));
    let ended = catch_unwind(AssertUnwindSafe(program));
    match (ended, first().clone()) {
        (Ok(Err(error @ Error::Fault { .. })), Some(fault)) => told(&error.with_hint(fault.hint())),
        (Ok(Err(error)), _) => told(&error),
        (Ok(Ok(code)), None) => code,
        (_, fault) => {
            let fault = fault.unwrap_or_else(|| Fault {
                message: "without a message".into(),
                report: None,
            });
            told(&Error::fault(&fault.message).with_hint(fault.hint()))
        }
    }
}

fn first() -> MutexGuard<'static, Option<Fault>> {
    FIRST.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fault {
    fn of(panic: &PanicHookInfo) -> Self {
        let mut message = panic
            .payload_as_str()
            .unwrap_or("without a message")
            .to_string();
        if let Some(place) = panic.location() {
            let _ = write!(message, " ({}:{})", place.file(), place.line());
        }
        let report = report(&message).ok();
        Self { message, report }
    }

    fn hint(&self) -> String {
        match &self.report {
            Some(path) => format!(
                "this is a fault of the program, not of its input: send {} to its developers, and say how to \
                 see it again",
                path.display()
            ),
            None => "this is a fault of the program, not of its input: tell its developers how to see it \
                     again"
                .into(),
        }
    }
}

/// Writes what developers need to know. No argument but the command's name is in it: others may be secret.
fn report(message: &str) -> std::io::Result<PathBuf> {
    let mut file = tempfile::Builder::new()
        .prefix("pipeline-fault-")
        .suffix(".txt")
        .permissions(PermissionsExt::from_mode(0o600))
        .tempfile()?;
    writeln!(
        file,
        "pipeline {} panicked: {message}\ncommand: {}\nthread: {}\nsystem: {} {}\n\n{}",
        env!("CARGO_PKG_VERSION"),
        std::env::args().nth(1).unwrap_or_default(),
        std::thread::current().name().unwrap_or("unnamed"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        Backtrace::force_capture(),
    )?;
    let (_, path) = file.keep()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panics() {
        panic!("another");
    }

    #[test]
    fn a_panic_of_any_thread_is_an_error_with_a_report_and_exit_code_70() {
        let told = Mutex::new(Vec::new());
        let end = |error: &Error| {
            let hint = miette::Diagnostic::help(error).map(|hint| hint.to_string());
            let mut told = told.lock().unwrap();
            told.push((
                error.to_string(),
                error.exit_code(),
                hint.unwrap_or_default(),
            ));
            ExitCode::from(error.exit_code())
        };
        guard(|| panic!("index {} of {}", 7, 3), end);
        let in_a_thread = || {
            assert!(std::thread::spawn(panics).join().is_err());
            Ok(ExitCode::SUCCESS)
        };
        guard(in_a_thread, end);
        let _ = std::panic::take_hook();
        for (message, code, hint) in told.into_inner().unwrap() {
            assert!(
                message.starts_with("the program panicked: index 7 of 3 (src/fault.rs:"),
                "{message}"
            );
            assert_eq!(code, 70);
            let report = hint
                .split("send ")
                .nth(1)
                .unwrap()
                .split(' ')
                .next()
                .unwrap();
            let text = std::fs::read_to_string(report).unwrap();
            assert!(text.contains("panicked: index 7 of 3"), "{text}");
            let mode = std::fs::metadata(report).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let report = first().take().and_then(|fault| fault.report);
        std::fs::remove_file(report.unwrap()).unwrap();
    }
}
