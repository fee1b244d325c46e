//! The files of AWS's tools: sections of keys, of which some have keys of their own, indented below them.

use std::collections::BTreeMap;

/// Values by key (`region`, `s3.addressing_style`), by section.
#[derive(Debug, Default)]
pub(crate) struct Ini(BTreeMap<String, BTreeMap<String, String>>);

impl Ini {
    /// What a text says; lines that say nothing are passed over, as those tools do.
    pub(crate) fn parse(text: &str) -> Self {
        let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let (mut section, mut above) = (String::new(), String::new());
        for line in text.lines() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = trimmed.strip_prefix('[') {
                let name = name.split(']').next().unwrap_or_default();
                let words: Vec<&str> = name.split_whitespace().collect();
                section = words.join(" ");
                above.clear();
                sections.entry(section.clone()).or_default();
                continue;
            }
            let Some((key, value)) = trimmed.split_once('=') else {
                continue;
            };
            let key = key.trim().to_lowercase();
            // A comment behind a value stands after a blank.
            let value = value.split(" #").next().unwrap_or_default();
            let value = value.split(" ;").next().unwrap_or_default().trim();
            let is_below = line.starts_with([' ', '\t']) && !above.is_empty();
            let key = match is_below {
                true => format!("{above}.{key}"),
                false => key,
            };
            if !is_below {
                above = match value.is_empty() {
                    true => key.clone(),
                    false => String::new(),
                };
            }
            let entries = sections.entry(section.clone()).or_default();
            entries.insert(key, value.into());
        }
        Self(sections)
    }

    /// A value that is not empty.
    pub(crate) fn get(&self, section: &str, key: &str) -> Option<&str> {
        let value = self.0.get(section)?.get(key)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn has(&self, section: &str) -> bool {
        self.0.contains_key(section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_keys_are_told_from_those_of_the_section() {
        let ini = Ini::parse(
            "# one\n[default]\nregion = eu-central-1\ns3 =\n  addressing_style = path\n  x=1\noutput=json\n\n\
             [profile  icu]\nregion=us-west-2 # near\nkey = a=b==\n",
        );
        let get = |section, key| ini.get(section, key);
        assert_eq!(get("default", "region"), Some("eu-central-1"));
        assert_eq!(get("default", "s3.addressing_style"), Some("path"));
        assert_eq!(get("default", "output"), Some("json"));
        assert_eq!(get("default", "s3"), None);
        assert_eq!(get("profile icu", "region"), Some("us-west-2"));
        assert_eq!(get("profile icu", "key"), Some("a=b=="));
        assert!(ini.has("default") && !ini.has("icu"));
    }
}
