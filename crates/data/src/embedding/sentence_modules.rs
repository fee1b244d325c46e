//! What a folder says of how sentence-transformers puts its model together.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::TextPooling;
use pipeline_error::Error;

/// The modules whose work is done here; `Normalize` is a setting of the recipe.
const KNOWN: [&str; 3] = ["Transformer", "Pooling", "Normalize"];

/// Where the pooling's config is looked for, as sentence-transformers calls it.
const POOLING_FOLDER: &str = "1_Pooling";

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Module {
    /// The class's whole name, `sentence_transformers.models.Pooling`.
    r#type: String,
    /// Its folder.
    #[serde(default)]
    path: String,
}

impl Module {
    /// The class's own name.
    fn class(&self) -> &str {
        self.r#type.rsplit('.').next().unwrap_or_default()
    }
}

/// Refuses a model that sentence-transformers would pool otherwise, or follow with a layer that is
/// not known here. Either file may be absent: then nothing is said.
pub(super) fn check(
    modules: &Path,
    pooling_config: &Path,
    pooling: TextPooling,
) -> Result<(), Error> {
    if let Some(found) = read_if_there::<Vec<Module>>(modules)? {
        let is_elsewhere =
            |module: &&Module| module.class() == "Pooling" && module.path != POOLING_FOLDER;
        if let Some(Module { path, .. }) = found.iter().find(is_elsewhere) {
            let what =
                format!("says that the pooling lies in `{path}`, and `{POOLING_FOLDER}` is read");
            return Err(Error::file(modules, what).with_hint(format!(
                "rename the folder to `{POOLING_FOLDER}`, here and in modules.json"
            )));
        }
        let mut classes = found.iter().map(Module::class);
        if let Some(other) = classes.find(|class| !KNOWN.contains(class)) {
            let what = format!("has the module `{other}`, known are {}", KNOWN.join(", "));
            return Err(Error::file(modules, what)
                .with_hint("write the embeddings with sentence-transformers into a file and name it by `embeddings = { table = … }`"));
        }
    }
    let Some(config) = read_if_there::<Map<String, Value>>(pooling_config)? else {
        return Ok(());
    };
    let modes = modes(&config);
    if modes == [pooling.name()] {
        return Ok(());
    }
    let stated = match modes.is_empty() {
        true => "none".to_string(),
        false => modes.join(" and "),
    };
    let what = format!(
        "the model's pooling is {stated}, the recipe's {}",
        pooling.name()
    );
    let known = [TextPooling::Mean, TextPooling::Cls].map(TextPooling::name);
    let hint = match modes.as_slice() {
        [mode] if known.contains(&mode.as_str()) => format!("pooling = \"{mode}\""),
        _ => "known are `mean` and `cls`".into(),
    };
    Err(Error::file(pooling_config, what).with_hint(hint))
}

fn read_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(path)
        .map_err(|error| Error::file(path, format!("cannot be read: {error}")))?;
    let found = serde_json::from_slice(&bytes);
    found.map(Some).map_err(|error| {
        Error::file(
            path,
            format!("is not as sentence-transformers writes it: {error}"),
        )
    })
}

/// The ways of pooling that are switched on: `"pooling_mode": "mean"`, or a list of them; before
/// sentence-transformers 5.2 `"pooling_mode_mean_tokens": true`.
fn modes(config: &Map<String, Value>) -> Vec<String> {
    let stated = match config.get("pooling_mode") {
        Some(Value::String(mode)) => vec![mode.clone()],
        Some(Value::Array(modes)) => (modes.iter())
            .map(|mode| mode.as_str().map_or(mode.to_string(), str::to_string))
            .collect(),
        _ => Vec::new(),
    };
    let switched_on = config
        .iter()
        .filter(|(_, value)| **value == Value::Bool(true));
    let flags = switched_on.filter_map(|(name, _)| name.strip_prefix("pooling_mode_"));
    let flags = flags.map(|name| match name {
        "mean_tokens" => "mean".to_string(),
        "cls_token" => "cls".to_string(),
        other => other.to_string(),
    });
    stated.into_iter().chain(flags).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(modules: Option<&str>, pooling_config: Option<&str>) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, text: Option<&str>| {
            let path = folder.path().join(name);
            text.into_iter()
                .for_each(|text| std::fs::write(&path, text).unwrap());
            path
        };
        let paths = (
            place("modules.json", modules),
            place("config.json", pooling_config),
        );
        check(&paths.0, &paths.1, TextPooling::Mean).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_of_the_pooling_config_are_read_and_contradictions_refused() {
        let of_pooling = |text| verdict(None, Some(text));
        for sound in [
            r#"{"pooling_mode": "mean", "include_prompt": true}"#,
            r#"{"pooling_mode": ["mean"]}"#,
            r#"{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true, "include_prompt": true}"#,
        ] {
            assert_eq!(of_pooling(sound), Ok(()), "{sound}");
        }
        for (other, expected) in [
            (
                r#"{"pooling_mode": "cls"}"#,
                "pooling is cls, the recipe's mean",
            ),
            (
                r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#,
                "pooling is cls and mean",
            ),
            (
                r#"{"pooling_mode_lasttoken": true}"#,
                "pooling is lasttoken",
            ),
            ("{}", "pooling is none"),
            ("[]", "not as sentence-transformers writes it"),
        ] {
            let reason = of_pooling(other).unwrap_err();
            assert!(reason.contains(expected), "{other}: {reason}");
        }
    }

    #[test]
    fn a_module_that_is_not_known_is_refused_and_no_file_says_nothing() {
        assert_eq!(verdict(None, None), Ok(()));
        let class =
            |name| format!(r#"[{{"idx": 0, "name": "0", "path": "", "type": "a.b.{name}"}}]"#);
        assert_eq!(verdict(Some(&class("Normalize")), None), Ok(()));
        let pooling = |folder: &str| {
            let text =
                class("Pooling").replace("\"path\": \"\"", &format!("\"path\": \"{folder}\""));
            verdict(Some(&text), None)
        };
        assert_eq!(pooling("1_Pooling"), Ok(()));
        assert!(
            pooling("2_Pooling")
                .unwrap_err()
                .contains("the pooling lies in `2_Pooling`")
        );
        let reason = verdict(Some(&class("Dense")), None).unwrap_err();
        assert!(
            reason.contains("modules.json: has the module `Dense`"),
            "{reason}"
        );
    }
}
