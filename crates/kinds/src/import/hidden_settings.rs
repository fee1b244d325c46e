//! Settings of the model that its parameters' names and shapes do not show: they must be those that the weights
//! were trained with, or weights that fit everywhere compute something else.

use std::path::Path;

use serde_json::Value;

use pipeline_checkpoint::{Audit, Stated, TensorSummary};
use pipeline_error::{Code, Error};
use pipeline_model::classifier::Head;
use pipeline_model::config::ModelConfig;
use pipeline_model::hidden_setting::HiddenSetting;

/// What a recipe says of settings that no shape shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declared {
    /// Settings that are other ones than the weights were trained with, on purpose.
    pub changes: Vec<HiddenSetting>,
    /// Settings that are those the weights were trained with, where the weights' file does not say.
    pub assumed: Vec<HiddenSetting>,
}

/// Fails unless `model` has the hidden settings that the weights at `path` were trained with, but for those
/// declared otherwise. Returns a line for each that differs or is taken on trust.
pub fn check_hidden_settings(
    path: &Path,
    stated: &Stated,
    audit: &Audit,
    model: &ModelConfig,
    declared: &Declared,
) -> Result<Vec<String>, Error> {
    let theirs = Theirs::of(stated, audit);
    let (mut wrong, mut unknown, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut idle = Vec::new();
    for setting in HiddenSetting::ALL {
        let (place, ours) = (setting.place(), setting.of(model));
        let assumed = declared.assumed.contains(&setting);
        let trained = theirs.setting(setting, assumed);
        let other = match &trained {
            Trained::With(value) if !is_same(value, &ours) => Some(value.to_string()),
            Trained::Disputed(values) if values.iter().all(|value| !is_same(value, &ours)) => {
                Some(listed(values))
            }
            _ => None,
        };
        let difference =
            |value: &String| format!("{place} is {ours}, the weights were trained with {value}");
        match (other, declared.changes.contains(&setting)) {
            (Some(value), true) => notes.push(format!(
                "{}, as `model_changes` allows",
                difference(&value)
            )),
            (Some(value), false) => wrong.push(difference(&value)),
            (None, true) => idle.push(format!(
                "`model_changes` names {}, in which nothing is known to differ",
                setting.name()
            )),
            (None, false) if trained == Trained::Unsaid => notes.push(format!(
                "{place} = {ours}: the reference's file does not say what its weights were trained with"
            )),
            (None, false) => match &trained {
                Trained::Unknown(known) if assumed => notes.push(format!(
                    "{place} = {ours} is taken for what the weights were trained with, as `assume` says: {}",
                    known.as_deref().unwrap_or("their file does not tell")
                )),
                Trained::Unknown(known) => {
                    let known = known.as_deref().unwrap_or("unknown");
                    unknown.push((setting, known.into(), ours));
                }
                Trained::Disputed(values) if assumed => notes.push(format!(
                    "{place} = {ours} is taken for what the weights were trained with, as `assume` says: their file states {}",
                    listed(values)
                )),
                Trained::Disputed(values) => {
                    unknown.push((setting, format!("the file states {}", listed(values)), ours));
                }
                Trained::With(_) | Trained::Unsaid | Trained::Whatever => {}
            },
        }
    }
    if !wrong.is_empty() {
        return Err(failure(
            path,
            "the model would not compute what its weights were trained for",
            &[wrong, idle].concat(),
            "set the model as it was, or list an intended change in the import's `model_changes`"
                .into(),
        ));
    }
    if !idle.is_empty() {
        return Err(failure(
            path,
            "a change that is none is listed",
            &idle,
            "leave it out of the import's `model_changes`".into(),
        ));
    }
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.iter().map(|(setting, ..)| setting.name()).collect();
        let lines = unknown.iter().map(|(setting, known, ours)| {
            format!("{}: {known}; the recipe's is {ours}", setting.place())
        });
        return Err(failure(
            path,
            "the file does not say what its weights were trained with, and no shape shows it",
            &lines.collect::<Vec<_>>(),
            format!(
                "if the recipe's [model] has them as they were, the import stage says: assume = {names:?}"
            ),
        ));
    }
    Ok(notes)
}

/// `2 and 4`
fn listed(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().map(Value::to_string).collect();
    values.join(" and ")
}

