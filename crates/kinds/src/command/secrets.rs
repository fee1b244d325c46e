//! Values that a program gets and that nothing keeps.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use pipeline_error::Error;

/// A line of a value of several lines is taken for the value where it has so many bytes: `}` is no secret.
const SHORTEST_LINE: usize = 4;

/// The variables that `secret_env` names, with their values.
pub(super) struct Secrets {
    variables: Vec<(String, OsString)>,
    /// What must not be kept, and in whose place its variable's name stands; the longest first.
    hidden: Vec<(Vec<u8>, String)>,
}

impl Secrets {
    /// Reads the variables of these names from our own environment.
    pub(super) fn named(names: &[String]) -> Result<Self, Error> {
        let variables = names.iter().map(|name| {
            let refused = |what: &str| {
                Error::stage(format!("secret_env names `{name}`, which is {what}"))
                    .with_hint(format!("set it where pipeline is started: export {name}=…"))
            };
            match std::env::var_os(name) {
                None => Err(refused("not set")),
                Some(value) if value.is_empty() => Err(refused("empty")),
                Some(value) => Ok((name.clone(), value)),
            }
        });
        variables.collect::<Result<_, Error>>().map(Self::of)
    }

    fn of(variables: Vec<(String, OsString)>) -> Self {
        let mut hidden = Vec::new();
        for (name, value) in &variables {
            let value = value.as_bytes();
            let shortest = match value.contains(&b'\n') {
                true => SHORTEST_LINE,
                false => 1,
            };
            for mut line in value.split(|byte| *byte == b'\n') {
                while let Some(shorter) = line.strip_suffix(b"\r") {
                    line = shorter;
                }
                if line.len() < shortest {
                    continue;
                }
                hidden.push((line.to_vec(), format!("[{name}]")));
                // As an error spells it.
                if let Cow::Owned(shown) = String::from_utf8_lossy(line) {
                    hidden.push((shown.into_bytes(), format!("[{name}]")));
                }
            }
        }
        hidden.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Self { variables, hidden }
    }

    /// Whether there is nothing to hide.
    pub(super) fn is_empty(&self) -> bool {
        self.hidden.is_empty()
    }

    /// The longest that is hidden, in bytes.
    pub(super) fn longest(&self) -> usize {
        self.hidden.first().map_or(0, |(value, _)| value.len())
    }

    /// Names and values, for the program.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, OsString)> + '_ {
        self.variables.iter().cloned()
    }

    /// What the program printed, with names in place of values.
    pub(super) fn redacted<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let mut kept = Vec::new();
        let mut copied = 0;
        let mut at = 0;
        while at < text.len() {
            let mut hidden = self.hidden.iter();
            match hidden.find(|(value, _)| text[at..].starts_with(value)) {
                Some((value, name)) => {
                    kept.extend_from_slice(&text[copied..at]);
                    kept.extend_from_slice(name.as_bytes());
                    at += value.len();
                    copied = at;
                }
                None => at += 1,
            }
        }
        if copied == 0 {
            return text.into();
        }
        kept.extend_from_slice(&text[copied..]);
        kept.into()
    }

    /// The same of a text.
    fn redacted_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redacted(text.as_bytes())).into_owned()
    }

    /// A failure, which may tell what the program wrote.
    pub(super) fn redacted_error(&self, error: Error) -> Error {
        match error {
            Error::Stage { message, hint } if !self.is_empty() => Error::Stage {
                message: self.redacted_text(&message),
                hint,
            },
            Error::Coded { code, error } => self.redacted_error(*error).coded(code),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_error::Code;
    use std::os::unix::ffi::OsStringExt;

    fn secrets(variables: &[(&str, &str)]) -> Secrets {
        let variables = variables.iter();
        Secrets::of(
            variables
                .map(|(name, value)| (name.to_string(), value.into()))
                .collect(),
        )
    }

    #[test]
    fn names_stand_where_values_stood_and_the_longest_goes_first() {
        let secrets = secrets(&[("SHORT", "abc"), ("LONG", "abcdef")]);
        let shown = |text: &str| secrets.redacted_text(text);
        assert_eq!(shown("x abcdef abc abcd"), "x [LONG] [SHORT] [SHORT]d");
        assert_eq!(shown("nothing"), "nothing");
        let coded = Error::stage("left abcdef.txt").coded(Code::ProgramFailed);
        assert_eq!(secrets.redacted_error(coded).to_string(), "left [LONG].txt");
        let error = secrets.redacted_error(Error::stage("left abcdef.txt"));
        assert_eq!(error.to_string(), "left [LONG].txt");
    }

    #[test]
    fn a_value_need_not_be_text() {
        let value = OsString::from_vec(b"\xff\xfekey".to_vec());
        let secrets = Secrets::of(vec![("KEY".into(), value)]);
        assert_eq!(&*secrets.redacted(b"a \xff\xfekey."), b"a [KEY].");
        let error = String::from_utf8_lossy(b"left \xff\xfekey.txt").into_owned();
        assert_eq!(secrets.redacted_text(&error), "left [KEY].txt");
    }

    #[test]
    fn each_line_of_a_key_of_several_is_hidden_but_not_its_brackets() {
        let secrets = secrets(&[("KEY", "{\r\n  \"private\"\n}\n")]);
        assert_eq!(secrets.redacted_text("}   \"private\""), "} [KEY]");
        assert_eq!(secrets.longest(), 11);
    }
}
