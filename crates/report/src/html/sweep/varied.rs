use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;

use pipeline_page::chart::{Axis, Scale};
use pipeline_page::number;
use pipeline_recipe::short_paths;
use pipeline_runner::sweep::record::ShowRecord;

/// Values that have a place each: more of them, if they are numbers, lie on a line.
const MOST_NAMES: usize = 8;

/// From which ratio of the largest to the smallest on places are logarithms.
const LOGARITHMIC: f64 = 20.0;

/// Something that a sweep varies, and where its values lie on an axis.
pub struct Varied {
    path: String,
    /// The axis.
    pub axis: Axis,
    /// The places of values, by what they are written as.
    places: BTreeMap<String, f64>,
}

impl Varied {
    /// All that is varied, and has more than one value. What goes together, as in a zip, is one thing.
    pub fn of(show: &ShowRecord) -> Vec<Self> {
        let paths = show.paths();
        let titles = short_paths(&paths);
        let named = paths.iter().zip(titles);
        let all = named.map(|(path, title)| {
            let values = show.settings.iter();
            let values = values.filter_map(|setting| setting.overrides.get(*path));
            Self::with(path, title, values.collect())
        });
        let mut apart: Vec<(Self, Vec<usize>, usize)> = Vec::new();
        for varied in all.filter(|varied| varied.places.len() > 1) {
            let settings = show.settings.iter();
            let lies = settings.map(|setting| varied.place(&setting.overrides));
            let changes = first_alike(&lies.collect::<Vec<_>>());
            match apart.iter_mut().find(|(_, of, _)| *of == changes) {
                Some((_, _, with)) => *with += 1,
                None => apart.push((varied, changes, 0)),
            }
        }
        let named = apart.into_iter().map(|(mut varied, _, with)| {
            if with > 0 {
                varied.axis.label += &format!(" and {with} more with it");
            }
            varied
        });
        named.collect()
    }

    fn with(path: &str, title: String, mut values: Vec<&Value>) -> Self {
        values.sort_by(|one, other| in_order(one, other));
        values.dedup();
        let numbers: Option<Vec<f64>> = values.iter().map(|value| number_in(value)).collect();
        let (axis, places) = match numbers {
            Some(numbers) if values.len() > MOST_NAMES => on_a_line(title, numbers),
            _ => {
                let names = values
                    .iter()
                    .map(|value| match value.as_array().map(Vec::as_slice) {
                        Some([only]) => number::value(only),
                        _ => number::value(value),
                    });
                let places = (0..values.len()).map(|place| place as f64);
                (Axis::named(title, names.collect()), places.collect())
            }
        };
        let keys = values.iter().map(ToString::to_string);
        Self {
            path: path.to_string(),
            axis,
            places: keys.zip(places).collect(),
        }
    }

    /// Where the value of these settings lies; none where they leave it alone.
    pub fn place(&self, overrides: &BTreeMap<String, Value>) -> Option<f64> {
        let value = overrides.get(&self.path)?;
        self.places.get(&value.to_string()).copied()
    }

    /// The places of its values, in order.
    pub fn places(&self) -> Vec<f64> {
        let mut places: Vec<f64> = self.places.values().copied().collect();
        places.sort_by(f64::total_cmp);
        places
    }

    /// Whether every value has a name and a place of its own.
    pub fn is_named(&self) -> bool {
        matches!(self.axis.scale, Scale::Named(_))
    }
}

/// For each place the position of the first that is the same: two things that have the same list change together.
fn first_alike(places: &[Option<f64>]) -> Vec<usize> {
    let first = |place| places.iter().position(|other| *other == place);
    let places = places.iter().enumerate();
    places
        .map(|(own, place)| first(*place).unwrap_or(own))
        .collect()
}

/// The number that a value is, also as the only one of a list: `[300.0]`.
fn number_in(value: &Value) -> Option<f64> {
    match value.as_array().map(Vec::as_slice) {
        Some([only]) => only.as_f64(),
        _ => value.as_f64(),
    }
}

/// Numbers by size, all else as it is written.
fn in_order(one: &Value, other: &Value) -> Ordering {
    match (number_in(one), number_in(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => one.to_string().cmp(&other.to_string()),
    }
}

fn on_a_line(title: String, numbers: Vec<f64>) -> (Axis, Vec<f64>) {
    let (low, high) = (numbers[0], numbers[numbers.len() - 1]);
    match low > 0.0 && high / low >= LOGARITHMIC {
        true => {
            let places: Vec<f64> = numbers.iter().map(|number| number.log10()).collect();
            let axis = Axis {
                scale: Scale::Logarithmic,
                ..Axis::around(title, places.iter().copied())
            };
            (axis, places)
        }
        false => (Axis::around(title, numbers.iter().copied()), numbers),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn varied(values: &[Value]) -> Varied {
        Varied::with("stages.a.x", "x".into(), values.iter().collect())
    }

    #[test]
    fn few_values_have_a_place_each_in_their_order() {
        let varied = varied(&[json!(10), json!(2), json!(10.0), json!(2)]);
        let place = |value: Value| varied.place(&BTreeMap::from([("stages.a.x".into(), value)]));
        assert_eq!(
            varied.axis.scale,
            Scale::Named(vec!["2".into(), "10".into(), "10.0".into()])
        );
        assert_eq!(
            [place(json!(2)), place(json!(10)), place(json!(3))],
            [Some(0.0), Some(1.0), None]
        );
        assert_eq!(varied.place(&BTreeMap::new()), None);
    }

    #[test]
    fn lists_of_one_number_lie_by_its_size() {
        let varied = varied(&[
            json!([300.0]),
            json!([1.0]),
            json!([10000.0]),
            json!([30.0]),
        ]);
        let names = ["1.0", "30.0", "300.0", "10000.0"].map(String::from);
        assert_eq!(varied.axis.scale, Scale::Named(names.into()));
    }

    #[test]
    fn many_numbers_lie_on_a_line_by_logarithms_where_they_span_much() {
        let all = |of: fn(i32) -> f64| (0..9).map(|at| json!(of(at))).collect::<Vec<Value>>();
        let wide = varied(&all(|at| 10f64.powi(-at)));
        assert_eq!(wide.axis.scale, Scale::Logarithmic);
        assert_eq!(
            wide.places(),
            [-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0]
        );
        assert_eq!(varied(&all(f64::from)).axis.scale, Scale::Linear);
    }
}
