use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::event::Event;

/// A line of a run's `events.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordedEvent {
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
}

/// The events of a run in their order; none where the file is not there. Its last line may be cut short, and a later
/// version may tell of what this one does not know: both are passed over.
pub fn recorded_events(file: &Path) -> impl Iterator<Item = RecordedEvent> + use<> {
    let lines = File::open(file)
        .ok()
        .map(|file| BufReader::new(file).lines());
    let lines = lines.into_iter().flatten().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(&line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_cut_short_and_one_of_another_version_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events.jsonl");
        let note =
            r#"{"time":"2026-11-28T11:01:46Z","event":{"stage-note":{"name":"a","line":"b"}}}"#;
        let later = r#"{"time":"2026-11-28T11:01:47Z","event":{"stage-sang":{"name":"a"}}}"#;
        std::fs::write(&file, format!("{note}\n{later}\n{note}\n{}", &note[..50])).unwrap();
        let events: Vec<RecordedEvent> = recorded_events(&file).collect();
        assert_eq!(events.len(), 2);
        assert!(matches!(&events[0].event, Event::StageNote { line, .. } if line == "b"));
        assert_eq!(recorded_events(&folder.path().join("none")).count(), 0);
    }
}
