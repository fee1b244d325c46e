use std::collections::{BTreeMap, BTreeSet};

use super::among::Among;
use super::rename::Renaming;
use crate::wrappers::BEFORE;

/// The reference calls its set encoder differently in its pretraining and its finetuning model.
const LAYOUTS: [(&str, &str); 2] = [
    ("set_encoder.", "setvae.setvae."),
    ("setvae.setvae.", "set_encoder."),
];

/// How a checkpoint's names become a model's: a wrapper's prefix goes, then the rules apply one
/// after the other, then the reference's layouts are translated.
#[derive(Clone, Debug)]
pub(super) struct Naming<'a> {
    /// What every name that is not left aside starts with and loses.
    prefix: &'a str,
    /// Whether those that are left aside start with it, too.
    prefix_of_all: bool,
    /// Rules of the recipe, and how many names each matched.
    rules: Vec<(&'a Renaming, usize)>,
    /// Every source's name after the prefix went and the rules were applied.
    renamed: BTreeMap<&'a str, String>,
    /// A prefix and what takes its place.
    layout: Option<(&'static str, &'static str)>,
    /// Sources that `ignore` calls by their name in the file, and those that it calls by that without the prefix.
    ignored: [BTreeSet<&'a str>; 2],
    /// Sources whose names rules of the recipe changed.
    ruled: BTreeSet<&'a str>,
}

impl<'a> Naming<'a> {
    /// A wrapper's prefix goes only if every source has it and no target does; sources that are left
    /// aside by their name in the file (`aside`) need not have it, unless there are no others. A layout
    /// applies only if the sources use one and the targets the other. With `exact` neither happens.
    pub(super) fn of<'b: 'a>(
        sources: impl Iterator<Item = &'b String> + Clone,
        targets: &BTreeMap<&str, &[usize]>,
        rules: &'a [Renaming],
        exact: bool,
        aside: impl Fn(&str) -> bool,
    ) -> Self {
        let counted: Vec<&String> = sources.clone().filter(|name| !aside(name)).collect();
        let prefix = match (exact, counted.is_empty()) {
            (true, _) => "",
            (false, true) => wrapper_prefix(sources.clone(), targets),
            (false, false) => wrapper_prefix(counted.iter().copied(), targets),
        };
        let plain = |name: &'b String| name.strip_prefix(prefix).unwrap_or(name);
        let ignored = |called: &dyn Fn(&'b String) -> &'b str| {
            let ignored = sources.clone().filter(|name| aside(called(name)));
            ignored.map(String::as_str).collect()
        };
        let ignored = [ignored(&String::as_str), ignored(&plain)];
        let all = sources.clone().all(|name| name.starts_with(prefix));
        let mut rules: Vec<(&Renaming, usize)> = rules.iter().map(|rule| (rule, 0)).collect();
        let (mut renamed, mut ruled) = (BTreeMap::new(), BTreeSet::new());
        for source in sources {
            let mut name = plain(source).to_string();
            for (rule, matched) in &mut rules {
                // A rule may be stated in the file's own names: what went by itself is no part of them any more.
                let rest = rule.taken_off().and_then(|all| all.strip_prefix(prefix));
                let without = || Some(name.strip_prefix(rest?)?.to_string());
                if let Some(other) = rule.apply(&name).or_else(without) {
                    if other != name {
                        ruled.insert(source.as_str());
                    }
                    name = other;
                    *matched += 1;
                }
            }
            renamed.insert(source.as_str(), name);
        }
        Naming {
            prefix,
            prefix_of_all: all,
            rules,
            layout: match exact {
                true => None,
                false => layout(&renamed, targets),
            },
            renamed,
            ignored,
            ruled,
        }
    }

    /// The name that a source would have in the model.
    pub(super) fn target(&self, source: &str) -> String {
        let name = self.renamed.get(source).map_or(source, String::as_str);
        let other = self.layout.and_then(|(theirs, ours)| {
            let rest = name.strip_prefix(theirs)?;
            Some(format!("{ours}{rest}"))
        });
        other.unwrap_or_else(|| name.to_string())
    }

    /// Every name that patterns of the recipe may call a source by, the plainest first: without the
    /// prefix, as the file has it, after the rules, and in the model.
    pub(super) fn names(&self, source: &'a str) -> [String; 4] {
        let plain = source.strip_prefix(self.prefix).unwrap_or(source);
        let renamed = self.renamed.get(source).map_or(plain, String::as_str);
        [plain, source, renamed, &self.target(source)].map(str::to_string)
    }

    /// Whether `ignore` calls a source by its name in the file.
    pub(super) fn is_ignored(&self, source: &str) -> bool {
        self.ignored[0].contains(source)
    }

    /// Whether rules of the recipe changed a source's name.
    pub(super) fn is_ruled(&self, source: &str) -> bool {
        self.ruled.contains(source)
    }

    /// Takes from sources with one target those that `ignore` calls by names by which it does not call the rest, and
    /// says which names these are. Those that a rule led there stay: the recipe contradicts itself.
    pub(super) fn take_ignored(&self, sources: &mut Vec<&'a str>) -> (Vec<&'a str>, Option<Among>) {
        for (ignored, among) in self.ignored.iter().zip([Among::InFile, Among::Plain]) {
            let all = sources.iter().copied();
            let (out, rest): (Vec<&str>, _) =
                all.partition(|name| ignored.contains(name) && !self.is_ruled(name));
            if !out.is_empty() && !rest.is_empty() {
                *sources = rest;
                return (out, Some(among));
            }
        }
        (Vec::new(), None)
    }

    /// As [`Self::names`], of one of several sources for one parameter. Where `ignore` calls another of them by names of
    /// one kind, the names that both have are left out.
    pub(super) fn names_among(&self, source: &'a str, among: Option<Among>) -> [String; 4] {
        let names = self.names(source);
        let [plain, in_file, ..] = &names;
        match among {
            None => names,
            Some(Among::Plain) => [plain, in_file, plain, in_file].map(String::clone),
            Some(Among::InFile) => [in_file; 4].map(String::clone),
        }
    }

    /// What every name that is not left aside has lost.
    pub(super) fn prefix(&self) -> &str {
        self.prefix
    }

    /// Rules that matched no name: their number and a message.
    pub(super) fn idle_rules(&self) -> impl Iterator<Item = (usize, String)> {
        let rules = self.rules.iter().enumerate();
        let idle = rules.filter(|(_, (rule, matched))| *matched == 0 && !self.is_done(rule));
        idle.map(|(number, (rule, _))| {
            let mut in_file = self.renamed.keys();
            let why =
                match !self.prefix.is_empty() && in_file.any(|name| rule.apply(name).is_some()) {
                    true => format!(
                        ": rules see names without `{}`, which went by itself",
                        self.prefix
                    ),
                    false => String::new(),
                };
            (number, format!("{} matches no tensor{why}", rule.text()))
        })
    }

    /// Whether a rule takes off what went by itself, as it does once the tensors without that prefix are ignored.
    fn is_done(&self, rule: &Renaming) -> bool {
        rule.taken_off()
            .is_some_and(|prefix| self.prefix.starts_with(prefix))
    }

    /// What was done to the names, in words.
    pub(super) fn renamings(&self) -> Vec<String> {
        let prefix = (!self.prefix.is_empty()).then(|| match self.prefix_of_all {
            true => format!("`{}`, which every name had, taken away", self.prefix),
            false => format!(
                "`{}`, which every name had but some that are ignored, taken away",
                self.prefix
            ),
        });
        let rules = self.rules.iter().filter(|(_, matched)| *matched > 0);
        let rules =
            rules.map(|(rule, matched)| format!("{} by the recipe ({matched})", rule.text()));
        let layout = self
            .layout
            .map(|(theirs, ours)| format!("`{theirs}` became `{ours}`"));
        prefix.into_iter().chain(rules).chain(layout).collect()
    }
}

fn wrapper_prefix<'b>(
    sources: impl Iterator<Item = &'b String> + Clone,
    targets: &BTreeMap<&str, &[usize]>,
) -> &'b str {
    let mut length = 0;
    let longer = |length: usize| {
        let wrapper = |wrapper: &&&str| {
            let mut rests = sources.clone().map(|name| &name[length..]);
            rests.all(|rest| rest.len() > wrapper.len() && rest.starts_with(**wrapper))
                && !targets.keys().any(|name| name.starts_with(**wrapper))
        };
        BEFORE
            .iter()
            .find(wrapper)
            .map(|wrapper| length + wrapper.len())
    };
    let first = sources.clone().next().map_or("", String::as_str);
    while let Some(longer) = longer(length).filter(|_| !first.is_empty()) {
        length = longer;
    }
    &first[..length]
}

