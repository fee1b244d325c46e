//! Rows in no order of stays give the same artifacts as sorted ones, and need no more memory.

use std::path::Path;

use super::{Built, plain_long, synthetic};
use crate::config::*;
use crate::input_path::InputPath;

const STAYS: usize = 600;
const ROWS_OF_STAY: usize = 20;

/// Two values at each minute, so that the order of a stay's rows matters to `first` and `last`.
fn line(stay: usize, row: usize) -> String {
    let variable = ["HR", "pH"][row % 3 % 2];
    format!(
        "{stay},{},{variable},{}\n",
        row / 4,
        (stay * 31 + row * 17) % 97
    )
}

/// Sorted by stay up to a row, and from there on by row: those of one stay lie far apart.
fn rows(sorted: usize) -> String {
    let by_stay = (0..STAYS).flat_map(|stay| (0..sorted).map(move |row| line(stay, row)));
    let by_row = (sorted..ROWS_OF_STAY).flat_map(|row| (0..STAYS).map(move |stay| line(stay, row)));
    let lines: String = by_stay.chain(by_row).collect();
    format!("id,minute,name,value\n{lines}")
}

fn built(root: &Path, sorted: usize, duplicates: Duplicates, threads: usize) -> Built {
    std::fs::write(root.join("events.csv"), rows(sorted)).unwrap();
    let labels: String = (0..STAYS)
        .map(|stay| format!("{stay},{}\n", stay % 2))
        .collect();
    std::fs::write(root.join("labels.csv"), format!("id,y\n{labels}")).unwrap();
    let path = |name: &str| InputPath::file(root.join(name));
    let config = DataConfig {
        source: Source::Long(plain_long(path("events.csv"), path("labels.csv"))),
        duplicates,
        // Few events at a time, so that there are several writes.
        memory: MemorySize(1000),
        ..synthetic(1)
    };
    Built::of(&config, threads).unwrap()
}

#[test]
fn rows_that_lie_far_apart_keep_their_order_within_a_stay() {
    let folder = tempfile::tempdir().unwrap();
    for duplicates in [Duplicates::First, Duplicates::Last, Duplicates::Mean] {
        let expected = built(folder.path(), ROWS_OF_STAY, duplicates, 1).digests();
        for (sorted, threads) in [(0, 1), (0, 2), (17, 2)] {
            let found = built(folder.path(), sorted, duplicates, threads).digests();
            assert_eq!(found, expected, "{duplicates:?}, sorted up to {sorted}");
        }
    }
    let [first, last] = [Duplicates::First, Duplicates::Last]
        .map(|duplicates| built(folder.path(), 0, duplicates, 1).digests());
    assert_ne!(first, last);
}
