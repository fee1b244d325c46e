//! How a task stands, by what its worker wrote and what the queue says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::queue::{QueueRow, QueueState};

/// The exit code after TERM, which nobody but Slurm and its users send.
const INTERRUPTED: u8 = 130;

/// What a worker says of its task: the file `runs/RUN/tasks/JOB.INDEX.json`, whose time moves while the worker lives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The machine.
    pub host: String,
    /// The model of its processors, where the system tells.
    #[serde(default)]
    pub cpu: Option<String>,
    /// The exit code; none while it works.
    #[serde(default)]
    pub exit_code: Option<u8>,
    /// What became of a warning that its time is nearly over.
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// Why stages failed, by name.
    #[serde(default)]
    pub failures: BTreeMap<String, String>,
    /// Why a job that was to go on submitting did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined: Option<String>,
}

impl Note {
    /// Whether nothing more comes of the task by itself. One that was interrupted may be in the queue again.
    pub fn is_over(&self) -> bool {
        match self.stopped {
            Some(Stopped::Requeued) => false,
            Some(Stopped::OutOfTime) => true,
            None => !matches!(self.exit_code, None | Some(INTERRUPTED)),
        }
    }

    /// Whether the worker ended by a failure of its own.
    pub fn has_failed(&self) -> bool {
        self.stopped.is_none() && self.is_over() && self.exit_code != Some(0)
    }
}

/// What a worker did when its time was nearly over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// It wrote down where it stands, and put itself in the queue again.
    Requeued,
    /// It would have begun anew: it needs more time.
    OutOfTime,
}

/// All that is known of a task.
#[derive(Clone, Debug, Default)]
pub struct Seen<'a> {
    /// What the queue says now.
    pub row: Option<&'a QueueRow>,
    /// What the worker wrote.
    pub note: Option<&'a Note>,
    /// Whether the worker gave a sign of life lately.
    pub beats: bool,
    /// How it ended, as was found before.
    pub ended: Option<End>,
    /// How many queries that succeeded did not have it.
    pub absent: usize,
}

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It waits, and why.
    Queued(String),
    /// It is at work, on which node.
    Runs(String),
    /// It is over.
    Ended(End),
    /// Neither the queue nor the worker says anything; another look is needed.
    Unknown,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Well.
    Completed,
    /// A stage failed: the same again would fail again.
    Failed,
    /// It had more memory than it asked for.
    OutOfMemory,
    /// It had more time than it asked for, and nothing to go on from.
    TimeOut,
    /// Its node failed.
    NodeFailed,
    /// A signal ended it.
    Killed,
    /// It was taken out of the queue.
    Cancelled,
    /// It left no trace.
    Lost,
}

impl End {
    /// In words.
    pub fn shown(self) -> &'static str {
        match self {
            End::Completed => "ended",
            End::Failed => "failed",
            End::OutOfMemory => "ran out of memory",
            End::TimeOut => "ran out of time",
            End::NodeFailed => "lost its node",
            End::Killed => "was killed",
            End::Cancelled => "was cancelled",
            End::Lost => "was lost",
        }
    }
}

/// How a task stands. It is lost only if it left no action (whoever asks has looked), gives no sign of life, and was
/// absent from two answers of the queue.
pub fn state(seen: &Seen) -> TaskState {
    let by_note = seen.note.and_then(end_of);
    match seen.row {
        Some(row) => match row.state {
            QueueState::Waits => TaskState::Queued(row.reason.clone()),
            QueueState::Runs => TaskState::Runs(row.nodes.clone()),
            QueueState::Completed => TaskState::Ended(End::Completed),
            QueueState::OutOfMemory => TaskState::Ended(End::OutOfMemory),
            QueueState::TimeOut => TaskState::Ended(End::TimeOut),
            QueueState::NodeFailed => TaskState::Ended(End::NodeFailed),
            QueueState::Cancelled => TaskState::Ended(by_note.unwrap_or(End::Cancelled)),
            QueueState::Failed => TaskState::Ended(by_note.unwrap_or(End::Killed)),
        },
        None => match (seen.ended, by_note, seen.note) {
            (Some(end), _, _) | (None, Some(end), _) => TaskState::Ended(end),
            (None, None, Some(note)) if seen.beats => TaskState::Runs(note.host.clone()),
            _ if seen.absent >= 2 => TaskState::Ended(End::Lost),
            _ => TaskState::Unknown,
        },
    }
}

