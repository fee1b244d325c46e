//! The logs of jobs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// So much of the end of a log is read.
const TAIL_LINES: usize = 12;
const TAIL_BYTES: u64 = 8 << 10;

/// The last lines of a log.
pub fn tail(path: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(TAIL_LINES);
    Ok(lines[first..].iter().map(ToString::to_string).collect())
}

/// Whether Slurm says in a log that the job took more memory than it asked for. Where it is not the kernel that holds
/// jobs to that, the queue calls them failed.
pub fn says_out_of_memory(path: &Path) -> bool {
    let lines = tail(path).unwrap_or_default();
    lines.iter().any(|line| {
        line.starts_with("slurmstepd")
            && ["exceeded memory limit", "Exceeded job memory", "oom"]
                .iter()
                .any(|words| line.contains(words))
    })
}
