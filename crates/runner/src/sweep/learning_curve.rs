//! How good models are by the number of stays that they learned from, of sweeps that vary it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ranking::distinct;
use super::record::{SettingRecord, ShowRecord, Summary, VariantRecord, told_of};

/// Ends of paths that say how many of the training stays are learned from.
const SUBSAMPLES: [&str; 2] = [".subsample.stays", ".subsample.fraction"];

/// A metric of an evaluation by the number of training stays, all other settings alike.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningCurve {
    /// The path that says how many.
    pub path: String,
    /// The evaluation.
    pub stage: String,
    /// Its metric.
    pub metric: String,
    /// The other settings that are varied.
    pub others: BTreeMap<String, Value>,
    /// From few stays to many.
    pub points: Vec<LearningPoint>,
}

/// What was measured at one number of training stays, over the seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningPoint {
    /// The number, or the share.
    pub stays: f64,
    /// Different results over the seeds; of so many a summary is, unless its `n` is less since a value is undefined.
    pub results: usize,
    /// The model.
    pub model: Summary,
    /// The simple model that was fitted to the same stays.
    pub baseline: Option<Summary>,
    /// The model's value minus the baseline's, seed by seed.
    pub difference: Option<Summary>,
}

impl LearningCurve {
    /// Whether stays are counted; else they are told as a share.
    pub fn counts(&self) -> bool {
        self.path.ends_with(SUBSAMPLES[0])
    }
}

/// What settings have in common but for the number of stays, and those settings by that number.
type Group<'a> = (BTreeMap<String, Value>, Vec<(f64, &'a SettingRecord)>);

impl ShowRecord {
    /// Every metric of every evaluation by the number of training stays; none where nothing varies that.
    pub fn learning_curves(&self) -> Vec<LearningCurve> {
        let varied = (self.paths().into_iter())
            .filter(|path| SUBSAMPLES.iter().any(|end| path.ends_with(end)));
        let varied: Vec<&str> = varied.collect();
        let Some(path) = varied.first().copied() else {
            return Vec::new();
        };
        let measured: BTreeSet<(&str, &str)> = self.variants.iter().flat_map(evaluations).collect();
        let mut groups: Vec<Group> = Vec::new();
        for setting in &self.settings {
            let mut others = setting.overrides.clone();
            let Some(number) = others.remove(path) else {
                continue;
            };
            // The models of an ensemble learn from as many stays, each by a path of its own.
            others.retain(|other, value| !(varied.contains(&other.as_str()) && *value == number));
            let Some(stays) = number.as_f64() else {
                continue;
            };
            match groups.iter_mut().find(|(known, _)| *known == others) {
                Some((_, settings)) => settings.push((stays, setting)),
                None => groups.push((others, vec![(stays, setting)])),
            }
        }
        for (_, settings) in &mut groups {
            settings.sort_by(|one, other| one.0.total_cmp(&other.0));
        }
        let curve = |(stage, metric): (&str, &str),
                     others: &BTreeMap<_, _>,
                     settings: &[(f64, &SettingRecord)]| {
            let points = settings.iter();
            let points =
                points.filter_map(|(stays, setting)| self.point(*stays, setting, stage, metric));
            LearningCurve {
                path: path.into(),
                stage: stage.into(),
                metric: metric.into(),
                others: others.clone(),
                points: points.collect(),
            }
        };
        let curves = groups.iter().flat_map(|(others, settings)| {
            measured
                .iter()
                .map(move |pair| curve(*pair, others, settings))
        });
        // An evaluation that the number of stays does not reach is one stage for all of them.
        let differs = |curve: &LearningCurve| {
            let variants = self.variants.iter();
            let stages = variants.filter_map(|variant| variant.stages.get(&curve.stage));
            let mut pairs = curve.points.windows(2);
            stages.collect::<BTreeSet<_>>().len() > 1
                || pairs.any(|pair| {
                    (pair[0].model, pair[0].baseline) != (pair[1].model, pair[1].baseline)
                })
        };
        curves.filter(differs).collect()
    }

    fn point(
        &self,
        stays: f64,
        setting: &SettingRecord,
        stage: &str,
        metric: &str,
    ) -> Option<LearningPoint> {
        let variants = self.variants.iter();
        let variants = variants.filter(|variant| variant.setting == setting.name);
        let (mut model, mut baseline, mut difference) = (Vec::new(), Vec::new(), Vec::new());
        for variant in distinct(variants, stage) {
            let all = variant.metrics.get(stage);
            let value = |name: &str| all.and_then(|all| all.get(name)?.as_f64());
            let pair = (value(metric), value(&format!("baseline.{metric}")));
            model.extend(pair.0);
            baseline.extend(pair.1);
            difference.extend(pair.0.zip(pair.1).map(|(model, baseline)| model - baseline));
        }
        Some(LearningPoint {
            stays,
            results: self.stating(&setting.name, stage, metric),
            model: Summary::of(&model)?,
            baseline: Summary::of(&baseline),
            difference: Summary::of(&difference),
        })
    }
}

