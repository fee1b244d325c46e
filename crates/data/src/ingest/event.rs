//! One measurement as its source tells it.

/// Time of an event that has none: age or sex. It belongs to the stay's first minute.
pub(crate) const STATIC: i64 = i64::MIN;

/// Microseconds of a minute.
pub(crate) const MICROSECONDS_OF_A_MINUTE: i64 = 60_000_000;

/// One measurement as its source tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RawEvent {
    /// Microseconds on the clock of its series, or [`STATIC`].
    pub(crate) time: i64,
    /// In the source's unit. NaN says that the event has no value: it is there, and that is all.
    pub(crate) value: f64,
    /// Number of the variable: in the log that of its part, afterwards that of the cohort.
    pub(crate) variable: u32,
    /// The source's set index, 0 where it has none.
    pub(crate) set: u32,
}

/// What lies in the log: so many bytes each.
pub(super) trait Record<const BYTES: usize>: Sized {
    fn encode(&self, bytes: &mut [u8; BYTES]);

    fn decode(bytes: &[u8; BYTES]) -> Self;
}

/// Bytes of an event in the log.
pub(super) const ENCODED: usize = 24;

impl Record<ENCODED> for RawEvent {
    fn encode(&self, bytes: &mut [u8; ENCODED]) {
        *bytes = encoded(self);
    }

    fn decode(bytes: &[u8; ENCODED]) -> Self {
        let eight = |at: usize| std::array::from_fn(|index| bytes[at + index]);
        let four = |at: usize| std::array::from_fn(|index| bytes[at + index]);
        Self {
            time: i64::from_le_bytes(eight(0)),
            value: f64::from_le_bytes(eight(8)),
            variable: u32::from_le_bytes(four(16)),
            set: u32::from_le_bytes(four(20)),
        }
    }
}

/// The bytes of an event.
pub(super) fn encoded(event: &RawEvent) -> [u8; ENCODED] {
    let mut bytes = [0; ENCODED];
    bytes[..8].copy_from_slice(&event.time.to_le_bytes());
    bytes[8..16].copy_from_slice(&event.value.to_le_bytes());
    bytes[16..20].copy_from_slice(&event.variable.to_le_bytes());
    bytes[20..].copy_from_slice(&event.set.to_le_bytes());
    bytes
}

/// The time of `minutes`, to the microsecond; `None` if it is not finite or beyond 100,000 years.
pub(crate) fn minutes_to_time(minutes: f64) -> Option<i64> {
    let time = (minutes * MICROSECONDS_OF_A_MINUTE as f64).round();
    (time.abs() < 3.2e18).then_some(time as i64)
}

/// The minutes of a time.
pub(crate) fn time_to_minutes(time: i64) -> f64 {
    time as f64 / MICROSECONDS_OF_A_MINUTE as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_from_its_bytes() {
        let event = RawEvent {
            time: -7_000_001,
            value: 0.1,
            variable: 3,
            set: u32::MAX,
        };
        assert_eq!(RawEvent::decode(&encoded(&event)), event);
    }

    #[test]
    fn minutes_are_kept_to_the_microsecond() {
        assert_eq!(minutes_to_time(67.0), Some(4_020_000_000));
        assert_eq!(time_to_minutes(4_020_000_000), 67.0);
        assert_eq!(minutes_to_time(-0.5), Some(-30_000_000));
        for odd in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(minutes_to_time(odd), None);
        }
    }
}
