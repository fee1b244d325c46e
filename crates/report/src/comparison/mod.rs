//! Runs beside each other: in what their recipes differ, and their metrics.

mod recipes;
mod scores;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use pipeline_error::Error;
use pipeline_metrics::{BootstrapSettings, Interval, PairedDifference};
use pipeline_page::number;
use pipeline_recipe::short_paths;
use pipeline_runner::history::{self, PastRunRecord, PastStatus};
use pipeline_runner::record::StageRecord;
use pipeline_store::Store;
use scores::ScoredStage;

/// The document of `compare --format json`. Whatever has a value for each run has them in the order of `runs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The runs, as they were named. The others are compared with the first.
    pub runs: Vec<ComparedRun>,
    /// Values of the recipes that are not the same in all runs, by path.
    pub recipe: Vec<ComparedValue>,
    /// Metrics of stages that all runs have, by stage and name.
    pub metrics: Vec<ComparedMetric>,
    /// Why some differences have no interval, or one that leaves resamples out, and why no settings are compared.
    pub notes: Vec<String>,
    /// How intervals were made.
    pub bootstrap: BootstrapSettings,
}

/// A run that is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedRun {
    /// Its id.
    pub run: String,
    /// The recipe's name.
    pub recipe: Option<String>,
    /// How it ended.
    pub status: PastStatus,
}

/// A value of the recipes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedValue {
    /// Where it is: `stages.classifier.optimizer.lr`.
    pub path: String,
    /// What it is in each run; null where the recipe has none.
    pub values: Vec<Value>,
}

/// A metric of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedMetric {
    /// The stage.
    pub stage: String,
    /// The metric.
    pub metric: String,
    /// What it is in each run; null where it is undefined or not measured.
    pub values: Vec<Option<f64>>,
    /// Each run's value minus the first's, with its interval where the same stays were scored; null
    /// for the first run, and where there is no such pair.
    pub differences: Vec<Option<PairedDifference>>,
}

/// Values that a run's label names; the settings have them all.
const VALUES_IN_A_LABEL: usize = 3;

/// Of a longer value of a label the middle is cut, since lists differ at their ends; the settings have it whole.
const LONGEST_VALUE: usize = 33;

fn shortened(value: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    if letters.len() <= LONGEST_VALUE {
        return value.into();
    }
    let end = LONGEST_VALUE / 2;
    let (first, last) = (&letters[..end], &letters[letters.len() - end..]);
    first.iter().chain(['…'].iter()).chain(last).collect()
}

impl Comparison {
    /// What tells the run at `position` from the others: `lr = 0.01`; of runs of one recipe that it is the same.
    pub fn label(&self, position: usize) -> String {
        if self.recipe.is_empty() {
            return "the same values".into();
        }
        let paths: Vec<&str> = self.recipe.iter().map(|row| row.path.as_str()).collect();
        let named = short_paths(&paths).into_iter().zip(&self.recipe);
        let mut values: Vec<String> = named
            .take(VALUES_IN_A_LABEL)
            .map(|(name, row)| match &row.values[position] {
                Value::Null => format!("no {name}"),
                value => format!("{name} = {}", shortened(&number::value(value))),
            })
            .collect();
        let more = self.recipe.len().saturating_sub(VALUES_IN_A_LABEL);
        if more > 0 {
            values.push(format!("{more} more"));
        }
        values.join(", ")
    }

    /// What the difference of the run at `position` from the first is called: `B − A`.
    pub fn difference_title(position: usize) -> String {
        format!("{} − {}", letter(position), letter(0))
    }
}

impl ComparedMetric {
    /// The value of the run at `position` minus the first's; none of the first itself, and where one is undefined.
    pub fn difference(&self, position: usize) -> Option<f64> {
        match (&self.differences[position], position) {
            (Some(paired), _) => Some(paired.difference),
            (None, 0) => None,
            (None, _) => Some(self.values[position]? - self.values[0]?),
        }
    }

    /// Its value in the run at `position`, for people: what is counted has no decimals.
    pub fn shown(&self, position: usize) -> String {
        match self.values[position] {
            None => "undefined".into(),
            Some(value) if self.counts() => format!("{value:.0}"),
            Some(value) => number::float(value),
        }
    }

