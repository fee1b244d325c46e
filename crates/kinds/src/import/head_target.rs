//! The target that an imported head says.

use std::path::Path;

use crate::model_artifact::is_untold;
use pipeline_checkpoint::{Pattern, Stated};
use pipeline_data::target::Target;
use pipeline_error::Error;
use pipeline_model::classifier::Head;
use pipeline_model::config::{HeadKind, ModelMode};

/// The head in weights that are imported.
pub struct ImportedHead<'a> {
    /// Their file.
    pub path: &'a Path,
    /// What it states.
    pub stated: &'a Stated,
    /// What the weights are for.
    pub into: ModelMode,
    /// Patterns of what may be missing.
    pub new: &'a [String],
}

impl ImportedHead<'_> {
    /// The target that it says, where it is taken over: the file states it, if a finetune stage trained it.
    pub fn target(&self) -> Result<Option<Target>, Error> {
        let stated = self.stated.metadata.get("target");
        let Some(text) = stated.filter(|_| self.is_taken_over()) else {
            return Ok(None);
        };
        match serde_json::from_str(text) {
            Ok(target) => Ok(Some(target)),
            // Another program means something else by the word.
            Err(_) if !self.is_ours() => Ok(None),
            Err(error) => Err(Error::Audit {
                message: format!(
                    "{}: the metadata target, which is what the head says, cannot be read: {error}",
                    self.path.display()
                ),
                hint: Some(
                    "a newer version of pipeline may have written the file: import it with that one; or begin with a new head: \
                     new = [\"cls_head.*\"]"
                        .into(),
                ),
            }),
        }
    }

    /// Whether it is taken over from a file that does not tell what it says, or that an import wrote which was told as little.
    pub fn is_untold(&self) -> Result<bool, Error> {
        let is_told = self.is_ours() && !is_untold(&self.stated.metadata);
        Ok(self.is_taken_over() && !is_told && self.target()?.is_none())
    }

    /// What the audit says of such a head.
    pub fn note(&self) -> Result<Option<String>, Error> {
        Ok(self.is_untold()?.then(|| {
            "the head is taken to say the label: its file does not tell what it was trained on"
                .into()
        }))
    }

    /// Whether this program wrote the metadata: it states what every model is for. Another one means something else by
    /// the word `mode`.
    fn is_ours(&self) -> bool {
        let mode = self.stated.metadata.get("mode");
        mode.is_some_and(|text| serde_json::from_str::<ModelMode>(text).is_ok())
    }

    fn is_taken_over(&self) -> bool {
        let output = [HeadKind::Linear, HeadKind::Mlp].map(|kind| Head::output_layer(kind)[0]);
        let is_new = |pattern: &String| {
            Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_any(&output))
        };
        self.into == ModelMode::Classifier && !self.new.iter().any(is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = r#"{"name":"dx","task":"multi-label","outputs":["a","b"]}"#;

    /// The outputs of the target that is said, and the note; or the error.
    fn said(
        metadata: &[(&str, &str)],
        into: ModelMode,
        new: &[&str],
    ) -> Result<(Option<usize>, bool), String> {
        let metadata = metadata.iter();
        let metadata = metadata.map(|(name, text)| (name.to_string(), text.to_string()));
        let stated = Stated {
            metadata: metadata.collect(),
            ..Stated::default()
        };
        let new: Vec<String> = new.iter().map(ToString::to_string).collect();
        let head = ImportedHead {
            path: Path::new("w.safetensors"),
            stated: &stated,
            into,
            new: &new,
        };
        let target = head.target().map_err(|error| {
            assert_eq!(error.exit_code(), 4);
            error.to_string()
        })?;
        let is_noted = head.note().map_err(|error| error.to_string())?.is_some();
        Ok((target.map(|target| target.outputs.len()), is_noted))
    }

    #[test]
    fn a_target_that_cannot_be_read_is_refused_unless_the_head_is_new() {
        let newer = TARGET.replace('}', r#","unit":"x"}"#);
        let ours = [("mode", "\"classifier\""), ("target", newer.as_str())];
        let error = said(&ours, ModelMode::Classifier, &[]).unwrap_err();
        let expected = "w.safetensors: the metadata target, which is what the head says, cannot be read: unknown field `unit`";
        assert!(error.starts_with(expected), "{error}");
        let not_taken = Ok((None, false));
        assert_eq!(
            said(&ours, ModelMode::Classifier, &["cls_head.*"]),
            not_taken
        );
        assert_eq!(said(&ours, ModelMode::Pretrain, &[]), not_taken);
    }

    #[test]
    fn a_head_of_which_its_file_tells_nothing_is_noted() {
        let of = |metadata: &[(&str, &str)]| said(metadata, ModelMode::Classifier, &[]);
        let mode = ("mode", "\"classifier\"");
        assert_eq!(of(&[mode, ("target", TARGET)]), Ok((Some(2), false)));
        assert_eq!(of(&[("target", TARGET)]), Ok((Some(2), false)));
        assert_eq!(of(&[mode]), Ok((None, false)));
        // Another import wrote the metadata, and knew as little.
        let untold = ("head", "\"untold\"");
        assert_eq!(of(&[mode, untold]), Ok((None, true)));
        assert_eq!(of(&[]), Ok((None, true)));
        assert_eq!(of(&[("target", "mortality")]), Ok((None, true)));
        let another = ("mode", "finetune");
        assert_eq!(of(&[another, ("target", "mortality")]), Ok((None, true)));
        assert_eq!(
            said(&[], ModelMode::Classifier, &["cls_head.*"]),
            Ok((None, false))
        );
    }
}
