//! Settings of the model that its parameters' names and shapes do not show: they must be those that the weights
//! were trained with, or weights that fit everywhere compute something else.

use std::path::Path;

use serde_json::Value;

use pipeline_checkpoint::{self as checkpoint, Container};
use pipeline_error::Error;
use pipeline_model::config::ModelConfig;
use pipeline_model::hidden_setting::HiddenSetting;

/// Fails unless `model` has the hidden settings that the weights at `path` were trained with, but for those
/// `accepted`, which must differ. Returns a line for each that differs.
pub fn check_hidden_settings(
    path: &Path,
    model: &ModelConfig,
    accepted: &[HiddenSetting],
) -> Result<Vec<String>, Error> {
    let theirs = trained_model(path);
    let (mut wrong, mut notes) = (Vec::new(), Vec::new());
    for setting in HiddenSetting::ALL {
        let (name, ours) = (setting.name(), setting.of(model));
        let trained = trained_with(setting, theirs.as_ref());
        let other = trained.filter(|trained| *trained != ours);
        let difference = |trained: Value| {
            format!("model.{name} is {ours}, the weights were trained with {trained}")
        };
        match (other, accepted.contains(&setting)) {
            (Some(trained), true) => notes.push(format!(
                "{}, as `model_changes` allows",
                difference(trained)
            )),
            (Some(trained), false) => wrong.push(difference(trained)),
            (None, true) => wrong.push(format!(
                "`model_changes` names {name}, in which nothing is known to differ"
            )),
            (None, false) => {}
        }
    }
    if wrong.is_empty() {
        return Ok(notes);
    }
    Err(Error::Audit {
        message: format!(
            "{}: the model would not compute what its weights were trained for:\n  {}",
            path.display(),
            wrong.join("\n  ")
        ),
        hint: Some(
            "set the model as it was; what is meant to change is listed in the import's `model_changes`"
                .into(),
        ),
    })
}

/// The model that weights of ours name in their metadata.
fn trained_model(path: &Path) -> Option<ModelConfig> {
    if checkpoint::container(path) != Some(Container::Safetensors) {
        return None;
    }
    let metadata = checkpoint::read_metadata(path).ok()?;
    serde_json::from_str(metadata.get("model")?).ok()
}

/// A setting that the weights at hand were trained with; `None` where that is not known.
fn trained_with(setting: HiddenSetting, model: Option<&ModelConfig>) -> Option<Value> {
    match (model, setting) {
        (Some(model), _) => Some(setting.of(model)),
        // Files that say nothing are the reference's: it has neither.
        (None, HiddenSetting::LatentNorm | HiddenSetting::TimeBias) => {
            Some(setting.of(&ModelConfig::default()))
        }
        (None, HiddenSetting::Heads | HiddenSetting::TransformerHeads) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use pipeline_checkpoint::{FloatTensor, write_safetensors};
    use pipeline_model::config::TimeBiasKind;

    fn weights(folder: &Path, model: Option<&ModelConfig>) -> std::path::PathBuf {
        let tensor = FloatTensor {
            shape: vec![1],
            values: vec![1.0],
        };
        let entry = |model| {
            let text = serde_json::to_string(model).unwrap();
            ("model".to_string(), text)
        };
        let path = folder.join("w.safetensors");
        let tensors = BTreeMap::from([("a".to_string(), tensor)]);
        write_safetensors(&path, &tensors, &model.map(entry).into_iter().collect()).unwrap();
        path
    }

    #[test]
    fn weights_of_ours_must_be_given_the_model_they_were_trained_in() {
        let folder = tempfile::tempdir().unwrap();
        let trained = ModelConfig {
            transformer_heads: 4,
            time_bias: TimeBiasKind::Elapsed,
            ..ModelConfig::default()
        };
        let path = weights(folder.path(), Some(&trained));
        assert!(
            check_hidden_settings(&path, &trained, &[])
                .unwrap()
                .is_empty()
        );
        let model = ModelConfig::default();
        let error = check_hidden_settings(&path, &model, &[]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("model.transformer_heads is 8, the weights were trained with 4"));
        assert!(
            message
                .contains("model.time_bias is \"zero\", the weights were trained with \"elapsed\"")
        );
        assert_eq!(error.exit_code(), 4);
        let accepted = [HiddenSetting::TransformerHeads, HiddenSetting::TimeBias];
        let notes = check_hidden_settings(&path, &model, &accepted).unwrap();
        assert_eq!(notes.len(), 2, "{notes:?}");
        let idle = check_hidden_settings(&path, &trained, &accepted).unwrap_err();
        assert!(
            idle.to_string()
                .contains("names time_bias, in which nothing is known to differ")
        );
    }

    #[test]
    fn a_file_that_says_nothing_was_trained_as_the_reference_trains() {
        let folder = tempfile::tempdir().unwrap();
        let path = weights(folder.path(), None);
        let other_heads = ModelConfig {
            heads: 4,
            ..ModelConfig::default()
        };
        assert!(
            check_hidden_settings(&path, &other_heads, &[])
                .unwrap()
                .is_empty()
        );
        let elapsed = ModelConfig {
            time_bias: TimeBiasKind::Elapsed,
            ..ModelConfig::default()
        };
        let error = check_hidden_settings(&path, &elapsed, &[]).unwrap_err();
        assert!(error.to_string().contains("model.time_bias"), "{error}");
        let notes = check_hidden_settings(&path, &elapsed, &[HiddenSetting::TimeBias]).unwrap();
        assert_eq!(notes.len(), 1);
        // Whether it is a checkpoint at all is for its reader to say.
        let none = folder.path().join("none.ckpt");
        assert!(check_hidden_settings(&none, &other_heads, &[]).is_ok());
    }
}
