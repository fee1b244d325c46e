//! Settings of a data stage that contradict each other or leave nothing.

use super::assemble::bucket;
use super::config::{DataConfig, SplitRule};
use pipeline_error::Error;

/// Fails on settings that cannot be meant, whatever the source.
pub(super) fn check_settings(config: &DataConfig) -> Result<(), Error> {
    if let Some(hours) = (config.gap_hours).filter(|hours| hours.is_nan() || *hours < 0.0) {
        return Err(Error::stage(format!(
            "gap_hours = {hours} is no gap: a number ≥ 0 is expected"
        )));
    }
    let positive = [
        ("hours", config.hours),
        ("last_hours", config.last_hours),
        ("set_minutes", config.set_minutes),
        ("clip", config.clip),
    ];
    for (name, value) in positive {
        if let Some(number) = value.filter(|number| number.is_nan() || *number <= 0.0) {
            return Err(Error::stage(format!(
                "{name} = {number} leaves nothing: a number above 0 is expected"
            )));
        }
    }
    if let Some(minutes) = config.set_minutes
        && bucket(minutes) == 0
    {
        return Err(Error::stage(format!(
            "set_minutes = {minutes} is less than a microsecond, the finest time there is"
        ))
        .with_hint("leave it out: a set is then what has exactly the same time"));
    }
    if config.split == SplitRule::All && config.has_statistics_of_its_own() {
        return Err(Error::stage(
            "split = \"all\" leaves no training split to take statistics from",
        )
        .with_hint("statistics = { path = … } takes those of other data"));
    }
    if config.hours.is_some() && config.last_hours.is_some() {
        return Err(Error::stage("hours and last_hours contradict each other")
            .with_hint("a window is at the begin of a stay or at its end: keep one"));
    }
    Ok(())
}