fn layout(
    renamed: &BTreeMap<&str, String>,
    targets: &BTreeMap<&str, &[usize]>,
) -> Option<(&'static str, &'static str)> {
    let any_target = |prefix: &str| targets.keys().any(|name| name.starts_with(prefix));
    LAYOUTS.into_iter().find(|(theirs, ours)| {
        any_target(ours)
            && !any_target(theirs)
            && renamed.values().any(|name| name.starts_with(theirs))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RenameRule;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|name| name.to_string()).collect()
    }

    fn compiled((prefix, to): (&str, &str)) -> Renaming {
        let rule = RenameRule {
            prefix: Some(prefix.into()),
            pattern: None,
            to: to.into(),
        };
        rule.compile().unwrap()
    }

    fn idle(naming: &Naming) -> Vec<String> {
        naming.idle_rules().map(|(_, told)| told).collect()
    }

    fn targets<'a>(all: &[&'a str]) -> BTreeMap<&'a str, &'static [usize]> {
        all.iter().map(|name| (*name, &[][..])).collect()
    }

    #[test]
    fn a_rule_in_the_names_of_the_file_holds_where_a_part_of_it_went_by_itself() {
        let sources = names(&["model.net.a", "model.net.b", "loss.weight"]);
        let rule = Renaming::without("model.net.");
        let aside = |name: &str| name == "loss.weight";
        let rules = [rule];
        let naming = Naming::of(sources.iter(), &targets(&["a", "b"]), &rules, false, aside);
        assert_eq!(naming.prefix(), "model.");
        assert_eq!(naming.target("model.net.a"), "a");
        assert_eq!(naming.idle_rules().count(), 0);
    }

    #[test]
    fn wrappers_go_one_after_the_other_but_only_from_all_names() {
        let sources = names(&["module._orig_mod.a", "module._orig_mod.model.b"]);
        let naming = Naming::of(
            sources.iter(),
            &targets(&["a", "model.b"]),
            &[],
            false,
            |_| false,
        );
        assert_eq!(naming.target(&sources[0]), "a");
        assert_eq!(naming.target(&sources[1]), "model.b");
        let mixed = names(&["module.a", "b"]);
        assert!(
            Naming::of(mixed.iter(), &targets(&["a", "b"]), &[], false, |_| false)
                .renamings()
                .is_empty()
        );
    }

    #[test]
    fn a_prefix_that_the_model_has_itself_stays() {
        let sources = names(&["model.a", "model.b"]);
        let naming = Naming::of(
            sources.iter(),
            &targets(&["model.a", "model.b"]),
            &[],
            false,
            |_| false,
        );
        assert_eq!(naming.target(&sources[0]), "model.a");
        let whole = names(&["module."]);
        assert_eq!(
            Naming::of(whole.iter(), &targets(&["a"]), &[], false, |_| false).target("module."),
            "module."
        );
    }

    #[test]
    fn the_set_encoder_is_renamed_in_either_direction_and_only_when_needed() {
        let pretrained = names(&["decoder.w", "set_encoder.w"]);
        let naming = Naming::of(
            pretrained.iter(),
            &targets(&["setvae.setvae.w", "decoder.w"]),
            &[],
            false,
            |_| false,
        );
        assert_eq!(naming.target("set_encoder.w"), "setvae.setvae.w");
        assert_eq!(naming.target("decoder.w"), "decoder.w");
        let finetuned = names(&["setvae.setvae.w"]);
        let back = Naming::of(
            finetuned.iter(),
            &targets(&["set_encoder.w"]),
            &[],
            false,
            |_| false,
        );
        assert_eq!(back.target("setvae.setvae.w"), "set_encoder.w");
        let same = Naming::of(
            pretrained.iter(),
            &targets(&["set_encoder.w"]),
            &[],
            false,
            |_| false,
        );
        assert_eq!(same.target("set_encoder.w"), "set_encoder.w");
    }

    #[test]
    fn rules_apply_one_after_the_other_between_prefix_and_layout() {
        let rules = [
            ("enc.", "encoder."),
            ("encoder.", "set_encoder."),
            ("x.", "y."),
        ];
        let rules = rules.map(compiled);
        let sources = names(&["module.enc.w"]);
        let targets = targets(&["setvae.setvae.w"]);
        let naming = Naming::of(sources.iter(), &targets, &rules, false, |_| false);
        assert_eq!(naming.target("module.enc.w"), "setvae.setvae.w");
        assert_eq!(idle(&naming), ["`x.` → `y.` matches no tensor"]);
        assert_eq!(naming.renamings().len(), 4);
        let exact = Naming::of(sources.iter(), &targets, &rules, true, |_| false);
        assert_eq!(exact.target("module.enc.w"), "module.enc.w");
    }

    #[test]
    fn a_rule_for_a_prefix_that_went_by_itself_is_not_idle_whatever_the_next_one_does() {
        let rules = [("model.", ""), ("enc.", "set_encoder."), ("net.", "")];
        let rules = rules.map(compiled);
        let sources = names(&["model.enc.a", "model.enc.b"]);
        let targets = targets(&["set_encoder.a", "set_encoder.b"]);
        let naming = Naming::of(sources.iter(), &targets, &rules, false, |_| false);
        assert_eq!(naming.target("model.enc.a"), "set_encoder.a");
        assert_eq!(idle(&naming), ["`net.` → `` matches no tensor"]);
    }

    #[test]
    fn what_is_left_aside_need_not_have_the_prefix() {
        let sources = names(&["loss.weight", "model.a", "model.b"]);
        let targets = targets(&["a", "b"]);
        let aside = |name: &str| name.starts_with("loss.");
        let naming = Naming::of(sources.iter(), &targets, &[], false, aside);
        assert_eq!(naming.target("model.a"), "a");
        assert_eq!(naming.target("loss.weight"), "loss.weight");
        assert!(naming.renamings()[0].contains("but some that are ignored"));
        let all = Naming::of(sources.iter(), &targets, &[], false, |_| true);
        assert!(all.renamings().is_empty());
        let none = Naming::of(sources.iter(), &targets, &[], false, |_| false);
        assert_eq!(none.target("model.a"), "model.a");
    }

    #[test]
    fn patterns_may_call_a_source_by_each_of_its_names() {
        let rule = RenameRule {
            prefix: Some("enc.".into()),
            pattern: None,
            to: "set_encoder.".into(),
        };
        let rules = [rule.compile().unwrap()];
        let sources = names(&["module.enc.w"]);
        let targets = targets(&["setvae.setvae.w"]);
        let naming = Naming::of(sources.iter(), &targets, &rules, false, |_| false);
        let expected = ["enc.w", "module.enc.w", "set_encoder.w", "setvae.setvae.w"];
        assert_eq!(naming.names(&sources[0]), expected);
    }
}
