//! Where a training begins, and what it leaves to go on from.

use candle_core::Var;

use super::Pretraining;
use crate::config::PretrainMetric;
use crate::course::Course;
use crate::gradients::{Variables, variables_to_host};
use crate::history::History;
use crate::monitor::Watched;
use crate::monitored::{Metric, Monitored};
use crate::optimizer::OptimizerState;
use crate::snapshot::{Best, Position, Snapshot};
use pipeline_error::Error;
use pipeline_model::host::{HostParameters, to_device};

/// What changes from step to step.
pub(super) struct State {
    pub(super) variables: Variables,
    pub(super) optimizer: OptimizerState,
    pub(super) course: Course,
    pub(super) position: Position,
    pub(super) history: History,
    pub(super) best: Option<Best>,
    pub(super) watched: Watched,
}

impl Pretraining<'_> {
    /// Where to begin: where an earlier attempt stood, if it left what can be read.
    pub(super) fn begin(&self, initial: HostParameters, train: &[usize]) -> Result<State, Error> {
        let course = self.course(train.len())?;
        let moments = self.settings.optimizer.update.moments();
        let why = match self.resume.read() {
            Ok(None) => return self.start(initial, course),
            Ok(Some(snapshot))
                if snapshot.position.epoch <= self.settings.epochs + 1
                    && snapshot.fits(&initial, moments)
                    && snapshot.watched.fits(self.model.latent_dim) =>
            {
                self.watch.note(&format!(
                    "goes on in epoch {}, after {} of {} steps",
                    snapshot.position.epoch,
                    snapshot.position.batches,
                    course.steps_an_epoch()
                ));
                return self.restore(snapshot, course);
            }
            Ok(Some(_)) => "what was left is of another model".to_string(),
            Err(error) => error.to_string(),
        };
        self.watch
            .note(&format!("warning: begins again, for {why}"));
        self.start(initial, course)
    }

    fn course(&self, stays: usize) -> Result<Course, Error> {
        let settings = self.settings;
        Course::new(
            &settings.options,
            settings.early_stopping.as_ref(),
            settings.epochs,
            stays,
            settings.batch_size,
        )
    }

    fn restore(&self, snapshot: Snapshot, mut course: Course) -> Result<State, Error> {
        for row in snapshot.history.rows() {
            self.steer(&mut course, row);
        }
        let moments = [snapshot.first_moments, snapshot.second_moments];
        let step = snapshot.position.step;
        let variables = self.variables(&snapshot.parameters)?;
        let config = &self.settings.optimizer;
        Ok(State {
            optimizer: OptimizerState::restored(config, &variables, step, moments)?,
            variables,
            course,
            position: snapshot.position,
            history: snapshot.history,
            best: snapshot.best,
            watched: snapshot.watched,
        })
    }

    /// Shows the course the validation that a row of the history tells of, if it does. Only what
    /// stands there may count, for who goes on from a snapshot has nothing else.
    pub(super) fn steer(&self, course: &mut Course, row: &[(String, Option<f64>)]) {
        let value = |metric: PretrainMetric| {
            let name = metric.column();
            row.iter().find(|(column, _)| column == name)?.1
        };
        let loss = value(PretrainMetric::Loss).map(|value| Monitored {
            value,
            mode: PretrainMetric::Loss.mode(),
        });
        let rule = self.settings.early_stopping.as_ref();
        let watched = rule.and_then(|rule| rule.watched(PretrainMetric::Loss, value));
        course.take(loss, watched);
    }

    /// Leaves what to go on from. That it cannot be written is no reason to stop training.
    pub(super) fn save(&self, state: &State) {
        let saved = snapshot(state).and_then(|snapshot| self.resume.write(&snapshot));
        if let Err(error) = saved {
            self.watch
                .note(&format!("warning: cannot be resumed from here: {error}"));
        }
    }

    fn start(&self, initial: HostParameters, course: Course) -> Result<State, Error> {
        let variables = self.variables(&initial)?;
        Ok(State {
            optimizer: OptimizerState::new(&self.settings.optimizer, &variables)?,
            variables,
            course,
            position: Position {
                epoch: 1,
                ..Position::default()
            },
            history: History::default(),
            best: None,
            watched: Watched::default(),
        })
    }

    fn variables(&self, parameters: &HostParameters) -> Result<Variables, Error> {
        let tensors = to_device(parameters, self.device)?.into_iter();
        tensors
            .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?)))
            .collect()
    }
}

/// All that the rest of a training depends on.
pub(super) fn snapshot(state: &State) -> Result<Snapshot, Error> {
    let [first_moments, second_moments] = state.optimizer.moments();
    Ok(Snapshot {
        position: state.position,
        parameters: variables_to_host(&state.variables)?,
        first_moments,
        second_moments,
        history: state.history.clone(),
        best: state.best.clone(),
        watched: state.watched.clone(),
    })
}
