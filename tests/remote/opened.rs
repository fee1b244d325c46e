//! A run that shares nothing looks once for the user's settings, and reads nothing more than before.

use std::fs::File;
use std::os::unix::fs::FileExt;

use libc::{pid_t, user_regs_struct};

use super::{RECIPE, RUN};
use crate::harness::Test;
use crate::tracing::{self, Turn, Watcher};

/// The paths that a program opens.
#[derive(Default)]
struct Opened(Vec<String>);

impl Watcher for Opened {
    fn begins(&mut self, thread: pid_t, registers: &mut user_regs_struct) -> Turn {
        if registers.orig_rax.cast_signed() == libc::SYS_openat {
            let mut bytes = [0; 4096];
            let memory = File::open(format!("/proc/{thread}/mem"));
            let read = memory.and_then(|memory| memory.read_at(&mut bytes, registers.rsi));
            let read = &bytes[..read.unwrap_or(0)];
            let path = read.split(|byte| *byte == 0).next().unwrap_or_default();
            self.0.push(String::from_utf8_lossy(path).into_owned());
        }
        Turn::Passes
    }

    fn ends(&mut self, _thread: pid_t, _registers: &mut user_regs_struct) {}
}

/// None where this machine traces no programs.
fn opened(test: &Test) -> Option<Vec<String>> {
    let mut opened = Opened::default();
    let ended = tracing::run(test.command(), &mut opened)?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    Some(opened.0)
}

#[test]
fn a_run_without_a_cache_looks_once_for_the_user_s_settings_and_for_nothing_else() {
    let mut test = Test::new().recipe(RECIPE);
    test.run_with(RUN).success();
    let usual = test.args(RUN);
    let Some(paths) = opened(&usual) else {
        eprintln!("this machine traces no programs: nobody looks at what is opened");
        return;
    };
    assert!(
        paths.iter().any(|path| path.ends_with("recipe.toml")),
        "{paths:?}"
    );
    let settings = |paths: &[String]| {
        let found = paths
            .iter()
            .filter(|path| path.ends_with("pipeline/config.toml"));
        found.count()
    };
    assert_eq!(settings(&paths), 1, "{paths:?}");
    assert!(!paths.iter().any(|path| path.contains(".aws")), "{paths:?}");
    let alone = usual.args([&RUN[..], &["--no-remote"]].concat());
    let without = opened(&alone).expect("it was traced before");
    assert_eq!(settings(&without), 0, "{without:?}");
    let looked = alone.args(["plan", "recipe.toml"]);
    let looked = opened(&looked).expect("it was traced before");
    assert_eq!(settings(&looked), 0, "{looked:?}");
}