/// Stages that score a model, and those of their metrics that are told.
fn evaluations(variant: &VariantRecord) -> Vec<(&str, &str)> {
    let all = variant.metrics.iter();
    let pairs = all.flat_map(|(stage, all)| {
        let names = told_of(all).iter();
        names.map(|metric| (stage.as_str(), *metric))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sweep::record::VariantStatus;
    use pipeline_recipe::sweep_config::{Direction, SweepObjective};

    const PATH: &str = "stages.head.subsample.stays";

    fn variant(stays: u64, other: &str, seed: u64, auroc: f64) -> VariantRecord {
        let metrics = json!({ "auroc": auroc, "average_precision": auroc / 2.0, "baseline.auroc": 0.5, "baseline.average_precision": null });
        VariantRecord {
            name: format!("{stays},{other},{seed}"),
            setting: format!("{stays},{other}"),
            overrides: BTreeMap::new(),
            status: VariantStatus::Done,
            objective: None,
            metrics: BTreeMap::from([("test".into(), serde_json::from_value(metrics).unwrap())]),
            stages: BTreeMap::new(),
            error: None,
        }
    }

    fn setting(stays: u64, other: &str) -> SettingRecord {
        SettingRecord {
            name: format!("{stays},{other}"),
            overrides: BTreeMap::from([
                (PATH.to_string(), json!(stays)),
                ("x".to_string(), json!(other)),
            ]),
            variants: 2,
            results: 2,
            done: 2,
            failed: 0,
            objective: None,
            metrics: BTreeMap::new(),
        }
    }

    fn show(variants: Vec<VariantRecord>, settings: Vec<SettingRecord>) -> ShowRecord {
        ShowRecord {
            recipe: "r".into(),
            objective: SweepObjective {
                stage: "head".into(),
                metric: "validation_auroc".into(),
                direction: Direction::Maximize,
                allow_test: false,
            },
            variants,
            settings,
            pooled: Vec::new(),
        }
    }

    #[test]
    fn curves_go_from_few_stays_to_many_one_for_each_of_the_other_settings() {
        let show = show(
            vec![
                variant(200, "a", 1, 0.8),
                variant(200, "a", 2, 0.9),
                variant(50, "a", 1, 0.6),
                variant(50, "a", 2, 0.7),
                variant(50, "b", 1, 0.6),
            ],
            vec![setting(200, "a"), setting(50, "a"), setting(50, "b")],
        );
        let curves = show.learning_curves();
        // `b` has one point: no curve.
        assert_eq!(curves.len(), 2);
        let auroc = &curves[0];
        assert_eq!((&*auroc.stage, &*auroc.metric), ("test", "auroc"));
        assert!(auroc.counts());
        assert_eq!(auroc.others, BTreeMap::from([("x".into(), json!("a"))]));
        let stays: Vec<f64> = auroc.points.iter().map(|point| point.stays).collect();
        assert_eq!(stays, [50.0, 200.0]);
        let last = auroc.points[1];
        assert_eq!((last.model.n, last.baseline.unwrap().mean), (2, 0.5));
        assert!((last.model.mean - 0.85).abs() < 1e-12);
        assert!((last.difference.unwrap().mean - 0.35).abs() < 1e-12);
        assert_eq!(curves[1].points[0].baseline, None);
    }

    #[test]
    fn evaluations_of_numbers_have_curves_of_their_errors() {
        let of_numbers = |stays, mae: f64| {
            let mut variant = variant(stays, "a", 1, 0.0);
            let metrics = json!({ "mae": mae, "r2": mae / 4.0, "baseline.mae": 2.0 });
            let metrics = serde_json::from_value(metrics).unwrap();
            variant.metrics = BTreeMap::from([("test".to_string(), metrics)]);
            variant
        };
        let show = show(
            vec![of_numbers(200, 1.0), of_numbers(50, 1.5)],
            vec![setting(200, "a"), setting(50, "a")],
        );
        let curves = show.learning_curves();
        let metrics: Vec<&str> = curves.iter().map(|curve| curve.metric.as_str()).collect();
        assert_eq!(metrics, ["mae", "r2"]);
        assert_eq!(curves[0].points[0].difference.unwrap().mean, -0.5);
        let told = show.evaluations().into_iter();
        assert_eq!(told.map(|(_, metric)| metric).collect::<Vec<_>>(), metrics);
    }

    #[test]
    fn seeds_without_a_value_are_counted() {
        let mut undefined = variant(50, "a", 2, 0.0);
        let metrics = undefined.metrics.get_mut("test").unwrap();
        metrics.insert("auroc".into(), json!(null));
        let variants = vec![
            variant(200, "a", 1, 0.8),
            variant(50, "a", 1, 0.6),
            undefined,
        ];
        let show = show(variants, vec![setting(200, "a"), setting(50, "a")]);
        let few = show.learning_curves()[0].points[0];
        assert_eq!((few.model.n, few.results), (1, 2));
        assert_eq!(show.stating("50,a", "test", "recall"), 0);
    }

    #[test]
    fn several_models_that_learn_from_as_many_stays_are_one_curve() {
        let both = |stays| {
            let mut setting = setting(stays, "a");
            let second = "stages.second.subsample.stays".to_string();
            setting.overrides.insert(second, json!(stays));
            setting
        };
        let show = show(
            vec![variant(200, "a", 1, 0.8), variant(50, "a", 1, 0.6)],
            vec![both(200), both(50)],
        );
        let curves = show.learning_curves();
        assert_eq!(curves[0].points.len(), 2);
        assert_eq!(curves[0].others.keys().collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn a_sweep_of_other_things_has_none() {
        let mut settings = setting(50, "a");
        settings.overrides.remove(PATH);
        let show = show(vec![variant(50, "a", 1, 0.6)], vec![settings]);
        assert_eq!(show.learning_curves(), []);
        // Nor has one whose evaluation is the same at all numbers of stays.
        let show = ShowRecord {
            variants: vec![variant(50, "a", 1, 0.6), variant(200, "a", 1, 0.6)],
            settings: vec![setting(50, "a"), setting(200, "a")],
            ..show
        };
        assert_eq!(show.learning_curves(), []);
    }
}
