//! What the variants of a sweep share and what is left to do, for people.

use crate::display::table::{Align, Cell, Table};
use crate::records::sweep_plan::{SharedStage, SweepPlanRecord};
use crate::terminal::style::{Style, Tone};
use pipeline_error::listed::counted;

/// One row a stage of the recipe, a line that counts, lines of what is computed once for several variants, and what is
/// left to do.
pub fn render(plan: &SweepPlanRecord, style: Style) -> String {
    let mut table = Table::new(&[
        ("stage", Align::Left),
        ("kind", Align::Left),
        ("variants", Align::Right),
        ("different", Align::Right),
        ("cached", Align::Right),
        ("run", Align::Right),
        ("may run", Align::Right),
    ])
    .yielding(&["kind"]);
    let number = |count: usize, tone| match count {
        0 => Cell::from(""),
        count => Cell::new(count.to_string(), tone),
    };
    for stage in &plan.shared {
        table.push(vec![
            stage.name.as_str().into(),
            stage.kind.as_str().into(),
            stage.variants.to_string().into(),
            stage.different.to_string().into(),
            number(stage.cached, Tone::Good),
            number(stage.run, Tone::Notice),
            number(stage.may_run, Tone::Notice),
        ]);
    }
    format!("{}\n{}", table.render(style), verdict(plan))
}

fn verdict(plan: &SweepPlanRecord) -> String {
    let all: usize = plan.shared.iter().map(|stage| stage.variants).sum();
    let sum = |count: fn(&SharedStage) -> usize| -> usize { plan.shared.iter().map(count).sum() };
    let different = sum(|stage| stage.different);
    let (run, may_run) = (sum(|stage| stage.run), sum(|stage| stage.may_run));
    let left = match (run, may_run) {
        (0, 0) => "everything is up to date".to_string(),
        (run, 0) => format!("{run} of {different} would run"),
        (run, may_run) => format!("{run} of {different} would run, {may_run} may run"),
    };
    let variants = plan.variants.len();
    let left = match plan.rungs {
        1 => left,
        rungs => format!("{left}, on the first of {rungs} rungs"),
    };
    let shared = shared(plan);
    format!(
        "{variants} variants have {}, {different} of them different\n{shared}{left}\n",
        counted(all, "stage")
    )
}

/// A line for the stages that as many variants share.
fn shared(plan: &SweepPlanRecord) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for stage in &plan.shared {
        let counts = || stage.sharing.iter().map(|sharing| sharing.variants);
        let (Some(fewest), Some(most)) = (counts().min(), counts().max()) else {
            continue;
        };
        let by = match (fewest, most) {
            (_, 0 | 1) => continue,
            _ if fewest == plan.variants.len() => format!("all {fewest} variants"),
            _ if fewest == most => format!("{most} variants each"),
            _ => format!("{fewest} to {most} variants each"),
        };
        match lines.iter_mut().find(|(known, _)| *known == by) {
            Some((_, names)) => names.push(&stage.name),
            None => lines.push((by, vec![&stage.name])),
        }
    }
    let line = |(by, names): (String, Vec<&str>)| {
        format!("computed once for {by}: {}\n", names.join(", "))
    };
    lines.into_iter().map(line).collect()
}