    /// The difference of the run at `position`, for people; nothing where there is none.
    pub fn shown_difference(&self, position: usize) -> String {
        match self.difference(position) {
            None => String::new(),
            Some(difference) if self.counts() && difference != 0.0 => format!("{difference:+.0}"),
            Some(difference) => number::signed(difference),
        }
    }

    /// Whether all values are whole, and one is more than a share can be.
    fn counts(&self) -> bool {
        let is_whole = |value: &Option<f64>| value.is_none_or(|value| value.fract() == 0.0);
        self.values.iter().all(is_whole) && self.values.iter().flatten().any(|value| *value > 1.0)
    }

    /// Where that difference lies.
    pub fn interval(&self, position: usize) -> Option<Interval> {
        self.differences[position].as_ref()?.interval
    }
}

/// What the run at `position` is called beside others: `A`, `B`, …; from the 27th on, a number.
pub fn letter(position: usize) -> String {
    let letter = u8::try_from(position).ok().filter(|letter| *letter < 26);
    letter.map_or_else(
        || (position + 1).to_string(),
        |letter| char::from(b'A' + letter).to_string(),
    )
}

/// Compares the runs whose ids start like these. `seed` is that of the resamples.
pub fn compare(
    store: &Store,
    runs: &[String],
    bootstrap: BootstrapSettings,
    seed: u64,
) -> Result<Comparison, Error> {
    let runs = runs
        .iter()
        .map(|prefix| history::show(store, prefix))
        .collect::<Result<Vec<PastRunRecord>, Error>>()?;
    let resolved = runs.iter().map(|run| settings(store, run));
    let resolved = resolved.collect::<Result<Vec<Option<&Value>>, Error>>()?;
    let mut comparison = Comparison {
        runs: runs.iter().map(outline).collect(),
        recipe: Vec::new(),
        metrics: Vec::new(),
        notes: Vec::new(),
        bootstrap,
    };
    match (runs.iter().zip(&resolved)).find(|(_, resolved)| resolved.is_none()) {
        None => {
            let resolved: Vec<&Value> = resolved.into_iter().flatten().collect();
            comparison.recipe = recipes::differences(&resolved);
        }
        Some((run, _)) => comparison.notes.push(format!(
            "settings are not compared: run {} kept no recipe as it was resolved",
            run.run.run
        )),
    }
    for stage in in_all(&runs) {
        let of_runs: Vec<&StageRecord> = (runs.iter())
            .filter_map(|run| stage_of(run, &stage))
            .collect();
        let mut metrics = stated(&stage, &of_runs);
        if of_runs.iter().all(|stage| stage.kind == "evaluate") {
            let scored = (runs.iter().zip(&of_runs))
                .map(|(run, record)| ScoredStage::read(store, run, record))
                .collect::<Result<Vec<scores::Read>, Error>>()?;
            scores::pair(
                &stage,
                &scored,
                bootstrap,
                seed,
                &mut metrics,
                &mut comparison.notes,
            )?;
        }
        comparison.metrics.extend(metrics);
    }
    Ok(comparison)
}

/// What a run's recipe came to; none of a run that kept none, as one of a sweep does.
fn settings<'a>(store: &Store, run: &'a PastRunRecord) -> Result<Option<&'a Value>, Error> {
    let id = &run.run.run;
    let path = store.runs_folder().join(id).join("resolved.json");
    match &run.resolved {
        None if path.exists() => Err(Error::Store {
            message: format!("{}: it cannot be read, or not all of it", path.display()),
            hint: Some(format!(
                "the settings of run {id} are lost: compare another run, `pipeline runs` lists them"
            )),
        }),
        resolved => Ok(resolved.as_ref()),
    }
}

fn outline(run: &PastRunRecord) -> ComparedRun {
    ComparedRun {
        run: run.run.run.clone(),
        recipe: run.run.recipe.clone(),
        status: run.run.status,
    }
}

fn stage_of<'a>(run: &'a PastRunRecord, name: &str) -> Option<&'a StageRecord> {
    run.stages.iter().find(|stage| stage.name == name)
}

