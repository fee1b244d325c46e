//! Where a training begins, and what it leaves to go on from.

use candle_core::Var;

use super::Pretraining;
use crate::error::Error;
use crate::train::adamw::AdamWState;
use crate::train::gradients::{Variables, variables_to_host};
use crate::train::history::History;
use crate::train::resume::{Best, Position, Snapshot};
use crate::train::{HostParameters, to_device};

/// What changes from step to step.
pub(super) struct State {
    pub(super) variables: Variables,
    pub(super) optimizer: AdamWState,
    pub(super) position: Position,
    pub(super) history: History,
    pub(super) best: Option<Best>,
}

impl Pretraining<'_> {
    /// Where to begin: where an earlier attempt stood, if it left what can be read.
    pub(super) fn begin(&self, initial: HostParameters, train: &[usize]) -> Result<State, Error> {
        let fresh = self.start(initial)?;
        let found = match self.resume.read() {
            Ok(None) => return Ok(fresh),
            Ok(Some(snapshot)) => self.restore(&fresh, snapshot)?,
            Err(error) => {
                self.watch
                    .note(&format!("warning: begins again, for {error}"));
                return Ok(fresh);
            }
        };
        let Some(state) = found else {
            self.watch
                .note("warning: begins again, for what was left is of another model");
            return Ok(fresh);
        };
        let steps = train.len().div_ceil(self.settings.batch_size);
        self.watch.note(&format!(
            "goes on in epoch {}, after {} of {steps} steps",
            state.position.epoch, state.position.batches
        ));
        Ok(state)
    }

    fn restore(&self, fresh: &State, snapshot: Snapshot) -> Result<Option<State>, Error> {
        let shapes_fit = fresh.variables.len() == snapshot.parameters.len()
            && fresh.variables.iter().all(|(name, variable)| {
                let found = snapshot.parameters.get(name);
                found.is_some_and(|found| found.shape == variable.dims())
            });
        if !shapes_fit {
            return Ok(None);
        }
        let state = self.start(snapshot.parameters)?;
        let optimizer = AdamWState::restored(
            &self.settings.optimizer,
            &state.variables,
            snapshot.optimizer_step,
            &snapshot.first_moments,
            &snapshot.second_moments,
        );
        Ok(optimizer.map(|optimizer| State {
            optimizer,
            position: snapshot.position,
            history: snapshot.history,
            best: snapshot.best,
            ..state
        }))
    }

    /// Leaves what to go on from. That it cannot be written is no reason to stop training.
    pub(super) fn save(&self, state: &State) {
        let saved = variables_to_host(&state.variables).and_then(|parameters| {
            let [first_moments, second_moments] = state.optimizer.moments();
            self.resume.write(&Snapshot {
                position: state.position,
                optimizer_step: state.optimizer.steps(),
                parameters,
                first_moments,
                second_moments,
                history: state.history.clone(),
                best: state.best.clone(),
            })
        });
        if let Err(error) = saved {
            self.watch
                .note(&format!("warning: cannot be resumed from here: {error}"));
        }
    }

    fn start(&self, initial: HostParameters) -> Result<State, Error> {
        let variables = to_device(&initial, self.device)?
            .into_iter()
            .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?)))
            .collect::<Result<Variables, Error>>()?;
        let optimizer = AdamWState::new(&self.settings.optimizer, &variables);
        Ok(State {
            variables,
            optimizer,
            position: Position {
                epoch: 1,
                ..Position::default()
            },
            history: History::default(),
            best: None,
        })
    }
}
