//! Names of the files that a table is divided into.

use crate::dataset::Split;

/// Words in names of shards that say nothing of what they hold.
const OF_SHARDS: [&str; 7] = ["part", "shard", "chunk", "data", "label", "labels", "of"];

#[rustfmt::skip]
const MONTHS: [&str; 12] = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
];

/// What the name of a file, without its ending, or of a folder says beside which shard or split it is.
///
/// ```
/// use pipeline_data::shard_names::beside_shard;
///
/// assert_eq!(beside_shard("train-00001-of-00004"), "");
/// assert_eq!(beside_shard("mortality_30d-0"), "mortality 30d");
/// ```
pub fn beside_shard(name: &str) -> String {
    if name.as_bytes().windows(36).any(is_uuid) {
        return String::new();
    }
    // The one name of a split that is of two words.
    let name = name.to_lowercase().replace("held_out", "test");
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let says = |word: &&str| {
        let stem = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let is_hash = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        !stem.is_empty()
            && !is_hash
            && !OF_SHARDS.contains(&stem)
            && Split::from_name(word).is_none()
    };
    words.filter(says).collect::<Vec<&str>>().join(" ")
}

/// The same beside numbers and months, too: `mortality 24h` is `mortality h`, and nothing is left of `jan 2020`.
pub fn beside_date(name: &str) -> String {
    let words = name.split(' ').map(|word| {
        let is_letter = |letter: &char| !letter.is_ascii_digit();
        word.chars().filter(is_letter).collect::<String>()
    });
    let is_month =
        |word: &str| word.len() > 2 && MONTHS.iter().any(|month| month.starts_with(word));
    let left = words.filter(|word| !word.is_empty() && !is_month(word));
    left.collect::<Vec<String>>().join(" ")
}

fn is_uuid(text: &[u8]) -> bool {
    let mut letters = text.iter().enumerate();
    letters.all(|(at, letter)| match at {
        8 | 13 | 18 | 23 => *letter == b'-',
        _ => letter.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_told_from_a_task() {
        for shard in [
            "0",
            "0001",
            "train",
            "held_out",
            "tuning-3",
            "part-0001",
            "part.12",
            "data_0",
            "labels2",
            "train-00000-of-00001-a1b2c3d4e5f60718",
            "part-00000-9f3a1b2c-abcd-4e5f-8a9b-0123456789ab-c000.snappy",
        ] {
            assert_eq!(beside_shard(shard), "", "{shard}");
        }
        for (task, says) in [
            ("readmission", "readmission"),
            ("first_24h", "first 24h"),
            ("Mortality_90d-0", "mortality 90d"),
            ("saps2", "saps2"),
            ("labels_tod", "tod"),
        ] {
            assert_eq!(beside_shard(task), says);
        }
        for (dated, says) in [
            ("24h", "h"),
            ("first_48h", "first h"),
            ("jan", ""),
            ("labels-2020-Sept", ""),
            ("march2020", ""),
            ("mortality", "mortality"),
        ] {
            assert_eq!(beside_date(&beside_shard(dated)), says, "{dated}");
        }
    }
}
