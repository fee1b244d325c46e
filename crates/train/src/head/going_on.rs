//! Where a finetuning begins, and what it leaves to go on from.

use super::steer::steer;
use super::{HeadTrainer, HeadValidation};
use crate::course::Course;
use crate::history::History;
use crate::resume::ResumeFile;
use crate::snapshot::{Best, Position, Snapshot};
use crate::watch::Watch;
use pipeline_error::Error;
use pipeline_model::host::HostParameters;

/// What changes from epoch to epoch, besides the trainer.
pub(super) struct State {
    pub(super) course: Course,
    pub(super) history: History,
    pub(super) kept: Option<Kept>,
    /// The epoch that comes next, counted from 1.
    pub(super) epoch: usize,
}

/// The epoch that is kept of those that are over.
pub(super) struct Kept {
    /// Which one, counted from 1.
    pub(super) epoch: usize,
    /// What it was chosen by; none if the last one is kept.
    pub(super) score: Option<f64>,
    pub(super) validation: HeadValidation,
    pub(super) parameters: HostParameters,
}

impl State {
    /// Where to begin: where an earlier attempt or a shorter training stood, if it left what can be read.
    pub(super) fn begin(
        trainer: &mut HeadTrainer,
        stays: usize,
        resume: &ResumeFile,
        watch: &dyn Watch,
    ) -> Result<Self, Error> {
        let settings = trainer.settings;
        let state = Self {
            course: Course::new(
                &settings.options,
                settings.early_stopping.as_ref(),
                settings.epochs,
                stays,
                settings.batch_size,
            )?,
            history: History::default(),
            kept: None,
            epoch: 1,
        };
        let moments = settings.optimizer.update.moments();
        let why = match resume.read::<()>() {
            Ok(None) => return Ok(state),
            Ok(Some(snapshot))
                if snapshot.position.epoch <= settings.epochs + 1
                    && snapshot.fits(&trainer.parameters()?, moments) =>
            {
                watch.note(&format!("goes on in epoch {}", snapshot.position.epoch));
                return state.restored(trainer, snapshot);
            }
            Ok(Some(_)) => "what was left is of another model, or of a longer training".to_string(),
            Err(error) => error.to_string(),
        };
        watch.note(&format!("warning: begins again, for {why}"));
        Ok(state)
    }

    fn restored(
        mut self,
        trainer: &mut HeadTrainer,
        snapshot: Snapshot<()>,
    ) -> Result<Self, Error> {
        trainer.restore(&snapshot)?;
        let best = snapshot.best.as_ref().map(|best| best.epoch);
        let mut kept = None;
        for (epoch, row) in (1..).zip(snapshot.history.rows()) {
            let Some(validation) = HeadValidation::told_by(row) else {
                continue;
            };
            let score = steer(&mut self.course, trainer.settings, &validation)?;
            if best == Some(epoch) {
                kept = Some((epoch, score, validation));
            }
        }
        self.kept = kept
            .zip(snapshot.best)
            .map(|((epoch, score, validation), best)| Kept {
                epoch,
                score,
                validation,
                parameters: best.parameters,
            });
        Ok(Self {
            history: snapshot.history,
            epoch: snapshot.position.epoch,
            ..self
        })
    }

    /// Leaves what to go on from. That it cannot be written is no reason to stop training.
    pub(super) fn save(&self, trainer: &HeadTrainer, resume: &ResumeFile, watch: &dyn Watch) {
        let saved = self.snapshot(trainer);
        let saved = saved.and_then(|snapshot| resume.write(&snapshot));
        if let Err(error) = saved {
            watch.note(&format!("warning: cannot be resumed from here: {error}"));
        }
    }

    /// All that the rest of a training depends on.
    pub(super) fn snapshot(&self, trainer: &HeadTrainer) -> Result<Snapshot<()>, Error> {
        let [first_moments, second_moments] = trainer.optimizer.moments();
        Ok(Snapshot {
            position: Position {
                epoch: self.epoch,
                step: trainer.step,
                ..Position::default()
            },
            parameters: trainer.parameters()?,
            first_moments,
            second_moments,
            history: self.history.clone(),
            best: self.kept.as_ref().map(|kept| Best {
                epoch: kept.epoch,
                validation: (),
                parameters: kept.parameters.clone(),
            }),
            watched: Default::default(),
        })
    }
}
