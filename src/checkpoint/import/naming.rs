use std::collections::BTreeMap;

/// What wrappers put before every name: DistributedDataParallel, torch.compile, Lightning modules.
const WRAPPERS: [&str; 3] = ["module.", "_orig_mod.", "model."];

/// The reference calls its set encoder differently in its pretraining and its finetuning model.
const LAYOUTS: [(&str, &str); 2] = [
    ("set_encoder.", "setvae.setvae."),
    ("setvae.setvae.", "set_encoder."),
];

/// How a checkpoint's names become a model's.
#[derive(Clone, Debug)]
pub(super) struct Naming<'a> {
    /// What every name starts with and loses.
    prefix: &'a str,
    /// A prefix and what takes its place.
    layout: Option<(&'static str, &'static str)>,
}

impl<'a> Naming<'a> {
    /// A wrapper's prefix goes only if every source has it and no target does; a layout applies
    /// only if the sources use one and the targets the other.
    pub(super) fn of<'b: 'a>(
        sources: impl Iterator<Item = &'b String> + Clone,
        targets: &BTreeMap<&str, &[usize]>,
    ) -> Self {
        let mut length = 0;
        let longer = |length: usize| {
            let wrapper = |wrapper: &&&str| {
                let mut rests = sources.clone().map(|name| &name[length..]);
                rests.all(|rest| rest.len() > wrapper.len() && rest.starts_with(**wrapper))
                    && !targets.keys().any(|name| name.starts_with(**wrapper))
            };
            WRAPPERS
                .iter()
                .find(wrapper)
                .map(|wrapper| length + wrapper.len())
        };
        let first = sources.clone().next().map_or("", String::as_str);
        while let Some(longer) = longer(length).filter(|_| !first.is_empty()) {
            length = longer;
        }
        let mut rests = sources.map(|name| &name[length..]);
        let any_target = |prefix: &str| targets.keys().any(|name| name.starts_with(prefix));
        let layout = LAYOUTS.into_iter().find(|(theirs, ours)| {
            any_target(ours) && !any_target(theirs) && rests.any(|rest| rest.starts_with(theirs))
        });
        Naming {
            prefix: &first[..length],
            layout,
        }
    }

    /// The name that a source would have in the model.
    pub(super) fn target(&self, source: &str) -> String {
        let name = source.strip_prefix(self.prefix).unwrap_or(source);
        match self.layout {
            Some((theirs, ours)) => match name.strip_prefix(theirs) {
                Some(rest) => format!("{ours}{rest}"),
                None => name.to_string(),
            },
            None => name.to_string(),
        }
    }

    /// What was done to the names, in words.
    pub(super) fn renamings(&self) -> Vec<String> {
        let prefix = (!self.prefix.is_empty())
            .then(|| format!("`{}`, which every name had, taken away", self.prefix));
        let layout = self
            .layout
            .map(|(theirs, ours)| format!("`{theirs}` became `{ours}`"));
        prefix.into_iter().chain(layout).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|name| name.to_string()).collect()
    }

    fn targets<'a>(all: &[&'a str]) -> BTreeMap<&'a str, &'static [usize]> {
        all.iter().map(|name| (*name, &[][..])).collect()
    }

    #[test]
    fn wrappers_go_one_after_the_other_but_only_from_all_names() {
        let sources = names(&["module._orig_mod.a", "module._orig_mod.model.b"]);
        let naming = Naming::of(sources.iter(), &targets(&["a", "model.b"]));
        assert_eq!(naming.target(&sources[0]), "a");
        assert_eq!(naming.target(&sources[1]), "model.b");
        let mixed = names(&["module.a", "b"]);
        assert!(
            Naming::of(mixed.iter(), &targets(&["a", "b"]))
                .renamings()
                .is_empty()
        );
    }

    #[test]
    fn a_prefix_that_the_model_has_itself_stays() {
        let sources = names(&["model.a", "model.b"]);
        let naming = Naming::of(sources.iter(), &targets(&["model.a", "model.b"]));
        assert_eq!(naming.target(&sources[0]), "model.a");
        let whole = names(&["module."]);
        assert_eq!(
            Naming::of(whole.iter(), &targets(&["a"])).target("module."),
            "module."
        );
    }

    #[test]
    fn the_set_encoder_is_renamed_in_either_direction_and_only_when_needed() {
        let pretrained = names(&["decoder.w", "set_encoder.w"]);
        let naming = Naming::of(
            pretrained.iter(),
            &targets(&["setvae.setvae.w", "decoder.w"]),
        );
        assert_eq!(naming.target("set_encoder.w"), "setvae.setvae.w");
        assert_eq!(naming.target("decoder.w"), "decoder.w");
        let finetuned = names(&["setvae.setvae.w"]);
        let back = Naming::of(finetuned.iter(), &targets(&["set_encoder.w"]));
        assert_eq!(back.target("setvae.setvae.w"), "set_encoder.w");
        let same = Naming::of(pretrained.iter(), &targets(&["set_encoder.w"]));
        assert_eq!(same.target("set_encoder.w"), "set_encoder.w");
    }
}
