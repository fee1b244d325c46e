//! The readout of imported weights: which query is whose is stated by their file alone.

use std::path::Path;

use pipeline_checkpoint::Stated;
use pipeline_error::Error;
use pipeline_model::config::{ModelConfig, ReadoutLayout};
use pipeline_model::readout::Readout;

/// What the audit says of a readout's queries.
pub(super) fn note(config: &ModelConfig) -> Option<String> {
    let layout = config.readout_layout.as_ref()?;
    Some(layout.describe(&config.classifier.readout, usize::MAX))
}

/// Which query is whose, as the weights' file states it. Fails where it cannot be read, which matters only to who needs it:
/// another program may mean something else by `model`.
pub(super) fn layout(stated: &Stated) -> Result<Option<ReadoutLayout>, serde_json::Error> {
    let text = stated.metadata.get("model");
    let model = text.map(|text| serde_json::from_str::<ModelConfig>(text));
    Ok(model.transpose()?.and_then(|model| model.readout_layout))
}

/// Why weights with tensors of these `names` give no readout: there is none, or nobody says which variable its queries belong to,
/// perhaps because the file's model is `unread`.
pub(super) fn missing<'n>(
    path: &Path,
    names: impl IntoIterator<Item = &'n str>,
    unread: Option<serde_json::Error>,
) -> Error {
    let is_of_readout = |name: &str| name.split('.').any(|part| part == Readout::PREFIX);
    let path = path.display();
    let (message, hint) = match (names.into_iter().any(is_of_readout), unread) {
        (true, Some(error)) => (
            format!(
                "{path}: the metadata model, which names the variable of each query of {}.*, cannot be read: {error}",
                Readout::PREFIX
            ),
            "a newer version of pipeline may have written the file: import it with that one",
        ),
        (true, None) => (
            format!(
                "{path}: the file has the tensors {}.*, and does not state which variable each of their queries belongs to",
                Readout::PREFIX
            ),
            "import the file with its metadata, as `pipeline export` writes it: `model` there names the variables in the order \
             of the queries",
        ),
        (false, _) => (
            format!(
                "{path}: the weights have no readout, and model.classifier.pooling is \"readout\""
            ),
            "set `tasks` in the pretrain stage, which train one: tasks = { summary = 1.0, forecast = {} }",
        ),
    };
    Error::Audit {
        message,
        hint: Some(hint.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_a_readout_without_their_variables_are_told_from_none_and_from_unread_ones() {
        let unread = |text: &str| {
            let stated = Stated {
                metadata: [("model".to_string(), text.to_string())].into(),
                ..Stated::default()
            };
            layout(&stated).err()
        };
        let missing = |names: &[&str], model: &str| {
            let names = names.iter().copied();
            missing(Path::new("w.pt"), names, unread(model)).to_string()
        };
        let said = |names: &[&str]| missing(names, "{}");
        let stripped =
            "w.pt: the file has the tensors readout.*, and does not state which variable";
        assert!(said(&["decoder.bias", "readout.query"]).starts_with(stripped));
        assert!(said(&["module.readout.key.bias"]).starts_with(stripped));
        assert!(said(&["decoder.bias"]).starts_with("w.pt: the weights have no readout"));
        let newer = r#"{"window":3}"#;
        let unread = missing(&["readout.query"], newer);
        assert!(
            unread.contains("readout.*, cannot be read: unknown field `window`"),
            "{unread}"
        );
        let none = missing(&["decoder.bias"], newer);
        assert!(none.starts_with("w.pt: the weights have no readout"));
    }
}
