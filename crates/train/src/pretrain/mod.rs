//! Pretraining by reconstruction: the loop over epochs.

mod going_on;
mod steps;
#[cfg(test)]
mod tests;

use candle_core::{Device, Tensor};

use crate::config::PretrainSettings;
use crate::gradients::variables_to_host;
use crate::history::History;
use crate::monitor::Monitor;
use crate::options::Keep;
use crate::replay::ReplayFolder;
use crate::resume::ResumeFile;
use crate::snapshot::{Best, Position};
use crate::validation::{Validation, validate};
use crate::watch::Watch;
use going_on::State;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_error::Error;
use pipeline_model::config::ModelConfig;
use pipeline_model::host::HostParameters;
use pipeline_model::parameter::{ParameterSource, Parameters};
use pipeline_model::seqsetvae::PretrainModel;
use pipeline_random::Stream;

/// The outcome of pretraining.
pub struct Pretrained {
    /// Parameters after the epoch that is kept.
    pub parameters: HostParameters,
    /// One row an epoch.
    pub history: History,
    /// The epoch that is kept (the best, or the last), counted from 1.
    pub best_epoch: usize,
    /// Validation after that epoch.
    pub best: Validation,
    /// Times that a sign of posterior collapse began.
    pub collapse_warnings: usize,
}

/// One pretraining run, on the threads of the rayon pool it is started in.
pub struct Pretraining<'a> {
    /// The data; trains on `train`, chooses the best epoch on `validation`.
    pub dataset: &'a Dataset,
    /// The architecture.
    pub model: &'a ModelConfig,
    /// All other settings.
    pub settings: &'a PretrainSettings,
    /// Seed of order, dropout and decoder seeds.
    pub seed: u64,
    /// Where tensors live.
    pub device: &'a Device,
    /// Progress and interruption.
    pub watch: &'a dyn Watch,
    /// Where to go on from, and to leave what to go on from.
    pub resume: &'a ResumeFile,
    /// Where a step with a loss or gradient that is not finite is left.
    pub replay: &'a ReplayFolder,
}

