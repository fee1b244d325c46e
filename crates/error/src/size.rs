//! A size as people type it: one grammar for command lines, variables and recipes.

/// Units: decimal ones, binary ones, and the letters alone, which are binary as they are for Slurm.
const UNITS: [(&str, u64); 15] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("k", 1 << 10),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
    ("B", 1),
];

/// The form of a size, for messages.
pub const FORM: &str = "a number of bytes, or one with a unit: 500MB, 1.5GB, 512MiB, 16G";

/// Bytes, of a number of bytes or a number with a unit; none if it is no size, or too large for one.
///
/// ```
/// use pipeline_error::size::parse;
///
/// assert_eq!(parse("2GB"), Some(2_000_000_000));
/// assert_eq!(parse("1.5 GiB"), Some(3 << 29));
/// assert_eq!(parse("16G"), Some(16 << 30));
/// assert_eq!(parse("much"), None);
/// ```
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, factor) = match unit {
        Some((unit, factor)) => (text.strip_suffix(unit)?.trim_end(), *factor),
        None => (text, 1),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    let is_size = (0.0..u64::MAX as f64).contains(&bytes) && factor > 1;
    is_size.then_some(bytes as u64)
}

/// Whether a size states its unit.
pub fn has_unit(text: &str) -> bool {
    text.trim_end()
        .ends_with(|last: char| last.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_or_is_in_bytes() {
        for (text, expected) in [
            ("0", 0),
            ("1000", 1000),
            ("7B", 7),
            (" 512 MB ", 512_000_000),
            ("3 kB", 3_000),
            ("3KB", 3_000),
            ("2KiB", 2048),
            ("1.5GB", 1_500_000_000),
            ("1e3MB", 1_000_000_000),
            ("512M", 512 << 20),
            ("16G", 16 << 30),
            ("1T", 1 << 40),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "GB",
            "-1",
            "-1G",
            "1.5",
            "1e",
            "99999999999TB",
            "99999999999999999999G",
            "infGB",
            "NaNGB",
            "ten",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(has_unit("1 kB") && !has_unit("1000") && !has_unit(""));
    }
}
