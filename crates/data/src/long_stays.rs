//! Stays that last longer than a life: their times are not what the recipe says.

use super::config::{DataConfig, TimeUnit};
use pipeline_error::listed::counted;

const YEAR: i64 = 365 * 86_400_000_000;

/// More than a life.
const YEARS: i64 = 130;

/// Lives are not counted in hours or less, and 1970 is longer ago.
const YEARS_IN_HOURS: i64 = 30;

fn years(config: &DataConfig) -> i64 {
    match config.source.time().map(|time| time.unit) {
        Some(TimeUnit::Seconds | TimeUnit::Minutes | TimeUnit::Hours) => YEARS_IN_HOURS,
        _ => YEARS,
    }
}

/// Whether a stay lasts too long whose last event is so many microseconds after its begin.
pub(super) fn is_too_long(config: &DataConfig, last: i64) -> bool {
    last > years(config) * YEAR
}

/// What to say of such stays: how many they are, and the name of the first.
pub(super) fn warning(config: &DataConfig, count: usize, first: &str) -> String {
    let stays = counted(count, "stay");
    let (have, such_as) = match count {
        1 => ("has", ""),
        _ => ("have", "such as "),
    };
    let advice = match config.source.time().map(|time| time.unit) {
        Some(TimeUnit::Timestamp) | None => {
            "a mark for an unknown time (0001-01-01) moves the begin of a stay or lies far behind it"
        }
        Some(_) => "do times count from the begin of the stay, in the unit that time.as says?",
    };
    format!(
        "warning: {stays} ({such_as}{first}) {have} events more than {} years after the begin: {advice}",
        years(config)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::synthetic;

    #[test]
    fn a_life_is_not_too_long_and_two_are() {
        let config = synthetic(1);
        assert!(!is_too_long(&config, 120 * YEAR));
        assert!(is_too_long(&config, 150 * YEAR));
        let told = warning(&config, 2, "stay 7 (7.txt)");
        let expected = "2 stays (such as stay 7 (7.txt)) have events more than 130 years";
        assert!(told.contains(expected), "{told}");
        assert!(warning(&config, 1, "stay 7").contains("1 stay (stay 7) has events"));
    }
}
