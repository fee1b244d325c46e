//! Settings of the model that its parameters' names and shapes do not show: they must be those that the weights
//! were trained with, or weights that fit everywhere compute something else.

mod verdict;

use std::path::Path;

use serde_json::Value;

use pipeline_checkpoint::{Audit, Stated, TensorSummary, is_same};
use pipeline_error::listed::first_of;
use pipeline_error::{Code, Error};
use pipeline_model::classifier::Head;
use pipeline_model::config::ModelConfig;
use pipeline_model::hidden_setting::HiddenSetting;
use verdict::Verdict;

/// Values that a message names.
const SHOWN: usize = 5;

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
    let (mut notes, mut wrong) = (Vec::new(), Vec::new());
    let (mut idle, mut unknown) = (Vec::new(), Vec::new());
    for setting in HiddenSetting::ALL {
        let trained = theirs.setting(setting, declared.assumed.contains(&setting));
        match judge(setting, trained, &setting.of(model), declared) {
            Verdict::Right => {}
            Verdict::Noted(line) => notes.push(line),
            Verdict::Wrong(line) => wrong.push(line),
            Verdict::Idle(line) => idle.push(line),
            Verdict::Unknown(setting, line) => unknown.push((setting, line)),
        }
    }
    match wrong.is_empty() && idle.is_empty() && unknown.is_empty() {
        true => Ok(notes),
        false => Err(refuse(path, &wrong, &idle, &unknown)),
    }
}

/// Compares the value of the recipe's with the one of the training.
fn judge(setting: HiddenSetting, trained: Trained, ours: &Value, declared: &Declared) -> Verdict {
    let place = setting.place();
    let other = match &trained {
        Trained::With(value) if !is_same(value, ours) => Some(value.to_string()),
        Trained::Disputed { values, told } if values.iter().all(|value| !is_same(value, ours)) => {
            Some(told.clone())
        }
        _ => None,
    };
    match (other, declared.changes.contains(&setting)) {
        (Some(value), is_meant) => {
            let line = format!("{place} is {ours}, the weights were trained with {value}");
            return match is_meant {
                true => Verdict::Noted(format!("{line}, as `model_changes` allows")),
                false => Verdict::Wrong(line),
            };
        }
        (None, true) => {
            let name = setting.name();
            return Verdict::Idle(format!("{name}, in which nothing is known to differ"));
        }
        (None, false) => {}
    }
    let known = match trained {
        Trained::With(_) | Trained::Whatever => return Verdict::Right,
        Trained::Unsaid => {
            return Verdict::Noted(format!(
                "{place} = {ours}: the reference's file does not say what its weights were trained with"
            ));
        }
        Trained::Unknown(known) => known,
        Trained::Disputed { told, .. } => Some(format!("the file states {told}")),
    };
    match (declared.assumed.contains(&setting), known.as_deref()) {
        (true, known) => Verdict::Noted(format!(
            "{place} = {ours} is taken for what the weights were trained with, as `assume` says: {}",
            known.unwrap_or("their file does not tell")
        )),
        (false, known) => {
            let known = known.unwrap_or("unknown");
            Verdict::Unknown(setting, format!("{place}: {known}; the recipe's is {ours}"))
        }
    }
}

/// The error of what is wrong and what is listed in vain; where there is neither, of what is unknown.
fn refuse(
    path: &Path,
    wrong: &[String],
    idle: &[String],
    unknown: &[(HiddenSetting, String)],
) -> Error {
    let mut parts = Vec::new();
    let mut hints = Vec::new();
    let section = |heading: &str, lines: &[String]| format!("{heading}:\n  {}", lines.join("\n  "));
    if !wrong.is_empty() {
        let heading = "the model would not compute what its weights were trained for";
        parts.push(section(heading, wrong));
        hints.push(
            "set the model as it was, or list an intended change in the import's `model_changes`"
                .to_string(),
        );
    }
    if !idle.is_empty() {
        let heading = "`model_changes` lists settings that do not differ";
        parts.push(section(heading, idle));
        hints.push("remove them from the import's `model_changes`".into());
    }
    if parts.is_empty() {
        let heading =
            "the file does not say what its weights were trained with, and no shape shows it";
        let lines: Vec<String> = unknown.iter().map(|(_, line)| line.clone()).collect();
        let names: Vec<&str> = unknown.iter().map(|(setting, _)| setting.name()).collect();
        parts.push(section(heading, &lines));
        hints.push(format!(
            "if the recipe's [model] has them as they were, the import stage says: assume = {names:?}"
        ));
    }
    Error::Audit {
        message: format!("{}: {}", path.display(), parts.join("\n")),
        hint: Some(hints.join("; ")),
    }
    .coded(Code::HiddenSetting)
}

/// What weights were trained with in a setting.
#[derive(Clone, Debug, PartialEq)]
enum Trained {
    /// This.
    With(Value),
    /// One of these, or one in a form that is not read: several tables of the file state it, as is told.
    Disputed { values: Vec<Value>, told: String },
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
        if let Some(trained) = self.in_tables(name) {
            return trained;
        }
        if let Some(text) = self.stated.metadata.get(name) {
            let value = serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
            return Trained::With(value);
        }
        match setting {
            // A number of heads has no default that all reference models share: the recipe's counts.
            HiddenSetting::Heads | HiddenSetting::TransformerHeads if self.reference => {
                Trained::Unsaid
            }
            HiddenSetting::Heads | HiddenSetting::TransformerHeads => Trained::Unknown(None),
            _ if assumed => Trained::Unknown(None),
            // Files that say nothing are the reference's: it has one of each.
            HiddenSetting::LatentNorm
            | HiddenSetting::TimeBias
            | HiddenSetting::Fusion
            | HiddenSetting::Pooling => Trained::With(reference),
        }
    }

    /// What the file's hyper-parameters state of a setting; none if they do not have it.
    fn in_tables(&self, name: &str) -> Option<Trained> {
        let stated = self.stated;
        let one = stated.settings.get(name);
        let several = || stated.disputed.get(name).into_iter().flatten();
        let unread = stated.unread.get(name);
        let unread = unread.map(|form| format!("{form}, which is not read"));
        let values = one.into_iter().chain(several().map(|(_, value)| value));
        let values: Vec<Value> = values.cloned().collect();
        let unread = match (&values[..], unread) {
            ([], unread) => {
                return Some(Trained::Unknown(Some(format!(
                    "the file states {}",
                    unread?
                ))));
            }
            ([value], None) => return Some(Trained::With(value.clone())),
            (_, unread) => unread,
        };
        let several = several().map(|(place, value)| format!("`{place} = {value}`"));
        let told = one.map(Value::to_string).into_iter().chain(several);
        let told = first_of(told, SHOWN);
        let told = [told].into_iter().chain(unread).collect::<Vec<_>>();
        Some(Trained::Disputed {
            values,
            told: told.join(" and "),
        })
    }
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
