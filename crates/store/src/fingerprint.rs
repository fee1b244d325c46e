//! What a result depends on, and the key that stands for it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::digest::Digest;

/// The digest of a [`Fingerprint`]: the name under which its result is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Digest);

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Everything that can change a stage's result. This struct *is* the key: its fields as JSON
/// without spaces, the keys of every object sorted by their bytes, digested. A field that is
/// added, removed, renamed or encoded differently changes every key, so it raises `format`.
///
/// History of `format`:
/// 1. kind, code version, fields, inputs, seed, device class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Version of this struct: [`Fingerprint::FORMAT`].
    pub format: u32,
    /// The stage's kind.
    pub kind: String,
    /// Version of that kind's code.
    pub code_version: u32,
    /// Its settings, defaults included; no stage names, no paths.
    pub fields: Value,
    /// Digests of the contents it reads: `data.events` (role and artifact), or
    /// `external:source.records.0` (the setting that names the file or folder).
    pub inputs: BTreeMap<String, Digest>,
    /// Its seed, if it draws random numbers.
    pub seed: Option<u64>,
    /// The class of the device it computes on (`cpu`, `cuda`), not which one of them.
    pub device: String,
}

/// What names of external inputs start with.
const EXTERNAL: &str = "external:";

impl Fingerprint {
    /// The version of the encoding that this build writes.
    pub const FORMAT: u32 = 1;

    /// The name among the inputs of an artifact that a stage reads in `role`.
    pub fn artifact_input(role: &str, artifact: &str) -> String {
        format!("{role}.{artifact}")
    }

    /// The name among the inputs of what the setting `field` names outside the store.
    pub fn external_input(field: &str) -> String {
        format!("{EXTERNAL}{field}")
    }

    /// The setting of an [`Self::external_input`]; `None`: `input` is an artifact.
    pub fn external_field(input: &str) -> Option<&str> {
        input.strip_prefix(EXTERNAL)
    }

    /// The key under which the result is kept.
    pub fn key(&self) -> Key {
        Key(Digest::of_bytes(self.canonical().as_bytes()))
    }

    /// The key that all fingerprints share that differ in the field at this JSON pointer alone.
    pub fn lineage(&self, field: &str) -> Key {
        let mut fingerprint = self.clone();
        fingerprint.kind = format!("lineage of {}", self.kind);
        if let Some(value) = fingerprint.fields.pointer_mut(field) {
            *value = Value::Null;
        }
        fingerprint.key()
    }

    fn canonical(&self) -> String {
        let sorted = Canonical {
            code_version: self.code_version,
            device: &self.device,
            fields: Sorted(&self.fields),
            format: self.format,
            inputs: &self.inputs,
            kind: &self.kind,
            seed: self.seed,
        };
        serde_json::to_string(&sorted).expect("all keys of a fingerprint's maps are strings")
    }

    /// Its leaves, for who compares it with many others.
    pub fn leaves(&self) -> Leaves {
        let value =
            serde_json::to_value(self).expect("all keys of a fingerprint's maps are strings");
        let mut leaves = BTreeMap::new();
        collect_leaves("", value, &mut leaves);
        Leaves(leaves.into_iter().collect())
    }
}

/// The leaves of a fingerprint with their paths, sorted by these.
#[derive(Clone, Debug)]
pub struct Leaves(Vec<(String, Value)>);

impl Leaves {
    /// What changed since `earlier`, sorted by path.
    pub fn differences(&self, earlier: &Leaves) -> Vec<Difference> {
        let differences = self.changed(earlier);
        differences
            .map(|(path, earlier, now)| Difference {
                path: path.into(),
                earlier: earlier.cloned(),
                now: now.cloned(),
            })
            .collect()
    }

    /// How many leaves changed since `earlier`, those in `unknown` not counted; none if more
    /// than `most`.
    pub fn distance(
        &self,
        earlier: &Leaves,
        unknown: &BTreeSet<String>,
        most: usize,
    ) -> Option<usize> {
        let changed = self.changed(earlier);
        let counted = changed.filter(|(path, ..)| !unknown.contains(*path));
        let count = counted.take(most.saturating_add(1)).count();
        (count <= most).then_some(count)
    }

    /// Path, earlier value and value now of every leaf that is not the same.
    fn changed<'a>(
        &'a self,
        earlier: &'a Leaves,
    ) -> impl Iterator<Item = (&'a str, Option<&'a Value>, Option<&'a Value>)> {
        let mut before = earlier.0.iter().peekable();
        let mut after = self.0.iter().peekable();
        let pairs = std::iter::from_fn(move || {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((before, _)), Some((after, _))) => before.cmp(after),
            };
            let earlier = before.next_if(|_| order.is_le());
            let now = after.next_if(|_| order.is_ge());
            let (path, _) = earlier.or(now)?;
            let value = |leaf: Option<&'a (String, Value)>| leaf.map(|(_, value)| value);
            Some((path.as_str(), value(earlier), value(now)))
        });
        pairs.filter(|(_, earlier, now)| !same(*earlier, *now))
    }
}

/// A fingerprint as it is digested: the same members, sorted by name.
#[derive(Serialize)]
struct Canonical<'a> {
    code_version: u32,
    device: &'a str,
    fields: Sorted<'a>,
    format: u32,
    inputs: &'a BTreeMap<String, Digest>,
    kind: &'a str,
    seed: Option<u64>,
}