/// Names of the stages that every run has a result of, in the first run's order.
fn in_all(runs: &[PastRunRecord]) -> Vec<String> {
    let Some((first, others)) = runs.split_first() else {
        return Vec::new();
    };
    let has_result = |run: &PastRunRecord, name: &str| {
        stage_of(run, name).is_some_and(|stage| !stage.outputs.is_empty())
    };
    let names = first.stages.iter().map(|stage| &stage.name);
    names
        .filter(|name| has_result(first, name) && others.iter().all(|run| has_result(run, name)))
        .cloned()
        .collect()
}

/// The metrics that any of the runs states and that are not the same in all; those of an
/// evaluation whether they differ or not.
fn stated(stage: &str, of_runs: &[&StageRecord]) -> Vec<ComparedMetric> {
    let Some(first) = of_runs.first() else {
        return Vec::new();
    };
    let names = of_runs.iter().flat_map(|record| record.metrics.keys());
    let names: BTreeSet<&String> = names.collect();
    let rows = names.into_iter().map(|metric| {
        let value = |record: &&StageRecord| record.metrics.get(metric).and_then(Value::as_f64);
        ComparedMetric {
            stage: stage.into(),
            metric: metric.clone(),
            values: of_runs.iter().map(value).collect(),
            differences: vec![None; of_runs.len()],
        }
    });
    rows.filter(|row| {
        let any = row.values.iter().any(Option::is_some);
        let same = row.values.windows(2).all(|pair| pair[0] == pair[1]);
        any && (first.kind == "evaluate" || !same)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metrics_of_any_run_are_compared_whichever_is_named_first() {
        let record = |metrics: Value| StageRecord {
            name: "test".into(),
            kind: "evaluate".into(),
            status: pipeline_runner::record::StageStatus::Cached,
            key: None,
            seconds: 0.0,
            outputs: Default::default(),
            metrics: serde_json::from_value(metrics).unwrap(),
            error: None,
            error_name: None,
        };
        let plain = record(json!({ "auroc": 0.5 }));
        let more = record(json!({ "auroc": 0.5, "baseline.auroc": 0.75 }));
        for (runs, baselines) in [
            ([&plain, &more], [None, Some(0.75)]),
            ([&more, &plain], [Some(0.75), None]),
        ] {
            let rows = stated("test", &runs);
            let names: Vec<&str> = rows.iter().map(|row| row.metric.as_str()).collect();
            assert_eq!(names, ["auroc", "baseline.auroc"]);
            assert_eq!(rows[1].values, baselines);
        }
    }

    #[test]
    fn a_run_is_called_by_what_tells_it_from_the_others() {
        let row = |path: &str, values: [Value; 2]| ComparedValue {
            path: path.into(),
            values: values.into(),
        };
        let mut comparison = Comparison {
            runs: Vec::new(),
            recipe: vec![
                row("stages.head.epochs", [Value::Null, json!(7)]),
                row("stages.head.optimizer.lr", [json!(0.1), json!(0.2)]),
            ],
            metrics: Vec::new(),
            notes: Vec::new(),
            bootstrap: BootstrapSettings::default(),
        };
        assert_eq!(comparison.label(0), "no epochs, lr = 0.1");
        assert_eq!(comparison.label(1), "epochs = 7, lr = 0.2");
        for path in ["a", "b", "c"] {
            comparison.recipe.push(row(path, [json!(1), json!(2)]));
        }
        assert_eq!(comparison.label(1), "epochs = 7, lr = 0.2, a = 2, 2 more");
        let long = [json!([1000, 300, 100, 30, 10, 3, 1, 0.5]), json!("x")];
        comparison.recipe = vec![row("list", long)];
        assert_eq!(comparison.label(0), "list = [1000,300,100,30,10,3,1,0.5]");
        let longer = json!([10000, 3000, 1000, 300, 100, 30, 10, 3, 1, 0.3]);
        comparison.recipe[0].values[0] = longer;
        assert_eq!(
            comparison.label(0),
            "list = [10000,3000,1000…0,30,10,3,1,0.3]"
        );
        comparison.recipe.clear();
        assert_eq!(comparison.label(1), "the same values");
    }
}
