//! What a run has to tell, in the sizes that a server takes.

use serde_json::{Value, json};

/// Longest name of a parameter, metric or tag.
const MAX_KEY: usize = 250;
/// Longest value of a parameter.
const MAX_PARAM: usize = 6000;
/// Longest value of a tag.
const MAX_TAG: usize = 8000;
/// Parameters, or tags, in a request.
const MAX_PAIRS: usize = 100;
/// Metrics in a request.
const MAX_METRICS: usize = 1000;
/// Bytes of values in a request, well below MLflow's 1,000,000 for all of it.
const MAX_BYTES: usize = 500_000;

/// One number of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricPoint {
    /// Its name.
    pub key: String,
    /// The number, finite.
    pub value: f64,
    /// The epoch; 0 for what is measured once.
    pub step: i64,
}

/// What a run has to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payload {
    /// Settings.
    pub params: Vec<(String, String)>,
    /// Numbers.
    pub metrics: Vec<MetricPoint>,
    /// Facts.
    pub tags: Vec<(String, String)>,
}

impl Payload {
    /// The bodies of requests to `runs/log-batch`, without the run. All metrics bear `timestamp`, in milliseconds: to send
    /// one again changes nothing.
    pub fn batches(&self, timestamp: i64) -> Vec<Value> {
        let pairs = |pairs: &[(String, String)], longest: usize| -> Vec<Vec<Value>> {
            let shortened = pairs
                .iter()
                .map(|(name, value)| (key(name), cut(value, longest)));
            let shortened: Vec<_> = shortened.collect();
            let size = |(name, value): &(String, String)| name.len() + value.len();
            let json = |(name, value): &(String, String)| json!({ "key": name, "value": value });
            chunks(&shortened, MAX_PAIRS, size)
                .map(|chunk| chunk.iter().map(json).collect())
                .collect()
        };
        let params = pairs(&self.params, MAX_PARAM).into_iter();
        let params = params.map(|params| json!({ "params": params }));
        let tags = pairs(&self.tags, MAX_TAG).into_iter();
        let tags = tags.map(|tags| json!({ "tags": tags }));
        let metrics = self.metrics.chunks(MAX_METRICS).map(|chunk| {
            let points = chunk.iter().map(|point| {
                json!({
                    "key": key(&point.key),
                    "value": point.value,
                    "timestamp": timestamp,
                    "step": point.step,
                })
            });
            json!({ "metrics": points.collect::<Vec<Value>>() })
        });
        params.chain(tags).chain(metrics).collect()
    }
}

/// `items` in runs of at most `count`, and of `MAX_BYTES` by `size`.
fn chunks<T>(
    mut items: &[T],
    count: usize,
    size: impl Fn(&T) -> usize,
) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = items.iter().take(count).take_while(|item| {
            bytes += size(item);
            bytes <= MAX_BYTES
        });
        let length = fitting.count().max(1).min(items.len());
        let (chunk, rest) = items.split_at(length);
        items = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// A name with the characters that MLflow takes, and no longer than it takes.
fn key(name: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || "_-. :/".contains(c);
    let name = name.chars().map(|c| if known(c) { c } else { '_' });
    name.take(MAX_KEY).collect()
}

fn cut(value: &str, longest: usize) -> String {
    match value.chars().count() > longest {
        false => value.into(),
        true => value.chars().take(longest - 1).chain(['…']).collect(),
    }
}

/// The leaves of a document by their dotted names. A list is one leaf, as JSON, but for a list of tables
/// with a `name` each: those are called by it.
pub fn flatten(prefix: &str, value: &Value) -> Vec<(String, String)> {
    let below = |name: &str| match prefix {
        "" => name.to_string(),
        prefix => format!("{prefix}.{name}"),
    };
    match value {
        Value::Object(table) => {
            let entries = table.iter();
            entries
                .flat_map(|(name, value)| flatten(&below(name), value))
                .collect()
        }
        Value::Array(list)
            if !list.is_empty() && list.iter().all(|one| one["name"].is_string()) =>
        {
            let named = list
                .iter()
                .filter_map(|one| Some((one["name"].as_str()?, one)));
            named
                .flat_map(|(name, one)| {
                    let mut one = one.clone();
                    if let Some(table) = one.as_object_mut() {
                        table.remove("name");
                    }
                    flatten(&below(name), &one)
                })
                .collect()
        }
        Value::String(text) => vec![(prefix.into(), text.clone())],
        other => vec![(prefix.into(), other.to_string())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_becomes_names_and_values() {
        let document = json!({
            "seed": 1,
            "stages": [
                { "name": "events", "kind": "data", "split": { "ratio": [0.5, 0.5] }, "hours": null },
            ],
            "set": [],
        });
        let mut flat = flatten("", &document);
        flat.sort();
        let expected = [
            ("seed", "1"),
            ("set", "[]"),
            ("stages.events.hours", "null"),
            ("stages.events.kind", "data"),
            ("stages.events.split.ratio", "[0.5,0.5]"),
        ];
        let expected = expected.map(|(name, value)| (name.to_string(), value.to_string()));
        assert_eq!(flat, expected);
    }

    #[test]
    fn no_request_is_larger_than_a_server_takes() {
        let long = "ü".repeat(7000);
        let payload = Payload {
            params: (0..250)
                .map(|at| (format!("p{at}"), long.clone()))
                .collect(),
            metrics: (0..2500)
                .map(|step| MetricPoint {
                    key: "stage/löss".into(),
                    value: 0.5,
                    step,
                })
                .collect(),
            tags: vec![("t".into(), "v".into())],
        };
        let batches = payload.batches(7);
        let mut counts = [0; 3];
        for batch in &batches {
            assert!(batch.to_string().len() < 1_000_000);
            for (count, (part, most)) in
                counts
                    .iter_mut()
                    .zip([("params", 100), ("metrics", 1000), ("tags", 100)])
            {
                let length = batch[part].as_array().map_or(0, Vec::len);
                assert!(length <= most);
                *count += length;
            }
        }
        assert_eq!(counts, [250, 2500, 1]);
        let value = batches[0]["params"][0]["value"].as_str().unwrap();
        assert_eq!(value.chars().count(), MAX_PARAM);
        let metric = &batches.last().unwrap()["metrics"][0];
        assert_eq!(
            (&metric["key"], &metric["timestamp"]),
            (&json!("stage/l_ss"), &json!(7))
        );
    }
}
