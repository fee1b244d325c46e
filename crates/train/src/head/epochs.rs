//! The loop over epochs: what is trained, validated, written down and kept.

use super::going_on::{Kept, State};
use super::steer::steer;
use super::{HeadTrainer, HeadValidation, TrainedHead};
use crate::class_balance::Sampling;
use crate::course::Course;
use crate::head_input::HeadInput;
use crate::options::Keep;
use crate::resume::ResumeFile;
use crate::watch::Watch;
use pipeline_data::target::Truth;
use pipeline_error::Error;

/// A norm of two numbers says which is the larger, and hardly more.
const TWO_NUMBERS: &str = "warning: the last norm of the head `mlp` has two numbers (latent_dim / 4) and makes them 1 and -1 or \
    -1 and 1: what the head says of stays has nearly two values only. State head = \"linear\" in [model.classifier], or a \
    `latent_dim` of 16 or more";

/// Trains until the last epoch or step, or until early stopping, from where an earlier attempt or a
/// shorter training stood; returns the parameters that are to be kept: the same bits either way.
pub fn train_head(
    mut trainer: HeadTrainer,
    train: &dyn HeadInput,
    validation: &dyn HeadInput,
    resume: &ResumeFile,
    watch: &dyn Watch,
) -> Result<TrainedHead, Error> {
    if trainer.last_width == Some(2) {
        watch.note(TWO_NUMBERS);
    }
    let labels = train.truth().classes();
    let weights = &trainer.settings.class_weights;
    trainer.class_weights = labels.and_then(|labels| weights.of(labels, trainer.outputs));
    let mut state = State::begin(&mut trainer, train.truth().len(), resume, watch)?;
    while state.course.goes_on(state.epoch, trainer.step) {
        if watch.is_interrupted() {
            state.save(&trainer, resume, watch);
            return Err(Error::Interrupted);
        }
        state.run_epoch(&mut trainer, train, validation, watch)?;
        if resume.is_due() {
            state.save(&trainer, resume, watch);
        }
    }
    resume.bequeath(|| state.snapshot(&trainer))?;
    match state.kept {
        Some(kept) => Ok(TrainedHead {
            parameters: kept.parameters,
            history: state.history,
            best_epoch: kept.epoch,
            best: kept.validation,
        }),
        None => Err(Error::stage("finetuning needs at least one epoch")),
    }
}

impl State {
    fn run_epoch(
        &mut self,
        trainer: &mut HeadTrainer,
        train: &dyn HeadInput,
        validation: &dyn HeadInput,
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let settings = trainer.settings;
        let (epoch, epochs, rows) = (self.epoch, settings.epochs, train.truth().len());
        let stays = match train.truth().classes() {
            Some(labels) => (settings.sampling).rows(labels, epoch as u64, trainer.seed),
            None => Sampling::Shuffle.rows(&vec![0; rows], epoch as u64, trainer.seed),
        };
        (trainer.epoch, trainer.step_of_epoch) = (epoch, 0);
        let loss = train_epoch(trainer, train, &stays, &self.course)?;
        let now = match self.course.is_validated(epoch, trainer.step) {
            true => Some(trainer.validate(&validation.evaluated()?)?),
            false => None,
        };
        let rate = || (self.course.scale(trainer.step - 1)).of(settings.optimizer.base().lr);
        let rate = self.course.is_scheduled().then(rate);
        let row = history_row(
            epoch,
            trainer.step,
            loss,
            (train.truth(), now.as_ref()),
            rate,
        );
        self.history.push(row);
        let shown = now.map(|now| now.to_string()).unwrap_or_default();
        let message = format!("epoch {epoch}/{epochs} · loss {loss:.4}{shown}");
        watch.progress((epoch * rows) as u64, (epochs * rows) as u64, message);
        if let Some(now) = now {
            let score = steer(&mut self.course, settings, &now)?;
            let last = settings.options.keep == Keep::Last;
            if last || self.kept.as_ref().is_none_or(|kept| score > kept.score) {
                self.kept = Some(Kept {
                    epoch,
                    score,
                    validation: now,
                    parameters: trainer.parameters()?,
                });
            }
        }
        self.epoch += 1;
        Ok(())
    }
}

/// One pass over the rows in the order of `stays`; returns the mean loss.
fn train_epoch(
    trainer: &mut HeadTrainer,
    train: &dyn HeadInput,
    stays: &[u32],
    course: &Course,
) -> Result<f64, Error> {
    let (mut total, mut seen) = (0.0, 0);
    let batch_size = trainer.settings.batch_size;
    let accumulate = trainer.settings.options.accumulate;
    for group in stays.chunks(batch_size.saturating_mul(accumulate)) {
        if course.has_no_step_left(trainer.step) {
            break;
        }
        let batches = group
            .chunks(batch_size)
            .zip(trainer.step * accumulate as u64..);
        let batches = batches.map(|(rows, draw)| train.batch(rows, draw));
        let batches: Vec<_> = batches.collect::<Result<_, Error>>()?;
        let scale = course.scale(trainer.step);
        total += trainer.step(&batches, scale)? * group.len() as f64;
        seen += group.len();
    }
    Ok(total / seen as f64)
}

fn history_row(
    epoch: usize,
    step: u64,
    train_loss: f64,
    (truth, validation): (&Truth, Option<&HeadValidation>),
    rate: Option<f64>,
) -> Vec<(&'static str, Option<f64>)> {
    let mut row = vec![
        ("epoch", Some(epoch as f64)),
        ("step", Some(step as f64)),
        ("train_loss", Some(train_loss)),
    ];
    row.extend(HeadValidation::columns(truth, validation));
    row.extend(rate.map(|rate| ("learning_rate", Some(rate))));
    row
}
