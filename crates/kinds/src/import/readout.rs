//! The readout of imported weights: which query is whose is stated by their file alone.

use std::path::Path;

use pipeline_error::Error;
use pipeline_model::config::ModelConfig;
use pipeline_model::readout::Readout;

/// What the audit says of a readout's queries.
pub(super) fn note(config: &ModelConfig) -> Option<String> {
    let layout = config.readout_layout.as_ref()?;
    Some(layout.describe(&config.classifier.readout, usize::MAX))
}

/// Why weights with tensors of these `names` give no readout: there is none, or nobody says which variable its queries belong to.
pub(super) fn missing<'n>(path: &Path, names: impl IntoIterator<Item = &'n str>) -> Error {
    let is_of_readout = |name: &str| name.split('.').any(|part| part == Readout::PREFIX);
    let path = path.display();
    let (message, hint) = match names.into_iter().any(is_of_readout) {
        true => (
            format!(
                "{path}: the file has the tensors {}.*, and does not state which variable each of their queries belongs to",
                Readout::PREFIX
            ),
            "import the file with its metadata, as `pipeline export` writes it: `model` there names the variables in the order \
             of the queries",
        ),
        false => (
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
    fn tensors_of_a_readout_without_their_variables_are_told_from_none() {
        let said = |names: &[&str]| missing(Path::new("w.pt"), names.iter().copied()).to_string();
        let stripped =
            "w.pt: the file has the tensors readout.*, and does not state which variable";
        assert!(said(&["decoder.bias", "readout.query"]).starts_with(stripped));
        assert!(said(&["module.readout.key.bias"]).starts_with(stripped));
        assert!(said(&["decoder.bias"]).starts_with("w.pt: the weights have no readout"));
    }
}
