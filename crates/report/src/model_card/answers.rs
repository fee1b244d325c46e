//! What results in the store say of an item. Nothing is said of what is not up to date.

use serde_json::Value;

use super::super::gathered::Gathered;
use super::escaped;
use super::settings::{settings, settings_but};
use pipeline_kinds::evaluate::evaluation::{Evaluation, ScoreSummary};
use pipeline_metrics::ThresholdRule;
use pipeline_page::number;

/// Settings of a data stage that are no preparation of inputs: where the stays come from, who is in them and in which split,
/// what is predicted of them, and what changes no result.
const OF_OTHER_ITEMS: [&str; 9] = [
    "kind",
    "seed",
    "source",
    "labels",
    "targets",
    "attributes",
    "split",
    "without_",
    "memory",
];

const SPLITS: [&str; 3] = ["train", "validation", "test"];

/// Every profile of data that is up to date, with its stage.
fn profiles(gathered: &Gathered) -> impl Iterator<Item = (&str, &Value)> {
    gathered
        .results()
        .filter_map(|(_, stage, result)| Some((stage.name.as_str(), result.read.profile.as_ref()?)))
}

fn evaluations(gathered: &Gathered) -> impl Iterator<Item = (&str, &Evaluation)> {
    gathered.results().filter_map(|(_, stage, result)| {
        Some((stage.name.as_str(), result.read.evaluation.as_ref()?))
    })
}

fn all(lines: impl Iterator<Item = String>) -> Option<String> {
    let text: String = lines.collect();
    (!text.is_empty()).then_some(text)
}

pub fn sources(gathered: &Gathered) -> Option<String> {
    let format = settings(gathered, "data", &["source.format"])?;
    let inputs = gathered.results().flat_map(|(_, stage, result)| {
        let inputs = result.action.fingerprint.inputs.iter();
        inputs.filter_map(|(name, digest)| {
            let field = name.strip_prefix("external:")?;
            let (stage, field) = (escaped(&stage.name), escaped(field));
            Some(format!("- {stage}: {field}, BLAKE3 {digest}\n"))
        })
    });
    Some(format + &inputs.collect::<String>())
}

pub fn eligibility(gathered: &Gathered) -> Option<String> {
    settings(
        gathered,
        "data",
        &["without_", "hours", "last_hours", "gap_hours"],
    )
}

pub fn preparation(gathered: &Gathered) -> Option<String> {
    let settings = settings_but(gathered, "data", &OF_OTHER_ITEMS)?;
    Some(format!(
        "Values become z-scores by the mean and standard deviation of the training split (or of the file that `statistics` names).\n\n{settings}"
    ))
}

pub fn predictors(gathered: &Gathered) -> Option<String> {
    all(profiles(gathered).map(|(stage, profile)| {
        let variables = profile["variables"].as_object();
        let names: Vec<String> = variables
            .into_iter()
            .flat_map(|variables| variables.keys())
            .map(|name| escaped(name))
            .collect();
        format!(
            "{} variables of {}: {}.\n",
            names.len(),
            escaped(stage),
            names.join(", ")
        )
    }))
}

pub fn sample_size(gathered: &Gathered) -> Option<String> {
    all(profiles(gathered).map(|(stage, profile)| {
        let mut table = format!(
            "{}:\n\n| split | stays | with the outcome | events |\n|---|---:|---:|---:|\n",
            escaped(stage)
        );
        for split in SPLITS {
            let counts = &profile["splits"][split];
            table += &format!(
                "| {split} | {} | {} | {} |\n",
                counts["stays"], counts["positives"], counts["events"]
            );
        }
        table + "\n"
    }))
}

pub fn missing_data(gathered: &Gathered) -> Option<String> {
    profiles(gathered).next()?;
    let lost = profiles(gathered).map(|(stage, profile)| {
        let count = |name: &str| profile["counts"][name].as_u64().unwrap_or(0);
        format!(
            "\n{}: {} missing markers and {} events without a value were left out.\n",
            escaped(stage),
            count("missing_markers"),
            count("events_without_value")
        )
    });
    Some(format!(
        "A stay is the set of what was recorded, with the times; nothing is imputed.\n{}",
        lost.collect::<String>()
    ))
}

pub fn use_of_data(gathered: &Gathered) -> Option<String> {
    let split = settings(gathered, "data", &["split"])?;
    Some(format!(
        "The training split is learned from; the epoch that is kept, thresholds and corrections are chosen on the validation split; no stay is in two splits.\n\n{split}"
    ))
}

