//! What variants are compared by, checked before anything runs.

use crate::kind::{Lookup, StageKind};
use pipeline_data::dataset::Split;
use pipeline_error::Code;
use pipeline_recipe::sweep_config::Direction;
use pipeline_recipe::tree::Node;
use pipeline_recipe::{Compared, Mistake, nearest, no_stage};

/// Whoever chooses by the test split has none left to test on.
pub fn mistake<'a>(
    lookup: impl Fn(&str) -> Option<&'a dyn StageKind> + 'a,
    compared: &Compared,
) -> Option<Mistake> {
    let Compared {
        objective,
        sweep,
        base,
    } = compared;
    let place = sweep.place(&["objective", "stage"]);
    let name = &objective.stage;
    let Some(stage) = lookup(name) else {
        // A stage that could not be read has a mistake of its own.
        let stages = base.child("stages").and_then(Node::as_table)?;
        let message = format!("sweep.objective.stage names `{name}`, and there is no such stage");
        let mistake =
            Mistake::new(message, place, "no stage of this name").code(Code::UnknownStage);
        let is_unknown = stages.get(name).is_none();
        return is_unknown.then(|| no_stage(name, stages.keys(), mistake));
    };
    match stage.scored_split() {
        Some(Split::Test) if !objective.allow_test => {
            let message = format!("the objective is measured on the test split, by `{name}`");
            let mistake = Mistake::new(message, place, "scores the test split").code(Code::TestObjective).help(
                "choose by validation: add an evaluate stage with split = \"validation\", or take \
                 a metric of the finetune stage; `allow_test = true` does it all the same",
            );
            let split = base.at(&["stages", name, "split"]);
            Some(match split {
                Some(split) => mistake.and(split.origin, "stated here"),
                None => mistake,
            })
        }
        _ => metric_mistake(stage, &lookup, compared),
    }
}

/// By the wrong direction the worst variant would be the best.
fn direction_mistake(metric: &str, compared: &Compared) -> Option<Mistake> {
    let better = better(metric).filter(|better| *better != compared.objective.direction)?;
    let (better, what) = match better {
        Direction::Maximize => ("maximize", "more of it is better"),
        Direction::Minimize => ("minimize", "less of it is better"),
    };
    let place = compared.sweep.place(&["objective", "direction"]);
    let message = format!("of the objective `{metric}`, {what}");
    let mistake = Mistake::new(message, place, "the worst would come first");
    Some(
        mistake
            .code(Code::InvalidValue)
            .help(format!("direction = \"{better}\"")),
    )
}

/// Which way a metric is better, where its name says so.
fn better(metric: &str) -> Option<Direction> {
    let name = metric.rsplit('.').next()?;
    let name = name.strip_prefix("validation_").unwrap_or(name);
    match name {
        "auroc" | "average_precision" | "accuracy" | "f1" | "r2" => Some(Direction::Maximize),
        "loss" | "log_loss" | "brier" | "mae" | "rmse" | "mse" | "ece" | "ece_equal_mass"
        | "reconstruction" => Some(Direction::Minimize),
        _ => None,
    }
}

/// A misspelt metric would be found only after the first variant has run.
fn metric_mistake(stage: &dyn StageKind, lookup: &Lookup, compared: &Compared) -> Option<Mistake> {
    let known = stage.metrics(lookup)?;
    let objective = compared.objective;
    let (stage, metric) = (&objective.stage, &objective.metric);
    if known.contains(metric) {
        return direction_mistake(metric, compared);
    }
    let place = compared.sweep.place(&["objective", "metric"]);
    let message = format!("the stage `{stage}` has no metric `{metric}`, which is the objective");
    let mistake = Mistake::new(message, place, "no metric of this name");
    Some(match nearest(metric, known.iter().map(String::as_str)) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!("its metrics are {}", known.join(", "))),
    })
}