/// A value whose objects are written sorted by key, also if some dependency turns serde_json's
/// `preserve_order` on.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) if map.keys().is_sorted() => {
                serializer.collect_map(map.iter().map(|(key, value)| (key, Sorted(value))))
            }
            Value::Object(map) => {
                let sorted: BTreeMap<_, _> = map.iter().collect();
                let entries = sorted.into_iter();
                serializer.collect_map(entries.map(|(key, value)| (key, Sorted(value))))
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            leaf => leaf.serialize(serializer),
        }
    }
}

/// Descends into objects only: a list is compared as a whole.
fn collect_leaves(path: &str, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                };
                collect_leaves(&path, value, leaves);
            }
        }
        leaf => {
            leaves.insert(path.to_string(), leaf);
        }
    }
}

/// Whether two leaves are equal, but for the last bits that a float may lose by being read
/// back from an action: only descriptions depend on this, never a key.
fn same(earlier: Option<&Value>, now: Option<&Value>) -> bool {
    match (earlier, now) {
        (Some(Value::Array(earlier)), Some(Value::Array(now))) => {
            let mut pairs = earlier.iter().zip(now);
            earlier.len() == now.len() && pairs.all(|(a, b)| same(Some(a), Some(b)))
        }
        (Some(Value::Number(earlier)), Some(Value::Number(now))) if earlier.is_f64() => {
            let near = |a: f64, b: f64| (a - b).abs() <= 4.0 * f64::EPSILON * a.abs();
            earlier == now
                || earlier
                    .as_f64()
                    .zip(now.as_f64())
                    .is_some_and(|(a, b)| near(a, b))
        }
        _ => earlier == now,
    }
}

/// One leaf in which two fingerprints differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where: `fields.optimizer.lr`, `inputs.data.events`, `seed`.
    pub path: String,
    /// What it was; none where it is new.
    pub earlier: Option<Value>,
    /// What it is; none where it is gone.
    pub now: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fingerprint() -> Fingerprint {
        Fingerprint {
            format: Fingerprint::FORMAT,
            kind: "pretrain".into(),
            code_version: 3,
            fields: json!({"epochs": 20, "optimizer": {"lr": 1e-4, "betas": [0.9, 0.999]}}),
            inputs: BTreeMap::from([("data.events".into(), Digest::of_bytes(b"events"))]),
            seed: Some(2012),
            device: "cpu".into(),
        }
    }

    /// If this fails, every result in every user's store is out of date: raise `FORMAT`.
    #[test]
    fn the_encoding_of_a_fingerprint_is_pinned() {
        assert_eq!(
            fingerprint().canonical(),
            r#"{"code_version":3,"device":"cpu","fields":{"epochs":20,"optimizer":{"betas":[0.9,0.999],"lr":0.0001}},"format":1,"inputs":{"data.events":"75f9afdce0e724d60cb81d40e41f77fe55e58bcac29067a7c3595b9ef8e00e41"},"kind":"pretrain","seed":2012}"#
        );
        assert_eq!(
            fingerprint().key().to_string(),
            "0b8393fe08b98c0775f3da28e6eac1fc2c4a50c94c3ca0bbfe657de9461ffb23"
        );
    }

    #[test]
    fn the_order_in_which_fields_are_given_is_no_part_of_the_key() {
        let mut other = fingerprint();
        other.fields =
            serde_json::from_str(r#"{"optimizer":{"betas":[0.9,0.999],"lr":1e-4},"epochs":20}"#)
                .unwrap();
        assert_eq!(other.key(), fingerprint().key());
    }

    #[test]
    fn every_member_is_part_of_the_key() {
        let changes: [fn(&mut Fingerprint); 7] = [
            |f| f.format += 1,
            |f| f.kind.push('x'),
            |f| f.code_version += 1,
            |f| f.fields["optimizer"]["lr"] = json!(2e-4),
            |f| {
                f.inputs.insert("data.stays".into(), Digest::of_bytes(b""));
            },
            |f| f.seed = None,
            |f| f.device = "cuda".into(),
        ];
        for change in changes {
            let mut changed = fingerprint();
            change(&mut changed);
            assert_ne!(changed.key(), fingerprint().key());
            assert_eq!(
                changed.leaves().differences(&fingerprint().leaves()).len(),
                1
            );
        }
    }

    #[test]
    fn differences_name_leaves() {
        let mut now = fingerprint();
        now.fields =
            json!({"epochs": 20, "optimizer": {"lr": 0.1, "betas": [0.9, 0.98], "eps": 1}});
        let paths: Vec<_> = now
            .leaves()
            .differences(&fingerprint().leaves())
            .into_iter()
            .map(|difference| difference.path)
            .collect();
        assert_eq!(
            paths,
            [
                "fields.optimizer.betas",
                "fields.optimizer.eps",
                "fields.optimizer.lr"
            ]
        );
    }

    #[test]
    fn a_distance_counts_what_is_known_and_stops_where_it_is_too_far() {
        let mut now = fingerprint();
        now.fields["epochs"] = json!(21);
        now.seed = None;
        now.inputs.clear();
        let (now, earlier) = (now.leaves(), fingerprint().leaves());
        let distance = |unknown: &[&str], most| {
            let unknown = unknown.iter().map(|path| path.to_string()).collect();
            now.distance(&earlier, &unknown, most)
        };
        assert_eq!(distance(&[], 3), Some(3));
        assert_eq!(distance(&[], 2), None);
        assert_eq!(distance(&["inputs.data.events"], 2), Some(2));
    }
}