pub fn model_building(gathered: &Gathered) -> Option<String> {
    let values = gathered.resolved.values.iter();
    let model = values.filter(|value| value.table == "model").map(|value| {
        let (key, text) = (escaped(&value.key), escaped(&value.value.to_string()));
        format!("- model: {key} = {text}\n")
    });
    let keys = [
        "objective",
        "epochs",
        "batch_size",
        "subsample",
        "optimizer",
        "schedule",
        "dropout",
        "loss",
        "early_stopping",
        "select",
        "keep",
        "max_beta",
        "free_bits",
    ];
    let training: Vec<String> = ["pretrain", "finetune"]
        .into_iter()
        .filter_map(|kind| settings(gathered, kind, &keys))
        .collect();
    Some(format!(
        "SeqSetVAE: a variational autoencoder of the set of events at each time, a causal transformer over the sets, and a classifier.\n\n{}{}",
        model.collect::<String>(),
        training.concat()
    ))
}

pub fn measures(gathered: &Gathered) -> Option<String> {
    let (_, evaluation) = evaluations(gathered).next()?;
    let mut text = "Discrimination: AUROC, average precision. Calibration: slope, intercept, expected calibration error, curve. Both: Brier score, log loss. Clinical utility: decision curve. At thresholds: sensitivity, specificity, PPV, NPV.".to_string();
    if evaluation.bootstrap.resamples > 0 {
        text += &format!(
            " Intervals: {} % percentiles of {} resamples of the subjects.",
            100.0 * evaluation.bootstrap.level,
            evaluation.bootstrap.resamples
        );
    }
    if evaluation.baseline.is_some() {
        text += " Compared with logistic regression on summary features.";
    }
    Some(text)
}

pub fn updating(gathered: &Gathered) -> Option<String> {
    all(evaluations(gathered).map(|(stage, evaluation)| {
        let stage = escaped(stage);
        match &evaluation.recalibrated {
            None => format!("{stage}: probabilities are the model's own; none was recalibrated.\n"),
            Some(report) => format!(
                "{stage}: recalibrated on {}; then {}.\n",
                report.fitted_on.name(),
                summary(&report.scores)
            ),
        }
    }))
}

pub fn predictions(gathered: &Gathered) -> Option<String> {
    evaluations(gathered).next()?;
    Some("A prediction is the softmax of the classifier's logits. The artifact `predictions` has it for every stay; `pipeline export RECIPE STAGE predictions FILE` writes it.".into())
}

pub fn class_imbalance(gathered: &Gathered) -> Option<String> {
    settings(gathered, "finetune", &["loss", "sampling", "class_weights"])
}

pub fn fairness(gathered: &Gathered) -> Option<String> {
    all(evaluations(gathered).map(|(stage, evaluation)| {
        let mut columns: Vec<String> = evaluation
            .subgroups
            .iter()
            .map(|group| escaped(&group.column))
            .collect();
        columns.dedup();
        match columns.is_empty() {
            true => format!("{}: no subgroup was evaluated.\n", escaped(stage)),
            false => format!(
                "{}: performance by {} (item 23a).\n",
                escaped(stage),
                columns.join(", ")
            ),
        }
    }))
}

pub fn output(gathered: &Gathered) -> Option<String> {
    all(evaluations(gathered).map(|(stage, evaluation)| {
        let points = evaluation.operating_points.iter().map(|point| {
            let rule = match point.rule {
                ThresholdRule::Fixed { .. } => "set by the recipe".to_string(),
                ThresholdRule::Sensitivity { target } => format!("sensitivity {target}"),
                ThresholdRule::Specificity { target } => format!("specificity {target}"),
                ThresholdRule::Youden {} => "Youden's index".into(),
            };
            let threshold = point.threshold.map_or("none".into(), number::float);
            format!("- {}: threshold {threshold}, {rule}\n", escaped(stage))
        });
        format!(
            "A probability of the outcome.\n\n{}",
            points.collect::<String>()
        )
    }))
}

pub fn differences_of_splits(gathered: &Gathered) -> Option<String> {
    all(profiles(gathered).flat_map(|(stage, profile)| {
        SPLITS.map(|split| {
            let counts = &profile["splits"][split];
            let share = match (counts["positives"].as_f64(), counts["stays"].as_f64()) {
                (Some(positives), Some(stays)) if stays > 0.0 => number::float(positives / stays),
                _ => "undefined".into(),
            };
            format!(
                "- {}: {split}, prevalence {share} of {} stays\n",
                escaped(stage),
                counts["stays"]
            )
        })
    }))
}

pub fn code(gathered: &Gathered) -> Option<String> {
    let builds = gathered.runs.iter().filter_map(|run| {
        let versions = &run.environment.as_ref()?.versions;
        Some(format!(
            "pipeline {}, {}, {}",
            versions.pipeline,
            escaped(&versions.rustc),
            escaped(&versions.target)
        ))
    });
    let mut builds: Vec<String> = builds.collect();
    builds.dedup();
    all(builds.into_iter().map(|build| format!("- {build}\n")))
}

