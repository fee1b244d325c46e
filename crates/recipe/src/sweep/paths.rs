//! Dotted paths in `[sweep]`.

use crate::mistake::Mistake;
use crate::overrides::{self, Key};
use crate::source::{Origin, Sources};

/// What is read before there are variants, or says nothing about what runs.
const NO_SETTINGS: [&str; 7] = [
    "authors",
    "description",
    "extends",
    "format",
    "name",
    "remote",
    "sweep",
];

/// The mistake of varying what is no setting.
pub(super) fn no_setting(first: &str, place: Origin) -> Option<Mistake> {
    let message = format!("`{first}` cannot be varied");
    let mistake = Mistake::new(message, place, "no setting of the experiment");
    let help = "variants differ in settings of stages, of [model] and of [vars], and in the recipe's `seed`";
    NO_SETTINGS.contains(&first).then(|| mistake.help(help))
}

/// The keys of the path that is written at a place, each with its own.
pub(super) fn keys(text: &str, place: Origin, sources: &Sources) -> Result<Vec<Key>, Mistake> {
    let form = "write it dotted and in quotes: \"stages.classifier.optimizer.lr\"";
    let mistake = |message: String, label: &str| Mistake::new(message, place, label).help(form);
    let Some(keys) = overrides::path(place.source, text) else {
        return Err(mistake(format!("`{text}` is no path"), "no dotted path"));
    };
    let first = keys.first().map_or("", |(key, _)| key.as_str());
    if let Some(mistake) = no_setting(first, place) {
        return Err(mistake);
    }
    if first == "stages" && keys.len() < 3 {
        let message = format!("`{text}` is no setting of a stage");
        return Err(mistake(message, "the path ends here"));
    }
    let start = written_at(text, place, sources);
    let placed = keys.into_iter().map(|(key, origin)| {
        let origin = start.map_or(place, |start| {
            Origin::new(place.source, origin.start + start..origin.end + start)
        });
        (key, origin)
    });
    Ok(placed.collect())
}

/// Where the text starts, if it is written as it is.
fn written_at(text: &str, place: Origin, sources: &Sources) -> Option<usize> {
    let written = sources.written(place);
    let bare = written.trim_matches(['"', '\'']);
    let offset = written.len() - written.trim_start_matches(['"', '\'']).len();
    (bare == text).then_some(place.start + offset)
}

/// Whether a value at `one` takes the place of what `--set` has put at `set`.
pub(super) fn replaces(one: &[Key], set: &[String]) -> bool {
    one.len() <= set.len() && one.iter().zip(set).all(|((a, _), b)| a == b)
}

/// Whether one path is the other, or leads to it.
pub(super) fn overlap(one: &[Key], other: &[Key]) -> bool {
    one.iter().zip(other).all(|((a, _), (b, _))| a == b)
}
