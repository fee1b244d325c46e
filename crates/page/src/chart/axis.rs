use std::ops::Range;

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// From where to where.
    pub range: Range<f64>,
    /// What places on it mean.
    pub scale: Scale,
}

/// What places on an axis mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// The number itself.
    Linear,
    /// The number itself, and there is nothing between whole ones.
    Counts,
    /// The decimal logarithm of the number.
    Logarithmic,
    /// Which of these it is, from 0 on.
    Named(Vec<String>),
}

impl Axis {
    /// An axis that holds all of `values`, with a little room; from 0 to 1 where there are none.
    pub fn around(label: impl Into<String>, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let range = match low <= high {
            false => 0.0..1.0,
            true => {
                let room = match (high - low) * 0.04 {
                    room if room > 0.0 => room,
                    _ => high.abs().max(1.0) * 0.05,
                };
                low - room..high + room
            }
        };
        Self {
            label: label.into(),
            range,
            scale: Scale::Linear,
        }
    }

    /// The same for what is counted.
    pub fn counting(label: impl Into<String>, values: impl Iterator<Item = f64>) -> Self {
        Self {
            scale: Scale::Counts,
            ..Self::around(label, values)
        }
    }

    /// An axis with a place for each name.
    pub fn named(label: impl Into<String>, names: Vec<String>) -> Self {
        Self {
            label: label.into(),
            range: -0.5..names.len().max(1) as f64 - 0.5,
            scale: Scale::Named(names),
        }
    }

    /// An axis from 0 to 1.
    pub fn share(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            range: 0.0..1.0,
            scale: Scale::Linear,
        }
    }

    /// What stands at a place: as many decimals as neighbours need to differ; of counts whole numbers
    /// alone have a label, of names the places themselves.
    pub fn tick(&self, at: f64) -> String {
        let width = self.range.end - self.range.start;
        // A zero that was added up is none.
        let at = if at.abs() < width * 1e-9 { 0.0 } else { at };
        let is_whole = (at - at.round()).abs() < 1e-6;
        match &self.scale {
            Scale::Counts if is_whole => format!("{at:.0}"),
            Scale::Named(names) if is_whole && at >= 0.0 => {
                names.get(at.round() as usize).cloned().unwrap_or_default()
            }
            Scale::Counts | Scale::Named(_) => String::new(),
            Scale::Logarithmic => significant(10f64.powf(at)),
            Scale::Linear => match width {
                width if width >= 20.0 || (width >= 2.0 && is_whole) => format!("{at:.0}"),
                width if width >= 2.0 => format!("{at:.1}"),
                width if width >= 0.2 => format!("{at:.2}"),
                width if width >= 0.02 => format!("{at:.3}"),
                width if width >= 0.002 && at.abs() < 10.0 => format!("{at:.4}"),
                _ => format!("{at:.1e}"),
            },
        }
    }

    /// Where a logarithmic axis has its labels: at 1, 2 and 5 of each decade, of many decades at 1 alone.
    pub(super) fn round_logarithms(&self) -> Vec<f64> {
        let decades = self.range.start.floor() as i32..=self.range.end.ceil() as i32;
        let digits: &[f64] = match self.range.end - self.range.start < 3.0 {
            true => &[1.0, 2.0, 5.0],
            false => &[1.0],
        };
        let places = decades.flat_map(|decade| {
            digits
                .iter()
                .map(move |digit| f64::from(decade) + digit.log10())
        });
        places.filter(|at| self.range.contains(at)).collect()
    }
}

/// Two digits that count.
fn significant(number: f64) -> String {
    let is_whole = (number - number.round()).abs() < 1e-6 * number.abs();
    match number.abs() {
        size if is_whole && size < 1e5 => format!("{number:.0}"),
        size if (0.01..1.0).contains(&size) => format!("{number:.3}"),
        size if (1.0..100.0).contains(&size) => format!("{number:.1}"),
        size if (100.0..1e5).contains(&size) => format!("{number:.0}"),
        _ => format!("{number:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_room_even_for_one_value_and_none() {
        let axis = |values: &[f64]| Axis::around("y", values.iter().copied()).range;
        assert_eq!(axis(&[]), 0.0..1.0);
        assert_eq!(axis(&[2.0]), 1.9..2.1);
        assert_eq!(axis(&[f64::NAN, 0.0, 100.0]), -4.0..104.0);
    }

    #[test]
    fn ticks_tell_neighbours_apart_and_counts_have_no_halves() {
        assert_eq!(Axis::share("x").tick(0.2), "0.20");
        assert_eq!(Axis::share("x").tick(-1e-17), "0.00");
        assert_eq!(Axis::around("x", [0.0, 60.0].into_iter()).tick(40.0), "40");
        let steps = Axis::around("epoch", [0.5, 15.0].into_iter());
        assert_eq!([2.5, 5.0].map(|value| steps.tick(value)), ["2.5", "5"]);
        let narrow = Axis::around("y", [0.953, 0.9655].into_iter());
        let ticks = [0.955, 0.96].map(|value| narrow.tick(value));
        assert_eq!(ticks, ["0.9550", "0.9600"]);
        let epochs = Axis::counting("epoch", [1.0, 2.0].into_iter());
        assert_eq!([1.0, 1.5].map(|value| epochs.tick(value)), ["1", ""]);
    }

    #[test]
    fn names_stand_at_their_places_and_logarithms_are_told_as_numbers() {
        let named = Axis::named("x", vec!["a".into(), "b".into()]);
        let ticks = [-1.0, 0.0, 0.5, 1.0, 2.0].map(|at| named.tick(at));
        assert_eq!(ticks, ["", "a", "", "b", ""]);
        let rate = Axis {
            scale: Scale::Logarithmic,
            ..Axis::around("x", [-4.0, 2.0].into_iter())
        };
        let ticks = [-4.0, -1.0, 0.5, 2.0].map(|at| rate.tick(at));
        assert_eq!(ticks, ["1.0e-4", "0.100", "3.2", "100"]);
        assert_eq!(
            rate.round_logarithms(),
            [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0]
        );
        let stays = Axis {
            scale: Scale::Logarithmic,
            ..Axis::around("x", [50f64, 200.0].map(f64::log10).into_iter())
        };
        let ticks = stays.round_logarithms().into_iter();
        let ticks: Vec<String> = ticks.map(|at| stays.tick(at)).collect();
        assert_eq!(ticks, ["50", "100", "200"]);
    }
}
