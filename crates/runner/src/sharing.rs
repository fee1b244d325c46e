//! The remote cache in a run: asked before a stage is executed, given its result after that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::event::Event;
use super::execute::{Job, Workshop};
use super::selection::Selected;
use pipeline_error::Error;
use pipeline_remote::{Pushed, Remote, Trouble};
use pipeline_store::action::Outcome;
use pipeline_store::work::WorkFolder;

/// A remote cache during one run.
#[derive(Debug)]
pub(super) struct Sharing {
    remote: Arc<Remote>,
    /// Whether it was found away: nothing more is asked of it then.
    away: AtomicBool,
}

impl Sharing {
    pub(super) fn of(remote: &Arc<Remote>) -> Self {
        Self {
            remote: Arc::clone(remote),
            away: AtomicBool::new(false),
        }
    }
}

impl Workshop<'_> {
    /// What the remote cache has for a job, in the store by now. That it has nothing, or nothing sound, or is away, is
    /// no failure: the stage runs then.
    pub(super) fn pulled(
        &self,
        selected: &Selected,
        work: &WorkFolder,
        job: &Job,
    ) -> Result<Option<Outcome>, Error> {
        let Some(remote) = self.remote(|remote| remote.pulls) else {
            return Ok(None);
        };
        let pulled = remote.pull(work, &job.key, self.interrupted);
        let Some(pulled) = self.or_told(selected, pulled)?.flatten() else {
            return Ok(None);
        };
        let came = match pulled.bytes {
            0 => String::new(),
            bytes => format!(", {bytes} bytes"),
        };
        self.note(selected, format!("pulled from {}{came}", remote.url()));
        Ok(Some(pulled.committed.into_outcome()))
    }

    /// Gives the remote cache what a job has made. The result that was there first stays there; where pulling is on, it
    /// also takes the place of ours, so that all who share the cache go on from the same bytes: that one is returned. What
    /// was to be made anew stays ours.
    pub(super) fn pushed(
        &self,
        selected: &Selected,
        work: &WorkFolder,
        job: &Job,
    ) -> Result<Option<Outcome>, Error> {
        let stage = &selected.node.stage;
        let takes = |remote: &Remote| {
            remote.pushes && remote.takes(stage.kind(), stage.may_hold_patients())
        };
        let Some(remote) = self.remote(takes) else {
            return Ok(None);
        };
        let pushed = remote.push(self.store, &job.key, self.interrupted);
        match self.or_told(selected, pushed)? {
            Some(Pushed::Differs { names, cpus }) => {
                let [theirs, ours] = cpus.map(|cpu| cpu.unwrap_or("an unknown processor".into()));
                self.note(
                    selected,
                    format!(
                        "{} had another result of this stage first, and it stays there: its bytes of {} differ from those \
                         made here; it ran on {theirs}, this is {ours}",
                        remote.url(),
                        names.join(", ")
                    ),
                );
                match selected.refresh {
                    true => Ok(None),
                    false => self.pulled(selected, work, job),
                }
            }
            _ => Ok(None),
        }
    }

    /// The cache, if there is one that is not away, and it is to be asked.
    fn remote(&self, asked: impl FnOnce(&Remote) -> bool) -> Option<&Remote> {
        let sharing = self.sharing.as_ref()?;
        let is_away = sharing.away.load(Ordering::Relaxed);
        (!is_away && asked(&sharing.remote)).then_some(&*sharing.remote)
    }

    /// What came of it; trouble over there is told, once if all of it is away.
    fn or_told<T>(
        &self,
        selected: &Selected,
        done: Result<T, Trouble>,
    ) -> Result<Option<T>, Error> {
        let Some(sharing) = &self.sharing else {
            return Ok(None);
        };
        match done {
            Ok(done) => return Ok(Some(done)),
            Err(Trouble::Here(error)) => return Err(error),
            Err(Trouble::Refused(error)) => self.note(selected, in_one_line(&error)),
            Err(Trouble::Away(error)) if !sharing.away.swap(true, Ordering::Relaxed) => {
                let error = in_one_line(&error);
                self.note(
                    selected,
                    format!("the run goes on without the remote cache: {error}"),
                );
            }
            // It was told.
            Err(Trouble::Away(_)) => {}
        }
        Ok(None)
    }

    fn note(&self, selected: &Selected, line: String) {
        self.journal.emit(Event::StageNote {
            name: selected.name().into(),
            line,
        });
    }
}

fn in_one_line(error: &Error) -> String {
    use miette::Diagnostic as _;

    let line = match error.help() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    };
    line.replace('\n', " ")
}
