use pipeline_files::glob::Glob;

/// A pattern of parameter names, as recipes state them.
#[derive(Clone, Debug)]
pub struct Pattern(Glob);

impl Pattern {
    /// How to write one, for hints.
    pub const SYNTAX: &str =
        "`*` stands for any text, dots included; `?` for one character; `{a,b}` for either";

    /// Reads a pattern; else says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        Glob::new(text, false).map(Self)
    }

    /// The pattern that matches `name` and nothing else, as text.
    pub fn of_name(name: &str) -> String {
        Glob::literal(name)
    }

    /// The pattern that matches what begins with `prefix`, as text.
    pub fn of_prefix(prefix: &str) -> String {
        format!("{}*", Glob::literal(prefix))
    }

    /// As it was stated.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether it matches the whole of `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name.as_bytes())
    }

    /// Whether it matches one of `names`.
    pub fn matches_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_crosses_dots_and_slashes_and_the_whole_name_counts() {
        let pattern = Pattern::new("cls_head.*").unwrap();
        assert!(pattern.matches("cls_head.0.weight"));
        assert!(pattern.matches("cls_head.a/b"));
        assert!(!pattern.matches("old.cls_head.0.weight"));
        assert_eq!(pattern.text(), "cls_head.*");
    }

    #[test]
    fn a_name_with_signs_of_its_own_is_matched_by_its_own_pattern_only() {
        let pattern = Pattern::new(&Pattern::of_name("x.[1]*")).unwrap();
        assert!(pattern.matches_any(&["y", "x.[1]*"]));
        assert!(!pattern.matches_any(&["x.1", "x.[1]2"]));
        assert!(
            Pattern::new(&Pattern::of_prefix("x.["))
                .unwrap()
                .matches("x.[1]")
        );
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        let reason = Pattern::new("head.[").unwrap_err();
        assert!(reason.contains("unclosed character class"), "{reason}");
    }
}
