//! One input: tried under a watch on time and memory, with its panics caught.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use crate::memory;
use crate::target::{Checked, Target};

/// Processor time after which an input hangs.
const MOST_CPU_MILLISECONDS: u64 = 2000;

/// Readers may expand a small file this far (a tensor of stride 0, a table of defaults)…
const FREE_MEMORY: usize = 96 << 20;
/// …and otherwise take this much for a byte: a one-byte opcode makes an object.
const MEMORY_A_BYTE: usize = 512;

/// The processor time at which the input in work was begun, in milliseconds; 0: none is in work.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// Tries inputs of one target.
pub struct Trial {
    target: Target,
    checked: Checked,
    folder: PathBuf,
    current: File,
}

impl Trial {
    pub fn new(target: Target) -> Self {
        let folder = crate::folder(target);
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let current = File::create(folder.join("current")).expect("the folder can be written");
        watch(folder.join("current"), target);
        report_panics_of_the_fuzzer();
        Self {
            target,
            checked: Checked::new(target),
            folder,
            current,
        }
    }

    /// Whether the input was accepted; `Err`: what it did that no input may do.
    pub fn run(&mut self, input: &[u8]) -> Result<bool, String> {
        self.current.set_len(0).expect("the folder can be written");
        let written = self.current.write_all_at(input, 0);
        written.expect("the folder can be written");
        let before = memory::mark();
        BEGUN.store(cpu_milliseconds().max(1), SeqCst);
        let result = catch_unwind(AssertUnwindSafe(|| self.checked.check(input)));
        BEGUN.store(0, SeqCst);
        let used = memory::peak().saturating_sub(before);
        let allowed = FREE_MEMORY + MEMORY_A_BYTE * input.len();
        match result {
            Err(panic) => Err(self.failure(input, &format!("panic: {}", message(&*panic)))),
            Ok(Err(broken)) => Err(self.failure(input, &broken)),
            Ok(Ok(_)) if used > allowed => Err(self.failure(
                input,
                &format!("takes {used} bytes of memory, {allowed} are allowed"),
            )),
            Ok(Ok(accepted)) => Ok(accepted),
        }
    }

    fn failure(&self, input: &[u8], what: &str) -> String {
        let name = format!("failure-{}", &blake3::hash(input).to_hex()[..12]);
        let path = self.folder.join(name);
        let kept = std::fs::write(&path, input);
        kept.expect("the folder can be written");
        report(self.target, &path, what)
    }
}

/// Those of readers are reported with their input.
fn report_panics_of_the_fuzzer() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if BEGUN.load(SeqCst) == 0 {
            usual(panic);
        }
    }));
}

fn report(target: Target, path: &std::path::Path, what: &str) -> String {
    format!(
        "{what}\nrepeat: FUZZ_TARGET={} FUZZ_INPUT={} cargo test --release --test fuzz",
        target.name(),
        path.display()
    )
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

/// Ends the process when an input takes too long. Processor time, so that a busy machine does not
/// look like a hang.
fn watch(current: PathBuf, target: Target) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let begun = BEGUN.load(SeqCst);
            let now = cpu_milliseconds();
            if begun != 0 && now > begun + MOST_CPU_MILLISECONDS && BEGUN.load(SeqCst) == begun {
                eprintln!("{}", report(target, &current, "hangs"));
                std::process::abort();
            }
        }
    });
}

fn cpu_milliseconds() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a timespec to be written.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}
