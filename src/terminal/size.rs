//! A size as people type it.

/// Bytes, or a number with a unit.
pub fn parse(text: &str) -> Result<u64, String> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000_u64),
        ("B", 1),
    ];
    let unit = units.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, factor) = match unit {
        Some((unit, factor)) => (&text[..text.len() - unit.len()], *factor),
        None => (text, 1),
    };
    if let Ok(whole) = number.trim().parse::<u64>() {
        let bytes = whole.checked_mul(factor);
        return bytes.ok_or_else(|| format!("{text} is too large"));
    }
    match number.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 && factor > 1 => {
            Ok((number * factor as f64) as u64)
        }
        _ => Err("a size is a number of bytes, or e.g. 20GB, 1.5GB, 512MiB".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_or_is_in_bytes() {
        let sizes = ["0", "1000", "2KiB", "1.5GB", "3 MB"].map(|text| parse(text).ok());
        let expected = [0, 1000, 2048, 1_500_000_000, 3_000_000].map(Some);
        assert_eq!(sizes, expected);
        for text in ["", "GB", "-1", "1.5", "1e", "99999999999TB", "ten"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
