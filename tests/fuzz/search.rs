//! Makes inputs out of others and tries them.

use std::time::{Duration, Instant};

use pipeline_random::{Draws, Stream};

use crate::coverage::Coverage;
use crate::target::Target;
use crate::trial::Trial;

/// When a search ends.
pub enum Budget {
    Inputs(u64),
    Time(Duration),
}

impl Budget {
    fn is_left(&self, tried: u64, since: Instant) -> bool {
        match self {
            Budget::Inputs(inputs) => tried < *inputs,
            Budget::Time(time) => since.elapsed() < *time,
        }
    }
}

/// Longer inputs are cut: time goes into more of them.
const LONGEST: usize = 64 << 10;

/// More inputs than this are not kept for further mutation.
const CORPUS: usize = 20_000;

/// Tries the seeds, then mutations until the budget is used up. Input `n` of a seed is always the same
/// one, but for a build with coverage counters, where it depends on what was kept.
pub fn search(
    target: Target,
    trial: &mut Trial,
    coverage: &mut Coverage,
    seed: u64,
    budget: Budget,
) -> Result<String, String> {
    let stream = Stream::new(seed, target.name());
    let mut corpus = target.seeds();
    let seeds = corpus.len();
    let mut accepted = 0_u64;
    for (name, input) in &corpus {
        coverage.clear();
        let sound = trial.run(input).map_err(|e| format!("seed {name}: {e}"))?;
        accepted += u64::from(sound);
        coverage.is_new();
    }
    if accepted == 0 {
        return Err("no seed is accepted: nothing deep would be reached".into());
    }
    let began = Instant::now();
    let mut tried = 0;
    while budget.is_left(tried, began) {
        let mut draws = stream.at(&[tried]);
        let input = mutated(target, &corpus, seeds, &mut draws);
        coverage.clear();
        let sound = trial
            .run(&input)
            .map_err(|error| format!("seed {seed}, input {tried}: {error}"))?;
        accepted += u64::from(sound);
        if coverage.is_new() && corpus.len() < CORPUS {
            corpus.push((format!("input {tried}"), input));
        }
        tried += 1;
        if tried % 1_000_000 == 0 {
            eprintln!("{}", status(target, tried, accepted, began, &corpus));
        }
    }
    let (reached, counters) = coverage.reached();
    let coverage = match counters {
        0 => String::new(),
        all => format!(", {reached} of {all} edges reached"),
    };
    Ok(format!(
        "{}{coverage}",
        status(target, tried, accepted, began, &corpus)
    ))
}

fn status(
    target: Target,
    tried: u64,
    accepted: u64,
    began: Instant,
    corpus: &[(String, Vec<u8>)],
) -> String {
    let seconds = began.elapsed().as_secs_f64();
    format!(
        "{}: {tried} inputs in {seconds:.0} s, {accepted} accepted, corpus of {}",
        target.name(),
        corpus.len()
    )
}

/// An input of the corpus, changed in a few places; what was found last is taken oftener.
fn mutated(
    target: Target,
    corpus: &[(String, Vec<u8>)],
    seeds: usize,
    draws: &mut Draws,
) -> Vec<u8> {
    let mut one = || {
        let found = corpus.len() - seeds;
        let at = match draws.below(3) {
            0 => draws.below(seeds as u64),
            1 if found > 64 => corpus.len() as u64 - 1 - draws.below(64),
            _ => draws.below(corpus.len() as u64),
        };
        &corpus[at as usize].1
    };
    let (first, second) = (one(), one());
    let mut input = first.clone();
    for _ in 0..=draws.below(3) * draws.below(3) {
        input = target.mutate(&input, second, draws);
        input.truncate(LONGEST);
    }
    input
}
