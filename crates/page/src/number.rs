//! Numbers as people read them.

use serde_json::Value;

use pipeline_metrics::Interval;

/// Four decimals where that shows the number, else scientific notation.
pub fn float(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_string(),
        size if (1e-3..1e4).contains(&size) => format!("{number:.4}"),
        _ => format!("{number:.3e}"),
    }
}

/// A difference: with its sign.
pub fn signed(number: f64) -> String {
    let sign = if number > 0.0 { "+" } else { "" };
    format!("{sign}{}", float(number))
}

/// Mean ± standard deviation, where there is one.
pub fn spread(mean: f64, std: Option<f64>) -> String {
    match std {
        None => float(mean),
        Some(std) => format!("{} ± {}", float(mean), float(std)),
    }
}

/// A value of a recipe: text without its quotes, nothing where there is none.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// An interval of a difference.
pub fn signed_range(interval: &Interval) -> String {
    format!("{} to {}", signed(interval.lower), signed(interval.upper))
}

/// An interval as people write it.
pub fn range(interval: Option<&Interval>) -> Option<String> {
    let interval = interval?;
    Some(format!(
        "{} to {}",
        float(interval.lower),
        float(interval.upper)
    ))
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    format!("{} %", text.trim_end_matches(".0"))
}

/// A metric; an undefined one says so. Lists and tables are no metrics: none.
pub fn metric(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("undefined".to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_f64() => number.as_f64().map(float),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A wall time that goes on.
pub fn elapsed(seconds: u64) -> String {
    match seconds < 60 {
        true => format!("{seconds} s"),
        false => duration(seconds as f64),
    }
}

/// A wall time.
pub fn duration(seconds: f64) -> String {
    // Rounded first, so that 59.96 s is a minute and not "60.0 s".
    if seconds < 9.995 {
        return format!("{seconds:.2} s");
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole / 3600 {
        0 => format!("{} min {:02} s", whole / 60, whole % 60),
        hours => format!("{hours} h {:02} min", whole % 3600 / 60),
    }
}

/// A size in decimal units.
pub fn bytes(bytes: u64) -> String {
    let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let size = bytes as f64;
    match units.iter().find(|(_, unit)| size >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", size / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_float_keeps_four_digits_whatever_its_size() {
        let texts = [0.81234, 0.0, -3.0, 5e-5, 1.5e6].map(float);
        assert_eq!(texts, ["0.8123", "0", "-3.0000", "5.000e-5", "1.500e6"]);
    }

    #[test]
    fn a_metric_is_a_scalar() {
        assert_eq!(metric(&json!(12)).as_deref(), Some("12"));
        assert_eq!(metric(&json!(0.5)).as_deref(), Some("0.5000"));
        assert_eq!(metric(&json!(null)).as_deref(), Some("undefined"));
        assert_eq!(metric(&json!([1])), None);
    }

    #[test]
    fn a_duration_has_the_unit_that_fits() {
        let texts = [0.0, 9.996, 59.96, 192.0, 7500.0].map(duration);
        let expected = ["0.00 s", "10.0 s", "1 min 00 s", "3 min 12 s", "2 h 05 min"];
        assert_eq!(texts, expected);
    }
}