fn failure(path: &Path, what: &str, lines: &[String], hint: String) -> Error {
    Error::Audit {
        message: format!("{}: {what}:\n  {}", path.display(), lines.join("\n  ")),
        hint: Some(hint),
    }
    .coded(Code::HiddenSetting)
}

/// What weights were trained with in a setting.
#[derive(Clone, Debug, PartialEq)]
enum Trained {
    /// This.
    With(Value),
    /// One of these: several tables of the file state it.
    Disputed(Vec<Value>),
    /// Nobody says, and it must be said; the form in which the file has it, if that is not read.
    Unknown(Option<String>),
    /// A file of the reference's that does not say it.
    Unsaid,
    /// The weights do not depend on it.
    Whatever,
}

/// What a file states of the model that its weights were trained in.
struct Theirs<'a> {
    stated: &'a Stated,
    /// The model that weights of ours name in their metadata.
    model: Option<Value>,
    /// Whether a head was loaded: it was trained on the features of one pooling and fusion.
    head: bool,
    /// Whether it is a file of the reference's, by what only that stores.
    reference: bool,
}

impl<'a> Theirs<'a> {
    fn of(stated: &'a Stated, audit: &Audit) -> Self {
        let model = stated.metadata.get("model");
        let model = model.and_then(|text| serde_json::from_str(text).ok());
        let is_ours = |model: &Value| {
            let ours = serde_json::to_value(ModelConfig::default()).unwrap_or_default();
            model.is_object() && model["kind"] == ours["kind"]
        };
        Theirs {
            stated,
            model: model.filter(is_ours),
            reference: audit
                .ignored
                .iter()
                .any(|ignored| is_of_reference(&ignored.tensor)),
            head: audit.loaded.iter().any(|loaded| Head::owns(&loaded.target)),
        }
    }

    /// `assumed`: whether the recipe answers for what the file does not say.
    fn setting(&self, setting: HiddenSetting, assumed: bool) -> Trained {
        let of_a_head = matches!(setting, HiddenSetting::Fusion | HiddenSetting::Pooling);
        if of_a_head && !self.head {
            return Trained::Whatever;
        }
        let name = setting.name();
        let reference = setting.of(&ModelConfig::default());
        if let Some(model) = &self.model {
            let table = match of_a_head {
                true => &model["classifier"],
                false => model,
            };
            // Weights from before there was the setting have what is its default.
            return Trained::With(table.get(name).cloned().unwrap_or(reference));
        }
        if let Some(value) = self.stated.settings.get(name) {
            return Trained::With(value.clone());
        }
        if let Some(values) = self.stated.disputed.get(name) {
            return Trained::Disputed(values.clone());
        }
        if let Some(text) = self.stated.metadata.get(name) {
            let value = serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
            return Trained::With(value);
        }
        let unread = self.stated.unread.get(name);
        let unread = unread.map(|kind| format!("the file states {kind}, which is not read"));
        match setting {
            // A number of heads has no default that all reference models share: the recipe's counts.
            HiddenSetting::Heads | HiddenSetting::TransformerHeads if self.reference => {
                Trained::Unsaid
            }
            HiddenSetting::Heads | HiddenSetting::TransformerHeads => Trained::Unknown(unread),
            _ if assumed => Trained::Unknown(unread),
            // Files that say nothing are the reference's: it has one of each.
            HiddenSetting::LatentNorm
            | HiddenSetting::TimeBias
            | HiddenSetting::Fusion
            | HiddenSetting::Pooling => Trained::With(reference),
        }
    }
}

/// A number of Python may be 2 or 2.0.
fn is_same(theirs: &Value, ours: &Value) -> bool {
    theirs == ours || (theirs.is_number() && theirs.as_f64() == ours.as_f64())
}

/// The reference stores a second decoder inside the set encoder, whatever that is called, and nothing uses it. Models of
/// ours have `decoder.decoder_layers.*` only, and what `export --layout pytorch` fills in is one number a tensor.
fn is_of_reference(tensor: &TensorSummary) -> bool {
    let inside = tensor.name.split_once(".decoder_layers.");
    inside.is_some_and(|(module, _)| module.rsplit('.').next() != Some("decoder"))
        && tensor.statistics.min != tensor.statistics.max
}

#[cfg(test)]
mod tests;