impl Pretraining<'_> {
    /// Trains from `initial`, or from where an interrupted attempt stood, and returns the best
    /// epoch's parameters: the same bits, interrupted or not.
    ///
    /// Fails on an empty split, on parameters without a gradient after the first step, and on a
    /// loss or gradient that is not finite (naming step, stays and parameter).
    pub fn run(&self, initial: HostParameters) -> Result<Pretrained, Error> {
        let train = self.stays_of(Split::Train)?;
        let validation = self.stays_of(Split::Validation)?;
        let embeddings = self.embeddings()?;
        let mut state = self.begin(initial, &train)?;
        let outcome = self.epochs(&mut state, &train, &validation, &embeddings);
        if let Err(Error::Interrupted) = outcome {
            self.save(&state);
        }
        outcome?;
        self.resume.bequeath(|| going_on::snapshot(&state))?;
        let Some(best) = state.best else {
            return Err(Error::stage("pretraining needs at least one epoch"));
        };
        Ok(Pretrained {
            parameters: best.parameters,
            history: state.history,
            best_epoch: best.epoch,
            best: best.validation,
            collapse_warnings: state.watched.warnings(),
        })
    }

    /// The epochs that are left.
    fn epochs(
        &self,
        state: &mut State,
        train: &[usize],
        validation: &[usize],
        embeddings: &Tensor,
    ) -> Result<(), Error> {
        let order = Stream::new(self.seed, "order of stays");
        // An epoch that was begun is ended: with the validation that may be all it still lacks.
        while state.position.batches > 0
            || (state.course).goes_on(state.position.epoch, state.position.step)
        {
            let epoch = state.position.epoch;
            let mut stays = train.to_vec();
            order.at(&[epoch as u64]).shuffle(&mut stays);
            self.train_epoch(state, &stays, embeddings)?;
            let due = state.course.is_validated(epoch, state.position.step);
            let validation = match due {
                true => Some(self.validate(state, validation, embeddings)?),
                false => None,
            };
            if let Some(validation) = &validation {
                self.watch_epoch(state, validation);
            }
            let row = self.history_row(state, validation.as_ref());
            self.steer(&mut state.course, &row);
            state.history.push(row);
            if let Some(validation) = validation
                && self.is_kept(state, &validation)
            {
                state.best = Some(Best {
                    epoch,
                    validation,
                    parameters: variables_to_host(&state.variables)?,
                });
            }
            state.position = Position {
                epoch: epoch + 1,
                step: state.position.step,
                ..Position::default()
            };
        }
        Ok(())
    }

    fn is_kept(&self, state: &State, validation: &Validation) -> bool {
        let loss = |validation: &Validation| validation.monitored(self.settings);
        let best = state.best.as_ref();
        self.settings.options.keep == Keep::Last
            || best.is_none_or(|best| loss(validation) < loss(&best.validation))
    }

    fn stays_of(&self, split: Split) -> Result<Vec<usize>, Error> {
        let unasked = self.settings.objective.sets_without_loss();
        let mut stays = self.dataset.stays_of(split);
        let all = stays.len();
        stays.retain(|stay| self.dataset.stays[*stay].sets.len() > unasked);
        if stays.is_empty() && all > 0 {
            let problem = format!(
                "every stay of the split {} ({all}) has a single set, and nothing to forecast",
                split.name()
            );
            let hint = "state another `objective` than \"forecast\"; or, in the data stage, a larger `max_sets`, or a smaller \
                        `set_minutes` (sets of less time)";
            return Err(Error::stage(problem).with_hint(hint));
        }
        if stays.len() < all {
            self.watch.note(&format!(
                "{} of {all} stays of the split {} have a single set, and nothing to forecast: left out",
                all - stays.len(),
                split.name()
            ));
        }
        if stays.is_empty() {
            return Err(
                Error::stage(format!("the split {} has no stays", split.name()))
                    .with_hint("look at `split` in the data stage, and at the stays it dropped"),
            );
        }
        Ok(stays)
    }

    fn embeddings(&self) -> Result<Tensor, Error> {
        let dim = self.dataset.embedding_dim;
        if dim != self.model.input_dim {
            return Err(Error::stage(format!(
                "the data's embeddings have {dim} numbers, the model's input_dim is {}",
                self.model.input_dim
            )));
        }
        let shape = (self.dataset.variables.len(), dim);
        Ok(Tensor::from_slice(
            &self.dataset.embeddings,
            shape,
            self.device,
        )?)
    }

    fn model(&self, parameters: &Parameters) -> Result<PretrainModel, Error> {
        let precision = self.settings.options.precision;
        let source = ParameterSource::given(parameters).with_precision(precision);
        Ok(PretrainModel::new(
            &source,
            self.model,
            self.settings.dropout,
        )?)
    }

    fn names(&self, stays: &[usize]) -> Vec<String> {
        let name = |&stay: &usize| self.dataset.stays[stay].id.clone();
        stays.iter().map(name).collect()
    }

    fn validate(
        &self,
        state: &State,
        stays: &[usize],
        embeddings: &Tensor,
    ) -> Result<Validation, Error> {
        let parameters = state
            .variables
            .iter()
            .map(|(name, variable)| (name.clone(), variable.as_detached_tensor()))
            .collect();
        let model = self.model(&parameters)?;
        let seeds = Stream::new(self.seed, "decoder seeds");
        validate(
            &model,
            self.dataset,
            stays,
            embeddings,
            self.settings,
            &seeds,
            self.watch,
        )
    }

    fn monitor(&self) -> Monitor<'_> {
        Monitor {
            settings: &self.settings.monitor,
            dimensions: self.model.latent_dim,
            free_bits: self.settings.free_bits,
        }
    }

    fn watch_epoch(&self, state: &mut State, validation: &Validation) {
        let Position { epoch, step, .. } = state.position;
        let monitor = self.monitor();
        let warnings = monitor.after_epoch(&mut state.watched, epoch, step, &validation.posterior);
        warnings.iter().for_each(|line| self.watch.note(line));
    }

    fn history_row(
        &self,
        state: &State,
        validation: Option<&Validation>,
    ) -> Vec<(String, Option<f64>)> {
        let Position {
            epoch,
            batches,
            step,
            totals,
        } = state.position;
        let stays = totals.stays as f64;
        let loss = |validation: &Validation| validation.monitored(self.settings);
        let mut row = vec![
            ("epoch", Some(epoch as f64)),
            ("step", Some(step as f64)),
            ("beta", Some(self.settings.beta(step))),
            ("train_reconstruction", Some(totals.reconstruction / stays)),
            ("train_kl", Some(totals.kl / stays)),
            ("gradient_norm", Some(totals.gradient_norm / batches as f64)),
            (
                "validation_reconstruction",
                validation.map(|validation| validation.reconstruction),
            ),
            ("validation_kl", validation.map(|validation| validation.kl)),
            ("validation_loss", validation.map(loss)),
        ];
        let settings = self.settings;
        let trained = totals.tasks.means(stays, settings.tasks.as_ref());
        let validated = validation.map(|validation| validation.task_losses(settings));
        let validated = validated.unwrap_or_default().by_name();
        for ((name, trained), (_, validated)) in trained.by_name().into_iter().zip(validated) {
            if let Some(trained) = trained {
                row.push((task_column("train", name), Some(trained)));
                row.push((task_column("validation", name), validated));
            }
        }
        if state.course.is_scheduled() {
            row.push(("learning_rate", Some(self.last_rate(state))));
        }
        let posterior = validation.map_or_else(Default::default, |validation| validation.posterior);
        let of_validation = posterior.columns().map(|(name, value)| {
            let value = validation.map(|_| value);
            (name, value)
        });
        let warnings = [("collapse_warnings", Some(state.watched.warnings() as f64))];
        let named = |(name, value): (&str, Option<f64>)| (name.to_string(), value);
        let window = self.monitor().window_columns(&state.watched).into_iter();
        row.into_iter()
            .chain(of_validation)
            .map(named)
            .chain(window.map(|(name, value)| (name, Some(value))))
            .chain(warnings.map(named))
            .collect()
    }

    /// The learning rate of the last step, of parameters that no group has.
    fn last_rate(&self, state: &State) -> f64 {
        let scale = state.course.scale(state.position.step.saturating_sub(1));
        scale.of(self.settings.optimizer.base().lr)
    }
}

/// The history's column of a task.
fn task_column(split: &str, task: &str) -> &'static str {
    match (split, task) {
        ("train", "summary") => "train_summary",
        ("train", _) => "train_forecast",
        (_, "summary") => "validation_summary",
        _ => "validation_forecast",
    }
}
