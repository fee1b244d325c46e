//! Whether a source spells one id, name or category in two ways.

use super::config::{DataConfig, Source};
use super::ingest::{Ingested, Series, variable_of_category};
use super::source::{EventSource, Sought};
use super::spellings::{
    Spelled, Twins, category_twins, equal_twins, spelling_hint, twins, visible,
};
use pipeline_error::Error;

const CATEGORY_HINT: &str = "write the values in one way: a boolean of Parquet is called 1 or 0. ids = \"text\" on the \
                             source takes both as two";

/// Fails if two stays of a source, or two of its variables or categories, are one in two spellings, unless
/// the recipe says that ids are texts. Of a source that has no such setting, names that merely look alike are notes.
pub(super) fn refuse_two_spellings(
    source: &dyn EventSource,
    ingested: &Ingested,
    config: &DataConfig,
) -> Result<Vec<String>, Error> {
    let stays = ingested.series.iter();
    let stays = stays.map(|series| ((&series.id).into(), series));
    if let Some(found) = refused_twins(&config.source, stays) {
        let [first, second] = found.shown();
        let place = |series: &Series| {
            let place = source.place_of(Sought::Stay(&series.id));
            place.unwrap_or_else(|| ingested.origin(series).display().to_string())
        };
        return Err(Error::stage(format!(
            "{first} ({}) and {second} ({}) are two spellings of one stay id",
            place(found.first.1),
            place(found.second.1)
        ))
        .with_hint(spelling_hint(&config.source)));
    }
    let names = &ingested.variables;
    let placed = |shown: &str, name: &str| match place_of(source, name, &config.categorical) {
        Some(place) => format!("{shown} ({place})"),
        None => shown.to_string(),
    };
    let variables = names.iter().map(|name| (Spelled::Text(name), ()));
    if let Some(found) = refused_twins(&config.source, variables.clone()) {
        let [first, second] = found.shown();
        return Err(Error::stage(format!(
            "{} and {} are two spellings of one variable",
            placed(&first, &found.first.0),
            placed(&second, &found.second.0)
        ))
        .with_hint(spelling_hint(&config.source)));
    }
    let categories = category_twins(config.source.ids(), names, &config.categorical);
    if config.source.has_ids_setting() {
        return match categories {
            None => Ok(Vec::new()),
            Some(found) => {
                let [first, second] = found.map(|name| placed(&visible(name), name));
                let what = format!("{first} and {second} are two spellings of one category");
                Err(Error::stage(what).with_hint(CATEGORY_HINT))
            }
        };
    }
    let alike = twins(None, variables).map(|found| {
        let [first, second] = found.shown();
        format!("{first} and {second} look alike and are two variables")
    });
    let same = categories.map(|found| {
        let [first, second] = found.map(visible);
        format!("{first} and {second} may say the same and are two categories")
    });
    Ok(alike.into_iter().chain(same).collect())
}

fn refused_twins<'a, W: Copy>(
    source: &Source,
    names: impl Iterator<Item = (Spelled<'a>, W)> + Clone,
) -> Option<Twins<W>> {
    match source.has_ids_setting() {
        true => twins(source.ids(), names),
        false => equal_twins(names),
    }
}

/// The first place of a variable, which may be a category.
fn place_of(source: &dyn EventSource, name: &str, categorical: &[String]) -> Option<String> {
    let category = variable_of_category(name, categorical);
    let sought = category.map(|variable| Sought::Category(variable, &name[variable.len() + 1..]));
    let place = sought.and_then(|sought| source.place_of(sought));
    place.or_else(|| source.place_of(Sought::Variable(name)))
}
