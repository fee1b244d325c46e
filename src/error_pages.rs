//! The pages of errors: the texts of `docs/errors`, in the program itself.

use pipeline_error::Code;

macro_rules! pages {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../docs/errors/", $name, ".md")))),+]
    };
}

const PAGES: &[(&str, &str)] = pages![
    "invalid-toml",
    "unknown-key",
    "missing-key",
    "wrong-type",
    "invalid-value",
    "unset-variable",
    "unknown-stage",
    "wrong-stage-kind",
    "stage-cycle",
    "test-objective",
    "memory-limit",
    "unreadable-input",
    "missing-column",
    "invalid-number",
    "missing-label",
    "outcome-as-input",
    "empty-split",
    "split-overlap",
    "subject-overlap",
    "unseen-class",
    "not-finite",
    "program-failed",
    "missed-parameter",
    "unused-tensor",
    "shape-mismatch",
    "idle-pattern",
    "hidden-setting",
    "changed-inputs",
    "wrong-digest",
    "refused-checkpoint",
    "frozen-new-parameter",
    "out-of-date",
    "lock-drift",
    "damaged-store",
    "program-fault",
    "interrupted",
];

/// The page of an error, in Markdown.
pub fn page(code: Code) -> &'static str {
    let found = PAGES.iter().find(|(name, _)| *name == code.name());
    found.map_or("", |(_, page)| page)
}

/// What an error is, in the first sentence of its page.
pub fn summary(code: Code) -> &'static str {
    let mut lines = page(code).lines();
    lines
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_cause_example_and_mend() {
        assert_eq!(PAGES.len(), Code::ALL.len());
        for code in Code::ALL {
            let (name, page) = (code.name(), page(*code));
            assert!(page.starts_with(&format!("# {name}\n")), "{name}");
            assert!(summary(*code).ends_with('.'), "{name}: {}", summary(*code));
            let exit = format!("\nExit code {}.", code.exit_code());
            assert!(page.contains(&exit), "{name}: no {exit:?}");
            let parts = ["\n## Cause\n", "\n## Example\n", "\n## Mend\n"];
            let at = parts.map(|part| page.find(part));
            assert!(at.is_sorted() && at[0].is_some(), "{name}: {at:?}");
        }
    }
}
