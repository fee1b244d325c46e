//! Settings and reports as JSON.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use pipeline_error::Error;
use pipeline_model::config::ModelConfig;

/// A setting as JSON.
pub fn as_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("settings are plain structs with string keys")
}

/// Settings of a training as JSON: those of its loop stand beside the others, as in a recipe.
pub fn training_fields<T: Serialize>(settings: &T) -> Value {
    let mut fields = as_json(settings);
    if let Some(table) = fields.as_object_mut()
        && let Some(Value::Object(options)) = table.remove("options")
    {
        table.extend(options);
    }
    fields
}

/// The architecture without its classifier, but with its readout: what pretraining depends on.
pub fn backbone_fields(model: &ModelConfig) -> Value {
    let mut fields = as_json(model);
    if let Some(table) = fields.as_object_mut() {
        table.remove("classifier");
        if let Some(readout) = model.readout() {
            table.insert("readout".into(), as_json(readout));
        }
    }
    fields
}

/// Writes a report, indented, with a newline at its end.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    let failed =
        |error: &dyn std::fmt::Display| Error::file(path, format!("cannot be written: {error}"));
    let mut text = serde_json::to_string_pretty(value).map_err(|error| failed(&error))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|error| failed(&error))
}

/// Reads a report.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read(path).map_err(|error| Error::file(path, error))?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::file(path, format!("cannot be read: {error}")))
}
