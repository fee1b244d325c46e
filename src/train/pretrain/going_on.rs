//! Where a training begins, and what it leaves to go on from.

use candle_core::Var;

use super::Pretraining;
use crate::error::Error;
use crate::train::adamw::AdamWState;
use crate::train::gradients::{Variables, variables_to_host};
use crate::train::history::History;
use crate::train::monitor::Watched;
use crate::train::resume::{Best, Position, Snapshot};
use crate::train::{HostParameters, to_device};

/// What changes from step to step.
pub(super) struct State {
    pub(super) variables: Variables,
    pub(super) optimizer: AdamWState,
    pub(super) position: Position,
    pub(super) history: History,
    pub(super) best: Option<Best>,
    pub(super) watched: Watched,
}

impl Pretraining<'_> {
    /// Where to begin: where an earlier attempt stood, if it left what can be read.
    pub(super) fn begin(&self, initial: HostParameters, train: &[usize]) -> Result<State, Error> {
        let why = match self.resume.read() {
            Ok(None) => return self.start(initial),
            Ok(Some(snapshot))
                if snapshot.fits(&initial) && snapshot.watched.fits(self.model.latent_dim) =>
            {
                let steps = train.len().div_ceil(self.settings.batch_size);
                self.watch.note(&format!(
                    "goes on in epoch {}, after {} of {steps} steps",
                    snapshot.position.epoch, snapshot.position.batches
                ));
                return self.restore(snapshot);
            }
            Ok(Some(_)) => "what was left is of another model".to_string(),
            Err(error) => error.to_string(),
        };
        self.watch
            .note(&format!("warning: begins again, for {why}"));
        self.start(initial)
    }

    fn restore(&self, snapshot: Snapshot) -> Result<State, Error> {
        let moments = [snapshot.first_moments, snapshot.second_moments];
        let step = snapshot.position.step;
        Ok(State {
            variables: self.variables(&snapshot.parameters)?,
            optimizer: AdamWState::restored(&self.settings.optimizer, step, moments),
            position: snapshot.position,
            history: snapshot.history,
            best: snapshot.best,
            watched: snapshot.watched,
        })
    }

    /// Leaves what to go on from. That it cannot be written is no reason to stop training.
    pub(super) fn save(&self, state: &State) {
        let saved = variables_to_host(&state.variables).and_then(|parameters| {
            let [first_moments, second_moments] = state.optimizer.moments();
            self.resume.write(&Snapshot {
                position: state.position,
                parameters,
                first_moments,
                second_moments,
                history: state.history.clone(),
                best: state.best.clone(),
                watched: state.watched.clone(),
            })
        });
        if let Err(error) = saved {
            self.watch
                .note(&format!("warning: cannot be resumed from here: {error}"));
        }
    }

    fn start(&self, initial: HostParameters) -> Result<State, Error> {
        let variables = self.variables(&initial)?;
        Ok(State {
            optimizer: AdamWState::new(&self.settings.optimizer, &variables),
            variables,
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
