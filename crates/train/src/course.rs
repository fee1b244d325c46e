//! The course of a training: its learning rates, and when it is over.

use super::config::EarlyStopping;
use super::early_stopping::Patience;
use super::monitored::{Metric, Monitored};
use super::options::LoopOptions;
use super::schedule::{Plateau, RateScale, Schedule};
use pipeline_error::Error;

/// All that steers a training. It depends on the settings and on the validations so far, so that
/// who goes on from a snapshot shows it the history again.
#[derive(Clone, Debug)]
pub struct Course {
    schedule: Schedule,
    plateau: Plateau,
    patience: Patience,
    steps_an_epoch: u64,
    total_steps: u64,
    epochs: usize,
    validate_every: usize,
    stopped: bool,
}

impl Course {
    /// The course of `epochs` epochs over `stays` stays in batches of `batch_size`.
    ///
    /// Fails if the warm-up is as long as the training.
    pub fn new<M: Metric>(
        options: &LoopOptions,
        early_stopping: Option<&EarlyStopping<M>>,
        epochs: usize,
        stays: usize,
        batch_size: usize,
    ) -> Result<Self, Error> {
        let stays_a_step = batch_size.saturating_mul(options.accumulate).max(1);
        let steps_an_epoch = stays.div_ceil(stays_a_step) as u64;
        let all = steps_an_epoch.saturating_mul(epochs as u64);
        let total_steps = options.max_steps.map_or(all, |most| all.min(most));
        let warmup = options.schedule.warmup_steps();
        if warmup > 0 && warmup >= total_steps {
            return Err(Error::stage(format!(
                "schedule.warmup_steps is {warmup}, and training has {total_steps} steps: the learning rate would never be reached"
            ))
            .with_hint(format!(
                "an epoch has {steps_an_epoch} optimizer steps; shorten the warm-up or train longer"
            )));
        }
        Ok(Self {
            schedule: options.schedule.clone(),
            plateau: Plateau::default(),
            patience: Patience::new(early_stopping),
            steps_an_epoch,
            total_steps,
            epochs,
            validate_every: options.validate_every.max(1),
            stopped: false,
        })
    }

    /// Optimizer steps in an epoch.
    pub fn steps_an_epoch(&self) -> u64 {
        self.steps_an_epoch
    }

    /// What scales the learning rates of optimizer step `step`, counted from 0.
    pub fn scale(&self, step: u64) -> RateScale {
        self.schedule.scale(step, self.total_steps, &self.plateau)
    }

    /// Whether the rates change, so that they are worth writing down.
    pub fn is_scheduled(&self) -> bool {
        self.schedule != Schedule::default()
    }

    /// Whether all steps have been taken when `step` have.
    pub fn has_no_step_left(&self, step: u64) -> bool {
        step >= self.total_steps
    }

    /// Whether the epoch that has just ended, counted from 1, is validated.
    pub fn is_validated(&self, epoch: usize, step: u64) -> bool {
        epoch.is_multiple_of(self.validate_every)
            || epoch >= self.epochs
            || self.has_no_step_left(step)
    }

    /// Takes a validation: the value by which epochs are chosen, and the one that may end training.
    pub fn take(&mut self, chosen_by: Option<Monitored>, stopped_by: Option<Monitored>) {
        if let Some(value) = chosen_by {
            self.plateau.take(&self.schedule, value);
        }
        if let Some(value) = stopped_by {
            self.stopped |= self.patience.runs_out(value.score());
        }
    }

    /// Whether an epoch (counted from 1) is still to be begun after `step` steps.
    pub fn goes_on(&self, epoch: usize, step: u64) -> bool {
        epoch <= self.epochs && !self.stopped && !self.has_no_step_left(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PretrainMetric;

    fn course(options: &LoopOptions) -> Result<Course, Error> {
        // 10 stays in batches of 4.
        Course::new::<PretrainMetric>(options, None, 3, 10, 4)
    }

    #[test]
    fn steps_are_counted_over_incomplete_groups_of_batches() -> Result<(), Error> {
        let whole = course(&LoopOptions::default())?;
        assert_eq!((whole.steps_an_epoch(), whole.total_steps), (3, 9));
        let accumulated = course(&LoopOptions {
            accumulate: 2,
            ..LoopOptions::default()
        })?;
        assert_eq!(
            (accumulated.steps_an_epoch(), accumulated.total_steps),
            (2, 6)
        );
        let limited = course(&LoopOptions {
            max_steps: Some(4),
            ..LoopOptions::default()
        })?;
        assert!(limited.goes_on(2, 3) && !limited.goes_on(2, 4));
        assert!(whole.goes_on(3, 6) && !whole.goes_on(4, 9));
        Ok(())
    }

    #[test]
    fn the_last_epoch_is_validated_whatever_the_interval() -> Result<(), Error> {
        let options = LoopOptions {
            validate_every: 2,
            max_steps: Some(8),
            ..LoopOptions::default()
        };
        let course = course(&options)?;
        let validated = |epoch, step| course.is_validated(epoch, step);
        assert!(!validated(1, 3) && validated(2, 6) && validated(3, 8));
        assert!(validated(1, 8));
        Ok(())
    }

    #[test]
    fn a_warm_up_that_never_ends_is_an_error() {
        let options = |warmup_steps| LoopOptions {
            schedule: Schedule::Constant { warmup_steps },
            ..LoopOptions::default()
        };
        assert!(course(&options(8)).is_ok());
        let error = course(&options(9)).unwrap_err().to_string();
        assert!(error.contains("warmup_steps is 9"), "{error}");
    }
}
