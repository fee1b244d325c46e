use std::collections::BTreeMap;

use serde_json::Value;

/// What a file says of the model whose weights it holds, beside the weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stated {
    /// Metadata of safetensors; of shards and their index, all of them together.
    pub metadata: BTreeMap<String, String>,
    /// Hyper-parameters of a training framework that are numbers, words or truth values, by name.
    pub settings: BTreeMap<String, Value>,
    /// Those that stand in several tables with several values: where, and which.
    pub disputed: BTreeMap<String, Vec<(String, Value)>>,
    /// Those whose value is in a form that is not read, and which: a tensor, a list.
    pub unread: BTreeMap<String, String>,
}

impl Stated {
    /// What safetensors metadata state.
    pub(super) fn of_metadata(metadata: BTreeMap<String, String>) -> Self {
        Stated {
            metadata,
            ..Stated::default()
        }
    }

    /// Adds what another part of the same checkpoint states; `Err`: what the two disagree in.
    pub(super) fn join(&mut self, other: Stated) -> Result<(), String> {
        join(&mut self.metadata, other.metadata)?;
        join(&mut self.settings, other.settings)?;
        join(&mut self.disputed, other.disputed)?;
        join(&mut self.unread, other.unread)
    }
}

/// Whether a stated setting is that of a model: a number of Python may be 2 or 2.0, and one of a command line `"2"`.
pub fn is_same(stated: &Value, ours: &Value) -> bool {
    let written = || match stated.as_str()? {
        "True" => Some(true.into()),
        "False" => Some(false.into()),
        text => serde_json::from_str(text)
            .ok()
            .filter(|value: &Value| !value.is_string()),
    };
    match ours {
        Value::String(_) => stated == ours,
        _ if stated.is_string() => written().is_some_and(|stated| is_same(&stated, ours)),
        _ => stated == ours || (stated.is_number() && stated.as_f64() == ours.as_f64()),
    }
}

/// Entries that two parts may state differently: they describe the part, not the model.
const OF_A_PART: [&str; 2] = ["format", "total_size"];

fn join<V: PartialEq>(
    all: &mut BTreeMap<String, V>,
    more: BTreeMap<String, V>,
) -> Result<(), String> {
    for (name, value) in more {
        if OF_A_PART.contains(&name.as_str()) {
            continue;
        }
        match all.get(&name) {
            Some(other) if *other != value => return Err(name),
            Some(_) => {}
            None => drop(all.insert(name, value)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_truth_value_may_be_written_as_text() {
        let same = |stated: Value, ours: Value| is_same(&stated, &ours);
        assert!(same("2".into(), 2.into()) && same(2.0.into(), 2.into()));
        assert!(same("True".into(), true.into()) && same("false".into(), false.into()));
        assert!(!same("4".into(), 2.into()) && !same("two".into(), 2.into()));
        assert!(!same("True".into(), 1.into()) && !same(2.into(), "2".into()));
        assert!(same("zero".into(), "zero".into()) && !same("\"2\"".into(), 2.into()));
    }

    fn stated(name: &str, value: &str) -> Stated {
        Stated::of_metadata(BTreeMap::from([(name.to_string(), value.to_string())]))
    }

    #[test]
    fn parts_add_up_and_may_differ_only_in_what_describes_a_part() {
        let mut all = stated("model", "a");
        all.join(stated("mode", "b")).unwrap();
        all.join(stated("format", "pt")).unwrap();
        all.join(stated("model", "a")).unwrap();
        assert_eq!(all.metadata.len(), 2);
        assert_eq!(all.join(stated("model", "c")), Err("model".into()));
    }
}
