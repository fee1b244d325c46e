//! How much memory there is, and the refusal of what needs more before any of it is asked for.
//!
//! An allocation that fails ends the process without a word, and one that succeeds is paid for only as it is touched:
//! then the kernel ends the process. So what a file or a recipe asks for is counted first.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::{Error, size};

/// States a limit of one's own, in bytes or with a unit: `PIPELINE_MEMORY=2GB`.
pub const VARIABLE: &str = "PIPELINE_MEMORY";

/// A system that does not tell.
const UNKNOWN: u64 = 16 << 30;

/// Bytes that this process may come to use: what [`VARIABLE`] states, else the machine's memory, or that of the control
/// group it runs in where that is less.
pub fn limit() -> u64 {
    static LIMIT: OnceLock<u64> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let stated = std::env::var(VARIABLE).ok();
        stated.as_deref().and_then(bytes).unwrap_or_else(|| {
            let machine = fs::read_to_string("/proc/meminfo");
            let machine = machine.ok().and_then(|text| total_of(&text));
            let group = group_limit(Path::new("/sys/fs/cgroup"));
            machine.unwrap_or(UNKNOWN).min(group.unwrap_or(u64::MAX))
        })
    })
}

/// Refuses a [`VARIABLE`] that states no size: a limit that nobody keeps would be none.
pub fn check() -> Result<(), Error> {
    match std::env::var(VARIABLE) {
        Ok(stated) if !stated.is_empty() && bytes(&stated).is_none() => Err(Error::Usage {
            message: format!("{VARIABLE}: `{stated}` is no size"),
            hint: Some(size::FORM.into()),
        }),
        _ => Ok(()),
    }
}

/// What is wrong with a need of so many bytes, if that is more than [`limit`]; `what` begins the sentence.
pub fn excess(what: impl std::fmt::Display, needed: u64) -> Option<String> {
    over(what, needed, limit())
}

/// What to do about an [`excess`].
pub const MORE_MEMORY: &str =
    "use a machine, or a container, with more memory; PIPELINE_MEMORY=SIZE states another limit";

fn over(what: impl std::fmt::Display, needed: u64, limit: u64) -> Option<String> {
    (needed > limit).then(|| {
        format!(
            "{what} {} of memory, and the limit is {}",
            shown(needed),
            shown(limit)
        )
    })
}

/// A number of bytes for people: `34.1 GB`.
pub fn shown(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// A stated limit; none if it is none.
fn bytes(text: &str) -> Option<u64> {
    size::parse(text).filter(|bytes| *bytes > 0)
}

/// `MemTotal` of `/proc/meminfo`, which is in kibibytes.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kibibytes.checked_mul(1 << 10)
}

/// The limit of the control group that a container sees as the root of its own: version 2, then version 1. The word `max`
/// and numbers beyond any machine say that there is none.
fn group_limit(root: &Path) -> Option<u64> {
    let files = ["memory.max", "memory/memory.limit_in_bytes"];
    let stated = files.iter().filter_map(|file| {
        let text = fs::read_to_string(root.join(file)).ok()?;
        text.trim().parse().ok()
    });
    stated.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_beyond_the_limit_is_told_with_both_numbers() {
        assert_eq!(over("the model takes", 8, 8), None);
        assert_eq!(
            over("the model takes", 34_100_000_000, 8_000_000_000).as_deref(),
            Some("the model takes 34.1 GB of memory, and the limit is 8.0 GB")
        );
    }

    #[test]
    fn a_limit_is_a_size_and_is_shown_with_a_unit() {
        assert_eq!(bytes("2GB"), Some(2_000_000_000));
        assert_eq!(bytes("0"), None, "nothing at all is no limit");
        let sizes = [0, 999, 1_000, 999_949, 999_950, 1 << 30].map(shown);
        assert_eq!(
            sizes,
            ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.1 GB"]
        );
    }

    #[test]
    fn the_smaller_of_machine_and_control_group_holds() {
        assert_eq!(
            total_of("MemTotal:       24 kB\nMemFree: 1 kB\n"),
            Some(24 << 10)
        );
        assert_eq!(total_of("nothing"), None);
        let folder = std::env::temp_dir().join(format!("pipeline-group-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(group_limit(&folder), None);
        fs::write(folder.join("memory.max"), "max\n").unwrap();
        assert_eq!(group_limit(&folder), None);
        fs::write(folder.join("memory.max"), "4096\n").unwrap();
        assert_eq!(group_limit(&folder), Some(4096));
        fs::remove_dir_all(&folder).unwrap();
        assert!(limit() > 0);
    }
}
