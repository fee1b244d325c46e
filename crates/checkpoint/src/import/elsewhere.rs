//! Parameters that lie in the file, but in another dict than the one that is read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::New;
use crate::dict_path::DictPath;
use crate::elsewhere::Place;
use crate::file::Checkpoint;
use crate::wrappers::without_those_before;
use pipeline_error::listed::first_of;

/// Parameters that a note names.
const SHOWN: usize = 5;

/// Where a parameter lies that the state dict lacks.
pub(super) fn describe(checkpoint: &Checkpoint, name: &str) -> Option<String> {
    let elsewhere = &checkpoint.elsewhere;
    match (elsewhere.words(name), elsewhere.others.get(name)) {
        (Some(words), _) => Some(format!(" – it is in the file, {words}")),
        (None, Some(kind)) => Some(format!(" – the file has {kind} there, no tensor")),
        (None, None) => None,
    }
}

/// What to do about parameters that lie elsewhere: a program that puts them among the tensors that are read, whose names
/// all begin with `prefix`.
pub(super) fn hint<'a>(
    checkpoint: &Checkpoint,
    prefix: &str,
    missing: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let mut parts: BTreeMap<(&DictPath, &str), Option<String>> = BTreeMap::new();
    let mut rivals = BTreeSet::new();
    for name in missing {
        if let Some(place) = checkpoint.elsewhere.tensors.get(name) {
            if checkpoint.elsewhere.rivals.contains_key(name) {
                rivals.extend(checkpoint.elsewhere.dicts(name));
            }
            // Of the file's own entries each is a part.
            let own = if place.dict.is_root() { name } else { "" };
            let part = || part(place, &format!("{prefix}{name}"));
            parts.entry((&*place.dict, own)).or_insert_with(part);
        }
    }
    if parts.is_empty() {
        return None;
    }
    if !rivals.is_empty() {
        return Some(format!(
            "the file does not say which of these dicts belong together: {}; save one state dict that holds all these tensors, \
             under the model's names",
            first_of(rivals.iter().map(|dict| dict.place()), SHOWN)
        ));
    }
    // Python keeps the last of two tensors with one name: the one that is read.
    let read = loaded(&checkpoint.elsewhere.read).map(|dict| format!("**{dict}"));
    let all: Option<Vec<String>> = parts.into_values().chain([read]).collect();
    let save = "one dict of the file is read: save one state dict that holds all";
    Some(match all {
        None => format!("{save} these tensors, under the model's names"),
        Some(all) => format!(
            "{save}, in Python, which runs code that lies in the file:\nimport torch\n\
             c = torch.load({}, map_location=\"cpu\", weights_only=False)\ntorch.save({{{}}}, \"whole.pt\")",
            quoted(&checkpoint.path.display().to_string()),
            all.join(", ")
        ),
    })
}

/// The tensors of another dict, in Python, so that the one at `place` is called `wanted`; none if Python cannot reach it.
fn part(place: &Place, wanted: &str) -> Option<String> {
    let dict = loaded(&place.dict)?;
    if place.dict.is_root() {
        return Some(format!(
            "{}: {dict}[{}]",
            quoted(wanted),
            quoted(&place.name)
        ));
    }
    let bare = without_those_before(&place.name);
    let before = |name: &'_ str| name.strip_suffix(bare).unwrap_or_default().to_string();
    let (put, taken) = (before(wanted), before(&place.name));
    if put == taken {
        return Some(format!("**{dict}"));
    }
    let key = match taken.as_str() {
        "" => "k".into(),
        taken => format!("k.removeprefix({})", quoted(taken)),
    };
    let key = match put.as_str() {
        "" => key,
        put => format!("{} + {key}", quoted(put)),
    };
    Some(format!("**{{{key}: v for k, v in {dict}.items()}}"))
}

/// A dict of the file that Python has loaded.
fn loaded(path: &DictPath) -> Option<String> {
    Some(format!("c{}", path.in_python()?))
}

/// A string of Python, as JSON has it.
fn quoted(text: &str) -> String {
    Value::String(text.into()).to_string()
}

/// A note of parameters that are declared new and lie in the file.
pub(super) fn note(checkpoint: &Checkpoint, new: &[New]) -> Option<String> {
    let found = new.iter().filter_map(|new| {
        let words = checkpoint.elsewhere.words(&new.target)?;
        Some((&new.target, words))
    });
    let found: Vec<_> = found.collect();
    let (_, words) = found.first()?;
    let names = first_of(found.iter().map(|(name, _)| name), SHOWN);
    Some(format!(
        "warning: parameters that are declared new are in the file {words}: {names}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{checkpoint, targets};
    use crate::import::{ImportRules, import};

    #[test]
    fn of_several_dicts_all_are_named_and_none_is_taken() {
        let mut file = checkpoint(&[("enc.weight", &[2])]);
        let dict = |key: &str| std::sync::Arc::new(DictPath::of(&[key, "head"]));
        let place = Place {
            dict: dict("old"),
            name: "bias".into(),
        };
        let elsewhere = &mut file.elsewhere;
        elsewhere.tensors.insert("head.bias".into(), place);
        let rivals = vec![dict("new")];
        elsewhere.rivals.insert("head.bias".into(), rivals);
        let model = targets(&[("enc.weight", &[2]), ("head.bias", &[2])]);
        let error = import(file, &model, &ImportRules::default()).unwrap_err();
        let told = "head.bias [2] – it is in the file, where several dicts hold the module: `old.head`, `new.head`";
        assert!(error.to_string().contains(told), "{error}");
        let hint = error.hint().unwrap();
        assert!(
            hint.contains("belong together: `new.head`, `old.head`; save"),
            "{hint}"
        );
        assert!(!hint.contains("import torch"), "{hint}");
    }
}
