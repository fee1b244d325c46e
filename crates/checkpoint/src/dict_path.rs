use std::fmt;

/// The keys that lead to a dict of a file; none to the file's own entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DictPath {
    keys: Vec<String>,
    /// Whether Python does not find the dict by these keys in brackets.
    out_of_reach: bool,
}

impl DictPath {
    /// That of these keys.
    pub fn of(keys: &[&str]) -> Self {
        DictPath {
            keys: keys.iter().map(|key| key.to_string()).collect(),
            out_of_reach: false,
        }
    }

    /// That of the dict under `key`.
    pub(super) fn below(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.keys.push(key.into());
        path
    }

    /// The same where a key is no text or is cut, or a dict is an object with attributes in Python.
    pub(super) fn out_of_reach(mut self) -> Self {
        self.out_of_reach = true;
        self
    }

    /// Whether it is that of the file's own entries.
    pub(super) fn is_root(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key that the dict lies under.
    pub(super) fn last(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }

    /// The keys by which Python finds the dict.
    pub(super) fn in_python(&self) -> Option<&[String]> {
        (!self.out_of_reach).then_some(&self.keys)
    }

    /// What messages call the dict.
    pub(super) fn place(&self) -> String {
        match self.is_root() {
            true => "the file's own entries".into(),
            false => format!("`{self}`"),
        }
    }
}

impl fmt::Display for DictPath {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str(&self.keys.join("."))
    }
}
