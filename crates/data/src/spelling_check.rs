//! Whether a source spells one id or name in two ways.

use super::config::Source;
use super::ingest::{Ingested, Series};
use super::source::{EventSource, Sought};
use super::spellings::{Spelled, spelling_hint, twins};
use pipeline_error::Error;

/// Fails if two stays of a source, or two of its variables, are one number in two spellings, unless
/// the recipe says that ids are texts.
pub(super) fn refuse_two_spellings(
    source: &dyn EventSource,
    ingested: &Ingested,
    config: &Source,
) -> Result<(), Error> {
    let ids = config.ids();
    let stays = ingested.series.iter();
    if let Some(found) = twins(ids, stays.map(|series| ((&series.id).into(), series))) {
        let place = |(name, series): &(String, &Series)| {
            let place = source.place_of(Sought::Stay(&series.id));
            let place = place.unwrap_or_else(|| ingested.origin(series).display().to_string());
            format!("`{name}` ({place})")
        };
        return Err(Error::stage(format!(
            "{} and {} are two spellings of one stay id",
            place(&found.first),
            place(&found.second)
        ))
        .with_hint(spelling_hint(config)));
    }
    let variables = ingested.variables.iter();
    if let Some(found) = twins(ids, variables.map(|name| (Spelled::Text(name), ()))) {
        let place = |name: &str| match source.place_of(Sought::Variable(name)) {
            Some(place) => format!("`{}` ({place})", name.escape_debug()),
            None => format!("`{}`", name.escape_debug()),
        };
        return Err(Error::stage(format!(
            "{} and {} are two spellings of one variable",
            place(&found.first.0),
            place(&found.second.0)
        ))
        .with_hint(spelling_hint(config)));
    }
    Ok(())
}
