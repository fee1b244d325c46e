//! Runs `pipeline` in a fresh folder with a fresh store.
//!
//! ```ignore
//! Test::new().recipe(TEXT).args(["check", "recipe.toml"]).run().success().stdout_has("ok");
//! ```

mod warm;

use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// A test that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// How much of a test that could go on for ever is done: little in every run, much with `PIPELINE_CAMPAIGNS=1`.
pub fn campaign(little: usize, much: usize) -> usize {
    match std::env::var_os("PIPELINE_CAMPAIGNS").is_some_and(|value| value == "1") {
        true => much,
        false => little,
    }
}

/// Where the folders of tests are: in memory, where the machine has enough of it, since a run waits for its
/// disk more than it computes. `TMPDIR` says otherwise.
fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let stated = std::env::var_os("TMPDIR").is_some();
        match !stated && serves(c"/dev/shm") {
            true => "/dev/shm".into(),
            false => std::env::temp_dir(),
        }
    })
}

/// Whether the file system takes the folders of all tests, and runs programs from there.
fn serves(folder: &std::ffi::CStr) -> bool {
    const ENOUGH: u64 = 4 << 30;
    let mut of = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero byte, and what is read has been written when the call says so.
    unsafe {
        if libc::statvfs(folder.as_ptr(), of.as_mut_ptr()) != 0 {
            return false;
        }
        let of = of.assume_init();
        of.f_bavail * of.f_frsize >= ENOUGH && of.f_flag & (libc::ST_NOEXEC | libc::ST_RDONLY) == 0
    }
}

/// A folder, a command line and an environment.
pub struct Test {
    folder: TempDir,
    args: Vec<OsString>,
    env: Vec<(String, String)>,
}

impl Test {
    /// An empty folder that goes away with the test; the store is `.pipeline` inside it.
    pub fn new() -> Self {
        Test {
            folder: TempDir::new_in(place()).expect("a temporary folder"),
            args: vec![],
            env: vec![],
        }
    }

    /// The test's folder, the current one of the program.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders it is in.
    pub fn file(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder"))
            .expect("a folder can be made");
        std::fs::write(path, contents).expect("a file can be written");
        self
    }

    /// Writes `recipe.toml`.
    pub fn recipe(self, text: &str) -> Self {
        self.file("recipe.toml", text)
    }

    /// Puts into the store whatever this command line leaves in a fresh one, with the same `recipe.toml`. It runs once
    /// for all tests that begin with it.
    pub fn warmed<'a>(self, args: impl IntoIterator<Item = &'a str>) -> Self {
        warm::put(&self, args.into_iter().map(str::to_string).collect());
        self
    }

    /// What [`Test::run`] says after `pipeline`.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Sets a variable of the program's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The command of another command line, for tests that need its handle.
    pub fn args_of<A: Into<OsString>>(&mut self, args: impl IntoIterator<Item = A>) -> Command {
        self.args = args.into_iter().map(Into::into).collect();
        self.command()
    }

    /// The command that [`Test::run`] runs, for tests that need its handle.
    pub fn command(&self) -> Command {
        let mut command = self.prepared(env!("CARGO_BIN_EXE_pipeline"));
        command.args(&self.args);
        command
    }

    /// A program in the test's folder and environment.
    fn prepared(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder())
            .env_remove("PIPELINE_STORE")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("FORCE_COLOR")
            // The settings of whoever runs the tests are none of theirs.
            .env("XDG_CONFIG_HOME", self.folder().join("config"))
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_ENDPOINT_URL")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self) -> Outcome {
        Outcome::of(self.command())
    }

    /// Runs a line as a shell does; `pipeline` in it is the program.
    pub fn shell(&self, line: &str) -> Outcome {
        let program = Path::new(env!("CARGO_BIN_EXE_pipeline"));
        let own = program.parent().expect("a program is in a folder");
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(own.to_path_buf()).chain(std::env::split_paths(&inherited));
        let mut command = self.prepared("sh");
        command
            .env("PATH", std::env::join_paths(all).expect("folders"))
            .args(["-c", line]);
        Outcome::of(command)
    }

    /// Runs the program in the same folder with another command line.
    pub fn run_with<A: Into<OsString>>(&mut self, args: impl IntoIterator<Item = A>) -> Outcome {
        self.args = args.into_iter().map(Into::into).collect();
        self.run()
    }
}

/// How the program ended and what it wrote.
#[derive(Debug)]
pub struct Outcome {
    /// None if a signal killed it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    fn of(command: Command) -> Self {
        let output = assert_cmd::Command::from_std(command)
            .timeout(PATIENCE)
            .output()
            .expect("the program starts and ends in time");
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Outcome {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// It ended well.
    #[track_caller]
    pub fn success(self) -> Self {
        self.failure(0)
    }

    /// It ended with this code.
    #[track_caller]
    pub fn failure(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Standard output contains this.
    #[track_caller]
    pub fn stdout_has(self, fragment: &str) -> Self {
        assert!(
            self.stdout.contains(fragment),
            "no {fragment:?} on stdout{self}"
        );
        self
    }

    /// Standard output is exactly this.
    #[track_caller]
    pub fn stdout_is(self, text: &str) -> Self {
        assert_eq!(self.stdout, text, "{self}");
        self
    }

    /// Standard error contains this.
    #[track_caller]
    pub fn stderr_has(self, fragment: &str) -> Self {
        assert!(
            self.stderr.contains(fragment),
            "no {fragment:?} on stderr{self}"
        );
        self
    }

    /// Standard error is exactly this.
    #[track_caller]
    pub fn stderr_is(self, text: &str) -> Self {
        assert_eq!(self.stderr, text, "{self}");
        self
    }

    /// Standard output as its one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON document: {error}{self}"))
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Outcome {
            code,
            stdout,
            stderr,
        } = self;
        write!(
            formatter,
            "\n--- exit code {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---"
        )
    }
}

#[test]
fn every_test_has_a_folder_of_its_own() {
    let (one, other) = (Test::new().recipe("a"), Test::new().file("x/y.txt", "b"));
    assert_ne!(one.folder(), other.folder());
    assert!(one.folder().join("recipe.toml").is_file());
    assert!(other.folder().join("x/y.txt").is_file());
}

#[test]
#[should_panic(expected = "exit code Some(0)")]
fn an_unexpected_exit_code_is_shown_with_the_output() {
    Test::new().args(["--version"]).run().failure(2);
}
