//! No link in any Markdown file of the repository leads nowhere: neither to a file that is not there, nor to a heading.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::document::repository;

/// Every Markdown file that is ours.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a folder of the repository");
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_built =
            name.starts_with('.') || ["target", "node_modules", "dist", "build"].contains(&&*name);
        if path.is_dir() && !is_built && !name.starts_with("__") {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The lines outside of fenced blocks.
fn prose(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let outside = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    outside.collect()
}

/// The anchor of a heading, as GitHub and the site make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let letters = text.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ => letter.is_alphanumeric().then_some(letter),
    });
    letters.collect()
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).expect("a page is text");
    let headings = prose(&text)
        .into_iter()
        .filter(|line| line.starts_with('#'));
    headings.map(anchor).collect()
}

/// The targets of links in a line, `[text](target)`.
fn targets(line: &str) -> Vec<&str> {
    let parts = line.split("](").skip(1);
    let targets = parts.filter_map(|rest| rest.split([')', ' ']).next());
    targets.collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let root = repository("");
    let root = Path::new(&root);
    let mut found = vec![];
    pages(root, &mut found);
    let mut count = 0;
    let mut dead = vec![];
    for page in &found {
        let text = std::fs::read_to_string(page).expect("a page is text");
        let lines = prose(&text);
        for target in lines.iter().flat_map(|line| targets(line)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => page.clone(),
                _ => page.parent().expect("a folder").join(path),
            };
            let is_page = file.extension().is_some_and(|extension| extension == "md");
            let leads = file.exists()
                && (heading.is_empty() || !is_page || anchors(&file).contains(heading));
            if !leads {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(
        found.len() > 60 && count > 200,
        "{count} links in {} pages",
        found.len()
    );
}

#[test]
fn every_page_of_the_docs_can_be_reached_from_the_readme() {
    let mut open = vec![PathBuf::from(repository("README.md"))];
    let mut seen = BTreeSet::new();
    while let Some(page) = open.pop() {
        if !seen.insert(page.canonicalize().expect("a page")) {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("a page is text");
        let folder = page.parent().expect("a folder").to_path_buf();
        for line in prose(&text) {
            for target in targets(line) {
                let file = folder.join(target.split('#').next().unwrap_or_default());
                let is_page = file.extension().is_some_and(|extension| extension == "md");
                open.extend((is_page && file.is_file()).then_some(file));
            }
        }
    }
    let mut all = vec![];
    pages(Path::new(&repository("docs")), &mut all);
    for page in all {
        assert!(
            seen.contains(&page.canonicalize().expect("a page")),
            "{} is linked from no page",
            page.display()
        );
    }
}

#[test]
fn anchors_are_those_of_the_headings() {
    assert_eq!(
        anchor("## What `finetune` does: 1.5 %"),
        "what-finetune-does-15-"
    );
    assert_eq!(targets("a [b](c.md#d) and [e](f)"), ["c.md#d", "f"]);
}
