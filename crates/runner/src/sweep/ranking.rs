//! Settings from best to worst.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::node_result::{NodeResult, NodeState};
use super::record::{
    Metrics, PlannedVariant, SettingRecord, Summary, VariantRecord, VariantStatus,
};
use pipeline_error::Error;
use pipeline_recipe::nearest;
use pipeline_recipe::sweep_config::{Direction, SweepObjective};

/// The variants without their seeds, the best first. A setting that lacks the objective of some
/// seed comes after those that have all: a mean over fewer seeds is no match for one over all.
pub fn rank(
    planned: &[PlannedVariant],
    variants: &[VariantRecord],
    objective: &SweepObjective,
) -> Vec<SettingRecord> {
    let mut order: Vec<&str> = Vec::new();
    let mut members: BTreeMap<&str, Vec<(&PlannedVariant, &VariantRecord)>> = BTreeMap::new();
    for pair in planned.iter().zip(variants) {
        let known = members.entry(&pair.0.setting).or_default();
        if known.is_empty() {
            order.push(&pair.0.setting);
        }
        known.push(pair);
    }
    let mut settings: Vec<SettingRecord> = order
        .iter()
        .map(|name| setting(name, &members[name], objective))
        .collect();
    // Stable: among equals the first of the space comes first.
    settings.sort_by(|one, other| compare(one, other, objective.direction));
    settings
}

fn compare(one: &SettingRecord, other: &SettingRecord, direction: Direction) -> Ordering {
    let completeness = other.is_complete().cmp(&one.is_complete());
    let values = [one, other].map(|setting| setting.objective.map(|summary| summary.mean));
    completeness.then_with(|| match values {
        [Some(one), Some(other)] if direction == Direction::Maximize => other.total_cmp(&one),
        [Some(one), Some(other)] => one.total_cmp(&other),
        [one, other] => other.is_some().cmp(&one.is_some()),
    })
}

impl SettingRecord {
    /// Whether none of its variants failed, and every one has the objective.
    pub fn is_complete(&self) -> bool {
        let has_all = |summary: Summary| summary.n == self.results;
        self.failed == 0 && self.objective.is_some_and(has_all)
    }
}

fn setting(
    name: &str,
    members: &[(&PlannedVariant, &VariantRecord)],
    objective: &SweepObjective,
) -> SettingRecord {
    let count = |status| {
        members
            .iter()
            .filter(|(_, one)| one.status == status)
            .count()
    };
    let all = members.iter().map(|(_, one)| *one);
    let measured = distinct(all, &objective.stage);
    let objectives: Vec<f64> = measured.iter().filter_map(|one| one.objective).collect();
    let mut overrides = BTreeMap::new();
    if let Some((planned, _)) = members.first() {
        let own = planned.overrides.iter();
        let own = own.filter(|(path, _)| !planned.seeds.contains(path));
        overrides.extend(own.map(|(path, value)| (path.clone(), value.clone())));
    }
    SettingRecord {
        name: name.into(),
        overrides,
        variants: members.len(),
        results: measured.len(),
        done: count(VariantStatus::Done),
        failed: count(VariantStatus::Failed),
        objective: Summary::of(&objectives),
        metrics: summaries(members),
    }
}

/// One variant of each result that a stage has: a seed that the stage does not use gives no result of its own.
pub(super) fn distinct<'a>(
    variants: impl Iterator<Item = &'a VariantRecord>,
    stage: &str,
) -> Vec<&'a VariantRecord> {
    let mut seen = BTreeSet::new();
    let is_new = |variant: &&'a VariantRecord| match variant.stages.get(stage) {
        Some(node) => seen.insert(node),
        None => true,
    };
    variants.filter(is_new).collect()
}

fn summaries(members: &[(&PlannedVariant, &VariantRecord)]) -> Metrics<Summary> {
    let mut numbers: Metrics<Vec<f64>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (_, variant) in members {
        for (stage, metrics) in &variant.metrics {
            if !seen.insert((stage, variant.stages.get(stage))) {
                continue;
            }
            let of_stage = numbers.entry(stage.clone()).or_default();
            for (name, value) in metrics {
                if let Some(number) = value.as_f64() {
                    of_stage.entry(name.clone()).or_default().push(number);
                }
            }
        }
    }
    let summarised = numbers.into_iter().map(|(stage, metrics)| {
        let metrics = metrics.into_iter();
        let metrics = metrics.filter_map(|(name, all)| Some((name, Summary::of(&all)?)));
        (stage, metrics.collect())
    });
    summarised.collect()
}

