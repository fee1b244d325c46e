//! `pipeline sweep plan`: what the variants share, and what is left to do.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::commands::sweep::batch::Batch;
use crate::commands::sweep::tell_of_repeated_draws;
use crate::display::sweep_plan_table;
use crate::records::sweep_plan::{SharedStage, Sharing, SweepPlanRecord};
use crate::terminal::stdout;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_kinds::SweepRecipe;
use pipeline_runner::record::{PlannedStage, PlannedStatus};
use pipeline_runner::sweep::record::PlannedVariant;
use pipeline_store::Store;

#[derive(Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl PlanArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Plan, Error> {
        Ok(Plan {
            selection: self.experiment.validate()?,
            format: self.format,
        })
    }
}

/// [`PlanArguments`], validated.
pub struct Plan {
    selection: Selection,
    format: Format,
}

/// Plans; nothing is executed.
pub fn execute(plan: Plan, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let sweep = SweepRecipe::open(&plan.selection.recipe, &plan.selection.overrides)?;
    tell_of_repeated_draws(&sweep, verbosity);
    let first = sweep.on_rung(0, &sweep.points()?);
    let points = first.into_iter().map(|(_, point)| point).collect();
    let batch = Batch::of(&sweep, sweep.variants(points)?)?;
    let store = Store::open(&plan.selection.store)?;
    let surveyed = batch.survey(&plan.selection, &store)?;
    let stages: Vec<PlannedStage> = surveyed.into_iter().map(|stage| stage.planned).collect();
    let record = SweepPlanRecord {
        rungs: sweep.rungs(),
        recipe: sweep.name,
        variants: batch.planned.iter().map(|one| one.name.clone()).collect(),
        shared: shared(&batch, &stages),
        stages,
    };
    match plan.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&sweep_plan_table::render(&record, Style::stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn shared(batch: &Batch, stages: &[PlannedStage]) -> Vec<SharedStage> {
    let by_name: BTreeMap<&str, &PlannedStage> = stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage))
        .collect();
    let mut order: Vec<SharedStage> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut users: BTreeMap<usize, usize> = BTreeMap::new();
    for position in batch
        .planned
        .iter()
        .flat_map(|variant| variant.stages.values())
    {
        *users.entry(*position).or_default() += 1;
    }
    let in_recipe: BTreeMap<usize, &str> = (batch.planned.iter())
        .flat_map(|variant| variant.stages.iter())
        .map(|(stage, position)| (*position, stage.as_str()))
        .collect();
    for (position, node) in batch.nodes.iter().enumerate() {
        let (Some(stage), Some(planned)) =
            (in_recipe.get(&position), by_name.get(node.name.as_str()))
        else {
            continue;
        };
        let place = *places.entry(stage.to_string()).or_insert(order.len());
        if place == order.len() {
            let has_it = |variant: &&PlannedVariant| variant.stages.contains_key(*stage);
            order.push(SharedStage {
                name: stage.to_string(),
                kind: planned.kind.clone(),
                variants: batch.planned.iter().filter(has_it).count(),
                different: 0,
                sharing: Vec::new(),
                cached: 0,
                run: 0,
                may_run: 0,
            });
        }
        let counted = &mut order[place];
        counted.different += 1;
        count_sharing(&mut counted.sharing, users[&position]);
        *match planned.status {
            PlannedStatus::Cached => &mut counted.cached,
            PlannedStatus::Run => &mut counted.run,
            PlannedStatus::MayRun => &mut counted.may_run,
        } += 1;
    }
    order
}

/// Counts a stage that serves so many variants.
fn count_sharing(sharing: &mut Vec<Sharing>, variants: usize) {
    match sharing.binary_search_by(|known| variants.cmp(&known.variants)) {
        Ok(place) => sharing[place].stages += 1,
        Err(place) => {
            let stages = 1;
            sharing.insert(place, Sharing { variants, stages });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_shared_come_first() {
        let mut sharing = Vec::new();
        for variants in [2, 9, 2, 1, 9, 2] {
            count_sharing(&mut sharing, variants);
        }
        let found: Vec<_> = sharing
            .iter()
            .map(|one| (one.variants, one.stages))
            .collect();
        assert_eq!(found, [(9, 2), (2, 3), (1, 1)]);
    }
}