fn end_of(note: &Note) -> Option<End> {
    match (note.stopped, note.exit_code?) {
        // It is in the queue, or soon is.
        (Some(Stopped::Requeued), _) => None,
        (Some(Stopped::OutOfTime), _) => Some(End::TimeOut),
        (None, 0) => Some(End::Completed),
        (None, INTERRUPTED) => Some(End::Cancelled),
        (None, _) => Some(End::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::parse;

    fn note(exit_code: Option<u8>, stopped: Option<Stopped>) -> Note {
        Note {
            host: "n1".into(),
            exit_code,
            stopped,
            ..Note::default()
        }
    }

    #[test]
    fn the_queue_says_how_a_task_stands_and_the_worker_why_it_failed() {
        let of = |state_name: &str, note: Option<Note>| {
            let rows = parse(&format!("1|1|N/A|{state_name}|n2|name|Priority"));
            state(&Seen {
                row: rows.first(),
                note: note.as_ref(),
                ..Seen::default()
            })
        };
        assert_eq!(of("PENDING", None), TaskState::Queued("Priority".into()));
        assert_eq!(
            of("RUNNING", Some(note(None, None))),
            TaskState::Runs("n2".into())
        );
        assert_eq!(
            of("OUT_OF_MEMORY", Some(note(None, None))),
            TaskState::Ended(End::OutOfMemory)
        );
        assert_eq!(
            of("FAILED", Some(note(Some(3), None))),
            TaskState::Ended(End::Failed)
        );
        assert_eq!(
            of("FAILED", Some(note(None, None))),
            TaskState::Ended(End::Killed)
        );
        let out_of_time = note(Some(130), Some(Stopped::OutOfTime));
        assert_eq!(
            of("FAILED", Some(out_of_time)),
            TaskState::Ended(End::TimeOut)
        );
        assert_eq!(of("CANCELLED", None), TaskState::Ended(End::Cancelled));
    }

    #[test]
    fn a_task_that_was_interrupted_may_come_back_and_one_that_failed_does_not() {
        let of = |exit_code, stopped| {
            let note = note(exit_code, stopped);
            (note.is_over(), note.has_failed())
        };
        assert_eq!(of(None, None), (false, false));
        assert_eq!(of(Some(130), None), (false, false));
        assert_eq!(of(Some(130), Some(Stopped::Requeued)), (false, false));
        assert_eq!(of(Some(130), Some(Stopped::OutOfTime)), (true, false));
        assert_eq!(of(Some(0), None), (true, false));
        assert_eq!(of(Some(2), None), (true, true));
    }

    #[test]
    fn a_task_is_lost_only_without_a_sign_of_life_and_after_two_answers() {
        let working = note(None, None);
        let mut seen = Seen {
            note: Some(&working),
            beats: true,
            absent: 5,
            ..Seen::default()
        };
        assert_eq!(state(&seen), TaskState::Runs("n1".into()));
        seen.beats = false;
        assert_eq!(state(&seen), TaskState::Ended(End::Lost));
        seen.absent = 1;
        assert_eq!(state(&seen), TaskState::Unknown);
        seen.note = None;
        assert_eq!(state(&seen), TaskState::Unknown);
        // It put itself in the queue again, and is not there: that it ended is not known.
        let requeued = note(Some(130), Some(Stopped::Requeued));
        seen.note = Some(&requeued);
        assert_eq!(state(&seen), TaskState::Unknown);
        seen.absent = 2;
        assert_eq!(state(&seen), TaskState::Ended(End::Lost));
        seen.ended = Some(End::OutOfMemory);
        assert_eq!(state(&seen), TaskState::Ended(End::OutOfMemory));
    }
}
