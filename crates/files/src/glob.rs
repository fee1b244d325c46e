//! Patterns as they are written, within limits that no pattern of a person reaches.

use globset::{GlobBuilder, GlobMatcher};

/// Bytes of a pattern. The automaton of a longer one could be larger than the library allows, which ends in a panic.
const MAX_BYTES: usize = 4096;

/// Alternatives in alternatives: deeper ones are refused in the same way.
const MAX_DEPTH: usize = 16;

/// Compiles a pattern; else says what is wrong with it. Where a separator is `literal`, no `*` and no `?` stands for
/// the `/` of a path.
pub fn compile(text: &str, literal_separator: bool) -> Result<GlobMatcher, String> {
    if text.len() > MAX_BYTES {
        return Err(format!(
            "it has {} bytes, and {MAX_BYTES} is the limit: state several patterns",
            text.len()
        ));
    }
    if depth(text) > MAX_DEPTH {
        return Err(format!(
            "its alternatives {{…}} stand in one another more than {MAX_DEPTH} deep: state several patterns"
        ));
    }
    GlobBuilder::new(text)
        .literal_separator(literal_separator)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| error.kind().to_string())
}

/// How deep braces are open, whatever precedes them: an upper bound.
fn depth(text: &str) -> usize {
    let mut open = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'{' => open += 1,
            b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_at_the_limits_compile_and_larger_ones_are_refused() {
        let nested = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
        let alternatives = |depth: usize| format!("{}a{}", "{b,".repeat(depth), "}".repeat(depth));
        for text in [
            nested(MAX_DEPTH),
            alternatives(MAX_DEPTH),
            "?".repeat(MAX_BYTES),
            "*".repeat(MAX_BYTES),
            "[!é-ü]".repeat(MAX_BYTES / 8),
            "{a,?*}".repeat(MAX_BYTES / 6),
        ] {
            // Whether it is one is the library's to say, as long as it says it.
            let _ = compile(&text, true);
            let _ = compile(&text, false);
        }
        assert!(compile(&nested(MAX_DEPTH), false).unwrap().is_match("a"));
        for (text, reason) in [
            (nested(MAX_DEPTH + 1), "more than 16 deep"),
            (nested(2000), "more than 16 deep"),
            ("a".repeat(MAX_BYTES + 1), "it has 4097 bytes"),
            ("{a,b}".repeat(1 << 20), "it has 5242880 bytes"),
        ] {
            let error = compile(&text, false).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
