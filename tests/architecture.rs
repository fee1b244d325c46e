//! The pages for developers name files and functions that are there.

use std::path::Path;

use crate::document::repository;

const PAGES: [&str; 2] = ["docs/architecture.md", "CONTRIBUTING.md"];

/// Words between backquotes, line by line.
fn quoted(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Whether a word is a path of this repository, and no pattern or placeholder of one.
fn is_path(word: &str) -> bool {
    let below = [
        "crates/", "src/", "tests/", "docs/", "recipes/", "schemas/", "benches/",
    ];
    let stands_for_others = |part: &str| part.contains(['*', '…']) || is_placeholder(part);
    below.iter().any(|folder| word.starts_with(folder))
        && !word.contains(' ')
        && !word.split('/').any(stands_for_others)
}

/// `KIND`, `FORMAT.rs`: a name to be put in.
fn is_placeholder(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default();
    stem.len() > 2 && stem.chars().all(|letter| letter.is_ascii_uppercase()) && stem != "README"
}

#[test]
fn every_file_that_the_pages_name_is_there() {
    for page in PAGES {
        let text = std::fs::read_to_string(repository(page)).expect("the page is there");
        let mut named = 0;
        for line in text.lines() {
            for path in quoted(line).into_iter().filter(|word| is_path(word)) {
                named += 1;
                assert!(Path::new(&repository(path)).exists(), "{page} names {path}");
            }
        }
        assert!(named > 5, "{page} names {named} files");
    }
}

/// A name right behind a path, or right before it (`key` in `crates/…`), is one of that file.
#[test]
fn every_function_that_the_page_places_in_a_file_is_in_it() {
    let page = "docs/architecture.md";
    let text = std::fs::read_to_string(repository(page)).expect("the page is there");
    let mut found = 0;
    for line in text.lines() {
        let parts: Vec<&str> = line.split('`').collect();
        for at in (1..parts.len()).step_by(2) {
            let (path, name) = match (parts.get(at + 1), parts.get(at + 2)) {
                (Some(&" "), Some(name)) if is_path(parts[at]) => (parts[at], *name),
                (Some(&" in "), Some(path)) if is_path(path) => (*path, parts[at]),
                _ => continue,
            };
            if !path.ends_with(".rs") || name.contains(['/', ' ', '.']) {
                continue;
            }
            let code = std::fs::read_to_string(repository(path)).expect("the file is there");
            assert!(code.contains(name), "{page} looks for {name} in {path}");
            found += 1;
        }
    }
    assert!(found > 30, "the page places {found} functions");
}

/// A filter of `cargo test-cli` or `cargo test-op` that fits no test would go unnoticed.
#[test]
fn filters_of_the_shorter_tests_are_modules_that_are_there() {
    let config = std::fs::read_to_string(repository(".cargo/config.toml")).expect("it is there");
    let main = std::fs::read_to_string(repository("tests/main.rs")).expect("it is there");
    let words: Vec<&str> = config.split('"').skip(1).step_by(2).collect();
    // `tests::` are the unit tests of a crate.
    let is_filter = |word: &&str| word.ends_with("::") && *word != "tests::";
    let behind_skip = words.windows(2).filter(|pair| pair[0] == "--skip");
    let filters = words.iter().copied().filter(is_filter);
    let filters: Vec<&str> = filters.chain(behind_skip.map(|pair| pair[1])).collect();
    for filter in &filters {
        let module = filter.trim_end_matches("::");
        assert!(main.contains(&format!("mod {module}")), "{filter}");
    }
    assert!(filters.len() > 15, "{}", filters.len());
}
