//! Whether a source spells one id, name or category in two ways.

use super::config::{DataConfig, Source};
use super::ingest::{Ingested, Series, variable_of_category};
use super::source::{EventSource, Sought};
use super::spellings::{Spelled, category_twins, spelling_hint, twins};
use pipeline_error::Error;

/// Fails if two stays of a source, or two of its variables or categories, are one in two spellings, unless
/// the recipe says that ids are texts.
pub(super) fn refuse_two_spellings(
    source: &dyn EventSource,
    ingested: &Ingested,
    config: &DataConfig,
) -> Result<(), Error> {
    let ids = config.source.ids();
    let stays = ingested.series.iter();
    if let Some(found) = twins(ids, stays.map(|series| ((&series.id).into(), series))) {
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
    if let Some(found) = twins(ids, variables) {
        let [first, second] = found.shown();
        return Err(Error::stage(format!(
            "{} and {} are two spellings of one variable",
            placed(&first, &found.first.0),
            placed(&second, &found.second.0)
        ))
        .with_hint(spelling_hint(&config.source)));
    }
    if let Some(found) = category_twins(ids, names, &config.categorical) {
        let [first, second] = found.map(|name| placed(&format!("`{}`", name.escape_debug()), name));
        let what = format!("{first} and {second} are two spellings of one category");
        return Err(Error::stage(what).with_hint(category_hint(&config.source)));
    }
    Ok(())
}

/// The first place of a variable, which may be a category.
fn place_of(source: &dyn EventSource, name: &str, categorical: &[String]) -> Option<String> {
    let category = variable_of_category(name, categorical);
    let sought = category.map(|variable| Sought::Category(variable, &name[variable.len() + 1..]));
    let place = sought.and_then(|sought| source.place_of(sought));
    place.or_else(|| source.place_of(Sought::Variable(name)))
}

fn category_hint(source: &Source) -> &'static str {
    match source {
        Source::Long(_) | Source::Wide(_) | Source::PatientParquet(_) => {
            "write the values in one way: a boolean of Parquet is called 1 or 0. ids = \"text\" on the source takes both as \
             two"
        }
        _ => "write the values in one way",
    }
}
