use super::HeadValidation;
use crate::config::HeadSettings;
use crate::course::Course;
use crate::monitored::Monitored;
use crate::options::{Keep, LoopOptions};
use crate::schedule::Schedule;
use pipeline_error::Error;

/// Shows the course a validation; returns the score that epochs are chosen by, if they are: a
/// metric that is undefined is no matter where nothing goes by it.
pub(super) fn steer(
    course: &mut Course,
    settings: &HeadSettings,
    now: &HeadValidation,
) -> Result<Option<f64>, Error> {
    let LoopOptions { keep, schedule, .. } = &settings.options;
    let chosen_by = match (keep, schedule) {
        (Keep::Best, _) | (_, Schedule::Plateau { .. }) => {
            Some(now.monitored(settings.select, "select")?)
        }
        (Keep::Last, _) => None,
    };
    let mut stopped_by = None;
    if let Some(rule) = &settings.early_stopping {
        match rule.metric {
            Some(metric) => now.monitored(metric, "early_stopping.metric")?,
            None => now.monitored(settings.select, "select")?,
        };
        stopped_by = rule.watched(settings.select, |metric| now.value(metric));
    }
    course.take(chosen_by, stopped_by);
    Ok(chosen_by.map(Monitored::score))
}
