//! How much memory the models of a recipe take, before any of it is asked for.

use std::cell::LazyCell;

use crate::kind::{ModelHeld, StageKind};
use pipeline_error::memory::{excess, shown};
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::memory::{COPIES_IN_TRAINING, EVENTS, Footprint};

/// What a stage's model takes.
struct Need {
    footprint: Footprint,
    held: ModelHeld,
}

impl Need {
    /// What it takes whatever the data are.
    fn weights(&self) -> u64 {
        self.footprint.weights(match self.held.batch {
            Some(_) => COPIES_IN_TRAINING,
            None => 1,
        })
    }
}

/// The stage whose model takes the most, if there is a model.
fn largest<'s>(
    stages: impl Iterator<Item = (&'s str, &'s dyn StageKind)>,
    model: &ModelConfig,
) -> Option<(&'s str, Need)> {
    // Many stages hold the same model. What its layers refuse is told by the checks of the model.
    let [pretrain, classifier] = [ModelMode::Pretrain, ModelMode::Classifier]
        .map(|mode| LazyCell::new(move || Footprint::of(model, mode).ok()));
    let needs = stages.filter_map(|(name, stage)| {
        let held = stage.model_held()?;
        let footprint = match held.mode {
            ModelMode::Pretrain => *pretrain,
            ModelMode::Classifier => *classifier,
        }?;
        Some((name, Need { footprint, held }))
    });
    // The first of several that are equal, as the recipe has them.
    needs.reduce(|most, next| match next.1.weights() > most.1.weights() {
        true => next,
        false => most,
    })
}

/// What is wrong with a model that takes more memory than there is.
pub(crate) fn too_much(stages: &[(&str, &dyn StageKind)], model: &ModelConfig) -> Option<String> {
    let (name, need) = largest(stages.iter().copied(), model)?;
    let parameters = need.footprint.parameters;
    let doing = match need.held.batch {
        Some(_) => "takes, with gradients and the optimizer's moments,",
        None => "takes",
    };
    let what = format!("the model of `{name}` has {parameters} parameters and {doing}");
    excess(what, need.weights())
}

/// One line that says how much the largest of the stages' models takes; none if there is none.
pub(crate) fn estimate<'s>(
    stages: impl Iterator<Item = (&'s str, &'s dyn StageKind)>,
    model: &ModelConfig,
) -> Option<String> {
    let (name, need) = largest(stages, model)?;
    let weights = shown(need.footprint.weights(1));
    let mut line = format!(
        "memory: the model of `{name}` has {} parameters, {weights}",
        need.footprint.parameters
    );
    if let Some(stays) = need.held.batch {
        line += &format!(
            "; training it takes {}, and about {} for a batch of {stays} stays of {EVENTS} events",
            shown(need.weights()),
            shown(need.footprint.batch(stays)),
        );
    }
    Some(line)
}
