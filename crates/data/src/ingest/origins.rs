//! Where names of variables come from: the source, or values of a categorical variable.

use std::collections::{BTreeMap, BTreeSet};

use super::part::Part;
use pipeline_error::Error;

/// Fails if a variable is a category of two variables, or of one and named by the source as well: `c=a=b` is `a=b` of `c`,
/// and `b` of `c=a`.
pub(super) fn refuse_two_origins(parts: &[Part]) -> Result<(), Error> {
    let mut origins: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for part in parts {
        let first = (0..).zip(part.origins.iter().copied());
        for (variable, origin) in first.chain(part.second_origins.iter().copied()) {
            let [name, origin] = [variable, origin].map(|at| part.variables[at as usize].as_str());
            // No other name can be a category's.
            if name.contains('=') {
                origins.entry(name).or_default().insert(origin);
            }
        }
    }
    let two = origins.iter().find_map(|(name, from)| {
        let mut from = from.iter().map(|origin| match origin == name {
            true => "a variable of its own".to_string(),
            false => format!("`{}` of `{origin}`", &name[origin.len() + 1..]),
        });
        Some((name, from.next()?, from.next()?))
    });
    match two {
        Some((name, first, second)) => Err(Error::stage(format!(
            "two variables are called `{name}`: {first}, and {second}"
        ))
        .with_hint("rename a column or value of the source: a category is called VARIABLE=VALUE")),
        None => Ok(()),
    }
}
