//! Which machine and which process this is.

use std::fs;
use std::sync::LazyLock;

/// The name of this machine.
pub fn host() -> &'static str {
    static HOST: LazyLock<String> = LazyLock::new(|| {
        fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| fs::read_to_string("/etc/hostname"))
            .map_or_else(|_| "this host".into(), |name| name.trim().to_string())
    });
    &HOST
}

/// The model of its processors, where the system tells.
pub fn cpu() -> Option<&'static str> {
    static CPU: LazyLock<Option<String>> = LazyLock::new(|| {
        let text = fs::read_to_string("/proc/cpuinfo").ok()?;
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    CPU.as_deref()
}

/// Another one for each start of the kernel; empty where the system does not tell.
pub(super) fn boot() -> String {
    let read = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map_or_else(|_| String::new(), |id| id.trim().to_string())
}

/// Within which numbers mean the same processes; empty where the system does not tell.
pub(super) fn pid_namespace() -> String {
    let read = fs::read_link("/proc/self/ns/pid");
    read.map_or_else(
        |_| String::new(),
        |link| link.to_string_lossy().into_owned(),
    )
}

/// When a process started, in ticks since the machine did: its number may be another one's by now. None if there is no
/// such process.
pub(super) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything.
    let behind = stat.rsplit_once(')')?.1;
    let mut fields = behind.split_whitespace();
    // A zombie is named in the table and does nothing any more.
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_started_and_one_that_has_ended_has_not() {
        assert!(started(std::process::id()).is_some());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert_eq!(started(pid), None, "a zombie");
        child.wait().unwrap();
        assert_eq!(started(pid), None);
    }
}
