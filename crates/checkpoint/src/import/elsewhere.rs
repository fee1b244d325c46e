//! Parameters that lie in the file, but in another dict than the one that is read.

use std::collections::BTreeMap;
use std::iter::once;

use serde_json::Value;

use super::New;
use crate::elsewhere::Place;
use crate::file::Checkpoint;
use crate::wrappers::without_those_before;
use pipeline_error::listed::first_of;

/// Parameters that a note names.
const SHOWN: usize = 5;

/// Where a parameter lies that the state dict lacks.
pub(super) fn describe(checkpoint: &Checkpoint, name: &str) -> Option<String> {
    let elsewhere = &checkpoint.elsewhere;
    match (elsewhere.tensors.get(name), elsewhere.others.get(name)) {
        (Some(place), _) => Some(format!(" – it is in the file, {}", place.words())),
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
    let mut parts: BTreeMap<&str, String> = BTreeMap::new();
    for name in missing {
        if let Some(place) = checkpoint.elsewhere.tensors.get(name) {
            let part = || part(place, &format!("{prefix}{name}"));
            // Of the file's own entries each is a part.
            let holds = if place.dict.is_empty() {
                name
            } else {
                &place.dict
            };
            parts.entry(holds).or_insert_with(part);
        }
    }
    if parts.is_empty() {
        return None;
    }
    let read = once(format!("**{}", loaded(&checkpoint.elsewhere.read)));
    let all: Vec<String> = read.chain(parts.into_values()).collect();
    Some(format!(
        "one dict of the file is read: save one state dict that holds all, in Python:\nimport torch\n\
         c = torch.load({}, map_location=\"cpu\")\ntorch.save({{{}}}, \"whole.pt\")",
        quoted(&checkpoint.path.display().to_string()),
        all.join(", ")
    ))
}

/// The tensors of another dict, in Python, so that the one at `place` is called `wanted`.
fn part(place: &Place, wanted: &str) -> String {
    if place.dict.is_empty() {
        return format!("{}: c[{}]", quoted(wanted), quoted(&place.name));
    }
    let dict = loaded(&place.dict);
    let bare = without_those_before(&place.name);
    let before = |name: &'_ str| name.strip_suffix(bare).unwrap_or_default().to_string();
    let (put, taken) = (before(wanted), before(&place.name));
    if put == taken {
        return format!("**{dict}");
    }
    let key = match taken.as_str() {
        "" => "k".into(),
        taken => format!("k.removeprefix({})", quoted(taken)),
    };
    let key = match put.as_str() {
        "" => key,
        put => format!("{} + {key}", quoted(put)),
    };
    format!("**{{{key}: v for k, v in {dict}.items()}}")
}

/// A dict of the file that Python has loaded.
fn loaded(path: &str) -> String {
    let keys = path.split('.').map(|key| format!("[{}]", quoted(key)));
    format!("c{}", keys.collect::<String>())
}

/// A string of Python, as JSON has it.
fn quoted(text: &str) -> String {
    Value::String(text.into()).to_string()
}

/// A note of parameters that are declared new and lie in the file.
pub(super) fn note(checkpoint: &Checkpoint, new: &[New]) -> Option<String> {
    let found = new.iter().filter_map(|new| {
        let place = checkpoint.elsewhere.tensors.get(&new.target)?;
        Some((&new.target, place))
    });
    let found: Vec<_> = found.collect();
    let (_, place) = found.first()?;
    let names = first_of(found.iter().map(|(name, _)| name), SHOWN);
    Some(format!(
        "warning: parameters that are declared new are in the file {}: {names}",
        place.words()
    ))
}
