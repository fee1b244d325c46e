//! What variants are called.

use serde_json::Value;

/// A longer value is called by its digest.
const LONGEST_VALUE: usize = 24;
/// A longer name ends in its digest: a stage's name is a file's name, too.
const LONGEST_NAME: usize = 120;

/// The name of what is set: `lr=0.001,seed=2`. Each path is called by its last key, or by as many
/// as tell it from the others.
pub(super) fn name<P: AsRef<str>>(pairs: &[(P, Value)]) -> String {
    let name = parts(pairs).join(",");
    match name.len() > LONGEST_NAME {
        true => {
            let start: String = name.chars().take(LONGEST_NAME - 9).collect();
            format!("{start}~{}", digest(&Value::from(name.as_str())))
        }
        false if name.is_empty() => "base".into(),
        false => name,
    }
}

/// The parts of a name, one a path.
pub(super) fn parts<P: AsRef<str>>(pairs: &[(P, Value)]) -> Vec<String> {
    let paths: Vec<&str> = pairs.iter().map(|(path, _)| path.as_ref()).collect();
    let short = short_paths(&paths);
    let parts = short.iter().zip(pairs);
    let parts = parts.map(|(path, (_, value))| format!("{}={}", plain(path), value_name(value)));
    parts.collect()
}

/// The ends of dotted paths that tell them apart.
pub fn short_paths(paths: &[&str]) -> Vec<String> {
    let ending = |path: &str, keys: usize| {
        let all: Vec<&str> = path.split('.').collect();
        all[all.len().saturating_sub(keys)..].join(".")
    };
    let short = |path: &&str| {
        let count = path.split('.').count();
        let is_told = |keys: &usize| {
            let own = ending(path, *keys);
            let others = paths.iter().filter(|other| *other != path);
            others.into_iter().all(|other| ending(other, *keys) != own)
        };
        ending(path, (1..=count).find(is_told).unwrap_or(count))
    };
    paths.iter().map(short).collect()
}

fn value_name(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(value_name).collect();
            items.join("_")
        }
        Value::Object(fields) => {
            let kind = fields.get("kind").and_then(Value::as_str);
            return format!("{}~{}", plain(kind.unwrap_or("table")), digest(value));
        }
        scalar => scalar.to_string(),
    };
    let plain = plain(&text);
    match plain == text && text.len() <= LONGEST_VALUE && !text.is_empty() {
        true => text,
        false => {
            let start: String = plain.chars().take(LONGEST_VALUE - 9).collect();
            format!("{start}~{}", digest(value))
        }
    }
}

/// With nothing in it that a shell or a file system reads in its own way.
fn plain(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let replaced = |c: char| if allowed(c) { c } else { '_' };
    text.chars().map(replaced).collect()
}

/// Keys of objects are sorted in serde_json's maps, so that the text is one for each value.
fn digest(value: &Value) -> String {
    let digest = blake3::hash(value.to_string().as_bytes()).to_hex();
    digest[..8].to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_short_and_says_what_is_set() {
        let pairs = [
            ("stages.classifier.optimizer.lr", json!(1e-3)),
            ("stages.classifier.seed", json!(2)),
            ("stages.pretrain.seed", json!(3)),
            ("stages.classifier.dropout", json!([0.2, 0.2, 0.1])),
        ];
        assert_eq!(
            name(&pairs),
            "lr=0.001,classifier.seed=2,pretrain.seed=3,dropout=0.2_0.2_0.1"
        );
        assert_eq!(name::<&str>(&[]), "base");
    }

    #[test]
    fn tables_and_odd_texts_are_told_apart_by_digests() {
        let loss = |gamma: f64| name(&[("loss", json!({ "kind": "focal", "gamma": gamma }))]);
        assert!(loss(1.0).starts_with("loss=focal~"));
        assert_ne!(loss(1.0), loss(2.0));
        let path = |text: &str| name(&[("path", json!(text))]);
        assert_ne!(path("a/b"), path("a_b"));
        assert!(!path("a/b").contains('/'));
    }

    #[test]
    fn a_name_is_never_longer_than_a_file_may_be_called() {
        let paths: Vec<String> = (0..40).map(|index| format!("vars.number{index}")).collect();
        let pairs = |last: i32| -> Vec<(&str, Value)> {
            let value = |index: usize| json!(if index == 39 { last } else { 1 });
            let paths = paths.iter().enumerate();
            paths
                .map(|(index, path)| (path.as_str(), value(index)))
                .collect()
        };
        assert_eq!(name(&pairs(1)).len(), LONGEST_NAME);
        assert_ne!(name(&pairs(1)), name(&pairs(2)));
    }
}