pub fn flow(gathered: &Gathered) -> Option<String> {
    all(profiles(gathered).flat_map(|(stage, profile)| {
        let counts = profile["counts"].as_object().into_iter().flatten();
        let stays =
            counts.filter(|(name, count)| name.contains("stays") && count.as_u64() != Some(0));
        let lines = stays.map(|(name, count)| {
            format!(
                "- {}: {}: {count}\n",
                escaped(stage),
                name.replace('_', " ")
            )
        });
        lines.collect::<Vec<String>>()
    }))
}

/// Of fewer stays nothing is said that one of them could be known by.
const FEWEST_STAYS: u64 = 10;

pub fn characteristics(gathered: &Gathered) -> Option<String> {
    all(profiles(gathered).map(|(stage, profile)| {
        let mut table = format!("{}, training split:\n\n| variable | mean | standard deviation | stays with it |\n|---|---:|---:|---:|\n", escaped(stage));
        for (name, variable) in profile["variables"].as_object().into_iter().flatten() {
            let train = &variable["train"];
            let stays = train["stays"].as_u64().unwrap_or_default();
            // A card is published: a value that never varies, or of a handful of people, is somebody's.
            let is_anybodys = stays >= FEWEST_STAYS && variable["constant"] != true;
            let float = |value: &Value| match is_anybodys {
                true => value.as_f64().map(number::float).unwrap_or_default(),
                false => String::new(),
            };
            let stays = match stays < FEWEST_STAYS {
                true => format!("fewer than {FEWEST_STAYS}"),
                false => stays.to_string(),
            };
            table += &format!(
                "| {} | {} | {} | {stays} |\n",
                escaped(name),
                float(&train["mean"]),
                float(&train["std"]),
            );
        }
        table + "\n"
    }))
}

pub fn specification(gathered: &Gathered) -> Option<String> {
    all(gathered.results().filter_map(|(_, stage, result)| {
        let weights = result.action.outputs.get("weights")?;
        (stage.kind == "finetune").then(|| {
            let name = escaped(&stage.name);
            format!(
                "- {name}: weights of {}, BLAKE3 {}; `pipeline export RECIPE {} weights FILE`\n",
                number::bytes(weights.bytes),
                weights.digest,
                stage.name
            )
        })
    }))
}

pub fn performance(gathered: &Gathered) -> Option<String> {
    all(evaluations(gathered).map(|(stage, evaluation)| {
        let mut table = format!(
            "{}, {} stays of the {} split, {} with the outcome:\n\n| metric | value | interval |\n|---|---:|---|\n",
            escaped(stage), evaluation.n, evaluation.split.name(), evaluation.positives
        );
        let metrics = [
            ("auroc", evaluation.auroc),
            ("average_precision", evaluation.average_precision),
            ("brier", evaluation.brier),
            ("log_loss", evaluation.log_loss),
            ("calibration_slope", evaluation.calibration_slope),
            ("calibration_intercept", evaluation.calibration_intercept),
            ("ece", evaluation.ece),
            ("sensitivity", evaluation.sensitivity),
            ("specificity", evaluation.specificity),
            ("ppv", evaluation.ppv),
            ("npv", evaluation.npv),
        ];
        for (name, value) in metrics {
            let reason = evaluation.undefined.get(name).map_or("undefined", String::as_str);
            let value = value.map_or(reason.into(), number::float);
            let range = number::range(evaluation.intervals.get(name)).unwrap_or_default();
            table += &format!("| {} | {value} | {range} |\n", name.replace('_', " "));
        }
        for group in &evaluation.subgroups {
            let (column, name) = (escaped(&group.column), escaped(&group.group));
            table += &format!("| AUROC, {column}: {name} | {} | {} |\n", group.scores.auroc.map_or("undefined".into(), number::float), number::range(group.scores.intervals.get("auroc")).unwrap_or_default());
        }
        if let Some(baseline) = &evaluation.baseline {
            table += &format!("| AUROC of the baseline | {} | {} |\n", baseline.scores.auroc.map_or("undefined".into(), number::float), number::range(baseline.scores.intervals.get("auroc")).unwrap_or_default());
        }
        table + "\n"
    }))
}

fn summary(scores: &ScoreSummary) -> String {
    let metric = |name: &str, value: Option<f64>| {
        format!("{name} {}", value.map_or("undefined".into(), number::float))
    };
    [
        metric("AUROC", scores.auroc),
        metric("Brier score", scores.brier),
        metric("calibration slope", scores.calibration_slope),
        metric("calibration intercept", scores.calibration_intercept),
    ]
    .join(", ")
}
