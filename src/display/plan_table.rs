//! A plan, for people.

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_runner::record::{PlanRecord, PlannedStage, PlannedStatus};

/// One row a stage, one line a reason, and a line that counts.
pub fn render(plan: &PlanRecord, style: Style) -> String {
    let mut table = Table::new(&[
        ("stage", Align::Left),
        ("kind", Align::Left),
        ("plan", Align::Left),
        ("why", Align::Left),
    ])
    .yielding(&["kind", "why"]);
    for stage in &plan.stages {
        let mut reasons = stage.reasons.iter();
        let first = reasons.next().map_or("", String::as_str);
        table.push(vec![
            stage.name.as_str().into(),
            stage.kind.as_str().into(),
            status(stage.status),
            first.into(),
        ]);
        for reason in reasons {
            table.push(vec![
                "".into(),
                "".into(),
                "".into(),
                reason.as_str().into(),
            ]);
        }
    }
    format!("{}\n{}\n", table.render(style), verdict(&plan.stages))
}

fn status(status: PlannedStatus) -> Cell {
    match status {
        PlannedStatus::Cached => Cell::new("cached", Tone::Good),
        PlannedStatus::Run => Cell::new("run", Tone::Notice),
        PlannedStatus::MayRun => Cell::new("may run", Tone::Notice),
    }
}

fn verdict(stages: &[PlannedStage]) -> String {
    let count = |status| stages.iter().filter(|s| s.status == status).count();
    let (run, may_run) = (count(PlannedStatus::Run), count(PlannedStatus::MayRun));
    match (run, may_run) {
        (0, 0) => "everything is up to date".to_string(),
        (run, 0) => format!("{run} of {} would run", stages.len()),
        (run, may_run) => format!("{run} of {} would run, {may_run} may run", stages.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str, kind: &str, status: PlannedStatus, reasons: &[&str]) -> PlannedStage {
        PlannedStage {
            name: name.into(),
            kind: kind.into(),
            status,
            reasons: reasons.iter().map(|reason| reason.to_string()).collect(),
        }
    }

    #[test]
    fn a_plan_says_what_would_run_and_why() {
        let plan = PlanRecord {
            recipe: "demo".into(),
            stages: vec![
                stage("events", "data", PlannedStatus::Cached, &[]),
                stage(
                    "pretrain",
                    "pretrain",
                    PlannedStatus::Run,
                    &["epochs: 3 → 4", "seed: 1 → 2"],
                ),
                stage(
                    "weights",
                    "import",
                    PlannedStatus::MayRun,
                    &["depends on pretrain"],
                ),
            ],
        };
        let expected = "\
stage     kind      plan     why
events    data      cached
pretrain  pretrain  run      epochs: 3 → 4
                             seed: 1 → 2
weights   import    may run  depends on pretrain

1 of 3 would run, 1 may run
";
        assert_eq!(render(&plan, Style::PLAIN), expected);
    }

    #[test]
    fn a_plan_without_work_says_so() {
        let plan = PlanRecord {
            recipe: "demo".into(),
            stages: vec![stage("events", "data", PlannedStatus::Cached, &[])],
        };
        assert!(render(&plan, Style::PLAIN).ends_with("\n\neverything is up to date\n"));
    }
}
