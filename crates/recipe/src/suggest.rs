//! "Did you mean".

use super::mistake::Mistake;

/// A longer word costs too much to compare with others, and nobody mistyped it.
const LONGEST: usize = 256;

/// The candidate that `word` is most likely a misspelling of, if any is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let folded = word.to_lowercase();
    let longest = word.chars().count();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
            let length = longest.max(candidate.chars().count());
            (distance, length, candidate)
        })
        .filter(|&(distance, length, _)| distance <= (length / 3).max(1) && distance < length)
        .min_by_key(|&(distance, ..)| distance)
        .map(|(_, _, candidate)| candidate)
}

/// Names in a row, each in backquotes: `` `a`, `b` or `c` ``.
pub fn either<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// A mistake about a stage that is not there, with the name that was meant.
pub fn no_stage<'a>(name: &str, known: impl Iterator<Item = &'a str>, mistake: Mistake) -> Mistake {
    let known: Vec<&str> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!("the stages are {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let keys = ["epochs", "batch_size", "data"];
        assert_eq!(nearest("epocs", keys), Some("epochs"));
        assert_eq!(nearest("Batch_Size", keys), Some("batch_size"));
        assert_eq!(nearest("daat", keys), Some("data"));
        assert_eq!(nearest("optimizer", keys), None);
        assert_eq!(nearest("x", ["y"]), None);
        // Compared, they would take a terabyte of steps.
        let long = "x".repeat(1_000_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
        assert_eq!(nearest("x", [long.as_str()]), None);
    }

    #[test]
    fn names_are_joined_by_commas_and_a_last_or() {
        assert_eq!(either::<&str>(&[]), "");
        assert_eq!(either(&["a"]), "`a`");
        assert_eq!(either(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
