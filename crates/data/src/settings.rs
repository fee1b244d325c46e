//! Settings of a data stage that contradict each other or leave nothing.

use super::assemble::bucket;
use super::config::{DataConfig, SplitRule};
use super::source::StayRow;
use pipeline_error::Error;

/// Fails if a gap is to be before predictions that no stay has, in a window that ends without them.
pub(super) fn check_gap(config: &DataConfig, stays: &[StayRow]) -> Result<(), Error> {
    let has_gap = config.gap_hours.is_some_and(|hours| hours > 0.0);
    let has_prediction = stays.iter().any(|stay| stay.prediction.is_some());
    match has_gap && config.hours.is_some() && config.like.is_none() && !has_prediction {
        false => Ok(()),
        true => Err(Error::stage(
            "gap_hours is the gap before a prediction, no stay has a time of prediction, and `hours` ends the window",
        )
        .with_hint("leave it out, and state fewer hours for an earlier end")),
    }
}

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
    if let (Some(last), Some(gap)) = (config.last_hours, config.gap_hours)
        && last <= gap
    {
        return Err(Error::stage(format!(
            "gap_hours = {gap} leaves nothing of last_hours = {last}: the gap is at the end of that window"
        ))
        .with_hint("state more last_hours, or a shorter gap"));
    }
    if config.hours.is_some() && config.last_hours.is_some() {
        return Err(Error::stage("hours and last_hours contradict each other")
            .with_hint("a window is at the begin of a stay or at its end: keep one"));
    }
    Ok(())
}
