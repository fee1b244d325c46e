use std::fmt;

use serde_json::Value;

/// The steps that lead to a dict of a file; none to the file's own entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DictPath {
    steps: Vec<Step>,
    /// Whether Python does not find the dict by these steps in brackets.
    out_of_reach: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The key of a dict.
    Key(String),
    /// The place in a list or tuple.
    At(usize),
}

impl DictPath {
    /// That of these keys.
    pub fn of(keys: &[&str]) -> Self {
        DictPath {
            steps: keys.iter().map(|key| Step::Key(key.to_string())).collect(),
            out_of_reach: false,
        }
    }

    /// That of the dict under `key`.
    pub(super) fn below(&self, key: &str) -> Self {
        self.and(Step::Key(key.into()))
    }

    /// The path of the member `at` of a list or tuple.
    pub(super) fn at(&self, at: usize) -> Self {
        self.and(Step::At(at))
    }

    fn and(&self, step: Step) -> Self {
        let mut path = self.clone();
        path.steps.push(step);
        path
    }

    /// The same where a key is no text or is cut, or a dict is an object with attributes in Python.
    pub(super) fn out_of_reach(mut self) -> Self {
        self.out_of_reach = true;
        self
    }

    /// Whether it is that of the file's own entries.
    pub(super) fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether a list or tuple lies on the way.
    pub(super) fn is_in_list(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::At(_)))
    }

    /// The key that the dict, or the list that it is in, lies under.
    pub(super) fn last(&self) -> &str {
        let mut keys = self.steps.iter().rev().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::At(_) => None,
        });
        keys.next().unwrap_or_default()
    }

    /// The steps in brackets, by which Python finds the dict.
    pub(super) fn in_python(&self) -> Option<String> {
        let steps = self.steps.iter().map(|step| match step {
            // A string of Python, as JSON has it.
            Step::Key(key) => format!("[{}]", Value::from(key.as_str())),
            Step::At(at) => format!("[{at}]"),
        });
        (!self.out_of_reach).then(|| steps.collect())
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
        for (number, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => to.write_str(key)?,
                Step::Key(key) => write!(to, ".{key}")?,
                Step::At(at) => write!(to, "[{at}]")?,
            }
        }
        Ok(())
    }
}
