//! A run as it goes on, from its folder in the store alone: whoever wrote that, on this machine or another, and whether it
//! has ended.

mod course;
mod page;

use jiff::Timestamp;

use pipeline_error::Error;
use pipeline_kinds::evaluate::Headline;
use pipeline_runner::event::Event;
use pipeline_runner::history::{self, PastRun, PastStatus};
use pipeline_runner::record::StageRecord;
use pipeline_runner::{RecordedEvent, recorded_events};
use pipeline_store::Store;

use course::Course;
pub use page::{SCRIPT, live_page};

/// Progress of so many seconds says how fast a stage is now.
const PACE_SECONDS: f64 = 30.0;

/// A run, as far as its events tell.
#[derive(Debug)]
pub struct LiveRun {
    /// The line it has in a list; without a summary it is unfinished, which a run that goes on is, too.
    pub run: PastRun,
    /// When it was last heard of.
    pub heard: Option<Timestamp>,
    /// Its stages, in topological order.
    pub stages: Vec<LiveStage>,
}

/// A stage of a run.
#[derive(Debug)]
pub struct LiveStage {
    /// The node's name.
    pub name: String,
    /// Its kind, where something told it.
    pub kind: Option<String>,
    /// What it does.
    pub state: LiveState,
    /// How far it is.
    pub progress: Option<LiveProgress>,
    /// The numbers that it told of on the way.
    pub course: Course,
    /// What it said, a line each.
    pub notes: Vec<String>,
    /// Of an evaluation that has ended: what it comes to.
    pub headline: Option<Headline>,
}

/// What a stage does.
#[derive(Debug)]
pub enum LiveState {
    /// Nothing yet.
    Planned,
    /// It waits for another process (`pid 4711 on host`), which runs the same stage.
    Waiting(String),
    /// It runs, since then.
    Running(Timestamp),
    /// It has ended.
    Ended(Box<StageRecord>),
}

/// How far a stage is.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveProgress {
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// What is counted.
    pub unit: String,
    /// Where it is and how it goes.
    pub message: String,
    /// Units a second of late; none where nothing moved.
    pub rate: Option<f64>,
    /// When it was told, and how far it was before: what the rate is made of.
    told: Vec<(Timestamp, u64)>,
}

impl LiveProgress {
    /// Seconds that are left at that rate.
    pub fn left(&self) -> Option<f64> {
        let left = self.total.checked_sub(self.done).filter(|left| *left > 0)?;
        self.rate.map(|rate| left as f64 / rate)
    }

    fn tell(before: Option<Self>, time: Timestamp, event: (u64, u64, String, String)) -> Self {
        let (done, total, unit, message) = event;
        let mut told = before.map(|before| before.told).unwrap_or_default();
        // A stage that begins anew is no slower for it.
        told.retain(|(at, so_far)| seconds(*at, time) <= PACE_SECONDS && *so_far <= done);
        told.push((time, done));
        let first = told.first().copied();
        let rate = first.and_then(|(at, so_far)| {
            let seconds = seconds(at, time);
            (seconds > 0.0 && done > so_far).then(|| (done - so_far) as f64 / seconds)
        });
        Self {
            done,
            total,
            unit,
            message,
            rate,
            told,
        }
    }
}

/// Seconds from one time to another.
pub fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

impl LiveRun {
    /// The run of exactly this id.
    pub fn read(store: &Store, id: &str) -> Result<Self, Error> {
        let (run, ended) = history::run(store, id)?;
        let plan = history::plan(store, id)?;
        let planned = plan.into_iter().flat_map(|plan| plan.stages);
        let mut live = Self {
            run,
            heard: None,
            stages: planned
                .map(|stage| LiveStage::new(&stage.name, Some(stage.kind)))
                .collect(),
        };
        for recorded in recorded_events(&store.runs_folder().join(id).join("events.jsonl")) {
            live.take(recorded);
        }
        // What the summary says holds: the last events may have been lost.
        for record in ended {
            live.stage(&record.name.clone()).end(record);
        }
        for stage in &mut live.stages {
            stage.headline = stage.read_headline(store);
        }
        Ok(live)
    }

    /// Whether it may go on: nothing says that it has ended.
    pub fn may_go_on(&self) -> bool {
        self.run.status == PastStatus::Unfinished
    }

    fn stage(&mut self, name: &str) -> &mut LiveStage {
        let found = self.stages.iter().position(|stage| stage.name == name);
        let position = found.unwrap_or_else(|| {
            self.stages.push(LiveStage::new(name, None));
            self.stages.len() - 1
        });
        &mut self.stages[position]
    }

    fn take(&mut self, recorded: RecordedEvent) {
        let time = recorded.time;
        self.heard = Some(time);
        match recorded.event {
            Event::RunStarted { stages, .. } => {
                for name in stages {
                    self.stage(&name);
                }
            }
            Event::StageStarted { name, kind, .. } => {
                let stage = self.stage(&name);
                (stage.kind, stage.state) = (Some(kind), LiveState::Running(time));
            }
            Event::StageWaiting { name, holder } => {
                self.stage(&name).state = LiveState::Waiting(holder);
            }
            Event::StageProgress {
                name,
                done,
                total,
                unit,
                message,
            } => {
                let stage = self.stage(&name);
                stage.course.take(done, total, &message);
                let told = (done, total, unit, message);
                stage.progress = Some(LiveProgress::tell(stage.progress.take(), time, told));
            }
            Event::StageNote { name, line } => self.stage(&name).notes.push(line),
            Event::StageFinished { record } => {
                let record = StageRecord::clone(&record);
                self.stage(&record.name.clone()).end(record);
            }
            Event::StoreWaiting | Event::StageOutput { .. } | Event::RunFinished { .. } => {}
        }
    }
}

impl LiveStage {
    fn new(name: &str, kind: Option<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            state: LiveState::Planned,
            progress: None,
            course: Course::default(),
            notes: Vec::new(),
            headline: None,
        }
    }

    fn end(&mut self, record: StageRecord) {
        self.kind = Some(record.kind.clone());
        self.state = LiveState::Ended(Box::new(record));
    }

    /// Warnings among its notes, without the word.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.notes
            .iter()
            .filter_map(|note| note.strip_prefix("warning: "))
    }

    /// The artifact is found by its digest: the store may lie elsewhere than where the run saw it.
    fn read_headline(&self, store: &Store) -> Option<Headline> {
        let LiveState::Ended(record) = &self.state else {
            return None;
        };
        let metrics = record
            .outputs
            .get("metrics")
            .filter(|_| record.kind == "evaluate")?;
        Headline::read(&store.blob_path(&metrics.digest.parse().ok()?)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn progress(before: Option<LiveProgress>, second: i64, done: u64) -> LiveProgress {
        let event = (done, 1000, "stays".into(), "epoch 1/2".into());
        LiveProgress::tell(before, at(second), event)
    }

    #[test]
    fn a_pace_is_that_of_late_and_not_of_a_beginning_long_ago() {
        let mut told = progress(None, 0, 0);
        assert_eq!(told.rate, None);
        told = progress(Some(told), 10, 10);
        assert_eq!(told.rate, Some(1.0));
        told = progress(Some(told), 40, 310);
        assert_eq!((told.rate, told.left()), (Some(10.0), Some(69.0)));
        let again = progress(Some(told), 45, 100);
        // It began anew: nothing of before says how fast it is now.
        assert_eq!((again.rate, again.left()), (None, None));
    }
}
