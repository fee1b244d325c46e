use strsim::normalized_levenshtein;

/// Comparing names costs their product: so many offenders get a suggestion, each among so many.
pub(super) const MAX_SUGGESTIONS: usize = 32;
pub(super) const MAX_POOL: usize = 512;

/// A longer name costs too much to compare, and nobody mistyped it.
const LONGEST: usize = 256;

const SAME_SHAPE: f64 = 0.2;
const THRESHOLD: f64 = 0.6;
const SHOWN: usize = 2;

/// ` – nearest: a [1], b [2]`, or nothing when no name of the pool is near or `wanted` is false.
/// A name of the same shape counts as nearer.
pub(super) fn describe(
    name: &str,
    shape: &[usize],
    pool: &[(String, Vec<usize>)],
    wanted: bool,
) -> String {
    if !wanted || name.len() > LONGEST {
        return String::new();
    }
    let mut near: Vec<(f64, &String, &Vec<usize>)> = pool
        .iter()
        .filter(|(other, _)| other.len() <= LONGEST)
        .map(|(other, other_shape)| {
            let bonus = if other_shape == shape {
                SAME_SHAPE
            } else {
                0.0
            };
            (
                normalized_levenshtein(name, other) + bonus,
                other,
                other_shape,
            )
        })
        .filter(|(score, _, _)| *score >= THRESHOLD)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let shown: Vec<String> = near
        .iter()
        .take(SHOWN)
        .map(|(_, other, other_shape)| format!("{other} {other_shape:?}"))
        .collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!(" – nearest: {}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_shape_wins_over_a_nearer_name_and_strangers_are_not_shown() {
        let pool = [
            ("enc.weights".to_string(), vec![9]),
            ("enc.waight0".to_string(), vec![6, 4]),
            ("quite.something.else".to_string(), vec![6, 4]),
        ];
        let text = describe("enc.weight", &[6, 4], &pool, true);
        assert_eq!(text, " – nearest: enc.waight0 [6, 4], enc.weights [9]");
        // Compared, they would take a terabyte of steps.
        let long = "enc.weight".repeat(100_000);
        let pool_of_long = [(long.clone(), vec![6, 4])];
        assert_eq!(describe(&long, &[6, 4], &pool_of_long, true), "");
        assert_eq!(describe("enc.weight", &[6, 4], &pool_of_long, true), "");
        assert_eq!(describe("zzzzzzzzzzzz", &[1], &pool, true), "");
        assert_eq!(describe("enc.weight", &[6, 4], &pool, false), "");
    }
}