/// Fails if a stage that should measure the objective has ended and has no such metric.
pub fn check_objective(
    planned: &[PlannedVariant],
    results: &[NodeResult],
    objective: &SweepObjective,
) -> Result<(), Error> {
    let positions = planned
        .iter()
        .filter_map(|one| one.stages.get(&objective.stage));
    let done = positions
        .map(|position| &results[*position])
        .find(|result| result.state == NodeState::Done);
    let Some(result) = done.filter(|result| !result.metrics.contains_key(&objective.metric)) else {
        return Ok(());
    };
    let names: Vec<&str> = (result.metrics.iter())
        .filter(|(_, value)| value.is_null() || value.is_number())
        .map(|(name, _): (_, &Value)| name.as_str())
        .collect();
    let hint = match nearest(&objective.metric, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "it has none: name a stage that measures something".into(),
        None => format!("its metrics are {}", names.join(", ")),
    };
    let SweepObjective { stage, metric, .. } = objective;
    Err(Error::Usage {
        message: format!("the stage `{stage}` has no metric `{metric}`, which is the objective"),
        hint: Some(hint),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep of these: setting, seed, objective.
    fn ranked(direction: Direction, all: &[(&str, u64, Option<f64>)]) -> Vec<String> {
        let objective = SweepObjective {
            stage: "test".into(),
            metric: "auroc".into(),
            direction,
            allow_test: false,
        };
        let planned =
            |(index, (setting, seed, _)): (usize, &(&str, u64, Option<f64>))| PlannedVariant {
                name: format!("{setting},seed={seed}"),
                setting: setting.to_string(),
                overrides: BTreeMap::new(),
                seeds: Vec::new(),
                stages: BTreeMap::from([("test".to_string(), index)]),
            };
        let planned: Vec<_> = all.iter().enumerate().map(planned).collect();
        let result = |(setting, seed, value): &(&str, u64, Option<f64>)| NodeResult {
            name: format!("test@{setting},seed={seed}"),
            kind: "evaluate".into(),
            state: match value {
                Some(_) => NodeState::Done,
                None => NodeState::Failed("broke".into()),
            },
            metrics: value
                .iter()
                .map(|value| ("auroc".into(), (*value).into()))
                .collect(),
        };
        let results: Vec<_> = all.iter().map(result).collect();
        let variants: Vec<_> = (planned.iter())
            .map(|variant| VariantRecord::of(variant, &results, &objective))
            .collect();
        let settings = rank(&planned, &variants, &objective);
        settings.into_iter().map(|setting| setting.name).collect()
    }

    #[test]
    fn the_best_mean_over_seeds_comes_first() {
        let all = [
            ("a", 1, Some(0.5)),
            ("a", 2, Some(0.9)),
            ("b", 1, Some(0.75)),
            ("b", 2, Some(0.75)),
            ("c", 1, Some(0.6)),
            ("c", 2, Some(0.8)),
        ];
        assert_eq!(ranked(Direction::Maximize, &all), ["b", "a", "c"]);
        assert_eq!(ranked(Direction::Minimize, &all), ["a", "c", "b"]);
    }

    #[test]
    fn a_setting_that_lost_a_seed_does_not_win_by_the_others() {
        let all = [
            ("lucky", 1, Some(0.99)),
            ("lucky", 2, None),
            ("whole", 1, Some(0.6)),
            ("whole", 2, Some(0.6)),
            ("dead", 1, None),
            ("dead", 2, None),
        ];
        assert_eq!(
            ranked(Direction::Maximize, &all),
            ["whole", "lucky", "dead"]
        );
    }

    #[test]
    fn seeds_of_one_result_are_one_result() {
        let variant = |name: &str, node: &str, value: f64| {
            let metrics = BTreeMap::from([("auroc".to_string(), Value::from(value))]);
            let variant = VariantRecord {
                name: name.into(),
                setting: "one".into(),
                overrides: BTreeMap::new(),
                status: VariantStatus::Done,
                objective: Some(value),
                metrics: BTreeMap::from([("test".to_string(), metrics)]),
                stages: BTreeMap::from([("test".to_string(), node.to_string())]),
                error: None,
            };
            let planned = PlannedVariant {
                name: name.into(),
                setting: "one".into(),
                overrides: BTreeMap::new(),
                seeds: Vec::new(),
                stages: BTreeMap::new(),
            };
            (planned, variant)
        };
        let of = |all: &[(PlannedVariant, VariantRecord)]| {
            let (planned, variants): (Vec<_>, Vec<_>) = all.iter().cloned().unzip();
            let objective = SweepObjective {
                stage: "test".into(),
                metric: "auroc".into(),
                direction: Direction::Maximize,
                allow_test: false,
            };
            rank(&planned, &variants, &objective).remove(0)
        };
        let alike = of(&[variant("a", "test", 0.5), variant("b", "test", 0.5)]);
        assert_eq!((alike.variants, alike.results), (2, 1));
        assert!(alike.is_complete());
        let known = |setting: &SettingRecord| {
            let measured = setting.metrics["test"]["auroc"];
            assert_eq!(Some(measured), setting.objective);
            (measured.n, measured.std)
        };
        assert_eq!(known(&alike), (1, None));
        let different = of(&[variant("a", "test@a", 0.5), variant("b", "test@b", 0.5)]);
        assert_eq!(known(&different), (2, Some(0.0)));
    }

    #[test]
    fn a_setting_of_which_another_stage_failed_is_not_complete() {
        let summary = Summary::of(&[0.5, 0.7]);
        let setting = |failed| SettingRecord {
            name: "a".into(),
            overrides: BTreeMap::new(),
            variants: 2,
            results: 2,
            done: 2 - failed,
            failed,
            objective: summary,
            metrics: BTreeMap::new(),
        };
        assert!(setting(0).is_complete() && !setting(1).is_complete());
    }

    #[test]
    fn a_mean_depends_on_no_order_and_equal_numbers_have_no_spread() {
        let of = |numbers: [f64; 3]| Summary::of(&numbers).unwrap();
        assert_eq!(of([0.1, 0.2, 0.3]), of([0.3, 0.2, 0.1]));
        let equal = of([0.784375; 3]);
        assert_eq!((equal.mean, equal.std), (0.784375, Some(0.0)));
    }

    #[test]
    fn a_spread_is_that_of_a_sample() {
        let summary = Summary::of(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((summary.mean, summary.std, summary.n), (2.0, Some(1.0), 3));
        assert_eq!(Summary::of(&[1.0]).unwrap().std, None);
        assert_eq!(Summary::of(&[]), None);
    }
}
