use std::collections::BTreeMap;

use crate::pattern::Pattern;

/// The fewest plain patterns that match all of `names` and none of `others`: `a.*` where all that
/// starts with `a.` is meant, else the names. Both sorted. At most so many patterns are given as
/// there are names.
pub(super) fn patterns(names: &[&str], others: &[&str]) -> Vec<String> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in names {
        groups
            .entry(own_prefix(name, others))
            .or_default()
            .push(name);
    }
    let mut found = Vec::new();
    for (prefix, members) in groups {
        match &members[..] {
            [_, _, ..] if prefix.ends_with('.') => {
                found.push(Pattern::of_prefix(prefix));
            }
            members => found.extend(members.iter().map(|name| Pattern::of_name(name))),
        }
    }
    found
}

/// The shortest dotted beginning of `name` that none of `others` has; the whole name if there is none.
fn own_prefix<'a>(name: &'a str, others: &[&str]) -> &'a str {
    let ends = name.match_indices('.').map(|(dot, _)| dot + 1);
    for end in ends {
        let prefix = &name[..end];
        let next = others.partition_point(|other| *other < prefix);
        if !others
            .get(next)
            .is_some_and(|other| other.starts_with(prefix))
        {
            return prefix;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_branches_become_one_pattern_and_single_leaves_stay_names() {
        let names = [
            "alpha",
            "enc.out.b",
            "enc.out.w",
            "head.0.b",
            "head.1.w",
            "norm.w",
            "x.[1]",
        ];
        let others = ["enc.in.w", "norm.b"];
        assert_eq!(
            patterns(&names, &others),
            ["alpha", "enc.out.*", "head.*", "norm.w", "x.[[]1[]]"]
        );
    }
}
