//! What `squeue` says.

/// How `squeue` is asked, with `-h -t all -r --me`: one line a job or task.
pub const FORMAT: &str = "%A|%F|%K|%T|%N|%j|%r";

/// A job, or a task of an array, as the queue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// Its own id.
    pub id: String,
    /// The id that `sbatch` gave: of the whole array.
    pub job: String,
    /// Its index in the array; 0 if it is none.
    pub index: usize,
    /// Its state.
    pub state: QueueState,
    /// Nodes that it runs or ran on.
    pub nodes: String,
    /// Its name.
    pub name: String,
    /// Why it waits, or why it ended.
    pub reason: String,
}

/// What a state of Slurm means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// It waits for its turn.
    Waits,
    /// It is at work.
    Runs,
    /// It ended well.
    Completed,
    /// It had more memory than it asked for.
    OutOfMemory,
    /// It had more time than it asked for.
    TimeOut,
    /// Its node failed, or somebody more important took it.
    NodeFailed,
    /// Somebody took it out, or what it waited for failed.
    Cancelled,
    /// It ended with another exit code than 0, or by a signal.
    Failed,
}

impl QueueState {
    fn of(name: &str) -> Self {
        match name {
            "RUNNING" | "COMPLETING" | "SUSPENDED" | "SIGNALING" | "STAGE_OUT" | "STOPPED"
            | "RESIZING" => QueueState::Runs,
            "COMPLETED" => QueueState::Completed,
            "OUT_OF_MEMORY" => QueueState::OutOfMemory,
            "TIMEOUT" | "DEADLINE" => QueueState::TimeOut,
            "NODE_FAIL" | "BOOT_FAIL" | "PREEMPTED" | "REVOKED" => QueueState::NodeFailed,
            "CANCELLED" => QueueState::Cancelled,
            "FAILED" => QueueState::Failed,
            // `PENDING`, `CONFIGURING`, `REQUEUED`, `REQUEUE_HOLD`, and those that later versions have: it has not
            // ended.
            _ => QueueState::Waits,
        }
    }

    /// Whether it may still do something.
    pub fn lives(&self) -> bool {
        matches!(self, QueueState::Waits | QueueState::Runs)
    }
}

/// The rows of an answer; a line that is none is passed over.
pub fn parse(text: &str) -> Vec<QueueRow> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<QueueRow> {
    let mut fields = line.trim().splitn(7, '|');
    let mut next = || fields.next().map(str::to_string);
    let (id, job, index) = (next()?, next()?, next()?);
    let numeric = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !numeric(&id) || !numeric(&job) {
        return None;
    }
    Some(QueueRow {
        id,
        job,
        index: index.parse().unwrap_or(0),
        state: QueueState::of(&next()?),
        nodes: next()?,
        name: next()?,
        reason: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_jobs_and_of_tasks_are_read_and_noise_is_not() {
        let rows = parse(
            "12|12|N/A|RUNNING|n1|run-events.0|None\n\
             14|13|7|PENDING||run-head.1|Resources, or (a|b)\n\
             slurm_load_jobs error: Unable to contact slurm controller\n\n",
        );
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].index, &rows[0].state), (0, &QueueState::Runs));
        assert_eq!((rows[1].job.as_str(), rows[1].index), ("13", 7));
        assert_eq!(rows[1].reason, "Resources, or (a|b)");
        assert!(rows.iter().all(|row| row.state.lives()));
    }
}
